"""A house that gets letters: people who subscribe as people do, and what lies in their boxes."""

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
from tests import broker
from tests.conftest import Installation

WISHES = {
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
class House:
    """An installation whose letters go to its outbox, or to `config.smtp`."""

    config: Config
    now: datetime
    read: set[Path] = field(default_factory=set)

    @property
    def key(self) -> bytes:
        return signing_key.key(self.config)

    @contextmanager
    def library(self) -> Iterator[tuple[Database, Site]]:
        with opened(self.config.database) as db:
            yield db, editions.settle(db, self.config, self.now)

    def at(self, instant: str) -> "House":
        """Let it be that instant."""
        self.now = datetime.fromisoformat(instant)
        return self

    def clock(self) -> Clock:
        return Clock(self.now.astimezone(UTC), time.monotonic())

    def subscribe(self, address: str, **wishes: str) -> str:
        """Somebody asks and confirms; the token of their letters."""
        with self.library() as (db, site):
            given = {"address": address, **WISHES, **wishes}
            subscriptions.sign_up(db, site, self.config, given, "/en/subscribe/", self.now)
            found = subscribers.by_identity(
                db, email_addresses.identity(email_addresses.read(address))
            )
            assert found is not None
            link = notice_token(self.key, found, "confirm", self.now, self.now)
            subscriptions.confirm(db, site, self.key, link, "/subscription/", self.now)
            db.execute("DELETE FROM notices")
        return digest_token(self.key, found)

    def change(self, token: str, **wishes: str) -> None:
        """Somebody changes what they wish for."""
        with self.library() as (db, site):
            found = subscriptions.find_subscriber(db, self.key, token, self.now)
            before = {
                "language": found.preferences.language,
                "cadence": found.preferences.cadence,
                "days": "workdays" if found.preferences.workdays else "every",
                "hour": str(found.preferences.hour),
                "timezone": found.preferences.timezone,
            }
            given = before | wishes
            subscriptions.change(db, site, self.key, token, given, "/subscription/", self.now)

    def leave(self, token: str) -> None:
        with self.library() as (db, site):
            subscriptions.unsubscribe(db, site, self.key, token, "letter", self.now)

    def begin(self) -> None:
        """The worker looks at what is due."""
        with self.library() as (db, site):
            editions.publish_due(db, site, self.config, self.now)
            digests.start_due_runs(db, site, self.now)

    def send(self, instant: str | None = None) -> dict[str, int]:
        """The worker's mail job, at that instant."""
        if instant is not None:
            self.at(instant)
        self.begin()
        with self.library() as (db, site), digests.sending_lock(self.config) as alone:
            assert alone
            if self.config.broker is not None:
                return broker.by_workers(db, site, self.config, self.clock())
            return digests.send(db, site, self.config, self.clock(), threading.Event())

    def post(self, instant: str | None = None) -> list[EmailMessage]:
        """The same; what has newly come to the outbox."""
        self.send(instant)
        box = self.config.instance / digests.OUTBOX_FOLDER
        new = sorted(set(box.glob("*.eml")) - self.read)
        self.read |= set(new)
        return [parse(path.read_bytes()) for path in new]

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.library() as (db, _):
            return [tuple(row) for row in db.execute(query, list(values))]

    def states(self) -> list[tuple[Any, ...]]:
        """The ledger of letters: (subscriber, state, reason), oldest first."""
        return self.rows(
            "SELECT d.subscriber, d.state, d.reason FROM deliveries d"
            " JOIN letters l ON l.id = d.letter ORDER BY l.date, l.id, d.subscriber"
        )


def house(installation: Installation, **settings: Any) -> House:
    """An installation as a house; it has begun to look for letters that are due."""
    made = House(replace(installation.config, **settings), installation.now)
    made.begin()
    return made


def moved(home: House, address: str, number: int = 1) -> None:
    """Somebody has their letters go to another address."""
    with home.library() as (db, site):

        def link(kind: str) -> str:
            found = subscribers.by_id(db, number)
            assert found is not None
            return notice_token(home.key, found, kind, home.now, home.now)

        subscriptions.request_move(db, home.config, home.key, link("private"), address, home.now)
        subscriptions.move(db, site, home.key, link("move"), "/subscription/", home.now)


def recipients(messages: list[EmailMessage]) -> list[str]:
    """To whom some messages go, in order."""
    return sorted(str(message["To"]) for message in messages)


def links(message: EmailMessage) -> list[str]:
    """Every address in the text of a message."""
    body = message.get_body(("plain",))
    assert body is not None
    return re.findall(r"https?://\S+", body.get_content())


def later(instant: str, **by: int) -> str:
    """An instant, so much later."""
    return (datetime.fromisoformat(instant) + timedelta(**by)).isoformat()
