"""The door of a house: its site as a visitor meets it, page cache and all."""

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
from feed.web.middleware.page_cache import PageCache
from tests.conftest import Installation
from tests.house import WISHES, House, house


@dataclass
class Door:
    """What a visitor may do there, and what the people of the house know."""

    house: House
    cache: PageCache
    clock: Clock

    def set(self, now: datetime) -> None:
        self.house.now = now
        object.__setattr__(self.clock, "origin", now)
        object.__setattr__(self.clock, "began", time.monotonic())

    def get(self, path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client(self.cache).get(path, headers=named)

    def post(self, path: str, data: Mapping[str, str] | None = None) -> TestResponse:
        return Client(self.cache).post(path, data=dict(data or {}))

    def stamp(self, path: str = "/en/subscribe/") -> str:
        found = re.search(r'name="stamp" value="([^"]+)"', self.get(path).text)
        assert found
        return found[1]

    def sign_up(self, address: str, path: str = "/en/subscribe/", **wishes: str) -> TestResponse:
        """A visitor opens the form, fills it in and sends it."""
        given = {**WISHES, "address": address, "comment": "", "stamp": self.stamp(path)}
        return self.post(path, {**given, **wishes})

    def found(self, address: str) -> Subscriber:
        with self.house.library() as (db, _):
            found = subscribers.by_identity(db, address)
        assert found
        return found

    def link(self, address: str, kind: str) -> str:
        """The address in a letter, or in a notice of that kind, to somebody."""
        found, key = self.found(address), self.house.key
        if kind == "letter":
            return f"/subscription/{digest_token(key, found)}"
        token = notice_token(key, found, kind, self.house.now, self.house.now)
        return f"/subscription/{token}"

    def notices(self) -> list[tuple[str, str]]:
        return [
            (str(address), str(kind))
            for address, kind in self.house.rows(
                "SELECT s.address, n.kind FROM notices n JOIN subscribers s ON s.id = n.subscriber"
                " ORDER BY n.id"
            )
        ]

    def person(self, kind: str, address: str = "anna@example.org", **wishes: str) -> str:
        """Somebody of whom the site knows as `kind` says; the address."""
        if kind == "pending":
            self.sign_up(address, **wishes)
        elif kind != "unknown":
            token = self.house.subscribe(address, **wishes)
            if kind == "left":
                self.house.leave(token)
            if kind == "suspended":
                with self.house.library() as (db, _), transaction(db):
                    subscribers.suspend(db, self.found(address).id, self.house.now)
        return address


def door_of(installation: Installation, **settings: Any) -> Door:
    made = house(installation, **settings)
    clock = Clock(installation.now, time.monotonic())
    return Door(made, wsgi(made.config, clock), clock)
