"""Upgrades from a stored database of every released schema."""

import gzip
import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feed.accounts import links
from feed.errors import LinkError
from feed.model import tokens
from feed.store import ledger, library, migrations, outbox
from feed.store.connection import opened
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
    "SELECT principle, language, title, statement, reflection, practice, commentary, state,"
    " version, based_on, corrected FROM texts ORDER BY rowid",
    "SELECT id, principle, at, origin, body FROM revisions ORDER BY id",
    "SELECT date, principle FROM pins",
    "SELECT key, value FROM meta WHERE key IN ('authority', 'since') ORDER BY key",
)
LETTERS = (
    "SELECT * FROM subscribers",
    "SELECT * FROM consents",
    "SELECT letter, subscriber, language, state, due, at, attempts, next, reason FROM deliveries",
)

# Pending and settled rows in each of the four tables that became the outbox.
FOUR_OUTBOXES = """
INSERT INTO batches (id, version, at) VALUES ('of a worker', 1, '2026-03-01T00:00:00+00:00');
INSERT INTO notices (id, subscriber, kind, language, asked, state, attempts, next, batch) VALUES
 (61, 1, 'private', 'sv', '2026-03-02T05:00:00+00:00', 'due', 2, '2026-03-02T05:30:00+00:00', NULL),
 (62, 1, 'known', 'sv', '2026-03-01T00:00:00+00:00', 'due', 0, '2026-03-01T00:00:00+00:00',
  'of a worker'),
 (63, 1, 'known', 'sv', '2026-03-01T00:00:00+00:00', 'sent', 1, '2026-03-01T00:00:00+00:00', NULL),
 (64, 1, 'known', 'sv', '2026-03-02T05:00:00+00:00', 'due', 1, '2026-03-02T09:00:00+00:00', NULL);
INSERT INTO desk_notices (id, curator, kind, asked, expires, state, next)
 SELECT 61, id, 'sign-in', '2026-03-02T05:59:00+00:00', '2026-03-02T06:14:00+00:00', 'due',
  '2026-03-02T05:59:00+00:00' FROM curators WHERE role = 'editor';
INSERT INTO desk_notices (id, curator, kind, asked, expires, state, next)
 SELECT 62, id, 'invitation', '2026-03-01T00:00:00+00:00', '2026-03-08T00:00:00+00:00', 'sent',
  '2026-03-01T00:00:00+00:00' FROM curators WHERE role = 'editor';
INSERT INTO posts (edition, target, place, language, state, attempts, at, next, reason)
 SELECT id, 'waits', 'Slack (1)', 'sv', 'due', 1, '2026-03-02T05:59:00+00:00',
  '2026-03-02T06:00:00+00:00', '500' FROM editions ORDER BY id DESC LIMIT 1;
INSERT INTO posts (edition, target, place, language, state, attempts, at)
 SELECT id, 'posted', 'Slack (2)', 'sv', 'sent', 1, '2026-03-02T05:59:00+00:00' FROM editions
 ORDER BY id DESC LIMIT 1;
INSERT INTO pings (hub, topic, content, state, attempts, since, at, next) VALUES
 ('https://h.example/', 'https://e.example/1', 'a', 'due', 0, '2026-03-02T05:59:00+00:00',
  '2026-03-02T05:59:00+00:00', '2026-03-02T05:59:00+00:00'),
 ('https://h.example/', 'https://e.example/2', 'b', 'claimed', 1, '2026-03-02T05:00:00+00:00',
  '2026-03-02T05:00:00+00:00', '2026-03-02T05:02:00+00:00'),
 ('https://h.example/', 'https://e.example/3', 'c', 'sent', 1, '2026-03-02T05:00:00+00:00',
  '2026-03-02T05:00:00+00:00', NULL);
"""


# Accounts that were deleted before the upgrade: their pages are free.
FORMER_PEOPLE = """
INSERT INTO curators (address, identity, name, role, languages, language, password, made)
 WITH numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000)
 SELECT n, n, n, 'curator', '[]', 'sv', '$argon2id$former' || n, '2026-02-01' FROM numbers;
DELETE FROM curators WHERE password LIKE '%former%';
"""


@pytest.fixture(params=OLD)
def old(request: pytest.FixtureRequest, command: Command) -> tuple[str, Command]:
    """The command line with an old database, and the name of its schema."""
    name = str(request.param)
    take_out(name, command.folder / DATABASE)
    return name, command


def take_out(name: str, database: Path) -> None:
    """Put a copy of an old database in place, one that may be rehearsed."""
    database.parent.mkdir()
    database.write_bytes(gzip.decompress((KEPT / f"{name}.sqlite3.gz").read_bytes()))
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('rehearsal', '1')")


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


def test_search_in_an_upgraded_database_knows_the_forms_of_a_word(command: Command) -> None:
    take_out("mail_workers", command.folder / DATABASE)
    command("migrate", **THEN)
    with opened(command.folder / DATABASE) as db:
        for word in ("förändring", "förändringens", "forandringen"):
            assert library.search(db, library.Query("sv", word), 50, 0)[1] > 1, word
        db.execute("INSERT INTO texts_fts (texts_fts, rank) VALUES ('integrity-check', 1)")


@pytest.mark.served
def test_serving_an_older_database_upgrades_it_and_no_reader_sees_a_thing_twice(
    old: tuple[str, Command],
) -> None:
    """The feed keeps its ids, though the site has moved; no digest is sent again."""
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


def upgraded(command: Command) -> Path:
    """An old database with rows in all four of the earlier outboxes, upgraded."""
    path = command.folder / DATABASE
    take_out("mail_workers", path)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FOUR_OUTBOXES)
    command("migrate", **THEN)
    return path


def test_what_waited_in_the_earlier_outboxes_is_sent_once_and_nothing_a_second_time(
    command: Command,
) -> None:
    """Emails keep the names that their Message-ID and the reports of mail workers have."""
    path = upgraded(command)
    assert command("digest", "send", **THEN).stdout.endswith("2 notices sent\n")
    mails = sorted(each.name for each in command.folder.glob("instance/outbox/*"))
    # The link to sign in was bound to no browser: it is void.
    assert [name.rsplit(".", 2)[0] for name in mails] == ["notice.61", "notice.62"]
    assert command("digest", "send", **THEN).stdout.endswith("Nothing.\n")
    now = datetime.fromisoformat(THEN["NOW"]).astimezone(UTC)
    topics = {f"https://e.example/{number}": "abc"[number - 1] for number in (1, 2, 3)}
    chats = [outbox.ChatTarget(key, "Slack", "sv") for key in ("waits", "posted")]
    with opened(path) as db:
        edition = ledger.on(db, date(2026, 3, 2))
        assert edition is not None
        outbox.expire(db, edition.date, now, now - timedelta(minutes=2), now - timedelta(days=1))
        outbox.enqueue_posts(db, edition, chats, now)
        outbox.enqueue_pings(db, ["https://h.example/"], topics, set(), now)
        for due in (True, False):  # the second time, all of them are claimed
            pings = outbox.claim(db, "websub", now, 10, hub="https://h.example/")
            posts = [outbox.claim(db, "chat", now, key=each.post_key(edition)) for each in chats]
            found = [(each.key[-1], each.attempts) for each in pings]
            assert found == ([("2", 2), ("1", 1)] if due else [])
            assert [[each.attempts for each in post] for post in posts] == [[2] if due else [], []]


def test_links_that_were_mailed_before_the_upgrade_work_once(command: Command) -> None:
    path = upgraded(command)
    now = datetime.fromisoformat(THEN["NOW"]).astimezone(UTC)
    with opened(path) as db:
        ((editor,),) = db.execute("SELECT id FROM curators WHERE role = 'editor'").fetchall()
        expires = datetime(2026, 3, 8, tzinfo=UTC)
        state = f"{editor} invitation 2026-03-01T00:00:00+00:00"
        token = tokens.make(b"key", "desk", 62, expires, state)
        assert links.follow(db, b"key", token, "browser", now)[0].id == editor
        with pytest.raises(LinkError):
            links.follow(db, b"key", token, "browser", now)
        added = outbox.add(db, "sign-in", now, curator=editor)
    assert (added.id > 64, added.key) == (True, f"desk.{added.id}")


@pytest.mark.parametrize("name", ["mail_workers", "publishing_on_a_date"])
def test_an_upgrade_voids_the_secrets_of_former_ways_to_sign_in_and_ends_no_session(
    command: Command, name: str
) -> None:
    take_out(name, command.folder / DATABASE)
    people = "SELECT id, address, name, role, languages, language, disabled FROM curators"
    begun = "SELECT id, curator, made, seen FROM sessions"
    before = rows(command, people), rows(command, begun)
    with closing(sqlite3.connect(command.folder / DATABASE)) as db, db:
        db.execute("INSERT INTO sessions SELECT 'half', curator, made, seen, 0 FROM sessions")
        db.execute("INSERT INTO meta VALUES ('factor_required', '1')")
    with closing(sqlite3.connect(command.folder / DATABASE)) as db, db:
        db.execute("PRAGMA secure_delete = OFF")  # as many builds of SQLite have it
        db.executescript(FORMER_PEOPLE)
    assert b"$argon2id$former" in (command.folder / DATABASE).read_bytes()
    command("migrate", **THEN)
    assert (rows(command, people), rows(command, begun)) == before
    assert rows(command, "SELECT method, proved = made FROM sessions") == [(None, 1)]
    assert rows(command, "SELECT value FROM meta WHERE key = 'strong_sign_in_required'") == [("1",)]
    command("backup", "later", **THEN)
    (backup,) = (command.folder / "later").glob("*.gz")
    for content in ((command.folder / DATABASE).read_bytes(), gzip.decompress(backup.read_bytes())):
        for secret in (b"$argon2id$", b"JBSWY3DPEHPK3PXP", b"a9993e364706816aba3e25717850c26c"):
            assert secret not in content


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


def test_the_changes_of_an_upgraded_database_are_those_of_its_ledger(
    old: tuple[str, Command],
) -> None:
    """In the order in which they happened; what happens later comes after them."""
    _, command = old
    command("migrate", **THEN)
    command("withdraw", "2026-02-27", "--reason", "A mistake", **THEN)
    found = rows(
        command,
        "SELECT c.act, e.date, e.number FROM changes c JOIN editions e ON e.id = c.edition"
        " WHERE c.act <> 'corrected' ORDER BY c.id",
    )
    standing = set[tuple[str, int]]()
    for act, day, number in found:
        (standing.remove if act == "withdrawn" else standing.add)((day, number))
    assert found[-1] == ("withdrawn", "2026-02-27", 1)
    assert [act for act, _, _ in found].count("replaced") == 1
    assert standing == set(
        rows(command, "SELECT date, number FROM editions WHERE withdrawn IS NULL")
    )
    moments = [at for (at,) in rows(command, "SELECT at FROM changes ORDER BY id")]
    assert moments == sorted(moments)
