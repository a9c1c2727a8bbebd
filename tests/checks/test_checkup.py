"""`devis check`: findings, advice and the exit code."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feed import checks, editions
from feed import config as settings
from feed.checks import machine
from feed.errors import DevisError
from feed.smtp import SmtpServer
from feed.store import backups, meta, signing_key
from tests.cli.test_cli import DATABASE, rows, stop
from tests.conftest import NOON, Command, Installation, answers, free_port, wait_until
from tests.digests.test_digest_command import MONDAY, enter
from tests.mail_harness import MailHarness, mail_harness
from tests.smtp_servers import mail_server

NAMES = {"settings", *checks.MACHINE, "schema", "database", *checks.CONTENT}


def checked(installation: Installation, **values: Any) -> dict[str, tuple[str, str]]:
    """Each check’s level, and all that it says."""
    config = replace(installation.config, **values)
    found: dict[str, tuple[str, str]] = {}
    for each in checks.run(settings.Validation(config, (), ()), installation.now):
        said = f"{each.finding.message} {each.finding.advice}"
        level, before = found.get(each.check, ("good", ""))
        found[each.check] = (
            level if level != "good" else each.finding.level,
            f"{before}{said}",
        )
    return found


@pytest.mark.served
def test_a_running_site_with_a_backup_is_well_and_the_exit_code_says_so(command: Command) -> None:
    port, database = str(free_port()), str(command.folder / DATABASE)
    serving = command.start("serve", PORT=port, WEB_WORKERS="1")
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 30)
        wait_until(
            lambda: machine.is_worker_running(settings.load({"DEVIS_DATABASE": database})), 30
        )
        assert "→ Run “devis backup”" in command("check", code=1, PORT=port).stdout
        command("backup")
        said = command("check", PORT=port).stdout
        told = json.loads(command("check", "--format", "json", PORT=port).stdout)
    finally:
        stop(serving)
    assert {line[:4].strip() for line in said.splitlines()} == {"good"}
    assert {entry["check"] for entry in told} == NAMES
    assert {tuple(entry) for entry in told} == {("check", "level", "message", "advice")}
    assert {entry["level"] for entry in told} == {"good"}


def test_without_a_database_everything_else_is_still_checked(command: Command) -> None:
    given: dict[str, Any] = {"BASE_URL": "http://devis.example", "TIMEZONE": "Mars", "PORT": "x"}
    done = command("check", "--format", "json", code=1, SMTP_URI="smtp://x", **given)
    told = json.loads(done.stdout)
    found = {entry["check"]: entry for entry in told}
    assert set(found) == NAMES - {"schema"} - set(checks.CONTENT)
    said = [entry["message"] for entry in told if entry["check"] == "settings"]
    assert said[0] == "DEVIS_PORT is “x”: expected a whole number from 1 to 65535."
    assert said[1].startswith("DEVIS_TIMEZONE is “Mars”: ")
    assert said[2] == "There is no setting DEVIS_SMTP_URI: did you mean DEVIS_SMTP_URL?"
    assert found["address"]["level"] == "bad"
    assert "There is no database" in told[-2]["message"]
    assert "edition, languages" in told[-1]["message"]
    assert not (command.folder / "instance").exists()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("SMTP_URL", {"SMTP_URL": "http://user:geheim@x"}),
        ("SMTP_URL_FILE", {"SMTP_URL_FILE": "missing"}),
        ("NOW", {"NOW": NOON.isoformat(), "SMTP_URL": "smtp://localhost"}),
    ],
)
def test_every_malformed_setting_is_reported_without_secrets(
    name: str, values: dict[str, str]
) -> None:
    validation = settings.validate({f"DEVIS_{key}": text for key, text in values.items()})
    (error,) = validation.errors
    assert error.values["setting"] == f"DEVIS_{name}"
    assert "geheim" not in str(error)
    assert validation.retired == ()


def test_a_failing_check_hides_no_other(
    devis: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: object) -> checks.Finding:
        raise ZeroDivisionError("so it goes")

    def refusing(*arguments: object) -> checks.Finding:
        raise DevisError("not %(now)s", now="now")

    monkeypatch.setitem(checks.MACHINE, "disk", failing)
    monkeypatch.setitem(checks.CONTENT, "edition", refusing)
    found = checked(devis)
    assert set(found) == NAMES
    assert found["disk"] == ("bad", "This check failed: ZeroDivisionError: so it goes. ")
    assert found["edition"] == ("bad", "not now ")


def test_a_damaged_or_old_database_is_reported(devis: Installation) -> None:
    path = devis.config.database
    with devis.open() as db:
        db.execute("DELETE FROM _sqlite_migrations WHERE name LIKE 'subscribers%'")
        db.conn.commit()
    assert "devis migrate" in checked(devis)["database"][1]
    with devis.open() as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('devis', 'subscribers_and_deliveries', '2026')"
        )
        db.conn.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    path.write_bytes(content[: 60 * 4096] + b"\xff" * 4096 + content[61 * 4096 :])
    found = checked(devis)
    assert found["database"][0] == "bad"
    assert "devis restore" in found["database"][1]
    assert found["disk"][0] == "good"


def test_the_secret_key_must_exist_and_be_private(devis: Installation) -> None:
    assert checked(devis)["secret key"][0] == "good"
    key = devis.config.instance / "secret_key"
    key.write_bytes(signing_key.key(devis.config))
    key.chmod(0o640)
    level, said = checked(devis)["secret key"]
    assert level == "bad"
    assert f"chmod 600 {key}" in said
    key.chmod(0o600)
    assert checked(devis)["secret key"][0] == "good"
    key.write_text("x" * 40)
    level, said = checked(devis)["secret key"]
    assert (level, "is not used" in said) == ("warn", True)
    with devis.open() as db:
        db.execute("DELETE FROM meta WHERE key = 'secret_key'")
        db.conn.commit()
    assert checked(devis)["secret key"][0] == "good"
    key.write_text("short")
    assert "is damaged" in checked(devis)["secret key"][1]
    with devis.open() as db:
        meta.put(db, "secret_key", "short")
        db.conn.commit()
    assert "is damaged" in checked(devis)["secret key"][1]
    assert checked(devis, secret="y" * 40)["secret key"][0] == "good"


def test_the_instance_is_to_be_private(devis: Installation) -> None:
    instance, database = devis.config.instance, devis.config.database
    assert checked(devis)["privacy"][0] == "good"
    for place, mode in ((instance, 0o750), (database, 0o604)):
        before = place.stat().st_mode & 0o777
        place.chmod(mode)
        level, said = checked(devis)["privacy"]
        assert level == "warn"
        assert said.endswith(f"chmod go= {place}")
        place.chmod(before)


@pytest.mark.parametrize(("megabytes", "level"), [(49, "bad"), (200, "warn"), (9999, "good")])
def test_room_on_the_disk(
    devis: Installation, monkeypatch: pytest.MonkeyPatch, megabytes: int, level: str
) -> None:
    class Usage:
        free = megabytes * 1_000_000

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage)
    assert checked(devis)["disk"][0] == level


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("https://devis.example.org", "good"),
        ("http://127.0.0.1:8000", "good"),
        ("http://[::1]:8000", "good"),
        ("http://localhost", "good"),
        ("http://10.0.0.1", "bad"),
        ("http://devis.example.org", "bad"),
    ],
)
def test_an_address_for_others_needs_tls(devis: Installation, url: str, level: str) -> None:
    assert checked(devis, base_url=url)["address"][0] == level


@pytest.mark.parametrize(
    ("proxies", "level"),
    [("", "good"), ("127.0.0.1 10.0.0.5 ::1", "good"), ("127.0.0.1 10.0.0.0/8", "warn")],
)
def test_a_network_is_not_to_be_trusted_with_the_addresses_of_visitors(
    install: Callable[..., Installation], proxies: str, level: str
) -> None:
    found = checked(install(TRUSTED_PROXIES=proxies))["proxies"]
    assert found[0] == level
    assert ("10.0.0.0/8" in found[1]) == (level == "warn")


SMTP = SmtpServer("127.0.0.1", 1, "none")
WELL: dict[str, Any] = {
    "smtp": SMTP,
    "mail_from": ("Devis", "devis@example.org"),
    "postal": "City of Exampleby",
    "bounce_address": "bounces@example.org",
}


@pytest.mark.parametrize(
    ("check", "level", "values"),
    [
        ("sender", "good", {}),
        ("sender", "bad", {"mail_from": ("", "devis@localhost")}),
        ("sender", "warn", {"postal": None}),
        ("returns", "good", {}),
        ("returns", "warn", {"bounce_address": None}),
        ("returns", "bad", {"bounce_address": "Devis@example.org"}),
        ("returns", "bad", {"reply_to": "bounces@example.org"}),
        ("returns", "warn", {"bounce_address": "bounces@example.com"}),
        ("returns", "good", {"bounce_address": "b@mail.example.org"}),
        ("mail server", "bad", {}),
        ("mail server", "good", {"smtp": None}),
    ],
)
def test_email_settings_are_checked_for_consistency(
    devis: Installation, check: str, level: str, values: dict[str, Any]
) -> None:
    assert checked(devis, **{**WELL, **values})[check][0] == level


def test_the_mail_server_is_greeted_and_gets_nothing(devis: Installation) -> None:
    with mail_server() as box:
        found = checked(devis, **{**WELL, "smtp": box.server})["mail server"]
    assert found[0] == "good"
    assert list(box.mails) == []


def test_missing_translations_of_the_coming_days_are_named(devis: Installation) -> None:
    assert checked(devis)["languages"][0] == "good"
    with devis.open() as db:
        site = devis.site()
        coming = editions.plan(db, site, devis.config, devis.now, 31)
        near, far = coming[3], coming[30]
        for item in (near, far):
            db.execute(
                "UPDATE texts SET state = 'draft' WHERE principle = ? AND language = 'sv'",
                [item.principle],
            )
        db.conn.commit()
    level, said = checked(devis)["languages"]
    assert level == "warn"
    assert f"1 translations are missing: sv: {near.principle} ({near.date})" in said
    assert far.principle not in said


def test_an_empty_rotation_is_reported(install: Callable[..., Installation]) -> None:
    found = checked(install())
    assert found["languages"][0] == "bad"
    assert found["edition"][0] == "bad"


def test_a_missing_or_withdrawn_edition_is_reported(command: Command) -> None:
    command("init", **MONDAY)

    def told() -> str:
        out = command("check", code=1, **MONDAY).stdout
        return next(line for line in out.splitlines() if "  edition: " in line)

    assert told().startswith("bad ")
    command("publish", **MONDAY)
    assert told().startswith("good ")
    command("withdraw", "2031-05-05", "--reason", "x", "--leave-empty", **MONDAY)
    assert told().startswith("warn ")


def test_a_clock_behind_the_editions_is_reported(devis: Installation) -> None:
    assert checked(devis)["time"][0] == "good"
    devis.now = NOON - timedelta(days=1)
    assert checked(devis)["time"][0] == "bad"


def test_overdue_and_late_digests_are_reported(command: Command) -> None:
    def told(hour: str) -> str:
        given: dict[str, Any] = {"NOW": f"2031-05-05T{hour}+02:00"}
        environ = {"DEVIS_DATABASE": str(command.folder / DATABASE), "DEVIS_NOW": given["NOW"]}
        validation = settings.validate(environ)
        real = replace(validation.config, smtp=SMTP)
        now = datetime.fromisoformat(given["NOW"])
        run = checks.run(replace(validation, config=real), now)
        (found,) = (each.finding for each in run if each.check == "letters")
        return f"{found.level} {found.message}"

    command("init", **MONDAY)
    assert told("06:00:00") == "good None has been sent yet, and none is waiting."
    command("digest", "send", **MONDAY)
    enter(command, "anna@example.org", "bo@example.org")
    assert "  letters: There are subscribers" in command("check", code=1, **MONDAY).stdout
    given = settings.load({"DEVIS_DATABASE": str(command.folder / DATABASE)})
    MailHarness(given, datetime.fromisoformat("2031-05-05T07:00:05+02:00")).start_due_runs()
    assert told("07:10:00").startswith("good")
    assert told("07:30:00").startswith("warn 2 emails are waiting, the oldest since")
    command("digest", "send", NOW="2031-05-05T14:00:00+02:00")
    assert told("14:00:05").startswith("bad 2 emails of yesterday and today were skipped")
    with closing(sqlite3.connect(command.folder / DATABASE)) as db, db:
        db.execute("UPDATE deliveries SET state = 'sent', reason = NULL")
    assert (
        told("14:00:05") == "good The last email was sent at 2031-05-05 12:00 UTC; 0 are waiting."
    )
    with closing(sqlite3.connect(command.folder / DATABASE)) as db, db:
        db.execute("DELETE FROM meta WHERE key = 'secret_key'")
    assert told("14:00:05").startswith("bad Emails were sent, but the secret key")
    assert rows(command, "SELECT count(*) FROM deliveries") == [(2,)]


def test_digests_held_back_by_a_wrong_clock_are_reported(devis: Installation) -> None:
    made = mail_harness(devis, smtp=SMTP)
    made.subscribe("anna@example.org")
    signing_key.key(devis.config)
    assert checked(devis, smtp=SMTP)["letters"][0] == "good"
    made.at("2026-12-24T11:00:00+00:00").start_due_runs()
    level, said = checked(devis, smtp=SMTP)["letters"]
    assert (level, "up to 2026-12-24 11:00 UTC, in the future" in said) == ("warn", True)
    made.at(NOON.isoformat()).start_due_runs()
    assert checked(devis, smtp=SMTP)["letters"][0] == "good"


def test_a_scheduled_backup_must_exist_and_be_recent(
    devis: Installation,
) -> None:
    assert checked(devis)["backup"][0] == "warn"
    backups.make(devis.config, NOON)
    devis.now = NOON + timedelta(hours=47)
    assert checked(devis, backup_hour=3)["backup"][0] == "good"
    devis.now = NOON + timedelta(hours=49)
    assert checked(devis, backup_hour=3)["backup"][0] == "bad"
    assert checked(devis)["backup"][0] == "good"


def test_a_rehearsed_clock_is_reported(devis: Installation) -> None:
    assert checked(devis)["clock"][0] == "warn"
    level, said = checked(devis, rehearsal=None)["clock"]
    assert (level, "Europe/Stockholm" in said) == ("good", True)


def test_devis_check_changes_nothing(command: Command) -> None:
    """Not even a lock, a key or an e-mail is left behind."""
    command("init", **MONDAY)
    before = {path: path.read_bytes() for path in Path(command.folder).rglob("*") if path.is_file()}
    command("check", code=1, **MONDAY)
    after = {path: path.read_bytes() for path in Path(command.folder).rglob("*") if path.is_file()}
    assert after == before
