"""The digest commands, in a rehearsal and with a real mail server."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from feed.store.connection import opened
from tests.cli.test_cli import DATABASE, refused, rows, stop
from tests.conftest import Command, outside, wait_until
from tests.mail_harness import parse
from tests.smtp_servers import mail_server

MONDAY: dict[str, Any] = {"NOW": "2031-05-05T06:00:00+02:00"}
SEVEN: dict[str, Any] = {"NOW": "2031-05-05T07:00:05+02:00"}
ZONE = "Europe/Stockholm"


def enter(command: Command, *addresses: str, hour: int = 7, since: str = "2031-05-01") -> None:
    """Have some people subscribe, Swedish and English in turn, as if long ago."""
    with closing(sqlite3.connect(command.folder / DATABASE)) as db, db:
        db.executemany(
            "INSERT INTO subscribers (address, identity, language, cadence, workdays, hour,"
            " timezone, status, asked, confirmed, since)"
            " VALUES (?1, ?1, ?2, 'daily', 0, ?3, ?4, 'active', ?5, ?5, ?5)",
            [
                (address, ("sv", "en")[n % 2], hour, ZONE, f"{since}T00:00:00+00:00")
                for n, address in enumerate(addresses)
            ],
        )


def look_from(command: Command, instant: datetime) -> None:
    """Record that a worker has started runs until then."""
    with closing(sqlite3.connect(command.folder / DATABASE)) as db, db:
        text = instant.astimezone(UTC).isoformat(timespec="seconds")
        db.execute("INSERT OR REPLACE INTO meta VALUES ('mail_until', ?)", [text])


def due_now(command: Command, *addresses: str) -> None:
    """Subscribe addresses whose digests are due within this hour, on the real clock."""
    hour = datetime.now(ZoneInfo(ZONE)).replace(minute=0, second=0, microsecond=0)
    enter(command, *addresses, hour=hour.hour, since="2020-01-01")
    look_from(command, hour - timedelta(seconds=1))


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation on a Monday morning in 2031, with two subscribers for seven o'clock."""
    command = Command(tmp_path_factory.mktemp("monday"), outside())
    command("init", **MONDAY)
    command("digest", "send", **MONDAY)
    enter(command, "anna@example.org", "bo@example.org")
    return command.folder


@pytest.fixture
def on_monday(monday: Path, command: Command) -> Command:
    """A copy of it."""
    shutil.copytree(monday, command.folder, dirs_exist_ok=True)
    return command


def test_due_send_and_status_agree(on_monday: Command) -> None:
    assert on_monday("digest", "due", **MONDAY).stdout == "Nothing is due.\n"
    due = on_monday("digest", "due", **SEVEN).stdout
    assert due == "2031-05-05  daily  en  1\n2031-05-05  daily  sv  1\n"
    assert on_monday("digest", "send", "--dry-run", **SEVEN).stdout == "2 digests would be sent.\n"
    assert not (on_monday.folder / "instance" / "outbox").exists()
    sent = on_monday("digest", "send", **SEVEN).stdout
    assert sent.endswith("2 sent\n")
    assert on_monday("digest", "send", **SEVEN).stdout.endswith("Nothing.\n")
    told = on_monday("digest", "status", **SEVEN).stdout
    assert told == (
        "2031-05-05  daily   en  1 due, 1 sent\n2031-05-05  daily   sv  1 due, 1 sent\n"
    )
    proof = json.loads(on_monday("digest", "status", "--format", "json", **SEVEN).stdout)
    assert [(row["language"], row["sent"]) for row in proof] == [("en", 1), ("sv", 1)]
    letters = [parse(p.read_bytes()) for p in (on_monday.folder / "instance/outbox").glob("*.eml")]
    assert {letter["To"] for letter in letters} == {"anna@example.org", "bo@example.org"}


def contents(command: Command) -> list[str]:
    with opened(command.folder / DATABASE) as db:
        return list(db.conn.iterdump())


@pytest.mark.parametrize("ask", [("due",), ("send", "--dry-run")])
def test_asking_what_would_be_sent_writes_nothing(on_monday: Command, ask: tuple[str, ...]) -> None:
    """Not even if the clock is ahead, and editions and digests of several days are due."""
    before = contents(on_monday)
    assert "2" in on_monday("digest", *ask, NOW="2031-05-09T07:00:05+02:00").stdout
    assert contents(on_monday) == before
    assert on_monday("digest", "send", **SEVEN).stdout.endswith("2 sent\n")


def test_the_command_counts_notices_as_sent(on_monday: Command) -> None:
    with closing(sqlite3.connect(on_monday.folder / DATABASE)) as db, db:
        db.execute(
            "INSERT INTO outbox (channel, key, subscriber, kind, language, state, created, at,"
            " next)"
            " VALUES ('notice', 'notice.1', 1, 'private', 'sv', 'due', ?1, ?1, ?1)",
            ["2031-05-05T04:00:00+00:00"],
        )
    assert on_monday("digest", "send", **MONDAY).stdout.endswith("1 notices sent\n")
    assert on_monday("digest", "send", **MONDAY).stdout.endswith("Nothing.\n")


def test_late_digests_are_reported_with_the_reason(on_monday: Command) -> None:
    late: dict[str, Any] = {"NOW": "2031-05-05T14:00:00+02:00"}
    assert "  late" in on_monday("digest", "due", **late).stdout
    on_monday("digest", "send", **late)
    assert "1 due, 0 sent, 1 skipped (1 × late)" in on_monday("digest", "status", **late).stdout


@pytest.mark.parametrize("language", ["en", "sv"])
@pytest.mark.parametrize("cadence", ["daily", "weekly"])
def test_a_preview_is_the_digest_itself(on_monday: Command, cadence: str, language: str) -> None:
    options = ("digest", "preview", "--cadence", cadence, "--lang", language)
    shown = on_monday(*options, **MONDAY).stdout
    message = parse(on_monday(*options, "--format", "eml", **MONDAY).stdout.encode())
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "/subscription/" in shown
    assert text.get_content().split()[:20] == shown.split()[:20]
    assert f'lang="{language}"' in on_monday(*options, "--format", "html", **MONDAY).stdout
    assert rows(on_monday, "SELECT * FROM deliveries") == []


def test_a_preview_goes_to_one_address(on_monday: Command) -> None:
    options = ("digest", "preview", "--to", "me@example.org")
    assert on_monday(*options, "--dry-run", **MONDAY).stdout.startswith("Would be sent: ")
    assert on_monday(*options, **MONDAY).stdout.startswith("Sent: ")
    (path,) = (on_monday.folder / "instance" / "outbox").glob("*.eml")
    assert parse(path.read_bytes())["To"] == "me@example.org"
    assert rows(on_monday, "SELECT * FROM deliveries") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["preview", "--to", "nobody"], "“nobody” has no @"),
        (["preview", "--lang", "de"], "“de” is not a language of this site."),
        (["preview", "--date", "2031-06-01"], "There is no daily digest for 2031-06-01."),
        (["preview", "--date", "2001-06-01"], "There is no daily digest for 2001-06-01."),
    ],
)
def test_what_cannot_be_previewed_is_one_clear_line(
    on_monday: Command, arguments: list[str], said: str
) -> None:
    assert said in refused(on_monday, "digest", *arguments, **MONDAY)


def test_digests_are_sent_to_a_real_mail_server(command: Command) -> None:
    command("init")
    due_now(command, "ada@example.org", "bea@example.org", "cid@example.org")
    with mail_server("starttls", login=True) as box:
        server = box.server
        url = f"smtp://{server.user}:correct%20horse@127.0.0.1:{server.port}"
        more: dict[str, Any] = {"SMTP_URL": f"{url}?tls=on&ca={server.authorities}"}
        done = command("digest", "send", **more, MAIL_FROM="House <house@example.org>")
        assert done.stdout.endswith("3 sent\n")
        assert command("digest", "preview", "--to", "me@example.org", **more).stdout == (
            "Sent: 250 2.0.0 Ok: queued\n"
        )
    assert [mail.sender for mail in box.mails] == ["house@example.org"] * 3 + ["devis@localhost"]
    assert {parse(mail.content)["From"] for mail in box.mails[:3]} == {"House <house@example.org>"}


@pytest.mark.slow
def test_a_server_that_is_away_is_one_clear_line(command: Command) -> None:
    command("init")
    due_now(command, "ada@example.org")
    done = command("digest", "send", code=1, SMTP_URL="smtp://127.0.0.1:1")
    assert "Error: The mail server 127.0.0.1:1 cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(command, "SELECT count(*) FROM deliveries WHERE state = 'sent'") == [(0,)]


@pytest.mark.served
def test_the_worker_sends_what_is_due(on_monday: Command) -> None:
    worker = on_monday.start("worker", NOW="2031-05-05T06:59:57+02:00")
    try:
        sent = "SELECT count(*) FROM deliveries WHERE state = 'sent'"
        wait_until(lambda: rows(on_monday, sent) == [(2,)], 20)
    finally:
        said = stop(worker)
    assert "mail: 2 sent" in said
    assert "example.org" not in said
    assert len(list((on_monday.folder / "instance" / "outbox").glob("*.eml"))) == 2


REPORT = (
    "From: mailer-daemon@mx.example\nTo: devis@example.org\nSubject: failed\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n{}\n--x\n"
    "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
    "Final-Recipient: rfc822; anna@example.org\nAction: failed\nStatus: 5.1.1\n\n--x--\n"
)


def test_a_bounce_is_read_from_standard_input(on_monday: Command) -> None:
    report = REPORT.format("")
    assert on_monday("bounce", given=report, **MONDAY).stdout == "dead, about a subscriber\n"
    said = on_monday("bounce", given=report, **MONDAY, BOUNCE_LIMIT="1").stdout
    assert said == "dead, about a subscriber: suspended\n"
    assert rows(on_monday, "SELECT status FROM subscribers WHERE id = 1") == [("suspended",)]


@pytest.mark.served
def test_any_returned_message_is_read_to_its_end_in_little_time(on_monday: Command) -> None:
    """More than a message ever is, from a mail server that wants to be rid of it; and wrappings."""
    endless = ["cat endless | (", sys.executable, "-m feed bounce; cat | wc -c)"]
    (on_monday.folder / "endless").write_text(REPORT.format("x" * 3_000_000))
    environ = {**on_monday.environ, "DEVIS_NOW": MONDAY["NOW"]}
    done = subprocess.run(
        ["/bin/sh", "-c", " ".join(endless)],
        cwd=on_monday.folder,
        env=environ,
        capture_output=True,
    )
    assert done.stdout.split(b"\n")[:2] == [b"none, about an unknown address", b"0"]
    wrapped = "Content-Type: message/rfc822\n\n" * 20_000
    assert on_monday("bounce", given=wrapped, **MONDAY).stdout == "none, about an unknown address\n"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SMTP_URL": "mail.example.org"}, "DEVIS_SMTP_URL is “***”: expected smtp://"),
        ({"SMTP_URL": "smtp://u:hush@h:99999"}, "DEVIS_SMTP_URL is “***”"),
        ({"SMTP_URL": "smtp://h?ca=/nowhere.pem"}, "there is no file /nowhere.pem"),
        ({"SMTP_URL": "smtp://h", **MONDAY}, "DEVIS_NOW is for rehearsals"),
        ({"SECRET_KEY": "short"}, "DEVIS_SECRET_KEY is “***”: expected at least 16"),
        ({"SECRET_KEY_FILE": "/nowhere"}, "DEVIS_SECRET_KEY_FILE is “/nowhere”"),
        ({"MAIL_FROM": "Devis"}, "DEVIS_MAIL_FROM is “Devis”"),
        ({"MAIL_FROM": "a@b.se\nBcc: c@d.se"}, "DEVIS_MAIL_FROM"),
        ({"BOUNCE_ADDRESS": "a-very-long-name-for-returns@x.org"}, "at most 20 characters"),
        ({"DIGEST_HOUR": "24"}, "DEVIS_DIGEST_HOUR is “24”: expected a whole number from 0 to 23"),
        ({"MAIL_DOMAINS": "exa mple..org"}, "DEVIS_MAIL_DOMAINS"),
        ({"MAIL_LATEST": "0"}, "DEVIS_MAIL_LATEST"),
        ({"MAIL_CONNECTIONS": "many"}, "DEVIS_MAIL_CONNECTIONS"),
    ],
)
def test_a_malformed_setting_is_named_and_a_secret_is_not_shown(
    command: Command, settings: dict[str, Any], said: str
) -> None:
    line = refused(command, "digest", "due", **settings)
    assert said in line
    assert "hush" not in line


def test_the_secret_key_is_made_once_for_its_owner_only(on_monday: Command) -> None:
    key = "SELECT value FROM meta WHERE key = 'secret_key'"
    on_monday("digest", "send", **SEVEN)
    ((before,),) = rows(on_monday, key)
    assert len(before) > 40
    assert (on_monday.folder / DATABASE).stat().st_mode & 0o777 == 0o600
    on_monday("digest", "send", **SEVEN)
    assert rows(on_monday, key) == [(before,)]
    with closing(sqlite3.connect(on_monday.folder / DATABASE)) as db, db:
        db.execute("UPDATE meta SET value = 'x' WHERE key = 'secret_key'")
    assert "restore a backup" in refused(on_monday, "digest", "send", **SEVEN)


def test_judging_files_prints_json_lines_and_needs_no_database(command: Command) -> None:
    (command.folder / "dead.eml").write_text(REPORT.format(""))
    (command.folder / "away.eml").write_text("From: a@example.org\nSubject: Away\n\nBack soon\n")
    done = command("bounce", "--judge", "dead.eml", "away.eml")
    dead, away = (json.loads(line) for line in done.stdout.splitlines())
    assert dead == {
        "file": "dead.eml",
        "verdict": "dead",
        "status": "5.1.1",
        "reason": "",
        "addresses": ["anna@example.org"],
    }
    assert (away["file"], away["verdict"], away["addresses"]) == ("away.eml", "none", [])
    assert not (command.folder / DATABASE).exists()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["missing", "older", "locked", "setting"])
def test_a_returned_message_that_cannot_be_handled_now_is_tried_again(
    on_monday: Command, fault: str
) -> None:
    """Postfix tries again on exit code 75 only; on any other, the message is lost."""
    path = on_monday.folder / DATABASE
    with closing(sqlite3.connect(path)) as db:
        if fault == "missing":
            path.unlink()
        elif fault == "older":
            db.execute("DELETE FROM _sqlite_migrations WHERE name = 'one_outbox'")
            db.commit()
        elif fault == "locked":
            db.execute("BEGIN IMMEDIATE")
        settings = {"BOUNCE_LIMIT": "many"} if fault == "setting" else {}
        done = on_monday("bounce", code=75, given=REPORT.format(""), **MONDAY, **settings)
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
