"""A desk with people at it, each in a browser of their own, which fetches a form to send it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from feed.accounts import authentication, people
from feed.model.people import Curator
from feed.store import curators, signing_key, staff_notices
from tests.conftest import Installation

CSRF_FIELD = re.compile(r'name="mark" value="([0-9a-f]{64})"')
WRONG = re.compile(r'class="wrong"[^>]*>([^<]*)<')


@dataclass
class Seat:
    """One browser at the desk; `me` is who is signed in with it."""

    client: FlaskClient
    me: Curator | None = None
    _token: tuple[str, str] = ("", "")  # of the session, and its forms' CSRF token

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def csrf_token(self) -> str:
        """The CSRF token of this browser's forms; one serves a whole session."""
        cookie = self.client.get_cookie("devis-desk")
        session = cookie.value if cookie else ""
        if session and session == self._token[0]:
            return self._token[1]
        page = self.client.get("/desk/sign-in", follow_redirects=True)
        found = CSRF_FIELD.search(page.text)
        assert found, page.text
        self._token = session, found[1]
        return found[1]

    def post(
        self, path: str, data: Mapping[str, Any] | None = None, **options: Any
    ) -> TestResponse:
        """Send a form with its CSRF token."""
        return self.client.post(path, data={"mark": self.csrf_token(), **(data or {})}, **options)


@dataclass
class Desk:
    """An installation, and who is at its desk: one person for each role, made when asked for."""

    house: Installation

    def person(self, role: str, name: str = "", languages: str = "sv") -> Curator:
        """Somebody with that role; a translator writes in `languages`."""
        name = name or f"{role.title()} Åström"
        given = {
            "address": f"{name.split()[0].lower()}@example.org",
            "name": name,
            "role": role,
            "languages": languages if role == "translator" else "",
            "language": "en",
        }
        with self.house.open() as db:
            known = curators.by_identity(db, given["address"])
            if known is not None:
                return known
            codes = self.house.config.languages
            people.invite(db, given, codes, self.house.now, mailed=False)
            return people.by_address(db, given["address"])

    def seat(self, role: str, name: str = "", now: datetime | None = None) -> Seat:
        """A browser in which somebody with that role has just signed in."""
        found = self.person(role, name)
        with self.house.open() as db:
            token = authentication.begin(db, found, now or self.house.now)
        client = self.house.client()
        client.set_cookie("devis-desk", token)
        return Seat(client, found)

    def stranger(self) -> Seat:
        """A browser in which nobody has signed in."""
        return Seat(self.house.client())

    def link(self, curator: Curator | None, kind: str = "invitation") -> str:
        """The path of the newest link of somebody."""
        with self.house.open() as db:
            notice = staff_notices.newest(db, curator.id if curator else None, kind)
        assert notice is not None
        return authentication.link(signing_key.key(self.house.config), notice)


def wrongs(page: TestResponse) -> list[str]:
    """What a page says is wrong with its fields."""
    return [text.replace("&#39;", "'") for text in WRONG.findall(page.text)]
