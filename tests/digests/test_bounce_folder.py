"""Bounces in a folder of a real IMAP server: counted once, moved, and lost under no failure."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from feed import worker
from feed.checks.bounces import bounce_folder as check
from feed.config.mail_servers import ImapFolder
from feed.digests import bounce_folder, bounces
from feed.digests.bounce_folder import BounceFolder
from feed.errors import MailError, StoreError
from feed.store.connection import opened
from tests.conftest import Installation, free_port
from tests.imap_servers import PASSWORD, ImapServer, dovecot
from tests.mail_harness import MailHarness, mail_harness

pytestmark = pytest.mark.needs("dovecot")
REPORT = """\
From: MAILER-DAEMON@mx.example
To: bounces@example.org
Subject: {subject}
Content-Type: multipart/report; report-type=delivery-status; boundary="line"

--line
Content-Type: message/delivery-status

Final-Recipient: rfc822; gone@example.org
Action: failed
Status: 5.1.1

--line
Content-Type: text/rfc822-headers

{headers}

--line--
"""
DAYS = ("2026-11-24T08:00+01:00", "2026-11-25T08:00+01:00", "2026-11-26T08:00+01:00")


@pytest.fixture(scope="module")
def running() -> Iterator[ImapServer]:
    with dovecot() as server:
        yield server


@pytest.fixture
def server(running: ImapServer) -> ImapServer:
    """The running server, with an empty mailbox."""
    with running.open() as mailbox:
        for folder in ("INBOX", "INBOX.Handled"):
            if mailbox.folder.exists(folder):
                mailbox.folder.set(folder)
                mailbox.delete(mailbox.uids())
    return running


@pytest.fixture
def harness(devis: Installation, server: ImapServer) -> MailHarness:
    found = mail_harness(
        devis,
        bounce_address="bounces@example.org",
        bounce_imap=server.inbox,
        bounce_imap_password=PASSWORD,
    )
    found.subscribe("gone@example.org")
    found.new_messages("2026-11-23T07:01+01:00")
    return found.at("2026-11-27T12:00+01:00")


def put_report(server: ImapServer, harness: MailHarness, day: str, subject: str = "one") -> None:
    """Put a report about the digest of the harness into the inbox, as if it arrived on a day."""
    (letter,) = (harness.config.instance / "outbox").glob("*.eml")
    headers = letter.read_text().partition("\n\n")[0]
    message = REPORT.format(subject=subject, headers=headers).encode()
    with server.open() as mailbox:
        mailbox.append(message, "INBOX", dt=datetime.fromisoformat(day))


def read(harness: MailHarness, folder: ImapFolder | None = None) -> int:
    """Read the folder once, as a process that has just started."""
    place = folder or harness.config.bounce_imap
    assert place is not None
    with harness.open() as (db, site):
        return BounceFolder(harness.config, place).read(db, site, harness.clock(), lambda: False)


def status(harness: MailHarness) -> str:
    ((found,),) = harness.rows("SELECT status FROM subscribers")
    return str(found)


def test_reports_count_for_the_day_of_their_arrival_and_are_moved(
    server: ImapServer, harness: MailHarness
) -> None:
    for number, day in enumerate(DAYS[:2]):
        put_report(server, harness, day, str(number))
    assert read(harness) == 2
    assert status(harness) == "active"
    put_report(server, harness, DAYS[2], "2")
    assert read(harness) == 1
    assert status(harness) == "suspended"
    assert server.subjects() == []
    assert server.subjects("INBOX.Handled") == ["0", "1", "2"]


def test_a_report_that_is_handled_again_counts_once(
    server: ImapServer, harness: MailHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill between the transaction and the move, whenever the worker starts again."""

    def killed(*arguments: Any) -> int:
        raise KeyboardInterrupt

    put_report(server, harness, DAYS[0])
    for day in DAYS:
        harness.at(day.replace("08:00", "12:00"))
        with monkeypatch.context() as patch:
            patch.setattr(bounce_folder, "_move", killed)
            with pytest.raises(KeyboardInterrupt):
                read(harness)
        assert server.subjects() == ["one"]
    assert read(harness) == 1
    assert len(harness.rows("SELECT * FROM bounces")) > 1
    assert status(harness) == "active"


def test_what_is_no_report_stays_unread_for_a_person(
    server: ImapServer, harness: MailHarness
) -> None:
    server.append(b"From: anna@example.org\r\nSubject: Thank you\r\n\r\nI like it.\r\n")
    put_report(server, harness, DAYS[0])
    assert read(harness) == 1
    assert server.subjects() == ["Thank you"]
    with server.open() as mailbox:
        assert len(mailbox.uids("UNSEEN")) == 1


def test_a_locked_database_loses_no_report(server: ImapServer, harness: MailHarness) -> None:
    put_report(server, harness, DAYS[0])
    with opened(harness.config.database) as other:
        other.execute("BEGIN IMMEDIATE")
        with harness.open() as (db, site):
            db.execute("PRAGMA busy_timeout = 50")
            assert harness.config.bounce_imap is not None
            folder = BounceFolder(harness.config, harness.config.bounce_imap)
            with pytest.raises(StoreError):
                folder.read(db, site, harness.clock(), lambda: False)
        other.execute("ROLLBACK")
    assert server.subjects() == ["one"]
    assert read(harness) == 1


def test_a_message_that_cannot_be_handled_keeps_none_of_the_others(
    server: ImapServer, harness: MailHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = bounces.handle

    def faulty(db: Any, site: Any, config: Any, key: Any, message: bytes, now: Any) -> Any:
        assert b"Subject: faulty" not in message
        return handle(db, site, config, key, message, now)

    monkeypatch.setattr(bounces, "handle", faulty)
    put_report(server, harness, DAYS[0], "faulty")
    put_report(server, harness, DAYS[0], "fine")
    assert read(harness) == 1
    assert server.subjects() == ["faulty"]


def test_check_says_whether_the_folder_can_be_read(
    server: ImapServer, harness: MailHarness
) -> None:
    put_report(server, harness, DAYS[0])
    found = check(harness.config, harness.now)
    assert (found.level, found.message) == (
        "good",
        f"INBOX at localhost:{server.port} can be read; messages in it: 1.",
    )
    assert server.subjects() == ["one"]
    wrong = check(replace(harness.config, bounce_imap_password="wrong"), harness.now)
    assert wrong.level == "bad"
    assert "Authentication failed" in wrong.message
    assert server.folder.name not in wrong.message
    elsewhere = replace(server.inbox, name="Nowhere")
    missing = check(replace(harness.config, bounce_imap=elsewhere), harness.now)
    assert missing.level == "bad"
    assert "Nowhere" in missing.message


def test_a_server_that_is_down_or_says_nothing_costs_the_worker_seconds(
    harness: MailHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(bounce_folder, "TIMEOUT", 0.3)
    assert harness.config.bounce_imap is not None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = (free_port(), silent.getsockname()[1])
        for port in ports:
            folder = replace(harness.config.bounce_imap, port=port)
            lock = FileLock(tmp_path / str(port))
            job = worker.BounceJob(harness.config, harness.clock(), lock, threading.Event(), folder)
            started = time.monotonic()
            with lock, caplog.at_level(logging.ERROR):
                job.tick()
                job.tick()  # pauses
            assert time.monotonic() - started < 5
            with pytest.raises(MailError):
                read(harness, folder)
    assert [port for port in ports if f":{port}" in caplog.text] == [*ports]
    assert len(caplog.records) == 2
    assert PASSWORD not in caplog.text
