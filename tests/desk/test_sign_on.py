"""Signing in at the desk with the organisation's sign-on, and connecting it to an account."""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser
from werkzeug.test import TestResponse

from feed.accounts import people, ways_in
from feed.app import create_app
from feed.desk import session
from feed.model.people import Curator
from feed.store import curators, outbox, sign_ons
from tests.accounts.test_oidc import HOSTILE
from tests.conftest import NOON, Installation, free_port, listening
from tests.desk_client import Desk, DeskUser
from tests.oidc_provider import DISCOVERY, OidcServer, oidc_server, says

Install = Callable[..., Installation]
GO = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')
BEGIN, CONNECT = "/desk/sign-in/sign-on", "/desk/account/sign-on"


@dataclass
class Site:
    """A desk whose sign-on is at a provider, and that provider."""

    desk: Desk
    server: OidcServer

    def ask(self, user: DeskUser, path: str = BEGIN, **form: str) -> str:
        """Press a button; where the desk sends the browser."""
        page = user.post(path, form)
        found = GO.search(page.text)
        assert found, (page.status, page.location, page.text)
        return html.unescape(found[1])

    def back(self, user: DeskUser, path: str = BEGIN, **form: str) -> str:
        """Press a button and sign in at the provider; where that sends the browser."""
        return self.server.authorize(self.ask(user, path, **form)).partition("//127.0.0.1:8000")[2]

    def sign_on(self, user: DeskUser, path: str = BEGIN, **form: str) -> TestResponse:
        return user.get(self.back(user, path, **form))

    def connected(self, role: str = "curator", subject: str = "f3b1") -> Curator:
        """A person whose account is connected."""
        found = self.desk.account(role)
        with self.desk.installation.open() as db:
            sign_ons.add(db, self.server.issuer, subject, found.id, found.address, NOON)
        return found

    def events(self) -> list[tuple[str, str, int | None]]:
        """Action, outcome and person of the steps by sign-on, oldest first."""
        query = "SELECT action, outcome, curator FROM sign_in_events WHERE method = 'sign-on'"
        with self.desk.installation.open() as db:
            return list(db.execute(f"{query} ORDER BY id"))

    def mailed(self, person: Curator) -> int:
        """How many e-mails about a way to sign in a person got."""
        with self.desk.installation.open() as db:
            return outbox.count(db, "way-in", NOON - timedelta(days=1), curator=person.id)


@pytest.fixture
def server() -> Iterator[OidcServer]:
    with oidc_server() as here:
        yield here


@pytest.fixture
def site(install: Install, server: OidcServer) -> Site:
    return Site(Desk(install(**server.settings)), server)


def is_in(user: DeskUser) -> bool:
    return user.get("/desk/").status_code == 200


def test_a_connected_person_signs_in_and_goes_on(site: Site) -> None:
    person, user = site.connected("editor"), site.desk.anonymous()
    page = user.get("/desk/sign-in?next=/desk/calendar/")
    assert "Sign in with 127.0.0.1" in page.text
    answer = site.sign_on(user, next="/desk/calendar/")
    assert (answer.status_code, answer.location) == (303, "/desk/calendar/")
    assert person.name in user.get("/desk/calendar/").text
    assert site.events() == [("proved", "", person.id)]
    assert site.server.asked["redirect_uri"] == "http://127.0.0.1:8000/desk/sign-on/callback"
    assert "max_age" not in site.server.asked


def test_where_to_go_on_to_is_at_the_desk(site: Site) -> None:
    site.connected()
    answer = site.sign_on(site.desk.anonymous(), next="https://evil.example/")
    assert answer.location == "/desk/"


def test_signing_on_gives_the_browser_a_new_token(site: Site) -> None:
    site.connected()
    user = site.desk.anonymous()
    back = site.back(user)
    before = user.client.get_cookie("devis-desk")
    user.get(back)
    after = user.client.get_cookie("devis-desk")
    assert before
    assert after
    assert before.value != after.value
    assert after.same_site == "Lax"


def test_a_form_of_another_site_begins_no_sign_on(site: Site) -> None:
    assert site.desk.anonymous().client.post(BEGIN).status_code == 403
    assert site.server.requests == []


def test_a_response_is_good_once_and_in_one_browser_and_for_ten_minutes(site: Site) -> None:
    site.connected()
    user, thief = site.desk.anonymous(), site.desk.anonymous()
    thief.get("/desk/sign-in")
    back = site.back(user)
    assert thief.get(back).status_code == 403  # signing in a victim as the thief is the same
    assert user.get(back).status_code == 303
    user.post("/desk/sign-out")
    again = user.get(back)
    assert again.status_code == 403
    assert "Start again" in again.text
    assert not is_in(user)
    assert [event[:2] for event in site.events()][:2] == [("refused", "state"), ("proved", "")]
    late = site.desk.anonymous()
    back = site.back(late)
    later = Site(
        Desk(replace(site.desk.installation, now=NOON + timedelta(minutes=11))), site.server
    )
    slow = DeskUser(later.desk.installation.client())
    cookie = late.client.get_cookie("devis-desk")
    assert cookie
    slow.client.set_cookie("devis-desk", cookie.value)
    assert slow.get(back).status_code == 403
    assert site.events()[-1][:2] == ("refused", "state")


CHANGED = {
    "no state": ({"state": ""}, 403, "state"),
    "the state of another sign-on": ({"state": "x" * 43}, 403, "state"),
    "another issuer": ({"iss": "https://evil.example"}, 503, "provider"),
    "no code": ({"code": ""}, 503, "provider"),
    "the code of another sign-on": ({"code": "y" * 32}, 503, "provider"),
    "an error": ({"error": "access_denied", "error_description": "x\r\nERROR y"}, 403, "declined"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_response_that_was_changed_signs_nobody_in(
    site: Site, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    changes, status, outcome = CHANGED[name]
    site.connected()
    user = site.desk.anonymous()
    path, _, query = site.back(user).partition("?")
    page = user.get(f"{path}?{urlencode({**dict(parse_qsl(query)), **changes})}")
    assert page.status_code == status
    assert "ERROR y" not in page.text
    assert not is_in(user)
    assert site.events() == [("refused", outcome, None)]
    if outcome != "state":
        assert "the sign-on provider" in caplog.text


def disabled(site: Site) -> None:
    person = site.connected()
    with site.desk.installation.open() as db:
        people.disable(db, person.id, NOON)


def of_another_issuer(site: Site) -> None:
    person = site.desk.account("curator")
    with site.desk.installation.open() as db:
        sign_ons.add(db, "https://old.example", "f3b1", person.id, person.address, NOON)


def reset(site: Site) -> None:
    person = site.connected()
    with site.desk.installation.open() as db:
        people.reset(db, person.id, NOON)


def reborn(site: Site) -> None:
    site.connected(subject="before")


NOBODY: dict[str, tuple[Callable[[Site], object], str]] = {
    "a stranger": (lambda site: site.desk.account("editor"), "unknown"),
    "an address alone, without an invitation by domain": (
        lambda site: site.desk.account("curator"),
        "unknown",
    ),
    "a new subject with the old address": (reborn, "unknown"),
    "the subject of another issuer": (of_another_issuer, "unknown"),
    "a disabled person": (disabled, "disabled"),
    "a person whose account was reset": (reset, "unknown"),
}


@pytest.mark.parametrize("name", NOBODY)
def test_who_is_not_connected_gets_no_account_and_a_clear_page(site: Site, name: str) -> None:
    prepare, outcome = NOBODY[name]
    prepare(site)
    user = site.desk.anonymous()
    page = site.sign_on(user)
    assert page.status_code == 403
    assert ("no account here" if outcome == "unknown" else "is disabled") in page.text
    assert not is_in(user)
    assert [event[:2] for event in site.events()] == [("refused", outcome)]
    with site.desk.installation.open() as db:
        assert len(curators.list_all(db)) == 1


@pytest.fixture
def domain(install: Install, server: OidcServer) -> Site:
    """A site of an organisation with the domain of its people."""
    return Site(Desk(install(**server.settings, OIDC_DOMAINS="example.org")), server)


def test_an_invited_person_of_the_organisation_comes_in_by_sign_on_alone(domain: Site) -> None:
    person, user = domain.desk.account("curator"), domain.desk.anonymous()
    domain.server.address = "Curator@Example.org"
    assert domain.sign_on(user).status_code == 303
    assert is_in(user)
    assert domain.events() == [("way-added", "", person.id), ("proved", "", person.id)]
    assert domain.mailed(person) >= 1
    assert domain.desk.anonymous().get(domain.desk.link(person)).status_code == 404  # used up
    assert domain.sign_on(domain.desk.anonymous()).status_code == 303


def uninvited(site: Site) -> None:
    person = site.desk.account("curator")
    with site.desk.installation.open() as db:
        outbox.void_links(db, person.id, NOON)


def expired(site: Site) -> None:
    site.desk.account("curator")
    site.desk.installation.now = site.server.now = NOON + timedelta(days=8)


def giving(**changes: object) -> Callable[[Site], None]:
    def prepare(site: Site) -> None:
        site.desk.account("curator")
        for name, value in changes.items():
            setattr(site.server, name, value)

    return prepare


UNINVITED: dict[str, Callable[[Site], None]] = {
    "an invitation that was used": uninvited,
    "an invitation that has expired": expired,
    "an address that is not verified": giving(verified=False),
    "an address that may be verified": giving(verified="true"),
    "no address": giving(address=None),
    "an address of another domain": giving(address="curator@example.com"),
    "an address of a domain below": giving(address="curator@evil.example.org"),
    "an address of nobody here": giving(address="nobody@example.org"),
}


@pytest.mark.parametrize("name", UNINVITED)
def test_an_invitation_needs_the_very_address_verified(domain: Site, name: str) -> None:
    UNINVITED[name](domain)
    user = domain.desk.anonymous()
    assert domain.sign_on(user).status_code == 403
    assert domain.events() == [("refused", "unknown", None)]


def test_a_person_connects_and_disconnects_with_a_fresh_proof(site: Site) -> None:
    user = site.desk.sign_in("curator")
    assert user.me
    page = user.get("/desk/account/")
    assert "Connect 127.0.0.1" in page.text
    answer = site.sign_on(user, CONNECT)
    assert (answer.status_code, answer.location) == (303, "/desk/account/?saved=1")
    assert "as curator@example.org." in user.get("/desk/account/").text
    assert site.sign_on(site.desk.anonymous()).status_code == 303
    assert site.mailed(user.me) >= 1
    assert user.post(f"{CONNECT}/remove").status_code == 303
    assert user.post(f"{CONNECT}/remove").status_code == 303
    actions = [action for action, _, _ in site.events()]
    assert (actions.count("way-added"), actions.count("way-removed")) == (1, 1)
    assert site.sign_on(site.desk.anonymous()).status_code == 403


def test_connecting_at_a_new_provider_replaces_the_old_one(site: Site) -> None:
    of_another_issuer(site)
    user = site.desk.sign_in("curator")
    assert user.me
    assert "Connect 127.0.0.1" in user.get("/desk/account/").text
    assert site.sign_on(user, CONNECT).status_code == 303
    with site.desk.installation.open() as db:
        found = curators.by_id(db, user.me.id)
    assert found
    assert found.sign_ons == 1


def test_connecting_needs_a_proof_of_the_last_ten_minutes(site: Site) -> None:
    user = site.desk.sign_in("curator", now=NOON - timedelta(minutes=11))
    for path in (CONNECT, f"{CONNECT}/remove"):
        answer = user.post(path)
        assert answer.status_code == 303
        assert answer.location.startswith("/desk/sign-in/confirm?next=")


def theirs(site: Site) -> None:
    site.connected("editor")


def another(site: Site) -> None:
    site.connected(subject="before")


UNCONNECTED: dict[str, tuple[Callable[[Site], object], str]] = {
    "an address that is not verified": (giving(verified=False), "unverified"),
    "no address": (giving(address=None), "unverified"),
    "another address": (giving(address="mallory@example.org"), "other-address"),
    "an identity that is someone else’s": (theirs, "taken"),
    "a second identity": (another, "another"),
}


@pytest.mark.parametrize("name", UNCONNECTED)
def test_only_ones_own_identity_can_be_connected(site: Site, name: str) -> None:
    prepare, outcome = UNCONNECTED[name]
    user = site.desk.sign_in("curator")
    assert user.me
    prepare(site)
    page = site.sign_on(user, CONNECT)
    assert page.status_code == 403
    assert site.events() == [("refused", outcome, user.me.id)]
    assert "/desk/account/" in page.text
    assert "sign-in was refused" in user.get("/desk/account/").text


def test_a_connection_is_not_made_in_a_session_that_has_ended(site: Site) -> None:
    user = site.desk.sign_in("curator")
    assert user.me
    back = site.back(user, CONNECT)
    user.post("/desk/sign-out")
    assert user.get(back).status_code == 403
    person, user = user.me, site.desk.sign_in("curator")
    back = site.back(user, CONNECT)
    with site.desk.installation.open() as db:
        people.disable(db, person.id, NOON)
        assert user.get(back).status_code == 403
        people.enable(db, person.id, NOON)
    user = site.desk.sign_in("curator")

    def reset(claims: dict[str, Any]) -> dict[str, Any]:
        with site.desk.installation.open() as db:
            people.reset(db, person.id, NOON)
        return claims

    site.server.claims = reset  # while the provider is asked
    assert site.sign_on(user, CONNECT).status_code == 403
    assert not is_in(user)
    with site.desk.installation.open() as db:
        assert sign_ons.of_curator(db, site.server.issuer, person.id) is None


def stale(site: Site) -> DeskUser:
    """A connected person whose proof is an hour old."""
    site.connected()
    return site.desk.sign_in("curator", now=NOON - timedelta(hours=1))


def test_a_proof_is_renewed_where_the_provider_asks_anew(site: Site) -> None:
    user = stale(site)
    assert user.me
    answer = site.sign_on(user, next="/desk/account/")
    assert (answer.status_code, answer.location) == (303, "/desk/account/")
    assert (site.server.asked["prompt"], site.server.asked["max_age"]) == ("login", "0")
    assert site.events() == [("elevated", "", user.me.id)]
    assert user.post(f"{CONNECT}/remove").location == "/desk/account/?saved=1"


@pytest.mark.parametrize("proved", [timedelta(minutes=11), None])
def test_a_running_session_at_the_provider_is_no_fresh_proof(
    site: Site, proved: timedelta | None
) -> None:
    user = stale(site)
    assert user.me
    site.server.proved = proved
    page = site.sign_on(user)
    assert page.status_code == 403
    assert "just signed in" in page.text
    assert site.events() == [("refused", "not-fresh", user.me.id)]
    other = site.desk.anonymous()
    assert site.sign_on(other).status_code == 303  # it signs in
    assert is_in(other)
    assert other.post(f"{CONNECT}/remove").location.startswith("/desk/sign-in/confirm")


def test_someone_else_does_not_confirm(site: Site) -> None:
    user = stale(site)
    assert user.me
    site.connected("editor", "other")
    site.server.subject = "other"
    page = site.sign_on(user)
    assert page.status_code == 403
    assert site.events() == [("refused", "someone-else", user.me.id)]


def test_a_provider_that_is_down_says_so_and_links_go_on_working(site: Site) -> None:
    person = site.connected()
    site.server.answers[DISCOVERY] = says(503, b"")
    user = site.desk.anonymous()
    assert user.get("/desk/sign-in").status_code == 200
    page = user.post(BEGIN)
    assert page.status_code == 503
    assert "isn’t working" in page.text
    assert "link" in page.text
    assert site.events() == [("refused", "provider", None)]
    assert user.post(site.desk.link(person)).status_code == 303
    assert is_in(user)


def test_the_last_way_in_stays_where_a_link_is_not_enough(site: Site) -> None:
    site.connected("editor")
    user = site.desk.sign_in("editor")
    with site.desk.installation.open() as db:
        ways_in.require_strong(db, True)
    page = user.post(f"{CONNECT}/remove")
    assert page.status_code == 422
    assert "only way to sign in" in page.text
    intruder = site.desk.sign_in("editor", method="link")
    assert "Disconnect" not in intruder.get("/desk/account/").text
    assert intruder.post(f"{CONNECT}/remove").location == "/desk/account/"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_provider_signs_nobody_in(
    site: Site, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil, reason = HOSTILE[name]
    spoil(site.server)
    site.connected()
    user = site.desk.anonymous()
    page = user.post(BEGIN)
    if found := GO.search(page.text):
        back = site.server.authorize(html.unescape(found[1]))
        page = user.get(back.partition("//127.0.0.1:8000")[2])
    assert page.status_code == 503
    assert "isn’t working" in page.text
    assert site.events() == [("refused", "provider", None)]
    assert f"the sign-on provider: {reason}:" in caplog.text.replace("id-token", "token")
    assert not is_in(user)
    assert "/elsewhere" not in site.server.requests


@pytest.mark.parametrize("base", ["http://desk.example.org", "http://127.0.0.1:8000"])
def test_sign_on_is_offered_where_the_origin_is_secure(
    install: Install, server: OidcServer, base: str
) -> None:
    desk = Desk(install(**server.settings, BASE_URL=base))
    secure = base.endswith("8000")
    assert ways_in.available(desk.installation.config).sign_on is secure
    assert ("Sign in with" in desk.anonymous().get("/desk/sign-in").text) is secure


def test_without_a_provider_nothing_is_offered(install: Install) -> None:
    desk = Desk(install())
    user = desk.sign_in("curator")
    assert "Sign in with" not in desk.anonymous().get("/desk/sign-in").text
    assert desk.anonymous().post(BEGIN).status_code == 404
    assert user.get("/desk/sign-on/callback?code=x&state=y").status_code == 404
    assert user.post(CONNECT).status_code == 404
    assert user.post(f"{CONNECT}/remove").status_code == 404


def test_garbage_fills_no_log(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Responses that nobody asked for are counted by network, and not recorded beyond a limit."""
    monkeypatch.setattr(session, "MAX_BY_NETWORK", 3)
    user = site.desk.anonymous()
    codes = [user.get(f"/desk/sign-on/callback?state={n}").status_code for n in range(6)]
    assert codes == [403] * 3 + [429] * 3
    assert len(site.events()) == 3
    assert site.server.requests == []
    site.connected()  # a page of another site can send them from a whole office
    assert site.sign_on(user).status_code == 303


def login_page(handler: Any) -> None:
    """The page of a provider that asks people to log in."""
    back = handler.here.redirect(dict(parse_qsl(urlsplit(handler.path).query)))
    link = f'<!doctype html><title>x</title><a href="{html.escape(back)}">Log in</a>'
    handler.answer(200, link.encode(), **{"Content-Type": "text/html"})


def test_a_browser_goes_to_the_provider_and_comes_back_to_where_it_was(
    install: Install, server: OidcServer, browser: Browser
) -> None:
    """Without scripts, to another site: no form of the desk may lead there, and a cookie that is
    `Strict` would not be sent on the way back.
    """
    port = free_port()
    address = f"http://localhost:{port}"
    site = Site(Desk(install(**server.settings, PORT=str(port), BASE_URL=address)), server)
    person, said = site.connected(), []
    server.answers["/authorize"] = login_page
    app = create_app(site.desk.installation.config, lambda: NOON)  # type: ignore[arg-type]
    with listening(app, port), closing(browser.new_context(java_script_enabled=False)) as context:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{address}/desk/calendar/")
        page.get_by_role("button", name="Sign in with 127.0.0.1").click()
        page.get_by_role("link", name="Log in").click()
        page.wait_for_url("**/desk/calendar/")
        assert person.name in page.inner_text("header")
        page.goto(f"{address}/desk/account/")
        page.get_by_role("button", name="Disconnect 127.0.0.1").click()
        page.wait_for_url("**saved=1")
        page.get_by_role("button", name="Connect 127.0.0.1").click()
        page.get_by_role("link", name="Log in").click()
        page.get_by_role("button", name="Disconnect 127.0.0.1").wait_for()
    assert said == []
