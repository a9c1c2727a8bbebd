"""Users of the desk, each with a browser that sends forms with their CSRF token."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask.testing import FlaskClient
from sqlite_utils import Database
from werkzeug.test import TestResponse

from feed.accounts import links, people, sign_in
from feed.model.people import Curator, Method, Where
from feed.store import curators, outbox, sessions, signing_key
from feed.store.connection import transaction
from tests.conftest import Installation

CSRF_FIELD = re.compile(r'name="mark" value="([0-9a-f]{64})"')
WRONG = re.compile(r'class="wrong"[^>]*>([^<]*)<')


HERE = Where("127.0.0.0/24", "Firefox, Linux", known_device=True)


def prepared_session(
    db: Database, curator: Curator, now: datetime, method: Method = "passkey"
) -> str:
    """The token of a session that has just begun, as if its person had given a proof."""
    token = sign_in.new_token()
    with transaction(db):
        sessions.add(db, sign_in.digest(token), curator, method, HERE, now, now)
    return token


@dataclass
class DeskUser:
    """One browser at the desk; `me` is the user who is signed in, or None."""

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
    """An installation and its users, who are made on demand: one for each role and name."""

    installation: Installation

    def account(self, role: str, name: str = "", languages: str = "sv") -> Curator:
        """The user with that role; a translator writes in `languages`."""
        name = name or f"{role.title()} Åström"
        given = {
            "address": f"{name.split()[0].lower()}@example.org",
            "name": name,
            "role": role,
            "languages": languages if role == "translator" else "",
            "language": "en",
        }
        with self.installation.open() as db:
            known = curators.by_identity(db, given["address"])
            if known is not None:
                return known
            codes = self.installation.config.languages
            people.invite(db, given, codes, self.installation.now, mailed=False)
            return people.by_address(db, given["address"])

    def sign_in(
        self,
        role: str,
        name: str = "",
        now: datetime | None = None,
        method: Method = "passkey",
    ) -> DeskUser:
        """A browser in which a user with that role has just signed in."""
        found = self.account(role, name)
        with self.installation.open() as db:
            token = prepared_session(db, found, now or self.installation.now, method)
        client = self.installation.client()
        client.set_cookie("devis-desk", token)
        return DeskUser(client, found)

    def anonymous(self) -> DeskUser:
        """A browser that is not signed in."""
        return DeskUser(self.installation.client())

    def link(self, curator: Curator | None, kind: str = "invitation") -> str:
        """The path of the newest link that was mailed to a user."""
        with self.installation.open() as db:
            ((number,),) = db.execute(
                "SELECT max(id) FROM outbox WHERE curator IS ? AND kind = ?",
                [curator and curator.id, kind],
            )
            notice = outbox.by_id(db, number)
        assert notice is not None
        return links.path(signing_key.key(self.installation.config), notice)


def field_errors(page: TestResponse) -> list[str]:
    """The error messages at the fields of a page."""
    return [text.replace("&#39;", "'") for text in WRONG.findall(page.text)]
