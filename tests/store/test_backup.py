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
from contextlib import closing, suppress
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
from feed.errors import BackupError, SchemaError, StoreError
from feed.server import database_setup
from feed.store import backups, library, migrations, signing_key
from feed.store.backups import LastBackup
from feed.store.connection import opened
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
from tests.mail_harness import PREFERENCES, links, parse

Install = Callable[..., Installation]
HOST = "http://devis.test"
KEY = "SELECT value FROM meta WHERE key = 'secret_key'"
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
            given = {**PREFERENCES, "address": f"new{len(numbers)}@example.org"}
            site = installation.site()
            config, now = installation.config, installation.now
            subscriptions.sign_up(db, site, config, given, "/en/subscribe/", now)
        numbers.append(len(numbers))


def outbox(instance: Path) -> dict[str, Path]:
    """The messages in the outbox, by name."""
    return {path.name: path for path in instance.glob("outbox/*.eml")}


def path_of(address: str) -> str:
    return urlsplit(address).path


@pytest.mark.served
def test_a_backup_of_a_running_site_under_writes_restores_to_the_same_site(
    command: Command,
) -> None:
    """Every public byte is equal, links in e-mails work, and nothing is sent twice."""
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
        wait_until(lambda: any(name.startswith("notice.") for name in outbox(there)), 60)
        was = crawl(f"http://127.0.0.1:{ports[0]}")
    finally:
        enough.set()
        stop(serving)
    assert made.parent == there / "backups"
    assert made.stat().st_mode & 0o777 == 0o600

    elsewhere = str(here / "devis.sqlite3")
    command("restore", str(made), DATABASE=elsewhere)
    assert Path(elsewhere).stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(elsewhere)) as db:
        assert db.execute(KEY).fetchall() == rows(command, KEY)
        whole = "SELECT (SELECT count(*) FROM subscribers), (SELECT count(*) FROM consents) + 1"
        subscribed, consented = db.execute(whole).fetchone()
        assert subscribed == consented  # one, who was entered by hand, did not ask
        assert before <= subscribed - 1 <= numbers[-1] + 1
        sent = db.execute("SELECT key || '.' FROM outbox WHERE state = 'sent'")
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
        found = {name: path for name, path in outbox(there).items() if name.startswith("notice.")}
        notice = found[min(found, key=lambda name: int(name.split(".")[1]))]
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


def unzipped(path: Path, target: Path) -> sqlite3.Connection:
    """The database in a backup, as any other program opens it."""
    target.write_bytes(gzip.decompress(path.read_bytes()))
    return sqlite3.connect(target)


def packed(path: Path, contents: dict[str, bytes]) -> Path:
    """A tar archive with these members, as earlier versions wrote backups."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def tar_members(devis: Installation) -> dict[str, bytes]:
    """The members of a backup of an earlier version, which had the key in a file."""
    copy = devis.config.instance.parent / "copy.sqlite3"
    with closing(sqlite3.connect(devis.config.database)) as db:
        db.execute("VACUUM INTO ?", [str(copy)])
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("DELETE FROM meta WHERE key = 'secret_key'")
    found = {"devis.sqlite3": copy.read_bytes(), "secret_key": b"the key of an earlier version\n"}
    copy.unlink()
    files = {
        name: {"size": len(content), "sha256": sha256(content).hexdigest()}
        for name, content in found.items()
    }
    about = {
        **{"format": 1, "made": NOON.isoformat(), "version": "0.9", "authority": "127.0.0.1"},
        **{"schema": sorted(migrations.NAMES), "counts": {"editions": 15}, "files": files},
    }
    return {"manifest.json": json.dumps(about).encode(), **found}


@pytest.fixture
def archive(devis: Installation) -> Path:
    """A backup of an earlier version."""
    return packed(devis.config.instance.parent / "devis-old.tar.gz", tar_members(devis))


def test_a_backup_is_a_compressed_database_with_the_key(
    kept: Path, devis: Installation, tmp_path: Path
) -> None:
    assert kept.name == "devis-127.0.0.1-2026-11-22-110000.sqlite3.gz"
    assert kept.stat().st_mode & 0o777 == 0o600
    with closing(unzipped(kept, tmp_path / "copy")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM editions").fetchone() == (15,)
        slugs = [slug for (slug,) in db.execute("SELECT slug FROM principles ORDER BY slug")]
        assert db.execute(KEY).fetchone() == (signing_key.key(devis.config).decode(),)
        about = dict(db.execute("SELECT key, value FROM meta WHERE key LIKE 'backup_%'"))
    assert about == {"backup_at": NOON.isoformat(), "backup_version": __version__}
    with devis.open() as db_:
        assert slugs == library.listed(db_)
        assert backups.last(db_) == LastBackup(NOON, kept)


def test_a_key_that_comes_from_the_settings_is_in_the_backup(
    install: Install, tmp_path: Path
) -> None:
    made = install(SECRET_KEY="a key that comes from the settings")
    path = backups.make(made.config, NOON).path
    with closing(unzipped(path, tmp_path / "copy")) as db:
        assert db.execute(KEY).fetchone() == ("a key that comes from the settings",)


def test_the_key_file_of_an_earlier_version_is_imported_and_in_the_backup(
    install: Install, tmp_path: Path
) -> None:
    made = install()
    with made.open() as db:
        db.execute("DELETE FROM meta WHERE key = 'secret_key'")
    file = made.config.instance / "secret_key"
    file.write_text("the key of an earlier version\n")
    with closing(unzipped(backups.make(made.config, NOON).path, tmp_path / "copy")) as copy:
        assert copy.execute(KEY).fetchone() == ("the key of an earlier version",)
    database_setup.create(made.config, Clock())
    file.unlink()
    assert signing_key.key(made.config) == b"the key of an earlier version"


def test_a_restored_database_is_searched_and_written_ahead(
    kept: Path, devis: Installation, install: Install
) -> None:
    config = replace(devis.config, database=kept.parent / "new" / "devis.sqlite3")
    backups.restore(config, kept)
    with opened(config.database) as db:
        db.execute("INSERT INTO texts_fts (texts_fts, rank) VALUES ('integrity-check', 1)")
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert library.search(db, library.Query("en", "listen"), 10, 0)[1] > 0


def test_a_backup_of_an_earlier_version_is_restored_with_its_key(
    archive: Path, command: Command
) -> None:
    elsewhere = command.folder / "new" / "devis.sqlite3"
    said = command("restore", str(archive), DATABASE=str(elsewhere)).stdout
    assert "as it was at 2026-11-22 11:00:00 UTC" in said
    with closing(sqlite3.connect(elsewhere)) as db:
        assert db.execute(KEY).fetchone() == ("the key of an earlier version",)
        assert db.execute("SELECT count(*) FROM editions").fetchone() == (15,)


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda content: b"", "is not a backup of Devis"),
    "foreign": (lambda content: b"Dear aunt, " * 999, "is not a backup of Devis"),
    "another archive": (lambda content: gzip.compress(b"x" * 9999), "is not a backup of Devis"),
    "half": (lambda content: content[: len(content) // 2], "damaged or incomplete"),
    "all but the end": (lambda content: content[:-2000], "damaged or incomplete"),
    "one bit": (
        lambda content: (
            content[: len(content) // 2]
            + bytes([content[len(content) // 2] ^ 1])
            + content[len(content) // 2 + 1 :]
        ),
        "damaged or incomplete",
    ),
}


def untouched(folder: Path) -> bool:
    """Whether no restore has left anything that a program would take for an installation."""
    return not folder.exists() or {path.name for path in folder.iterdir()} <= {".backup.lock"}


@pytest.mark.parametrize("form", ["kept", "archive"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_with_one_line_and_leaves_nothing(
    command: Command, request: pytest.FixtureRequest, damage: str, form: str
) -> None:
    change, expected = DAMAGES[damage]
    file = command.folder / "bad.gz"
    file.write_bytes(change(request.getfixturevalue(form).read_bytes()))
    said = refused(command, "restore", "bad.gz", DATABASE="new/devis.sqlite3")
    assert expected in said
    assert "bad.gz" in said
    assert untouched(command.folder / "new")


@pytest.mark.parametrize(
    ("file", "expected"), [("missing.tar.gz", "No such file"), ("missing/x/y", "No such file")]
)
def test_a_missing_file_is_refused_in_one_line(command: Command, file: str, expected: str) -> None:
    assert expected in refused(command, "restore", file)
    assert untouched(command.folder / "instance")


def changed(kept: Path, statement: str) -> Path:
    """A backup that was tampered with, by one statement on its database."""
    copy = kept.with_name("changed.sqlite3")
    with closing(unzipped(kept, copy)) as db, db:
        db.execute(statement)
    file = kept.with_name("changed.sqlite3.gz")
    file.write_bytes(gzip.compress(copy.read_bytes()))
    copy.unlink()
    return file


def blotted(content: bytes) -> bytes:
    return content[: 40 * 4096] + b"\xff" * 4096 + content[41 * 4096 :]


FUTURE = (
    "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
    " VALUES ('devis', 'from_the_future', '2030-01-01')"
)


@pytest.mark.parametrize(
    ("statement", "error", "said"),
    [
        (FUTURE, SchemaError, f"newer program, version {__version__}"),
        ("DELETE FROM _sqlite_migrations", BackupError, "not a backup of Devis"),
        ("DELETE FROM meta WHERE key = 'backup_at'", BackupError, "not a backup of Devis"),
        ("UPDATE meta SET value = 'x' WHERE key = 'backup_at'", BackupError, "damaged"),
    ],
    ids=["newer", "another program", "no time", "odd time"],
)
def test_what_does_not_fit_this_program_is_refused(
    kept: Path, install: Install, statement: str, error: Any, said: str
) -> None:
    config = replace(install("other").config, database=kept.parent / "new" / "devis.sqlite3")
    with pytest.raises(error, match=said):
        backups.restore(config, changed(kept, statement))
    assert untouched(config.instance)


@pytest.mark.parametrize("content", [blotted, lambda content: content[:4096] + b"?" * 9999])
def test_a_well_packed_database_with_a_damaged_page_is_refused(
    kept: Path, install: Install, content: Callable[[bytes], bytes]
) -> None:
    file = kept.with_name("changed.gz")
    file.write_bytes(gzip.compress(content(gzip.decompress(kept.read_bytes()))))
    config = replace(install("other").config, database=kept.parent / "new" / "devis.sqlite3")
    with pytest.raises(BackupError, match="damaged"):
        backups.restore(config, file)
    assert untouched(config.instance)


def forged(devis: Installation, name: str, value: Any) -> Path:
    """A tar archive whose manifest has another value."""
    found = tar_members(devis)
    about = {**json.loads(found["manifest.json"]), name: value}
    return packed(
        devis.config.instance.parent / "forged.tar.gz",
        {**found, "manifest.json": json.dumps(about).encode()},
    )


PART = {"size": 1, "sha256": "x"}
FORGED: list[tuple[str, Any]] = [
    *[("files", {name: PART}) for name in ("", "..", "a\0b", "x" * 300, "Ö")],
    *[("files", value) for value in ({}, [1], 7, {"devis.sqlite3": 7})],
    *[("made", value) for value in ("tomorrow", None, [1])],
]


@pytest.mark.parametrize(
    ("name", "value"), FORGED, ids=[f"{name} {str(value)[:20]}" for name, value in FORGED]
)
def test_an_archive_with_a_forged_manifest_is_refused(
    devis: Installation, install: Install, name: str, value: Any
) -> None:
    config = replace(devis.config, database=devis.config.instance.parent / "new/devis.sqlite3")
    with pytest.raises(BackupError, match="damaged or incomplete"):
        backups.restore(config, forged(devis, name, value))
    assert untouched(config.instance)


@pytest.mark.parametrize("manifest", [b"[" * 100_000, b"[1]", b"{}", b"\xff"])
def test_an_archive_with_an_odd_manifest_is_refused(devis: Installation, manifest: bytes) -> None:
    config = replace(devis.config, database=devis.config.instance.parent / "new/devis.sqlite3")
    odd = {**tar_members(devis), "manifest.json": manifest}
    with pytest.raises(BackupError, match="damaged or incomplete"):
        backups.restore(config, packed(devis.config.instance.parent / "odd.tar.gz", odd))
    assert untouched(config.instance)


@pytest.mark.parametrize("name", ["secret_key", "devis.sqlite3"])
def test_a_part_that_is_not_what_the_manifest_says_is_refused(
    devis: Installation, name: str
) -> None:
    """Where everything else fits: the same number of bytes, well packed."""
    found = tar_members(devis)
    found[name] = b"x" * len(found[name])
    config = replace(devis.config, database=devis.config.instance.parent / "new/devis.sqlite3")
    with pytest.raises(BackupError, match=f"{name} has changed"):
        backups.restore(config, packed(devis.config.instance.parent / "changed.tar.gz", found))
    assert untouched(config.instance)


def test_a_member_that_would_climb_out_stays_inside(devis: Installation) -> None:
    found = tar_members(devis)
    about = json.loads(found["manifest.json"])
    about["files"]["../evil"] = about["files"]["secret_key"]
    for manifest in (json.dumps(about).encode(), found["manifest.json"]):
        evil = {**found, "manifest.json": manifest, "../evil": found["secret_key"]}
        folder = devis.config.instance.parent
        config = replace(devis.config, database=folder / "new" / "devis.sqlite3")
        with pytest.raises(BackupError, match="damaged"):
            backups.restore(config, packed(folder / "evil.tar.gz", evil))
        assert untouched(config.instance)
        assert not (config.instance / "evil").exists()
        assert not (folder / "evil").exists()


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
    mine = signing_key.key(devis.config)
    devis.config.database.rename(devis.config.database.with_name("old"))
    key = devis.config.instance / "secret_key"
    key.write_bytes(b"the key of something else altogether\n")
    with pytest.raises(BackupError, match="is not that of the backup"):
        backups.restore(devis.config, kept)
    assert not devis.config.database.exists()
    key.write_bytes(mine)
    backups.restore(devis.config, kept)
    assert devis.config.database.exists()


def test_restore_warns_of_a_key_in_the_settings_that_is_not_that_of_the_backup(
    command: Command, kept: Path
) -> None:
    given: Any = {"DATABASE": "new/devis.sqlite3", "SECRET_KEY": "a key of the settings alone"}
    assert "differs from the key of the backup" in command("restore", str(kept), **given).stderr


def test_an_older_database_that_is_restored_is_migrated_at_the_start(
    devis: Installation, command: Command
) -> None:
    kept = Path(__file__).parent / "schemas" / "library_and_ledger.sqlite3.gz"
    devis.config.database.write_bytes(gzip.decompress(kept.read_bytes()))
    path = backups.make(devis.config, NOON).path
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
        folder / "devis-127.0.0.1-mine.sqlite3.gz",
        folder / "devis-other.org-2020-01-01-000000.sqlite3.gz",
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


def test_a_backup_that_is_stopped_or_killed_leaves_nothing_half(
    devis: Installation, command: Command
) -> None:
    folder = devis.config.instance / "backups"
    stops, made = 0, None
    while made is None:  # stop at the first moment that is offered, then at the second, to the last
        answers = iter([False] * stops)
        with suppress(BackupError):
            made = backups.make(devis.config, NOON, should_stop=partial(next, answers, True))
        if made is None:
            assert [path.name for path in folder.iterdir()] == [".backup.lock"]
            stops += 1
    made.path.unlink()
    assert stops > 1
    left = folder / ".backup.writing"
    left.mkdir()
    (left / "copy").write_bytes(b"what a killed process wrote")
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
        process.communicate(timeout=60)
        database = command.folder / "new" / "devis.sqlite3"
        if database.exists():  # it was faster: then it is whole
            with closing(sqlite3.connect(database)) as db:
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            database.unlink()
    command("restore", str(kept), **place)
    assert "2026-11-22 shows " in command("check", code=1, NOW=NOON.isoformat(), **place).stdout


def test_a_second_backup_at_the_same_time_is_refused(devis: Installation) -> None:
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
mount -t tmpfs -o size=$4k none "$1" && cp "$2" "$1/kept.gz" && cd "$1" || exit 99
shift 4
"$@"
ls -A
"""


@pytest.mark.needs("mount")
@pytest.mark.parametrize(
    ("call", "database"),
    [
        (["backup", "."], "{instance}/devis.sqlite3"),
        (["restore", "kept.gz"], "new/devis.sqlite3"),
    ],
    ids=["backup", "restore"],
)
def test_a_full_disk_is_reported_in_one_line(
    command: Command, devis: Installation, kept: Path, call: list[str], database: str
) -> None:
    size = kept.stat().st_size // 1024 * 3 // 2  # room for this backup and half of another
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
    assert set(done.stdout.split()) <= {"kept.gz", ".backup.lock", "new"}


@pytest.mark.served
def test_a_folder_that_cannot_be_written_is_reported_in_one_line(
    command: Command, kept: Path
) -> None:
    shutil.copy(kept, "/tmp/devis-kept.gz")
    Path("/tmp/devis-kept.gz").chmod(0o644)
    try:
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, "restore", "/tmp/devis-kept.gz"],
            cwd="/",
            env={**command.environ, "DEVIS_DATABASE": "/devis-instance/devis.sqlite3"},
            capture_output=True,
            text=True,
        )
    finally:
        Path("/tmp/devis-kept.gz").unlink()
    assert (
        done.stderr == "Error: The folder /devis-instance cannot be written: Permission denied.\n"
    )


@pytest.mark.slow
def test_a_database_that_cannot_record_the_backup_is_still_backed_up(devis: Installation) -> None:
    with closing(sqlite3.connect(devis.config.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        made = backups.make(devis.config, NOON)
    assert made.path.exists()
    assert made.not_recorded is not None
    assert "locked" in made.not_recorded


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
    before = LastBackup(datetime.fromisoformat(last), Path("x")) if last else None
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


def test_without_a_database_a_backup_creates_nothing(command: Command) -> None:
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
