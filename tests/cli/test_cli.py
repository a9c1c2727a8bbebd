"""The command line, run for real: every command, and one line where something is wrong."""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Command, answers, fetch, free_port, outside, wait_until
from tests.files.test_exchange import ODD

DATABASE = Path("instance", "devis.sqlite3")
LIBRARY = ROOT / "data"
TODAY: dict[str, Any] = {"NOW": "2031-05-05T06:00:00+02:00"}  # a Monday, the day of it all


def failed(done: subprocess.CompletedProcess[str]) -> str:
    """The one-line error message."""
    assert done.returncode != 0
    assert done.stdout == ""
    assert re.fullmatch(r"Error: [^\n]+\n", done.stderr), done.stderr
    return done.stderr


def refused(command: Command, *arguments: str, code: int = 1, **values: str) -> str:
    """Run a command that fails, and give the one line that it says."""
    return failed(command(*arguments, code=code, **values))


def rows(command: Command, query: str) -> list[tuple[Any, ...]]:
    """What another program reads in the database."""
    with closing(sqlite3.connect(command.folder / DATABASE)) as db:
        return db.execute(query).fetchall()


def stop(process: subprocess.Popen[str]) -> str:
    """Ask a process to end; it ends well. What it said."""
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    return said


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `devis init` was run on a day in 2031; copy it."""
    folder = tmp_path_factory.mktemp("filled")
    Command(folder, outside())("init", **TODAY)
    return folder


@pytest.fixture
def installation(command: Command, filled: Path) -> Command:
    """The command line in a folder of its own, with the shipped library and no edition yet."""
    shutil.copytree(filled / "instance", command.folder / "instance")
    return command


def commands(text: str) -> set[str]:
    """The commands that a help page lists."""
    listed = text.partition("Commands:\n")[2]
    return set(re.findall(r"^  ([\w-]+)", listed, re.MULTILINE))


@pytest.mark.served
def test_every_command_works_on_a_fresh_folder_in_the_natural_order(command: Command) -> None:
    """What a curator and an operator do on their first day."""
    odd = command.folder / "odd.json"
    odd.write_text(json.dumps(ODD), encoding="utf-8")
    steps = {
        "init": ([], "principles: "),
        "check": (["library"], " 0 findings."),
        "library": (["update"], " unchanged, 0 left alone"),
        "import": ([str(odd)], "principles: 2 new, 0 changed, 0 unchanged, 0 left alone"),
        "export": (["--format", "toml", "--lang", "sv"], 'slug = "listen-first"'),
        "publish": ([], "2031-05-05  rotation"),
        "pin": (["2031-05-07", "listen-first"], "2031-05-07  listen-first"),
        "plan": (["--days", "3"], "2031-05-07  pin       listen-first"),
        "withdraw": (["2031-05-05", "--reason", "A mistake"], "In its place: "),
        "freeze": (["site"], " files written, 0 unchanged, 0 removed."),
        "digest": (["preview", "--lang", "sv"], "Att fundera på"),
        "hub": (["status"], "There were no notifications."),
        "bounce": ([], "none, about an unknown address"),
        "curator": (["add", "anna@example.org"], "/desk/link/"),
        "subscriber": (["suppress", "@example.org"], "1 of 1 entries are new"),
        "migrate": ([], "Nothing to do."),
        "backup": (["away"], " rows, "),
        "rehearse": (["copy"], "DEVIS_DATABASE="),
    }
    for name, (arguments, expected) in steps.items():
        done = command(name, *arguments, **TODAY)
        assert expected in done.stdout
        assert done.stderr == ""
    (kept,) = command.folder.glob("away/*.sqlite3.gz")
    command.folder.joinpath("instance").rename(command.folder / "lost")
    assert command("restore", str(kept), **TODAY).stdout.startswith("Restored ")
    steps["restore"] = ([], "")
    serving = {"web", "worker", "mail-worker", "serve"}
    assert commands(command("--help").stdout) == {*steps, *serving}


@pytest.mark.served
def test_the_serving_commands_work_and_end_when_asked(installation: Command) -> None:
    """Each serves its part: the web the pages, the worker the editions, and `serve` both."""
    editions = "SELECT count(*) FROM editions WHERE date <= '2031-05-05'"
    ports = {name: free_port() for name in ("web", "serve")}
    web = installation.start("web", PORT=str(ports["web"]), WEB_WORKERS="1", **TODAY)
    worker = installation.start("worker", **TODAY)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{ports['web']}/healthz"))
        wait_until(lambda: rows(installation, editions) == [(15,)])
        assert fetch(f"http://127.0.0.1:{ports['web']}/sv/2031-05-05/").status == 200
    finally:
        stop(web)
        stop(worker)
    serve = installation.start("serve", PORT=str(ports["serve"]), WEB_WORKERS="1", **TODAY)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{ports['serve']}/sv/feed.rss"))
    finally:
        said = stop(serve)
    home = f"http://localhost:{ports['serve']}"
    assert f"Devis serves {home}/\n" in said
    assert f"{home}/sv/feed.atom" in said
    assert f"This is a trial, at {home}: " in said


def test_import_makes_a_database_with_those_principles_only(command: Command) -> None:
    """What is shipped stays out; nothing is published by an import."""
    files = [str(LIBRARY / name) for name in ("leaderful.toml", "themes.toml")]
    told = command("import", *files, **TODAY).stdout
    library = json.loads(command("export").stdout)
    assert [entry["slug"] for entry in library["sources"]] == ["leaderful"]
    assert f"principles: {len(library['principles'])} new, " in told
    assert {entry["source"] for entry in library["principles"]} == {"leaderful"}
    assert rows(command, "SELECT count(*) FROM editions") == [(0,)]
    assert "principles: 0 new" in command("import", *files, **TODAY).stdout


def test_an_import_reports_what_it_left_alone(installation: Command) -> None:
    """And exits well: that is what the curator wants."""
    ((slug,),) = rows(installation, "SELECT slug FROM principles ORDER BY slug LIMIT 1")
    with closing(sqlite3.connect(installation.folder / DATABASE)) as db, db:
        db.execute("UPDATE revisions SET origin = 'desk' WHERE principle = ?", [slug])
    file = installation.folder / "a.json"
    file.write_text(json.dumps({"principles": [{"slug": slug, "locator": "99"}]}))
    told = installation("import", "a.json").stdout
    assert "principles: 0 new, 0 changed, 0 unchanged, 1 left alone" in told
    assert f"left alone, as it was edited at the desk: {slug}" in told
    told = installation("import", "--overwrite", "a.json").stdout
    assert "principles: 0 new, 1 changed, 0 unchanged, 0 left alone" in told


def test_an_import_says_how_it_read_each_spreadsheet(installation: Command) -> None:
    """In one line, before it says what came of it; also where it is refused."""
    for name, rows_ in (
        ("a.csv", "Rubrik;Text;Källa;Ansvarig\rÖva på;Så.;smallest-ways;Åsa"),
        ("b.tsv", "slug\tlanguage\ttitle\nx\tsv\t"),
    ):
        (installation.folder / name).write_bytes(rows_.encode("mac-roman"))
    told = installation("import", "a.csv").stdout.splitlines()
    assert told[0] == (
        "a.csv: mac-roman, separator “;”, headings in row 1: Rubrik = title, Text = statement,"
        " Källa = source; language sv; not read: Ansvarig"
    )
    assert "principles: 1 new, 0 changed, 0 unchanged, 0 left alone" in told
    done = installation("import", "a.csv", "b.tsv", code=1)
    assert done.stdout.splitlines()[1].startswith("b.tsv: utf-8, separator tab")
    assert "b.tsv: row 2: principles “x”: title: Fill this in." in done.stderr


@pytest.mark.served
def test_an_export_is_utf_8_wherever_it_is_written(installation: Command) -> None:
    """Also where the terminal speaks something else."""
    done = installation("export", "--lang", "sv")
    environ = {
        **installation.environ,
        "LC_ALL": "C",
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
    }
    raw = subprocess.run(
        [sys.executable, "-m", "feed", "export", "--lang", "sv"],
        cwd=installation.folder,
        env=environ,
        capture_output=True,
        check=True,
    ).stdout
    assert raw.decode("utf-8") == done.stdout
    texts = [entry["texts"] for entry in json.loads(raw)["principles"]]
    assert texts
    assert all(list(text) == ["sv"] for text in texts)


def test_the_plan_as_json_has_these_keys_and_one_entry_a_day(installation: Command) -> None:
    plan = json.loads(installation("plan", "--days", "30", "--format", "json", **TODAY).stdout)
    assert {tuple(entry) for entry in plan} == {("date", "principle", "why")}
    tomorrow = date(2031, 5, 6)
    days = [(tomorrow + timedelta(days=number)).isoformat() for number in range(30)]
    assert [entry["date"] for entry in plan] == days
    assert {entry["why"] for entry in plan} == {"rotation"}
    text = installation("plan", "--days", "30", **TODAY).stdout.splitlines()
    assert [line.split() for line in text] == [
        [entry["date"], entry["why"], entry["principle"]] for entry in plan
    ]


def test_the_plan_shows_past_days_from_the_ledger_and_far_days_from_the_rotation(
    installation: Command,
) -> None:
    def plan(first: str, days: int) -> list[dict[str, str]]:
        done = installation(
            "plan", "--from", first, "--days", str(days), "--format", "json", **TODAY
        )
        told: list[dict[str, str]] = json.loads(done.stdout)
        return told

    installation("publish", **TODAY)
    shown = rows(installation, "SELECT date, principle FROM editions ORDER BY date")
    week = plan("2031-05-02", 7)
    assert [(entry["date"], entry["principle"]) for entry in week[:4]] == shown[-4:]
    assert [entry["date"] for entry in week[4:]] == ["2031-05-06", "2031-05-07", "2031-05-08"]
    assert plan("2031-08-01", 2) == plan("2031-05-06", 89)[-2:]
    assert plan("2001-01-01", 3) == []


def test_the_plan_comes_true(installation: Command) -> None:
    installation("publish", **TODAY)
    told = installation("plan", "--days", "3", **TODAY).stdout
    assert installation("publish", NOW="2031-05-08T12:00:00+02:00").stdout == told


def test_publishing_twice_makes_nothing_more(installation: Command) -> None:
    """The first time makes today's edition and the fourteen days before it."""
    assert len(installation("publish", **TODAY).stdout.splitlines()) == 15
    before = rows(installation, "SELECT * FROM editions")
    assert installation("publish", **TODAY).stdout == "Nothing is due.\n"
    assert rows(installation, "SELECT * FROM editions") == before


def test_what_is_withdrawn_stays_in_the_ledger_with_its_reason(installation: Command) -> None:
    installation("publish", **TODAY)
    query = "SELECT number, reason, withdrawn FROM editions WHERE date = '2031-05-05'"
    said = installation(
        "withdraw", "2031-05-05", "--reason", "Fel ord", "--leave-empty", **TODAY
    ).stdout
    assert said == "Withdrawn: 2031-05-05\n"
    ((number, reason, withdrawn),) = rows(installation, query)
    assert (number, reason, withdrawn[:10]) == (1, "Fel ord", "2031-05-05")


@pytest.mark.served
def test_a_day_to_come_can_be_rehearsed_in_every_command(installation: Command) -> None:
    """Each command with its own date, one after the other; none reads the real clock."""
    installation("publish", NOW="2031-05-05T23:59:00+02:00")
    installation("publish", NOW="2031-05-06T00:01:00+02:00")
    assert rows(installation, "SELECT max(date) FROM editions") == [("2031-05-06",)]
    ((slug,),) = rows(installation, "SELECT slug FROM principles ORDER BY slug LIMIT 1")
    later: dict[str, Any] = {"NOW": "2031-05-09T06:00:00+02:00"}
    assert "2031-05-08" in refused(installation, "pin", "2031-05-08", slug, **later)
    assert installation("pin", "2031-05-09", slug, **later).stdout == f"2031-05-09  {slug}\n"
    assert installation("plan", "--days", "1", **later).stdout.startswith("2031-05-10")
    assert (
        installation("publish", **later).stdout.splitlines()[-1] == f"2031-05-09  pin       {slug}"
    )
    assert "In its place" in installation("withdraw", "2031-05-09", "--reason", "x", **later).stdout
    installation.folder.joinpath("a.json").write_text(
        json.dumps({"principles": [{"slug": slug, "locator": "99"}]})
    )
    installation("import", "a.json", **later)
    assert rows(installation, "SELECT max(at) > '2031-05-09T04:00' FROM revisions") == [(1,)]
    worker = installation.start("worker", NOW="2031-05-10T06:00:00+02:00")
    try:
        wait_until(
            lambda: rows(installation, "SELECT max(date) FROM editions") == [("2031-05-10",)]
        )
    finally:
        stop(worker)


@pytest.mark.parametrize(
    "arguments",
    [["plan"], ["publish"], ["export"], ["migrate"], ["pin", "2031-05-09"], ["web"], ["worker"]],
    ids=" ".join,
)
def test_without_a_database_there_is_a_hint(command: Command, arguments: list[str]) -> None:
    """And none is made by asking."""
    said = refused(command, *arguments)
    assert str(command.folder / DATABASE) in said
    assert "devis init" in said
    assert list(command.folder.iterdir()) == []


@pytest.mark.parametrize("name", ["init", "plan", "serve"])
def test_a_malformed_setting_is_named(command: Command, name: str) -> None:
    assert "DEVIS_TIMEZONE is “Mars”" in refused(command, name, TIMEZONE="Mars")
    assert list(command.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["pin", "2031-05-09", "nobody"], "There is no principle “nobody”."),
        (["pin", "2031-05-04", "{slug}"], "2031-05-04 has had its principle"),
        (["withdraw", "2031-05-04", "--reason", "x"], "There is no edition on 2031-05-04."),
        (["withdraw", "2031-05-05", "--reason", " "], "A withdrawal needs a reason."),
        (["import", "missing.json"], "missing.json: No such file or directory"),
        (["plan", "--from", "9999-12-31", "--days", "2"], ""),
    ],
    ids=["unknown pin", "past pin", "no edition", "no reason", "no file", "after all days"],
)
def test_an_impossible_command_prints_a_one_line_error(
    installation: Command, arguments: list[str], expected: str
) -> None:
    ((slug,),) = rows(installation, "SELECT slug FROM principles ORDER BY slug LIMIT 1")
    said = refused(installation, *(part.format(slug=slug) for part in arguments), **TODAY)
    assert expected in said
    assert rows(installation, "SELECT date FROM pins UNION ALL SELECT date FROM editions") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["unknown"],
        ["plan", "--days", "0"],
        ["plan", "--from", "2031-02-30"],
        ["export", "--format", "xml"],
        ["import"],
        ["import", "."],
        ["withdraw", "2031-05-05"],
        ["pin", "today"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_says_how_it_is_done(command: Command, arguments: list[str]) -> None:
    said = command(*arguments, code=2).stderr
    assert said.startswith("Usage: ")
    assert said.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in said


def test_a_bad_file_is_refused_with_every_reason_and_no_traceback(installation: Command) -> None:
    before = installation("export").stdout
    installation.folder.joinpath("good.json").write_text(json.dumps(ODD))
    installation.folder.joinpath("bad.json").write_text('{"themes": [{"slug": "Ö"}], "people": []}')
    done = installation("import", "good.json", "bad.json", code=1)
    assert done.stderr.splitlines() == [
        "Error: bad.json: people: isn’t a field here; should be one of themes, sources, principles",
        "bad.json: themes “Ö”: slug: should be a name in lower-case a–z, 0–9 and hyphens, not “Ö”",
        "2 problems; nothing was imported.",
    ]
    assert installation("export").stdout == before


EVERYTHING = (
    *(["plan"], ["export"], ["publish"], ["init"], ["migrate"], ["import", "a.json"]),
    *(["serve"], ["backup"]),
)
DAMAGES = [
    *((damage, call) for damage in ("letter", "half", "blotted") for call in EVERYTHING),
    ("one page", ["export"]),
    ("one page", ["plan"]),
]


def damaged(content: bytes, damage: str, title: bytes) -> bytes:
    """A damaged database file; `title` is in one of its texts."""
    if damage == "letter":
        return b"This is a letter to my aunt. " * 1000
    if damage == "half":
        return content[: len(content) // 2]
    if damage == "blotted":
        return content[: 16 * 4096] + b"\xff" * (len(content) - 16 * 4096)
    pattern = rb'(?<!"title": ")' + re.escape(title)  # not where the revisions have it
    found = re.search(pattern, content)
    assert found is not None
    start = found.start() // 4096 * 4096
    return content[:start] + b"\xff" * 4096 + content[start + 4096 :]


@pytest.mark.parametrize(
    ("damage", "arguments"),
    [
        pytest.param(
            damage,
            call,
            id=f"{damage} {call[0]}",
            marks=[pytest.mark.served] if call == ["serve"] else [],
        )
        for damage, call in DAMAGES
    ],
)
def test_a_damaged_database_is_a_one_line_error(
    installation: Command, damage: str, arguments: list[str]
) -> None:
    installation.folder.joinpath("a.json").write_text(json.dumps(ODD))
    path = installation.folder / DATABASE
    ((title,),) = rows(installation, "SELECT title FROM texts ORDER BY rowid LIMIT 1 OFFSET 80")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    path.write_bytes(damaged(path.read_bytes(), damage, title.encode()))
    said = failed(
        (installation.run if arguments == ["serve"] else installation)(*arguments, code=1, **TODAY)
    )
    assert said == (
        "Error: The file is not a database of Devis, or is damaged: move it away, and run"
        " “devis restore” if there is a backup.\n"
        if damage == "letter"
        else "Error: The database file is damaged: move it away, and restore a backup with"
        " “devis restore”.\n"
    )


@pytest.mark.served
def test_a_locked_database_can_be_read_and_a_write_reports_the_lock(
    installation: Command,
) -> None:
    installation.folder.joinpath("a.json").write_text(json.dumps(ODD))
    with closing(sqlite3.connect(installation.folder / DATABASE)) as other:
        other.execute("BEGIN EXCLUSIVE")
        waiting = [
            installation.start(*call, **TODAY) for call in (["publish"], ["import", "a.json"])
        ]
        assert installation("plan", "--days", "1", **TODAY).stdout.startswith("2031-05-06")
        said = [process.communicate(timeout=30)[0] for process in waiting]
    assert [process.returncode for process in waiting] == [1, 1]
    assert said == ["Error: The database is locked by another program; try again.\n"] * 2
    assert installation("publish", **TODAY).stdout


def test_a_folder_below_a_file_cannot_be_used(command: Command) -> None:
    command.folder.joinpath("file").touch()
    said = refused(command, "init", DATABASE="file/devis.sqlite3")
    assert f"The folder {command.folder / 'file'} cannot be written" in said
    assert "DEVIS_DATABASE" in said


@pytest.fixture
def public(filled: Path) -> Iterator[Path]:
    """A copy of the filled folder that everybody may read and nobody may write."""
    with tempfile.TemporaryDirectory(prefix="devis-") as name:
        folder = Path(name)
        shutil.copytree(filled / "instance", folder / "instance")
        folder.joinpath("a.json").write_text("{}")
        folder.joinpath("a.json").chmod(0)
        (folder / DATABASE).chmod(0o444)
        for path in (folder, folder / "instance"):
            path.chmod(0o555)
        yield folder


# A root who runs the tests may write everywhere: become nobody first, the program loaded.
AS_NOBODY = """
import os, sys
import unicodedata
import feed.cli, feed.cli.backup, feed.cli.ledger, feed.cli.library, feed.store.backups
import feed.files.csv_table, feed.files.documents, feed.files.models, feed.files.documents
from feed import editions
from feed.library import exchange
from feed.server import processes
from feed.store import migrations
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.argv[0] = "devis"
feed.cli.main()
"""


@pytest.mark.served
@pytest.mark.parametrize(
    ("arguments", "database", "expected"),
    [
        (["init"], None, "instance cannot be written (Permission denied): set DEVIS_DATABASE to"),
        (["publish"], None, "The database cannot be written: it is read-only."),
        (["init"], "new/devis.sqlite3", "new cannot be written (Permission denied): set DEVIS_"),
        (
            ["import", "a.json"],
            None,
            "a.json",
        ),
        (["init"], "private/instance/devis.sqlite3", "private"),
    ],
    ids=["init", "publish", "init in a new folder", "unreadable file", "closed folder"],
)
def test_missing_file_permissions_are_a_one_line_error(
    command: Command, public: Path, arguments: list[str], database: str | None, expected: str
) -> None:
    private = public / "private"
    public.chmod(0o755)
    private.mkdir(mode=0)
    public.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, *arguments],
        cwd=public,
        env={**command.environ, "DEVIS_NOW": TODAY["NOW"], "DEVIS_DATABASE": database or ""},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert expected in failed(done)


@pytest.mark.served
@pytest.mark.parametrize("arguments", [["plan", "--days", "1"], ["export"]], ids=" ".join)
def test_what_only_reads_needs_no_more_than_that(
    command: Command, public: Path, arguments: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, *arguments],
        cwd=public,
        env={**command.environ, "DEVIS_NOW": TODAY["NOW"]},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "2031-05-06" in done.stdout or '"principles"' in done.stdout
    assert [path.name for path in (public / "instance").iterdir()] == ["devis.sqlite3"]


@pytest.mark.served
def test_a_closed_pipe_is_no_error(installation: Command) -> None:
    """As in `devis export | head`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "feed", "export"],
        cwd=installation.folder,
        env=installation.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stderr as told:
        process.stdout.close()
        assert told.read() == b""


@pytest.mark.served
def test_a_full_disk_is_a_one_line_error(installation: Command) -> None:

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "feed", "export"],
            cwd=installation.folder,
            env=installation.environ,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert re.fullmatch(r"Error: [^\n]+\n", done.stderr), done.stderr


def test_the_version_option_prints_the_version(command: Command) -> None:
    assert re.fullmatch(r"devis, version \d+\.\d+\.\d+\n", command("--version").stdout)
