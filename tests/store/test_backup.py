"""`devis backup` and `devis restore`: what is brought back is what was there, or nothing is."""

import gzip
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from filelock import FileLock

from feed import __version__
from feed.clock import Clock
from feed.config import signing_key
from feed.errors import BackupError, SchemaError, StoreError
from feed.store import backups
from feed.store.backups import Last
from feed.subscribers import subscriptions
from feed.worker import BackupJob
from tests.cli.test_cli import AS_NOBODY, failed, refused, rows, stop
from tests.conftest import (
    NOON,
    Command,
    Installation,
    answers,
    fetch,
    free_port,
    settings,
    wait_until,
)
from tests.digests.test_digest_command import MONDAY, SEVEN, enter
from tests.house import WISHES, links, parse

Install = Callable[..., Installation]
HOST = "http://devis.test"
LINK = re.compile(rb'(?:http://devis\.test|(?:href|src)=")(/[^"<>\s\\?#&)]*)')
STAMP = re.compile(rb'name="stamp" value="[^"]+"')  # of the moment in which a form was given out
BEGINNINGS = (
    *("/sitemap.xml", "/robots.txt", "/feeds.opml", "/widget.js", "/.well-known/security.txt"),
    *("/api/v1/today", "/api/v1/editions", "/api/v1/principles", "/api/v1/themes"),
    *("/api/v1/sources", "/api/v1/languages", "/api/v1/openapi.json", "/api/v1/today?lang=sv"),
    *(
        f"/{code}/{end}"
        for code in ("en", "sv")
        for end in ("widget/", "calendar.ics", "today.txt")
    ),
)


def crawl(address: str) -> dict[str, tuple[int, str | None, bytes]]:
    """Every public address that a stranger finds, and what it says."""
    found: dict[str, tuple[int, str | None, bytes]] = {}
    waiting = list(BEGINNINGS)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        answer = fetch(address + path)
        body = STAMP.sub(b"", answer.body)
        tag = answer.headers.get("etag") if body == answer.body else None
        found[path] = (answer.status, tag, body)
        if not answer.headers["content-type"].startswith("image/"):
            waiting += [link.decode() for link in LINK.findall(answer.body)]
    return found


def signing_up(installation: Installation, stop: threading.Event, numbers: list[int]) -> None:
    """Strangers sign up, one after the other, as fast as the database takes them."""
    while not stop.is_set():
        with installation.open() as db:
            given = {**WISHES, "address": f"new{len(numbers)}@example.org"}
            site = installation.site()
            config, now = installation.config, installation.now
            subscriptions.sign_up(db, site, config, given, "/en/subscribe/", now)
        numbers.append(len(numbers))


def outbox(instance: Path) -> dict[str, Path]:
    """The letters that were written, by name."""
    return {path.name: path for path in instance.glob("outbox/*.eml")}


def path_of(address: str) -> str:
    return urlsplit(address).path


@pytest.mark.served
def test_a_backup_of_a_running_site_under_writes_restores_to_the_same_site(
    command: Command,
) -> None:
    """Every public byte is equal, links in letters work, and nothing is sent a second time."""
    command("init", **MONDAY)
    command("digest", "send", **MONDAY)
    enter(command, "anna@example.org")
    there, here = command.folder / "instance", command.folder / "new"
    ports = [free_port(), free_port()]
    given = {**SEVEN, "BASE_URL": HOST, "WEB_WORKERS": "1"}
    serving = command.start("serve", PORT=str(ports[0]), **given)
    numbers: list[int] = []
    enough = threading.Event()
    try:
        wait_until(lambda: any("daily" in name for name in outbox(there)), 60)
        now = datetime.fromisoformat(SEVEN["NOW"]).astimezone(UTC)
        running = Installation(settings(there, **given), now)
        writer = threading.Thread(target=signing_up, args=(running, enough, numbers))
        writer.start()
        wait_until(lambda: len(numbers) > 20, 60)
        before = len(numbers)
        made = Path(command("backup", **given).stdout.split("  ")[0])
        assert len(numbers) > before  # nobody waited
        enough.set()
        writer.join()
        wait_until(lambda: any(name.startswith("notice.1.") for name in outbox(there)), 60)
        was = crawl(f"http://127.0.0.1:{ports[0]}")
    finally:
        enough.set()
        stop(serving)
    assert made.parent == there / "backups"
    assert made.stat().st_mode & 0o777 == 0o600

    elsewhere = str(here / "devis.sqlite3")
    command("restore", str(made), DATABASE=elsewhere)
    key = here / "secret_key"
    assert key.read_bytes() == (there / "secret_key").read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(elsewhere)) as db:
        whole = "SELECT (SELECT count(*) FROM subscribers), (SELECT count(*) FROM consents) + 1"
        subscribed, consented = db.execute(whole).fetchone()
        assert subscribed == consented  # one, who was entered by hand, did not ask
        assert before <= subscribed - 1 <= numbers[-1] + 1
        sent = db.execute("SELECT 'notice.' || id || '.' FROM notices WHERE state = 'sent'")
        told = {name for (name,) in sent}

    serving = command.start("serve", PORT=str(ports[1]), DATABASE=elsewhere, **given)
    address = f"http://127.0.0.1:{ports[1]}"
    try:
        wait_until(lambda: answers(address + "/healthz"), 30)
        now_is = crawl(address)
        assert sum(status == 200 for status, _, _ in was.values()) > 400
        assert {path for path in was if was[path] != now_is.get(path)} == set()
        assert set(was) == set(now_is)
        (daily,) = (path for name, path in outbox(there).items() if "daily" in name)
        notice = next(path for name, path in outbox(there).items() if name.startswith("notice.1."))
        for letter in (daily, notice):
            paths = {path_of(link) for link in links(parse(letter.read_bytes()))}
            assert {fetch(address + p).status for p in paths if "/subscription/" in p} == {200}
        leave = parse(daily.read_bytes())["List-Unsubscribe"].split(">")[0].strip("<")
        assert fetch(address + path_of(leave), "POST").status == 200
        # What the copy did not know as sent is sent by it; the rest is not sent again.
        wait_until(lambda: len(outbox(here)) >= subscribed - 1 - len(told), 60)
        again = {name for name in outbox(here) if any(name.startswith(each) for each in told)}
        assert again == set()
        assert not any("daily" in name for name in outbox(here))
    finally:
        stop(serving)
    assert command("digest", "send", DATABASE=elsewhere, **SEVEN).stdout.endswith("Nothing.\n")


@pytest.fixture
def kept(devis: Installation) -> Path:
    """A backup of an installation with a secret key."""
    signing_key.key(devis.config)
    return backups.make(devis.config, NOON).path


def members(path: Path) -> dict[str, bytes]:
    """What any other program finds in a backup."""
    with tarfile.open(path) as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        return {name: file.read() for name, file in found.items() if file}


def packed(path: Path, contents: dict[str, bytes]) -> Path:
    """A backup with these members."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_a_backup_says_what_is_in_it(kept: Path, devis: Installation) -> None:
    found = members(kept)
    assert list(found) == ["manifest.json", "devis.sqlite3", "secret_key"]
    about = json.loads(found["manifest.json"])
    assert about["schema"][0] == "library_and_ledger"
    assert (about["counts"]["editions"], about["counts"]["principles"]) == (15, 80)
    for name, part in about["files"].items():
        assert part == {"size": len(found[name]), "sha256": sha256(found[name]).hexdigest()}
    assert found["secret_key"].strip() == signing_key.key(devis.config)
    with devis.open() as db:
        assert backups.last(db) == Last(NOON, kept)


def test_a_key_that_comes_from_the_settings_is_in_the_backup(install: Install) -> None:
    made = install(SECRET_KEY="a key that comes from the settings")
    path = backups.make(made.config, NOON).path
    assert members(path)["secret_key"] == b"a key that comes from the settings\n"


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda content: b"", "is not a backup of Devis"),
    "foreign": (lambda content: b"Dear aunt, " * 999, "is not a backup of Devis"),
    "another archive": (lambda content: gzip.compress(b"x" * 9999), "is not a backup of Devis"),
    "half": (lambda content: content[: len(content) // 2], "damaged or not whole"),
    "all but the end": (lambda content: content[:-2000], "damaged or not whole"),
    "one bit": (
        lambda content: (
            content[: len(content) // 2]
            + bytes([content[len(content) // 2] ^ 1])
            + content[len(content) // 2 + 1 :]
        ),
        "damaged or not whole",
    ),
}


def untouched(folder: Path) -> bool:
    """Whether no restore has left anything that a program would take for an installation."""
    return not folder.exists() or {path.name for path in folder.iterdir()} <= {".backup.lock"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_told_in_one_line_and_leaves_nothing(
    command: Command, kept: Path, damage: str
) -> None:
    change, expected = DAMAGES[damage]
    file = command.folder / "bad.tar.gz"
    file.write_bytes(change(kept.read_bytes()))
    said = refused(command, "restore", "bad.tar.gz", DATABASE="new/devis.sqlite3")
    assert expected in said
    assert "bad.tar.gz" in said
    assert untouched(command.folder / "new")


@pytest.mark.parametrize(
    ("file", "expected"), [("missing.tar.gz", "No such file"), ("missing/x/y", "No such file")]
)
def test_a_missing_file_is_told_in_one_line(command: Command, file: str, expected: str) -> None:
    assert expected in refused(command, "restore", file)
    assert untouched(command.folder / "instance")


def changed(kept: Path, name: str, change: Callable[[Any], Any]) -> Path:
    """The backup with a part that was tampered with, under a manifest that fits."""
    found = members(kept)
    about = json.loads(found["manifest.json"])
    if name == "manifest.json":
        about = change(about)
    else:
        found[name] = change(found[name])
        digest = sha256(found[name]).hexdigest()
        about["files"][name] = {"size": len(found[name]), "sha256": digest}
    return packed(
        kept.with_name("changed.tar.gz"), {**found, "manifest.json": json.dumps(about).encode()}
    )


def blotted(content: bytes) -> bytes:
    return content[: 40 * 4096] + b"\xff" * 4096 + content[41 * 4096 :]


PART = {"size": 1, "sha256": "x"}
FORGED: list[tuple[str, Any]] = [
    *[("format", value) for value in (float("inf"), None, [1])],
    *[("counts", value) for value in ({"editions": float("inf")}, {"editions": [1]}, 7)],
    *[("files", {name: PART}) for name in ("", "..", "a\0b", "x" * 300, "Ö")],
    ("made", "tomorrow"),
]


def forged(name: str, value: Any, about: dict[str, Any]) -> dict[str, Any]:
    return {**about, name: value}


@pytest.mark.parametrize(
    ("name", "change", "error", "said"),
    [
        ("devis.sqlite3", blotted, BackupError, "damaged"),
        ("devis.sqlite3", lambda content: b"?" * 4096, BackupError, "damaged"),
        (
            "manifest.json",
            lambda about: {**about, "counts": {**about["counts"], "editions": 14}},
            BackupError,
            "rows of editions",
        ),
        (
            "manifest.json",
            lambda about: {**about, "schema": [*about["schema"], "from_the_future"]},
            SchemaError,
            f"newer program, version {__version__}",
        ),
        ("manifest.json", lambda about: {**about, "format": 2}, SchemaError, "newer program"),
        ("manifest.json", partial(forged, "schema", [[1]]), SchemaError, "newer program"),
        ("manifest.json", lambda about: {**about, "files": {}}, BackupError, "does not belong"),
        ("manifest.json", lambda about: [1], BackupError, "not a backup of Devis"),
        *(
            ("manifest.json", partial(forged, *each), BackupError, "not a backup of Devis")
            for each in FORGED
        ),
    ],
    ids=[
        "page",
        "no database",
        "rows",
        "newer",
        "newer format",
        "odd schema",
        "no files",
        "odd manifest",
    ]
    + [f"{name} {str(value)[:20]}" for name, value in FORGED],
)
def test_what_does_not_fit_its_manifest_or_this_program_is_refused(
    kept: Path, install: Install, name: str, change: Callable[[Any], Any], error: Any, said: str
) -> None:
    file = changed(kept, name, change)
    config = replace(install("other").config, database=kept.parent / "new" / "devis.sqlite3")
    with pytest.raises(error, match=said):
        backups.restore(config, file)
    assert untouched(config.instance)


def test_a_manifest_that_is_nested_without_end_is_refused(kept: Path, install: Install) -> None:
    config = replace(install("other").config, database=kept.parent / "new" / "devis.sqlite3")
    deep = {**members(kept), "manifest.json": b"[" * 100_000}
    with pytest.raises(BackupError, match="not a backup of Devis"):
        backups.restore(config, packed(kept.with_name("deep.tar.gz"), deep))
    assert untouched(config.instance)


def test_a_part_that_is_not_what_the_manifest_says_is_refused(kept: Path, install: Install) -> None:
    """Where everything else fits: the same number of bytes, well packed."""
    found = members(kept)
    found["secret_key"] = b"x" * len(found["secret_key"])
    config = replace(install("other").config, database=kept.parent / "new" / "devis.sqlite3")
    with pytest.raises(BackupError, match="secret_key has changed"):
        backups.restore(config, packed(kept.with_name("changed.tar.gz"), found))
    assert untouched(config.instance)


def test_a_member_that_would_climb_out_stays_inside(kept: Path, install: Install) -> None:
    found = members(kept)
    about = json.loads(found["manifest.json"])
    about["files"]["../evil"] = about["files"]["secret_key"]
    evil = {**found, "manifest.json": json.dumps(about).encode(), "../evil": found["secret_key"]}
    config = replace(install("other").config, database=kept.parent / "new" / "devis.sqlite3")
    with pytest.raises(BackupError, match="damaged"):
        backups.restore(config, packed(kept.with_name("evil.tar.gz"), evil))
    assert not (config.instance / "evil").exists()
    assert not (config.instance.parent / "evil").exists()


@pytest.mark.parametrize("name", ["devis.sqlite3", "devis.sqlite3-wal"])
def test_nothing_is_restored_over_a_database_or_what_is_left_of_one(
    command: Command, kept: Path, name: str
) -> None:
    place = command.folder / "new" / name
    place.parent.mkdir()
    place.write_bytes(b"precious")
    said = refused(command, "restore", str(kept), DATABASE="new/devis.sqlite3")
    assert f"There is a database at {place} already" in said
    assert [(path.name, path.read_bytes()) for path in place.parent.iterdir()] == [
        (name, b"precious")
    ]


def test_another_secret_key_stays_and_the_same_one_does_not_matter(
    devis: Installation, kept: Path
) -> None:
    devis.config.database.rename(devis.config.database.with_name("old"))
    key = devis.config.instance / "secret_key"
    mine = key.read_bytes()
    key.write_bytes(b"the key of something else altogether\n")
    with pytest.raises(BackupError, match="is not that of the backup"):
        backups.restore(devis.config, kept)
    assert not devis.config.database.exists()
    key.write_bytes(mine)
    backups.restore(devis.config, kept)
    assert devis.config.database.exists()


def test_a_key_in_the_settings_that_is_not_the_backups_is_told(
    command: Command, kept: Path
) -> None:
    given: Any = {"DATABASE": "new/devis.sqlite3", "SECRET_KEY": "a key of the settings alone"}
    assert "is not the key of the backup" in command("restore", str(kept), **given).stderr


def test_an_older_database_that_is_restored_is_migrated_at_the_start(
    devis: Installation, command: Command
) -> None:
    kept = Path(__file__).parent / "schemas" / "library_and_ledger.sqlite3.gz"
    devis.config.database.write_bytes(gzip.decompress(kept.read_bytes()))
    path = backups.make(devis.config, NOON).path
    assert json.loads(members(path)["manifest.json"])["schema"] == ["library_and_ledger"]
    devis.config.database.rename(devis.config.database.with_name("old"))
    command("restore", str(path))
    said = command("migrate").stdout
    assert "Backed up first: " in said
    assert "Applied: subscribers_and_deliveries" in said


def test_only_so_many_backups_of_a_kind_stay_and_other_files_do(devis: Installation) -> None:
    config = replace(devis.config, backup_keep=2)
    folder = config.instance / "backups"
    first = backups.make(config, NOON)
    others = [
        folder / "devis-127.0.0.1-mine.tar.gz",
        folder / "devis-other.org-2020-01-01-000000.tar.gz",
    ]
    for path in others:
        path.write_text("mine")
    upgrade = backups.make(config, NOON - timedelta(days=9), kind=backups.UPGRADE)
    backups.make(config, NOON + timedelta(days=1))
    third = backups.make(config, NOON + timedelta(days=2))
    assert third.removed == (first.path,)
    assert third.path.exists()
    names = {path.name for path in folder.glob("*.gz")}
    assert len(names) == 5
    assert {upgrade.path.name, *(path.name for path in others)} <= names
    back = backups.make(config, NOON - timedelta(days=3))  # a clock that was set back
    assert back.path.exists()
    assert len(list(folder.glob("*.gz"))) == 5


class StoppedError(Exception):
    """As when the worker is told to end."""


def test_a_backup_that_is_stopped_or_killed_leaves_nothing_half(
    devis: Installation, command: Command
) -> None:
    def look() -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        backups.make(devis.config, NOON, look=look)
    folder = devis.config.instance / "backups"
    assert [path.name for path in folder.iterdir()] == [".backup.lock"]
    left = folder / ".backup.writing"
    left.mkdir()
    (left / "devis.sqlite3").write_bytes(b"what a killed process wrote")
    made = backups.make(devis.config, NOON)
    assert {path.name for path in folder.iterdir()} == {".backup.lock", made.path.name}


@pytest.mark.served
def test_a_killed_restore_leaves_no_database_and_the_next_one_ends_it(
    command: Command, kept: Path
) -> None:
    place: dict[str, Any] = {"DATABASE": "new/devis.sqlite3"}
    for _ in range(3):
        process = command.start("restore", str(kept), **place)
        wait_until((command.folder / "new" / ".backup.lock").exists)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=15)
        database = command.folder / "new" / "devis.sqlite3"
        if database.exists():  # it was faster: then it is whole
            with closing(sqlite3.connect(database)) as db:
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            database.unlink()
    command("restore", str(kept), **place)
    assert "2026-11-22 shows " in command("check", code=1, NOW=NOON.isoformat(), **place).stdout


def test_two_backups_at_once_are_told_apart(devis: Installation) -> None:
    folder = devis.config.instance / "backups"
    folder.mkdir()
    with FileLock(folder / ".backup.lock"), pytest.raises(BackupError, match="Another process"):
        backups.make(devis.config, NOON)


def test_a_damaged_database_is_not_backed_up(devis: Installation) -> None:
    with devis.open() as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = devis.config.database.read_bytes()
    devis.config.database.write_bytes(blotted(content))
    with pytest.raises(StoreError, match="devis restore"):
        backups.make(devis.config, NOON)
    folder = devis.config.instance / "backups"
    assert [path.name for path in folder.iterdir()] == [".backup.lock"]


def test_a_database_of_another_program_is_not_backed_up(devis: Installation) -> None:
    devis.config.database.unlink()
    with closing(sqlite3.connect(devis.config.database)) as db:
        db.execute("CREATE TABLE t (x)")
    with pytest.raises(SchemaError, match="not a database of Devis"):
        backups.make(devis.config, NOON)


# On a file system of its own, too small for what is written there.
ON_A_SMALL_DISK = """
mount -t tmpfs -o size=$4k none "$1" && cp "$2" "$1/kept.tar.gz" && cd "$1" || exit 99
shift 4
"$@"
ls -A
"""


@pytest.mark.needs("mount")
@pytest.mark.parametrize(
    ("size", "call", "database"),
    [
        (400, ["backup", "."], "{instance}/devis.sqlite3"),
        (700, ["restore", "kept.tar.gz"], "new/devis.sqlite3"),
    ],
    ids=["backup", "restore"],
)
def test_a_full_disk_is_told_in_one_line(
    command: Command, devis: Installation, kept: Path, size: int, call: list[str], database: str
) -> None:
    disk = command.folder / "disk"
    disk.mkdir()
    arguments = ["", str(disk), str(kept), "", str(size), sys.executable, "-m", "feed", *call]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, *arguments],
        env={
            **command.environ,
            "DEVIS_DATABASE": database.format(instance=devis.config.instance),
        },
        capture_output=True,
        text=True,
    )
    assert re.fullmatch(r"Error: [^\n]+\n", done.stderr), done.stderr
    assert re.search("full|No space left", done.stderr)
    assert set(done.stdout.split()) <= {"kept.tar.gz", ".backup.lock", "new"}


@pytest.mark.served
def test_a_folder_that_may_not_be_written_is_told_in_one_line(command: Command, kept: Path) -> None:
    shutil.copy(kept, "/tmp/devis-kept.tar.gz")
    Path("/tmp/devis-kept.tar.gz").chmod(0o644)
    try:
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, "restore", "/tmp/devis-kept.tar.gz"],
            cwd="/",
            env={**command.environ, "DEVIS_DATABASE": "/devis-instance/devis.sqlite3"},
            capture_output=True,
            text=True,
        )
    finally:
        Path("/tmp/devis-kept.tar.gz").unlink()
    assert (
        done.stderr == "Error: The folder /devis-instance cannot be written: Permission denied.\n"
    )


def test_a_database_that_cannot_be_told_is_backed_up_all_the_same(devis: Installation) -> None:
    with devis.open() as db:
        db.execute("CREATE TRIGGER no BEFORE INSERT ON meta BEGIN SELECT raise(ABORT, 'no'); END")
    with closing(sqlite3.connect(devis.config.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        made = backups.make(devis.config, NOON)
    assert made.path.exists()
    assert made.unnoted is not None
    assert "locked" in made.unnoted


STOCKHOLM_THREE = "2026-11-22T03:00:00+01:00"


@pytest.mark.parametrize(
    ("hour", "last", "now", "due"),
    [
        (None, None, STOCKHOLM_THREE, False),
        (3, None, "2026-11-22T00:30:00+01:00", True),
        (3, "2026-11-21T03:00:04+01:00", "2026-11-22T02:59:59+01:00", False),
        (3, "2026-11-21T03:00:04+01:00", STOCKHOLM_THREE, True),
        (3, "2026-11-22T03:00:04+01:00", "2026-11-22T23:59:00+01:00", False),
        (3, "2026-11-18T03:00:04+01:00", "2026-11-22T02:00:00+01:00", True),
        (2, "2026-03-28T02:00:04+01:00", "2026-03-29T03:00:00+02:00", True),  # skipped
        (2, "2026-10-25T02:00:04+02:00", "2026-10-25T02:30:00+01:00", False),  # came twice
    ],
)
def test_the_schedule_is_an_hour_of_the_site_and_catches_up(
    devis: Installation, hour: int | None, last: str | None, now: str, due: bool
) -> None:
    config = replace(devis.config, backup_hour=hour)
    before = Last(datetime.fromisoformat(last), Path("x")) if last else None
    assert backups.is_due(config, before, datetime.fromisoformat(now)) == due


@pytest.mark.served
def test_the_worker_backs_up_when_the_hour_comes_and_once(command: Command) -> None:
    command("init", **MONDAY)
    worker = command.start("worker", NOW="2031-05-05T02:59:54+02:00", BACKUP_HOUR="3")
    folder = command.folder / "instance" / "backups"
    try:
        wait_until(lambda: len(list(folder.glob("*.gz"))) == 1, 30)
        (first,) = folder.glob("*.gz")  # none was ever made: at once
        wait_until(lambda: len(list(folder.glob("*.gz"))) == 2, 30)
        time.sleep(5)
    finally:
        said = stop(worker)
    assert len(list(folder.glob("*.gz"))) == 2
    assert f"backed up: {first}" in said
    assert len(rows(command, "SELECT * FROM meta WHERE key IN ('backup_at', 'backup_path')")) == 2


def test_a_worker_that_cannot_back_up_says_so_and_rests(
    devis: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    (devis.config.instance / "backups").write_text("in the way")
    config = replace(devis.config, backup_hour=3)
    lock = FileLock(config.instance / "worker.lock")
    job = BackupJob(config, Clock(NOON, time.monotonic()), lock, threading.Event())
    job.tick()
    assert caplog.text == ""  # another worker works
    with lock:
        job.tick()
        job.tick()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "backups cannot be written: File exists" in caplog.text


def test_a_worker_that_ends_stops_its_backup(
    devis: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    config = replace(devis.config, backup_hour=3)
    end = threading.Event()
    end.set()
    with FileLock(config.instance / "worker.lock") as lock:
        BackupJob(config, Clock(NOON, time.monotonic()), lock, end).tick()
    assert "stopped before its end" in caplog.text
    assert not list((config.instance / "backups").glob("*.gz"))


def test_what_belongs_to_nobody_is_not_made(command: Command) -> None:
    """Without a database there is no backup, and no folder for it."""
    assert "devis init" in refused(command, "backup")
    assert list(command.folder.iterdir()) == []


@pytest.mark.served
@pytest.mark.parametrize("damage", ["half", "page"])
def test_a_damaged_database_is_refused_at_the_start_with_the_way_back(
    command: Command, devis: Installation, kept: Path, damage: str
) -> None:
    database = devis.config.database
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")
    content = database.read_bytes()
    broken = content[: len(content) // 2] if damage == "half" else content[:4096] + b"\xff" * 8192
    database.write_bytes(broken + content[len(broken) :] if damage == "page" else broken)
    done = command.run("serve", code=1, DATABASE=str(database), NOW=NOON.isoformat())
    assert "devis restore" in failed(done)
    database.rename(database.with_name("damaged"))
    command("restore", str(kept), DATABASE=str(database))
    assert json.loads(command("export", DATABASE=str(database)).stdout)["principles"]


@pytest.mark.served
def test_everything_that_is_made_is_for_its_owner_only(command: Command) -> None:
    """Whatever the mask of the shell says."""

    def looser(folder: Path) -> list[str]:
        """What others could read, but for what has nothing in it."""
        return [
            path.name
            for path in (folder, *folder.rglob("*"))
            if path.stat().st_mode & 0o077 and not (path.is_file() and not path.stat().st_size)
        ]

    before = os.umask(0o022)
    try:
        port = str(free_port())
        serving = command.start("serve", PORT=port, WEB_WORKERS="1")
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 30)
            wait_until(lambda: (command.folder / "instance/worker.lock").exists(), 30)
            fetch(f"http://127.0.0.1:{port}/api/v1/principles?lang=xx-")
            there = {path.name for path in command.folder.glob("instance/*")}
            assert there >= {"devis.sqlite3", "devis.sqlite3-wal", "devis.sqlite3-shm"}
            assert "limits.sqlite3" in there
            assert looser(command.folder / "instance") == []
        finally:
            stop(serving)
        command("digest", "send")
        made = command("backup").stdout.split("  ")[0]
        command("restore", made, DATABASE="new/devis.sqlite3")
        for name in ("instance", "new"):
            assert looser(command.folder / name) == []
    finally:
        os.umask(before)
