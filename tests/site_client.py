"""A visitor of the site, through the page cache, with access to what the site has stored."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from werkzeug.test import Client, TestResponse

from feed.app import wsgi
from feed.clock import Clock
from feed.model import Subscriber
from feed.store import subscribers
from feed.store.connection import transaction
from feed.subscribers.links import digest_token, notice_token
from feed.web.middleware.content_version import POLL_SECONDS
from feed.web.middleware.page_cache import PageCache
from tests.conftest import Installation
from tests.mail_harness import PREFERENCES, MailHarness, mail_harness


@dataclass
class SiteClient:
    """Requests as a visitor sends them; `harness` sees the database behind them."""

    harness: MailHarness
    cache: PageCache
    clock: Clock

    def set_time(self, now: datetime) -> None:
        self.harness.now = now
        object.__setattr__(self.clock, "origin", now)
        object.__setattr__(self.clock, "began", time.monotonic())
        time.sleep(2 * POLL_SECONDS)  # until the page cache looks at the clock again

    def get(self, path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client(self.cache).get(path, headers=named)

    def post(self, path: str, data: Mapping[str, str] | None = None) -> TestResponse:
        return Client(self.cache).post(path, data=dict(data or {}))

    def form_stamp(self, path: str = "/en/subscribe/") -> str:
        found = re.search(r'name="stamp" value="([^"]+)"', self.get(path).text)
        assert found
        return found[1]

    def sign_up(
        self, address: str, path: str = "/en/subscribe/", **preferences: str
    ) -> TestResponse:
        """Open the form, fill it in and send it."""
        given = {**PREFERENCES, "address": address, "comment": "", "stamp": self.form_stamp(path)}
        return self.post(path, {**given, **preferences})

    def subscriber(self, address: str) -> Subscriber:
        with self.harness.open() as (db, _):
            found = subscribers.by_identity(db, address)
        assert found
        return found

    def link(self, address: str, kind: str) -> str:
        """The path of the link in a digest ("letter") or in a notice of that kind."""
        found, key = self.subscriber(address), self.harness.key
        if kind == "letter":
            return f"/subscription/{digest_token(key, found)}"
        token = notice_token(key, found, kind, self.harness.now, self.harness.now)
        return f"/subscription/{token}"

    def notices(self) -> list[tuple[str, str]]:
        return [
            (str(address), str(kind))
            for address, kind in self.harness.rows(
                "SELECT s.address, n.kind FROM outbox n JOIN subscribers s ON s.id = n.subscriber"
                " ORDER BY n.id"
            )
        ]

    def make_subscriber(
        self, kind: str, address: str = "anna@example.org", **preferences: str
    ) -> str:
        """Make a subscriber in the state `kind`; returns the address."""
        if kind == "pending":
            self.sign_up(address, **preferences)
        elif kind != "unknown":
            token = self.harness.subscribe(address, **preferences)
            if kind == "left":
                self.harness.unsubscribe(token)
            if kind == "suspended":
                with self.harness.open() as (db, _), transaction(db):
                    subscribers.suspend(db, self.subscriber(address).id, self.harness.now)
        return address


def site_client(installation: Installation, **settings: Any) -> SiteClient:
    made = mail_harness(installation, **settings)
    clock = Clock(installation.now, time.monotonic())
    return SiteClient(made, wsgi(made.config, clock), clock)
