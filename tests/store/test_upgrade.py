"""From every released schema to this one, with a database of each that was kept."""

import gzip
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from feed.store import migrations
from tests.cli.test_cli import DATABASE, failed, refused, rows, stop
from tests.conftest import Command, answers, fetch, free_port, wait_until

KEPT = Path(__file__).parent / "schemas"
ALL = [migration.name for migration in migrations.migrations._migrations]
OLD = sorted(path.name.partition(".")[0] for path in KEPT.glob("*.sqlite3.gz"))
# The moment after the letters of that morning were sent.
THEN: dict[str, Any] = {"NOW": "2026-03-02T07:00:30+01:00", "BASE_URL": "https://new.example"}
LASTING = (
    "SELECT id, date, number, principle, cycle, why, published, made, withdrawn, reason"
    " FROM editions ORDER BY id",
    "SELECT slug, kind, source, locator, status, original_language, changed, corrected"
    " FROM principles ORDER BY slug",
    "SELECT * FROM texts ORDER BY rowid",
    "SELECT id, principle, at, origin, body FROM revisions ORDER BY id",
    "SELECT * FROM pins",
    "SELECT key, value FROM meta WHERE key IN ('authority', 'since') ORDER BY key",
)
LETTERS = (
    "SELECT * FROM subscribers",
    "SELECT * FROM consents",
    "SELECT letter, subscriber, language, state, due, at, attempts, next, reason FROM deliveries",
)


@pytest.fixture(params=OLD)
def old(request: pytest.FixtureRequest, command: Command) -> tuple[str, Command]:
    """The command line beside a kept database, and the name of its schema."""
    name = str(request.param)
    take_out(name, command.folder / DATABASE)
    return name, command


def take_out(name: str, database: Path) -> None:
    """Put a kept database in its place, as a copy that may be rehearsed."""
    database.parent.mkdir()
    database.write_bytes(gzip.decompress((KEPT / f"{name}.sqlite3.gz").read_bytes()))
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("INSERT INTO meta VALUES ('rehearsal', '1')")


def lasting(command: Command, name: str) -> list[list[tuple[Any, ...]]]:
    """What no upgrade may change."""
    queries = LASTING + (LETTERS if ALL.index(name) >= 1 else ())
    return [rows(command, query) for query in queries]


def test_there_is_a_sample_database_of_every_schema_but_the_newest() -> None:
    """With a new migration, first keep one of the schema before: tests/store/schemas/make.py."""
    assert set(ALL[:-1]) <= set(OLD) <= set(ALL)


def test_an_upgrade_keeps_everything_and_backs_up_first(old: tuple[str, Command]) -> None:
    name, command = old
    before = lasting(command, name)
    said = command("migrate", **THEN).stdout
    wanted = ALL[ALL.index(name) + 1 :]
    assert lasting(command, name) == before
    if wanted:
        (backup,) = command.folder.glob("instance/backups/devis-kept.example-*-before-upgrade.*")
        assert said == f"Backed up first: {backup}\nApplied: {', '.join(wanted)}\n"
        command("restore", str(backup), DATABASE="again/devis.sqlite3")
        with closing(sqlite3.connect(command.folder / "again" / "devis.sqlite3")) as db:
            applied = db.execute("SELECT name FROM _sqlite_migrations ORDER BY rowid").fetchall()
        assert [each for (each,) in applied] == ALL[: ALL.index(name) + 1]
    else:
        assert said == "Nothing to do.\n"
    assert command("migrate", **THEN).stdout == "Nothing to do.\n"
    assert rows(command, "PRAGMA integrity_check") == [("ok",)]
    assert rows(command, "PRAGMA foreign_key_check") == []


def test_subscribers_of_an_upgraded_database_can_be_administered(command: Command) -> None:
    take_out("mail_workers", command.folder / DATABASE)
    command("migrate", **THEN)
    why = ("--reason", "asked by telephone")
    command("subscriber", "resume", "filip@example.org", *why, **THEN)
    command("subscriber", "suppress", "@räksmörgås.example", **THEN)
    command("subscriber", "erase", "anna@example.org", *why, **THEN)
    assert rows(command, "SELECT id, status FROM subscribers ORDER BY id") == [
        *((2, "left"), (3, "active"), (4, "pending"), (5, "left"), (6, "active"))
    ]
    assert rows(command, "SELECT act, subscriber FROM subscriber_audit ORDER BY id") == [
        *(("resume", 6), ("suppress", None), ("stop", 2), ("erase", 1))
    ]


@pytest.mark.served
def test_serving_an_older_database_upgrades_it_and_no_reader_sees_a_thing_twice(
    old: tuple[str, Command],
) -> None:
    """The feed has the ids that it had, though the site has moved; no letter goes out again."""
    name, command = old
    before = lasting(command, name)
    port = free_port()
    serving = command.start("serve", PORT=str(port), WEB_WORKERS="1", **THEN)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 30)
        feed = fetch(f"http://127.0.0.1:{port}/sv/feed.atom").body.decode()
        wait_until(lambda: rows(command, "SELECT * FROM meta WHERE key = 'mail_until'") != [], 30)
    finally:
        said = stop(serving)
    ids = json.loads((KEPT / f"{name}.json").read_text())
    assert re.findall(r"<id>(.*?)</id>", feed) == ids
    assert lasting(command, name) == before
    assert command("digest", "send", **THEN).stdout.endswith("Nothing.\n")
    assert not list(command.folder.glob("instance/outbox/*"))
    assert ("backed up the database before the upgrade: " in said) == (name != ALL[-1])


@pytest.mark.served
def test_an_upgrade_that_cannot_be_backed_up_does_not_happen(command: Command) -> None:
    """Unless that is asked for."""
    take_out(ALL[0], command.folder / DATABASE)
    (command.folder / "instance" / "backups").write_text("in the way")
    for run, call in ((command, "migrate"), (command.run, "serve")):
        said = failed(run(call, code=1, **THEN))
        assert "backups cannot be written: File exists" in said
        assert "older schema" in refused(command, "plan", **THEN)
    assert "Applied: " in command("migrate", "--no-backup", **THEN).stdout


def test_a_new_installation_is_not_backed_up(command: Command) -> None:
    command("init", **THEN)
    assert not (command.folder / "instance" / "backups").exists()
