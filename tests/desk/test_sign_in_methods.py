"""Every method of sign-in, for every role, against what must not sign anybody in.

A method is a `Driver`: how its proof begins in a browser, and how it is sent.
"""

import html
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import pytest
from werkzeug.test import TestResponse

from feed import clock
from feed.accounts import people
from feed.desk import session
from feed.model.people import ROLES, Curator, Role
from feed.server.database_setup import create
from feed.store import backups, sessions, sign_ons
from feed.store.connection import transaction
from tests.conftest import Installation, settings
from tests.desk.test_passkeys import BEGIN, FINISH, ORIGIN, add
from tests.desk_client import Desk, DeskUser
from tests.oidc_provider import OidcServer, oidc_server


class Driver(Protocol):
    """A method of sign-in; `settings` are those of a site that offers it."""

    @property
    def settings(self) -> Mapping[str, str]: ...

    def prepare(self, desk: Desk, person: Curator) -> None:
        """Give the person this way in."""

    def begin(self, desk: Desk, browser: DeskUser, person: Curator) -> Any:
        """Ask for a challenge in a browser; returns the proof that answers it."""

    def finish(self, desk: Desk, browser: DeskUser, proof: Any) -> TestResponse:
        """Send the proof."""


class LinkDriver:
    """A link that is asked for by e-mail."""

    settings: Mapping[str, str] = MappingProxyType({})

    def prepare(self, desk: Desk, person: Curator) -> None:
        pass  # an address is enough

    def begin(self, desk: Desk, browser: DeskUser, person: Curator) -> str:
        browser.post("/desk/sign-in", {"address": person.address})
        return desk.link(person, "sign-in")

    def finish(self, desk: Desk, browser: DeskUser, proof: str) -> TestResponse:
        return browser.post(proof)


class CodeDriver(LinkDriver):
    """The code that such a link shows in another browser."""

    def begin(self, desk: Desk, browser: DeskUser, person: Curator) -> str:
        link = super().begin(desk, browser, person)
        page = desk.anonymous().get(f"{link}?code=1").text
        return page.partition("<code>")[2].partition("</code>")[0]

    def finish(self, desk: Desk, browser: DeskUser, proof: str) -> TestResponse:
        return browser.post("/desk/sign-in/code", {"code": proof})


class PasskeyDriver:
    """A passkey of a software authenticator."""

    settings: Mapping[str, str] = MappingProxyType({"BASE_URL": ORIGIN})

    def prepare(self, desk: Desk, person: Curator) -> None:
        user = desk.sign_in(person.role, person.name)
        self.device = add(user)
        user.post("/desk/sign-out")

    def begin(self, desk: Desk, browser: DeskUser, person: Curator) -> str:
        return self.device.sign(browser.post(BEGIN).text)

    def finish(self, desk: Desk, browser: DeskUser, proof: str) -> TestResponse:
        return browser.post(FINISH, {"credential": proof})


@dataclass
class SignOnDriver:
    """A sign-on at the provider of an organisation."""

    server: OidcServer

    @property
    def settings(self) -> Mapping[str, str]:
        return self.server.settings

    def prepare(self, desk: Desk, person: Curator) -> None:
        now, self.server.subject = desk.installation.now, f"subject {person.id}"
        with desk.installation.open() as db:
            sign_ons.add(
                db, self.server.issuer, self.server.subject, person.id, person.address, now
            )

    def begin(self, desk: Desk, browser: DeskUser, person: Curator) -> str:
        page = browser.post("/desk/sign-in/sign-on").text
        url = page.partition('content="0; url=')[2].partition('"')[0]
        back = self.server.authorize(html.unescape(url))
        return back.removeprefix(desk.installation.config.base_url)

    def finish(self, desk: Desk, browser: DeskUser, proof: str) -> TestResponse:
        return browser.get(proof)


@contextmanager
def sign_on_driver() -> Iterator[Driver]:
    with oidc_server() as server:
        yield SignOnDriver(server)


DRIVERS: dict[str, Callable[[], AbstractContextManager[Driver]]] = {
    "link": lambda: nullcontext(LinkDriver()),
    "code": lambda: nullcontext(CodeDriver()),
    "passkey": lambda: nullcontext(PasskeyDriver()),
    "sign-on": sign_on_driver,
}


@dataclass
class Attempt:
    """A proof that has begun, the browser that it is for, and where it is sent."""

    driver: Driver
    desk: Desk
    person: Curator
    browser: DeskUser
    proof: Any
    folder: Path

    def send(self, browser: DeskUser | None = None) -> TestResponse:
        return self.driver.finish(self.desk, browser or self.browser, self.proof)

    def moved(self, installation: Installation) -> DeskUser:
        """The same browser at an installation with another clock or database."""
        self.desk = Desk(installation)
        return self.twin()

    def twin(self) -> DeskUser:
        """Another client with the cookies of the browser."""
        cookie = self.browser.client.get_cookie("devis-desk")
        assert cookie is not None
        client = self.desk.installation.client()
        client.set_cookie("devis-desk", cookie.value)
        return DeskUser(client)

    def sessions(self) -> int:
        with self.desk.installation.open() as db:
            return len(sessions.of_curator(db, self.person.id))


def replay(made: Attempt) -> DeskUser:
    """The proof is sent again, in the browser that used it and was signed out."""
    assert made.send().status_code == 303
    assert made.sessions() == 1
    made.browser.post("/desk/sign-out")
    made.send()
    return made.browser


def replay_of_the_browser(made: Attempt) -> DeskUser:
    """The proof and the cookie that it was for are sent again."""
    before = made.twin()
    assert made.send().status_code == 303
    made.browser.post("/desk/sign-out")
    made.send(before)
    return before


def wrong_purpose(made: Attempt) -> DeskUser:
    """The challenge is one of another purpose."""
    with made.desk.installation.open() as db, transaction(db):
        for other in ("passkey-add", "link"):
            db.execute("UPDATE challenges SET purpose = ? WHERE purpose <> ?", [other, other])
            if db.execute("SELECT changes()").fetchone()[0]:
                break
    made.send()
    return made.browser


def wrong_origin(made: Attempt) -> DeskUser:
    """The proof is sent by another browser than the one that asked."""
    other = made.desk.anonymous()
    made.send(other)
    return other


def forged(made: Attempt) -> DeskUser:
    """It comes from a page of another site, which knows no CSRF token and no state."""
    cookie = made.browser.client.get_cookie("devis-desk")
    assert cookie is not None
    made.browser._token = (cookie.value, "0" * 64)
    if isinstance(made.proof, str):
        made.proof = re.sub("state=[^&]+", f"state={'0' * 43}", made.proof)
    assert made.send().status_code == 403
    return made.browser


def expired(made: Attempt) -> DeskUser:
    later = made.desk.installation.now + timedelta(minutes=10, seconds=1)
    browser = made.moved(replace(made.desk.installation, now=later))
    made.send(browser)
    return browser


def disabled(made: Attempt) -> DeskUser:
    with made.desk.installation.open() as db:
        people.disable(db, made.person.id, made.desk.installation.now)
    made.send()
    with made.desk.installation.open() as db:
        people.enable(db, made.person.id, made.desk.installation.now)
    return made.browser


def after_reset(made: Attempt) -> DeskUser:
    with made.desk.installation.open() as db:
        people.reset(db, made.person.id, made.desk.installation.now, mailed=False)
    made.send()
    return made.browser


def after_restore(made: Attempt) -> DeskUser:
    """The proof was used; then a backup from before is restored."""
    config = made.desk.installation.config
    backup = backups.make(config, made.desk.installation.now, made.folder / "backup").path
    before = made.twin()
    cookie = before.client.get_cookie("devis-desk")
    assert made.send().status_code == 303
    restored = replace(config, database=made.folder / "restored" / "devis.sqlite3")
    backups.restore(restored, backup)
    assert cookie is not None
    browser = made.moved(replace(made.desk.installation, config=restored))
    browser.client.set_cookie("devis-desk", cookie.value)
    made.send(browser)
    return browser


ATTACKS = (
    *(replay, replay_of_the_browser, wrong_purpose, wrong_origin, forged, expired),
    *(disabled, after_reset, after_restore),
)


@pytest.fixture(params=DRIVERS, scope="module")
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    with DRIVERS[request.param]() as made:
        yield made


@pytest.fixture(scope="module")
def desk(
    driver: Driver, migrated: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """A desk with the method, for all tests: each has a person of its own, and no brakes."""
    made = Installation(settings(tmp_path_factory.mktemp("methods"), **driver.settings))
    shutil.copy(migrated, made.config.database)
    create(made.config, clock.Clock(made.now, time.monotonic()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "MAX_BY_NETWORK", 10_000)
        patch.setattr(session, "MAX_LINKS", 10_000)
        yield Desk(made)


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> Role:
    chosen: Role = request.param
    return chosen


@pytest.fixture
def made(desk: Desk, driver: Driver, role: Role, tmp_path: Path) -> Attempt:
    """A proof that a person with the role has begun."""
    desk.account("administrator", "Present Administrator")  # the last one is not disabled
    person, browser = desk.account(role, f"{secrets.token_hex(4)} {role}"), desk.anonymous()
    driver.prepare(desk, person)
    return Attempt(driver, desk, person, browser, driver.begin(desk, browser, person), tmp_path)


def test_a_proof_signs_its_person_in(made: Attempt) -> None:
    assert made.send().status_code == 303
    page = made.browser.get("/desk/account/")
    assert page.status_code == 200
    assert made.person.address in page.text


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_what_is_no_proof_signs_nobody_in(
    made: Attempt, attack: Callable[[Attempt], DeskUser]
) -> None:
    browser = attack(made)
    assert browser.get("/desk/account/").location == "/desk/sign-in?next=/desk/account/"
    assert made.sessions() == 0


def test_of_two_that_send_a_proof_at_once_one_is_signed_in(made: Attempt) -> None:
    browsers = [made.twin(), made.twin()]
    for browser in browsers:
        browser.csrf_token()
    both, answers = threading.Barrier(2), []

    def send(browser: DeskUser) -> None:
        both.wait(30)
        answers.append(made.send(browser).status_code)

    threads = [threading.Thread(target=send, args=[browser]) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 2
    assert answers.count(303) == 1
    assert made.sessions() == 1
