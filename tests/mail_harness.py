"""Subscribe people, send what is due and read the e-mails, all in this process."""

import email
import email.policy
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from feed import digests, editions
from feed.clock import Clock
from feed.config import Config
from feed.model import Site, email_addresses
from feed.store import signing_key, subscribers
from feed.store.connection import opened
from feed.subscribers import subscriptions
from feed.subscribers.links import digest_token, notice_token
from feed.workers import dispatch
from tests import mail_workers
from tests.conftest import Installation

PREFERENCES = {
    "language": "en",
    "cadence": "daily",
    "days": "every",
    "hour": "7",
    "timezone": "Europe/Stockholm",
}


def parse(content: bytes) -> EmailMessage:
    """A message as a mail program reads it."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@dataclass
class MailHarness:
    """An installation that sends to its outbox folder, or to `config.smtp`."""

    config: Config
    now: datetime
    read: set[Path] = field(default_factory=set)

    @property
    def key(self) -> bytes:
        return signing_key.key(self.config)

    @contextmanager
    def open(self) -> Iterator[tuple[Database, Site]]:
        with opened(self.config.database) as db:
            yield db, editions.settle(db, self.config, self.now)

    def at(self, instant: str) -> "MailHarness":
        """Set the time; returns self."""
        self.now = datetime.fromisoformat(instant)
        return self

    def clock(self) -> Clock:
        return Clock(self.now.astimezone(UTC), time.monotonic())

    def subscribe(self, address: str, **preferences: str) -> str:
        """Sign up and confirm; returns the token of the digest's links."""
        with self.open() as (db, site):
            given = {"address": address, **PREFERENCES, **preferences}
            subscriptions.sign_up(db, site, self.config, given, "/en/subscribe/", self.now)
            found = subscribers.by_identity(
                db, email_addresses.identity(email_addresses.read(address))
            )
            assert found is not None
            link = notice_token(self.key, found, "confirm", self.now, self.now)
            subscriptions.confirm(db, site, self.key, link, "/subscription/", self.now)
            db.execute("DELETE FROM outbox")
        return digest_token(self.key, found)

    def change(self, token: str, **preferences: str) -> None:
        """Save other preferences; those not given stay."""
        with self.open() as (db, site):
            found = subscriptions.find_subscriber(db, self.key, token, self.now)
            before = {
                "language": found.preferences.language,
                "cadence": found.preferences.cadence,
                "days": "workdays" if found.preferences.workdays else "every",
                "hour": str(found.preferences.hour),
                "timezone": found.preferences.timezone,
            }
            given = before | preferences
            subscriptions.change(db, site, self.key, token, given, "/subscription/", self.now)

    def unsubscribe(self, token: str) -> None:
        with self.open() as (db, site):
            subscriptions.unsubscribe(db, site, self.key, token, "letter", self.now)

    def start_due_runs(self) -> None:
        """Publish and start the runs that are due, as the scheduler does."""
        with self.open() as (db, site):
            editions.publish_due(db, site, self.config, self.now)
            digests.start_due_runs(db, site, self.now)

    def send(self, instant: str | None = None) -> dict[str, int]:
        """Run the mail job at that instant; returns the number of e-mails by outcome."""
        if instant is not None:
            self.at(instant)
        self.start_due_runs()
        with self.open() as (db, site), digests.sending_lock(self.config) as alone:
            assert alone
            if self.config.broker is not None:
                return mail_workers.send_by_workers(db, site, self.config, self.clock())
            return dispatch.send(db, site, self.config, self.clock(), threading.Event())

    def new_messages(self, instant: str | None = None) -> list[EmailMessage]:
        """Send, and return the messages that this added to the outbox folder."""
        self.send(instant)
        box = self.config.instance / digests.OUTBOX_FOLDER
        new = sorted(set(box.glob("*.eml")) - self.read)
        self.read |= set(new)
        return [parse(path.read_bytes()) for path in new]

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.open() as (db, _):
            return [tuple(row) for row in db.execute(query, list(values))]

    def states(self) -> list[tuple[Any, ...]]:
        """The deliveries: (subscriber, state, reason), oldest first."""
        return self.rows(
            "SELECT d.subscriber, d.state, d.reason FROM deliveries d"
            " JOIN letters l ON l.id = d.letter ORDER BY l.date, l.id, d.subscriber"
        )


def mail_harness(installation: Installation, **settings: Any) -> MailHarness:
    """A harness for the installation, with its first run started."""
    made = MailHarness(replace(installation.config, **settings), installation.now)
    made.start_due_runs()
    return made


def move_address(harness: MailHarness, address: str, number: int = 1) -> None:
    """Ask for a change of address and confirm it."""
    with harness.open() as (db, site):

        def link(kind: str) -> str:
            found = subscribers.by_id(db, number)
            assert found is not None
            return notice_token(harness.key, found, kind, harness.now, harness.now)

        subscriptions.request_move(
            db, harness.config, harness.key, link("private"), address, harness.now
        )
        subscriptions.move(db, site, harness.key, link("move"), "/subscription/", harness.now)


def recipients(messages: list[EmailMessage]) -> list[str]:
    """The recipients of some messages, sorted."""
    return sorted(str(message["To"]) for message in messages)


def links(message: EmailMessage) -> list[str]:
    """Every URL in the text part of a message."""
    body = message.get_body(("plain",))
    assert body is not None
    return re.findall(r"https?://\S+", body.get_content())


def later(instant: str, **by: int) -> str:
    """The instant plus a timedelta, in ISO format."""
    return (datetime.fromisoformat(instant) + timedelta(**by)).isoformat()
