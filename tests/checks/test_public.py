"""Trial and public sites: their feed ids, what they lack, and rehearsals on a copy."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from feed import cli, clock, config, editions
from feed.app import create_app
from feed.config import Config, identity
from feed.digests.mime import sender
from feed.errors import InputError, SettingError, StoreError
from feed.model import Site
from feed.server import database_setup
from feed.store import backups, meta
from feed.store.connection import opened, transaction
from feed.web import frozen_site
from tests.checks.test_checkup import checked
from tests.cli.test_cli import DATABASE, refused, rows
from tests.conftest import NOON, Command, Installation, settings
from tests.desk.test_sign_in import add_passkey
from tests.desk_client import Desk

Install = Callable[..., Installation]
HOME = "https://motto.example.org"


def started(folder: Path, base_url: str) -> Site:
    """The site after a start with this base address."""
    made = settings(folder, BASE_URL=base_url)
    database_setup.create(made, clock.Clock(NOON, time.monotonic()))
    with opened(made.database) as db:
        return editions.settle(db, made, NOON)


def test_a_trial_has_ids_of_its_own_until_the_site_goes_public(tmp_path: Path) -> None:
    trial = started(tmp_path / "a", "http://localhost:8000").authority
    assert re.fullmatch(r"trial-[0-9a-f]{16}\.invalid", trial)
    assert started(tmp_path / "a", "http://127.0.0.1:8001").authority == trial
    assert started(tmp_path / "b", "http://localhost:8000").authority != trial
    assert started(tmp_path / "a", HOME).authority == "motto.example.org"
    for later in ("http://localhost:8000", "https://other.example"):
        assert started(tmp_path / "a", later).authority == "motto.example.org"


def test_a_command_that_only_reads_settles_nothing(tmp_path: Path) -> None:
    trial = started(tmp_path, "http://localhost:8000").authority
    made = settings(tmp_path, BASE_URL=HOME)
    with opened(made.database, read_only=True) as db:
        assert editions.site(db, made, NOON).authority == "motto.example.org"
        assert meta.get(db, "authority") == trial


@pytest.mark.parametrize(
    ("base_url", "authority"),
    [
        ("https://h.example", "h.example"),
        ("https://h.example:443", "h.example"),
        ("http://h.example:80", "h.example"),
        ("https://h.example:80", "port-80.h.example"),
        ("https://h.example:8443", "port-8443.h.example"),
        ("https://h.example:9443", "port-9443.h.example"),
        ("http://10.0.0.7:8000", "port-8000.10.0.0.7"),
        ("http://[2001:db8::1]", "2001-0db8-0000-0000-0000-0000-0000-0001"),
    ],
)
def test_an_authority_is_a_domain_name_of_that_installation(base_url: str, authority: str) -> None:
    assert identity.authority(base_url) == authority
    part = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"  # DNScomp of RFC 4151
    assert re.fullmatch(rf"{part}(\.{part})*", authority)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("devis.localhost", True),
        ("LOCALHOST.", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("notlocalhost", False),
    ],
)
def test_a_loopback_host_is_known(host: str, expected: bool) -> None:
    assert identity.is_loopback(host) is expected


def test_an_older_database_keeps_its_ids_and_new_ones_are_given_on_demand(
    devis: Installation,
) -> None:
    public = replace(devis.config, base_url=HOME)
    with devis.open() as db:
        assert editions.settle(db, public, NOON).authority == "127.0.0.1"
        with pytest.raises(InputError, match="DEVIS_BASE_URL"):
            editions.new_ids(db, devis.config)
        assert editions.new_ids(db, public) == "motto.example.org"
        assert editions.settle(db, devis.config, NOON).authority == "motto.example.org"


def test_message_ids_of_a_trial_have_an_existing_domain(tmp_path: Path) -> None:
    site = started(tmp_path, "http://localhost:8000")
    made = settings(tmp_path, MAIL_FROM="devis@example.org")
    assert sender(site, made).domain == "example.org"


# Settings that do not exist.


def test_an_unknown_setting_stops_the_start_and_names_the_nearest() -> None:
    with pytest.raises(SettingError, match="DEVIS_BASE_ULR: did you mean DEVIS_BASE_URL"):
        config.load({"DEVIS_BASE_ULR": HOME})
    with pytest.raises(SettingError, match=r"DEVIS_QQQ: docs/settings\.md"):
        config.load({"DEVIS_QQQ": "1"})
    (error,) = config.validate({"DEVIS_BASE_ULR": HOME}).errors
    assert error.values["nearest"] == "DEVIS_BASE_URL"


def test_a_retired_setting_only_warns(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, devis: Installation
) -> None:
    monkeypatch.setitem(config.RETIRED, "DEVIS_OLD", "DEVIS_PORT")
    config.load({"DEVIS_OLD": "1"})
    assert caplog.messages == ["DEVIS_OLD is no longer a setting: use DEVIS_PORT."]
    validation = config.validate({"DEVIS_OLD": "1"})
    assert (validation.errors, validation.retired) == ((), ("DEVIS_OLD",))
    (told,) = server_settings(validation)
    assert told == ("warn", "DEVIS_OLD is no longer a setting. Use DEVIS_PORT.")


def server_settings(validation: config.Validation) -> list[tuple[str, str]]:
    """What a check says about the settings."""
    from feed import checks

    return [
        (each.level, f"{each.message} {each.advice}") for each in checks.check_settings(validation)
    ]


# What a public site lacks.


def test_a_public_site_is_checked_for_what_it_lacks_and_a_trial_is_not(
    devis: Installation,
) -> None:
    def levels(**values: object) -> dict[str, str]:
        found = checked(devis, rehearsal=None, **values)
        names = ("address", "contact", "mail server", "backup", "ids")
        return {name: found[name][0] for name in names}

    good = dict.fromkeys(("address", "contact", "mail server", "backup", "ids"), "good")
    assert levels() == {**good, "backup": "warn"}
    assert levels(base_url="http://motto.example.org") == dict.fromkeys(good, "bad")
    public = {"base_url": HOME, "contact": "a@example.org"}
    with devis.open() as db:
        meta.put(db, "authority", "trial-0123456789abcdef.invalid")
    assert levels(**public)["ids"] == "bad"
    with devis.open() as db:
        editions.new_ids(db, replace(devis.config, base_url=HOME))
    backups.make(devis.config, NOON)
    assert levels(**public) == {**good, "mail server": "bad"}
    devis.now = NOON + timedelta(hours=49)
    assert levels(**public)["backup"] == "bad"
    assert levels()["backup"] == "good"


def test_a_public_desk_is_to_need_more_than_a_link(devis: Installation) -> None:
    def level(url: str = HOME) -> str:
        return checked(devis, rehearsal=None, base_url=url)["desk"][0]

    assert level() == "good"  # nobody is there
    person = Desk(devis).account("administrator")
    assert level("http://localhost:8000") == "good"
    assert level() == "warn"
    with devis.open() as db, transaction(db):
        add_passkey(db, person)
    assert level() == "good"


def test_a_check_advises_nothing_that_is_set(devis: Installation) -> None:
    assert "set DEVIS_BACKUP_HOUR" in checked(devis)["backup"][1]
    level, said = checked(devis, backup_hour=3)["backup"]
    assert (level, "DEVIS_BACKUP_HOUR" in said, "3 o’clock" in said) == ("warn", False, True)


def test_a_public_site_without_a_mail_server_takes_no_address(devis: Installation) -> None:
    devis.config = replace(devis.config, base_url=HOME, rehearsal=None)
    client = devis.client()
    form = client.get("/en/subscribe/")
    assert (form.status_code, "Email is not set up" in form.text) == (200, True)
    assert 'name="address"' not in form.text
    for path in ("/en/subscribe/", "/sv/subscribe/"):
        assert client.post(path, data={"address": "anna@example.org"}).status_code == 503
    with devis.open() as db:
        assert db.table("subscribers").count == 0
    assert not (devis.config.instance / "outbox").exists()
    for path in ("/en/", "/en/feeds/", "/en/about/", "/sitemap.xml", "/subscription/x/"):
        assert "/subscribe/" not in client.get(path).text, path
    devis.config = replace(devis.config, base_url="http://localhost:8000")
    client = devis.client()
    assert 'name="address"' in client.get("/en/subscribe/").text
    assert "/subscribe/" in client.get("/en/").text


# Rehearsals.


def test_a_database_of_the_real_clock_is_rehearsed_on_a_copy(command: Command) -> None:
    command("init")
    later: dict[str, Any] = {"NOW": "2099-01-15T12:00:00+01:00"}
    said = refused(command, "publish", **later)
    assert f"{command.folder / DATABASE} was made on the real clock" in said
    assert "devis rehearse FOLDER" in said
    assert command("plan", "--days", "1", **later).stdout.startswith("2099-01-16")
    told = command("rehearse", "copy").stdout.splitlines()
    given = dict(line.removeprefix("DEVIS_").split("=", 1) for line in told[1:])
    assert set(given) == {"DATABASE", "NOW"}
    path = Path(shlex.split(given["DATABASE"])[0])
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    copy: dict[str, Any] = {"DATABASE": str(path), "NOW": given["NOW"]}
    assert len(command("publish", **copy).stdout.splitlines()) == 15
    assert rows(command, "SELECT count(*) FROM editions") == [(0,)]
    assert "already" in refused(command, "rehearse", "copy")


def test_a_rehearsed_copy_has_the_key_of_the_links(devis: Installation, tmp_path: Path) -> None:
    with devis.open() as db:
        meta.put(db, "secret_key", "k" * 40)
    made = backups.rehearse(devis.config, tmp_path / "copy")
    with opened(made) as db:
        assert meta.get(db, "secret_key") == "k" * 40
    assert made.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in made.parent.iterdir() if path.is_dir()] == []


# Reading alone.


@pytest.fixture
def sealed(devis: Installation, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The settings of an installation that is read-only, even if root runs the tests."""
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    return devis.config


def run(made: Config, *arguments: str, code: int = 0) -> str:
    """Run a command in this process; what it wrote."""
    environ = {"DEVIS_DATABASE": str(made.database), "DEVIS_NOW": NOON.isoformat()}
    done = CliRunner().invoke(cli.main, arguments, env=environ)
    assert done.exit_code == code, done.output
    return done.output


def test_reading_commands_need_no_writable_database(sealed: Config, tmp_path: Path) -> None:
    before = sealed.database.read_bytes()
    files = {path.name for path in sealed.instance.iterdir()}
    assert run(sealed, "plan", "--days", "1").startswith("2026-11-23")
    assert '"principles"' in run(sealed, "export")
    assert "good  edition: " in run(sealed, "check", code=1)
    at_noon = clock.Clock(NOON, time.monotonic())
    site = frozen_site.FrozenSite(
        create_app(sealed, at_noon, reading=True), sealed, at_noon, tmp_path / "site"
    )
    site.write(["/en/", "/en/feed.rss", "/api/v1/today"])
    assert (tmp_path / "site/en/index.html").exists()
    assert sealed.database.read_bytes() == before
    assert {path.name for path in sealed.instance.iterdir()} == files


def test_a_reader_sees_what_a_writer_has_just_written(devis: Installation, sealed: Config) -> None:
    with devis.open() as db:
        meta.put(db, "note", "fresh")
        db.conn.commit()
        with opened(sealed.database, read_only=True) as reader:
            assert meta.get(reader, "note") == "fresh"
            with pytest.raises(StoreError, match="read-only"):
                meta.put(reader, "note", "stale")


# What a command says.


def test_withdrawing_takes_one_of_two_contradicting_options(devis: Installation) -> None:
    arguments = ["--reason", "x", "--replace-with", "listen-first", "--leave-empty"]
    assert "exclude each other" in run(
        devis.config, "withdraw", "2026-11-22", *arguments, code=click.UsageError.exit_code
    )
    with devis.open() as db:
        assert next(db.query("SELECT count(*) AS n FROM editions WHERE withdrawn"))["n"] == 0


def test_an_export_in_an_unknown_language_is_refused(devis: Installation) -> None:
    said = run(devis.config, "export", "--lang", "xx", code=2)
    assert "no language “xx”. It has: en, sv." in said


def test_a_folder_that_cannot_be_made_is_named(devis: Installation) -> None:
    said = run(devis.config, "freeze", "/proc/x", code=1)
    assert "Error: /proc/x: No such file or directory" in said


def test_the_first_at_the_desk_is_administrator_and_the_second_curator(
    install: Install,
) -> None:
    made = install().config
    assert "anna@example.org is administrator." in run(made, "curator", "add", "anna@example.org")
    assert "bo@example.org is curator." in run(made, "curator", "add", "bo@example.org")


def test_adding_only_editors_warns_that_there_is_no_administrator(install: Install) -> None:
    said = run(install().config, "curator", "add", "anna@example.org", "--role", "editor")
    assert "still has no administrator" in said


@pytest.mark.served
def test_ctrl_c_while_importing_is_one_line_and_imports_nothing(
    devis: Installation, command: Command, tmp_path: Path
) -> None:
    pipe = tmp_path / "slow.json"
    os.mkfifo(pipe)
    environ = {"DEVIS_DATABASE": str(devis.config.database), "DEVIS_NOW": NOON.isoformat()}
    process = subprocess.Popen(
        [sys.executable, "-m", "feed", "import", str(pipe)],
        env={**command.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has its children ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with pipe.open("w") as file:  # waits until the command reads
        file.write("{")
        file.flush()
        process.send_signal(signal.SIGINT)
    # The end of the file wakes a command that the signal caught between two reads.
    said, problem = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")
    assert problem == "Stopped by Ctrl-C; what was not finished was not saved.\n"


@pytest.mark.slow
def test_a_frozen_page_has_the_policy_of_the_site(devis: Installation, tmp_path: Path) -> None:
    """From one pattern only: hosts send the headers of each that fits, and browsers obey all."""
    at_noon = clock.Clock(NOON, time.monotonic())
    made = frozen_site.FrozenSite(
        create_app(devis.config, at_noon, reading=True), devis.config, at_noon, tmp_path / "site"
    )
    made.write(address for address in made.addresses if "/card" not in address)
    policies: dict[str, str] = {}
    for line in (tmp_path / "site/_headers").read_text().splitlines():
        name, _, value = line.partition(": ")
        if not line.startswith(" "):
            place = line
        elif name == "  Content-Security-Policy":
            policies[place] = value
    assert len(policies) < 50
    client, pages = devis.client(), list(tmp_path.rglob("index.html"))
    assert len(pages) > 100
    for page in pages:
        path = "/" + page.relative_to(tmp_path / "site").as_posix().removesuffix("index.html")
        fitting = [
            policy
            for place, policy in policies.items()
            if re.fullmatch(re.escape(place).replace(r"\*", ".*"), path)
        ]
        assert len(fitting) == 1, path
        if path.count("/") == 3:
            assert [client.get(path).headers["Content-Security-Policy"]] == fitting
