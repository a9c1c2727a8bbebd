"""Signing in at the desk: by link, by password, with a second factor; and how a session ends."""

import email
import email.policy
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest

from feed import clock, digests
from feed.accounts import authentication, passwords, people
from feed.desk import session
from feed.store import curators, sessions
from tests.conftest import NOON, Command, Installation, free_port
from tests.desk_client import CSRF_FIELD, Desk, DeskUser, field_errors
from tests.terminal import served_on_terminal

PASSWORD = "a horse, a staple and 4 cows"
Install = Callable[..., Installation]


@pytest.fixture
def desk(install: Install) -> Desk:
    """A desk on an empty library."""
    return Desk(install())


def signed_in(user: DeskUser) -> bool:
    return user.get("/desk/").status_code == 200


def choose(user: DeskUser, password: str = PASSWORD, current: str = "") -> int:
    given = {"password": password, "current": current}
    return user.post("/desk/account/password", given).status_code


def sign_in(user: DeskUser, address: str, password: str = PASSWORD, **more: str) -> int:
    given = {"address": address, "password": password, **more}
    return user.post("/desk/sign-in", given).status_code


def test_the_first_link_makes_an_administrator_once(desk: Desk) -> None:
    with desk.installation.open() as db:
        assert people.first_link(db, desk.installation.now) is not None
        assert people.first_link(db, desk.installation.now + timedelta(days=1)) is None
        assert people.first_link(db, desk.installation.now + timedelta(days=8)) is not None
    link, first, second = desk.link(None, "first"), desk.anonymous(), desk.anonymous()
    assert "Nobody is here yet" in first.get(link).text
    assert not signed_in(first)
    page = first.post(link, {"name": " ", "address": "anna at home"})
    assert page.status_code == 422
    assert len(field_errors(page)) == 2
    assert 'value="anna at home"' in page.text
    given = {"name": "Anna Berg", "address": "anna@example.org"}
    answer = first.post(link, given)
    assert (answer.status_code, answer.location) == (303, "/desk/")
    assert "Anna Berg" in first.get("/desk/").text
    assert first.get("/desk/people/").status_code == 200
    assert second.post(link, {**given, "address": "b@example.org"}).status_code == 404
    with desk.installation.open() as db:
        assert [each.role for each in curators.list_all(db)] == ["administrator"]
        assert people.first_link(db, desk.installation.now + timedelta(days=30)) is None


def test_an_invitation_works_once_and_for_a_week(desk: Desk) -> None:
    curator = desk.account("curator")
    link, user = desk.link(curator), desk.anonymous()
    for _ in range(3):  # scanners open every link, and more than once
        assert "Welcome, Curator Åström" in user.get(link).text
        assert user.client.head(link).status_code == 200
    assert not signed_in(user)
    assert user.post(link).status_code == 303
    assert signed_in(user)
    again = desk.anonymous()
    assert again.get(link).status_code == 404
    assert again.post(link).status_code == 404
    other = desk.account("editor")
    late = Desk(
        replace(desk.installation, now=desk.installation.now + timedelta(days=7, seconds=1))
    )
    assert late.anonymous().get(desk.link(other)).status_code == 404
    for broken in ("x", "a" * 42, desk.link(other)[11:-1] + "7"):
        assert again.get(f"/desk/link/{broken}").status_code == 404


def test_a_password_signs_in_and_wrong_or_unknown_look_the_same(desk: Desk) -> None:
    user = desk.sign_in("curator")
    assert choose(user) == 303
    told = []
    for address, password in (("curator@example.org", "wrong"), ("nobody@example.org", PASSWORD)):
        stranger = desk.anonymous()
        page = stranger.post("/desk/sign-in", {"address": address, "password": password})
        assert page.status_code == 422
        told.append(re.sub(address, "", CSRF_FIELD.sub("", page.text)))
        assert password not in page.text
    assert told[0] == told[1]
    right = desk.anonymous()
    assert sign_in(right, " Curator@Example.org ") == 303
    assert signed_in(right)


def test_without_a_password_none_signs_in(desk: Desk) -> None:
    desk.account("curator")
    assert sign_in(desk.anonymous(), "curator@example.org", "") == 422


@pytest.mark.parametrize(
    "bad",
    [
        *("", "short", "elevenchars", "123456789012", "password1234", "Curator Åström"),
        *("aaaaaaaaaaaaaa", "curator2026!", "x" * 257),
    ],
)
def test_a_password_that_is_guessed_first_is_refused(desk: Desk, bad: str) -> None:
    user = desk.sign_in("curator")
    page = user.post("/desk/account/password", {"password": bad})
    assert page.status_code == 422
    assert len(field_errors(page)) == 1
    with desk.installation.open() as db:
        assert curators.password(db, user.me.id if user.me else 0) is None


@pytest.mark.parametrize("good", ["Twelve chars", "å ä ö 🐄 räksmörgås", "abc xyz " * 30])
def test_any_signs_will_do_for_a_password(good: str) -> None:
    passwords.check(good, ("Anna", "anna", "example.org", "Devis"))
    kept = passwords.hashed(good)
    assert kept.startswith("$argon2id$")
    assert passwords.is_right(good, kept)
    assert not passwords.is_right(good.swapcase(), kept)


def test_a_new_password_needs_the_old_one_and_ends_other_sessions(desk: Desk) -> None:
    user, other = desk.sign_in("curator"), desk.sign_in("curator")
    assert choose(user) == 303
    assert signed_in(user)
    assert not signed_in(other)
    assert choose(user, "another fine phrase", "wrong") == 422
    assert choose(user, "another fine phrase", PASSWORD) == 303
    assert sign_in(desk.anonymous(), "curator@example.org") == 422
    assert sign_in(desk.anonymous(), "curator@example.org", "another fine phrase") == 303


def test_signing_in_gives_a_new_token_and_signing_out_voids_it(desk: Desk) -> None:
    choose(desk.sign_in("curator"))
    user = desk.anonymous()
    user.get("/desk/sign-in")
    before = user.client.get_cookie("devis-desk")
    assert sign_in(user, "curator@example.org") == 303
    after = user.client.get_cookie("devis-desk")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert len(after.value) >= 43
    assert after.http_only
    assert after.same_site == "Lax"
    with desk.installation.open() as db:
        assert after.value not in str(list(db.query("SELECT * FROM sessions")))
    assert user.post("/desk/sign-out").status_code == 303
    user.client.set_cookie("devis-desk", after.value)
    assert not signed_in(user)


@pytest.mark.slow
def test_a_session_ends_when_quiet_and_in_the_evening(desk: Desk) -> None:
    user = desk.sign_in("curator")

    def later(hours: float) -> bool:
        installation = replace(desk.installation, now=NOON + timedelta(hours=hours))
        client = installation.client()
        cookie = user.client.get_cookie("devis-desk")
        assert cookie is not None
        client.set_cookie("devis-desk", cookie.value)
        return client.get("/desk/").status_code == 200

    assert later(1.9)
    assert later(3.8)
    assert not later(5.9)
    assert [later(hours) for hours in (4, 5.5, 7, 8.5, 10, 11.5, 11.9, 12.1)] == [True] * 7 + [
        False
    ]
    with desk.installation.open() as db:
        authentication.delete_expired(db, NOON + timedelta(hours=13))
        assert sessions.count(db, 1) == 0


def test_signing_out_everywhere_else(desk: Desk) -> None:
    here, there = desk.sign_in("editor"), desk.sign_in("editor")
    assert "in one other" in here.get("/desk/account/").text
    here.post("/desk/account/sign-out-elsewhere")
    assert (signed_in(here), signed_in(there)) == (True, False)


def test_a_sign_in_link_is_emailed_and_does_not_reveal_accounts(desk: Desk) -> None:
    desk.account("curator")
    pages = []
    for address in ("curator@example.org", "nobody@example.org"):
        stranger = desk.anonymous()
        answer = stranger.post("/desk/sign-in", {"address": address, "link": "1"})
        assert answer.location == "/desk/sign-in/sent"
        pages.append(stranger.get(answer.location).text)
    assert pages[0] == pages[1]
    (letter,) = mail(desk)
    assert "To: curator@example.org" in letter
    link = re.search(r"http://127.0.0.1:8000(/desk/link/[a-z2-7]{42})", letter)
    assert link is not None
    user = desk.anonymous()
    assert user.post(link[1]).status_code == 303
    assert signed_in(user)
    for _ in range(5):
        desk.anonymous().post("/desk/sign-in", {"address": "curator@example.org", "link": "1"})
    assert len(mail(desk)) == authentication.MOST_LINKS - 1


def test_links_are_limited_by_day_and_network_but_not_for_a_device_of_the_person(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    given = {"address": "curator@example.org", "link": "1"}
    with desk.installation.open() as db:
        for number in range(12):
            later = NOON - timedelta(minutes=31 * (11 - number))
            authentication.ask_link(db, desk.account("curator"), later)
        (sent,) = db.execute("SELECT count(*) FROM outbox WHERE kind = 'sign-in'").fetchone()
    assert sent == authentication.MOST_DAILY
    known = desk.anonymous()
    known.post(desk.link(desk.account("curator")))
    known.post("/desk/sign-out")
    for user, number in ((desk.anonymous(), sent), (known, sent + 1)):
        assert user.post("/desk/sign-in", given).location == "/desk/sign-in/sent"
        with desk.installation.open() as db:
            found = db.execute("SELECT count(*) FROM outbox WHERE kind = 'sign-in'").fetchone()
        assert found == (number,)
    monkeypatch.setattr(session, "MAX_LINKS", 3)
    nobody = {"address": "nobody@example.org", "link": "1"}
    answers = [desk.anonymous().post("/desk/sign-in", nobody) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 429]
    assert "from your network" in answers[1].text
    for told in ("signed out", "a link for person nobody was asked for", "too many links"):
        assert told in caplog.text
    assert caplog.text.count("from 127.0.0.0/24") >= 5


def test_an_invitation_by_mail_speaks_the_language_of_the_invited(desk: Desk) -> None:
    given = {"name": "Åsa Öst", "address": "åsa@example.org", "role": "translator"}
    administrator = desk.sign_in("administrator")
    page = administrator.post("/desk/people/", {**given, "language": "sv", "languages": "sv"})
    assert page.status_code == 303
    (letter,) = mail(desk)
    assert "Hej Åsa Öst!" in letter
    assert "Länken gäller i sju dagar" in letter
    with desk.installation.open() as db:
        people.disable(db, people.by_address(db, "åsa@example.org").id, desk.installation.now)
    assert mail(desk) == []


def mail(desk: Desk) -> list[str]:
    """What is sent now, as text; each message once."""
    installation = desk.installation
    folder = installation.config.instance / digests.OUTBOX_FOLDER
    before = set(folder.glob("*.eml"))
    with installation.open() as db:
        # Browsers have clocks of their own, which have gone on since.
        ticking = clock.Clock(installation.now + timedelta(minutes=1), time.monotonic())
        digests.send(db, installation.site(), installation.config, ticking, threading.Event())
        assert digests.is_idle(db, installation.now + timedelta(minutes=2))
    texts = []
    for path in sorted(set(folder.glob("*.eml")) - before):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        body = message.get_body(("plain",))
        assert body is not None
        texts.append(f"To: {message['To']}\n{' '.join(body.get_content().split())}")
    return texts


def factor(desk: Desk, user: DeskUser) -> tuple[pyotp.TOTP, list[str]]:
    """Set up a second factor; the app, and the recovery codes."""
    page = user.get("/desk/account/factor").text
    found = re.search(r'name="secret" value="([A-Z2-7]{32})"', page)
    assert found is not None
    app = pyotp.TOTP(found[1])
    given = {"secret": found[1], "code": "000000"}
    again = user.post("/desk/account/factor", given)
    assert again.status_code == 422
    assert found[1] in again.text  # the same key: it is in the app already
    shown = user.post("/desk/account/factor", {**given, "code": app.at(desk.installation.now)}).text
    codes = re.findall(r"<code>([a-z2-9]{5}-[a-z2-9]{5})</code>", shown)
    assert len(set(codes)) == 10
    return app, codes


def test_a_second_factor_is_required_and_each_code_works_once(desk: Desk) -> None:
    user, elsewhere = desk.sign_in("editor"), desk.sign_in("editor")
    choose(user)
    elsewhere = desk.sign_in("editor")
    app, codes = factor(desk, user)
    assert (signed_in(user), signed_in(elsewhere)) == (True, False)
    other = desk.anonymous()
    assert sign_in(other, "editor@example.org") == 200
    assert not signed_in(other)
    assert other.get("/desk/").location == "/desk/sign-in/code"

    def give(code: str, to: DeskUser) -> int:
        field = CSRF_FIELD.search(to.get("/desk/sign-in/code").text)
        assert field is not None
        return to.client.post(
            "/desk/sign-in/code", data={"mark": field[1], "code": code}
        ).status_code

    assert give(app.at(NOON), other) == 422  # used when it was set up
    assert give("abc", other) == 422
    token = other.client.get_cookie("devis-desk")
    assert give(app.at(NOON + timedelta(seconds=30)), other) == 303
    assert signed_in(other)
    assert other.client.get_cookie("devis-desk") != token
    third, fourth = desk.anonymous(), desk.anonymous()
    for seat_ in (third, fourth):
        sign_in(seat_, "editor@example.org")
    assert give(codes[0].upper().replace("-", " "), third) == 303
    assert give(codes[0], fourth) == 422
    assert give(codes[1], fourth) == 303


def test_a_link_does_not_get_round_the_second_factor(desk: Desk) -> None:
    user = desk.sign_in("editor")
    factor(desk, user)
    assert user.me is not None
    stranger = desk.anonymous()
    assert stranger.post(desk.link(user.me)).status_code == 200
    assert not signed_in(stranger)


def test_an_administrator_can_require_a_second_factor(desk: Desk) -> None:
    administrator, translator = desk.sign_in("administrator"), desk.sign_in("translator")
    administrator.post("/desk/people/factor", {"required": "1"})
    for user in (administrator, translator):
        assert user.get("/desk/").location == "/desk/account/factor"
        assert "Everybody at this desk needs one" in user.get("/desk/account/factor").text
    app, _ = factor(desk, translator)
    assert signed_in(translator)
    code = app.at(NOON + timedelta(seconds=30))
    ended = translator.post("/desk/account/factor/end", {"code": code})
    assert ended.location == "/desk/account/factor"
    assert translator.get("/desk/").location == "/desk/account/factor"
    factor(desk, translator)
    assert signed_in(translator)


def test_ending_a_second_factor_and_new_codes_need_a_code(desk: Desk) -> None:
    user = desk.sign_in("curator")
    app, old = factor(desk, user)
    assert user.post("/desk/account/factor/codes", {"code": "1"}).status_code == 422
    given = {"code": app.at(NOON + timedelta(seconds=30))}
    assert old[0] not in user.post("/desk/account/factor/codes", given).text
    assert user.post("/desk/account/factor/end", {"code": old[0]}).status_code == 422
    with desk.installation.open() as db:
        assert curators.recovery_codes(db, 1) == 10


def test_guessing_is_rate_limited_but_the_owner_gets_in(desk: Desk) -> None:
    owner = desk.sign_in("curator")
    choose(owner)
    known = desk.anonymous()
    assert sign_in(known, "curator@example.org") == 303
    known.post("/desk/sign-out")
    guesser = desk.anonymous()
    answers = [sign_in(guesser, "curator@example.org", f"guess number {n}") for n in range(12)]
    assert answers == [422] * 10 + [429] * 2
    assert sign_in(guesser, "curator@example.org") == 429  # even with the right one
    assert sign_in(known, "curator@example.org") == 303  # a browser that was here before
    assert (
        guesser.post("/desk/sign-in", {"address": "curator@example.org", "link": "1"}).location
        == "/desk/sign-in/sent"
    )
    assert len(mail(desk)) == 1


@pytest.mark.parametrize(("days", "status"), [(399, 303), (401, 429)])
def test_a_browser_is_known_for_as_long_as_its_cookie_lasts(
    desk: Desk, days: int, status: int
) -> None:
    choose(desk.sign_in("curator"))
    known = desk.anonymous()
    assert sign_in(known, "curator@example.org") == 303
    kept = known.client.get_cookie("devis-device")
    assert kept is not None
    assert kept.max_age == 400 * 86_400
    desk.installation.now += timedelta(days=days)
    guesser, again = desk.anonymous(), desk.anonymous()
    for number in range(11):
        sign_in(guesser, "curator@example.org", f"guess number {number}")
    again.client.set_cookie("devis-device", kept.value)
    assert sign_in(again, "curator@example.org") == status


@pytest.mark.slow
def test_a_network_full_of_guesses_stops_neither_a_known_browser_nor_the_link(desk: Desk) -> None:
    choose(desk.sign_in("curator"))
    known = desk.anonymous()
    assert sign_in(known, "curator@example.org") == 303
    known.post("/desk/sign-out")
    guesser = desk.anonymous()
    answers = [sign_in(guesser, f"nobody-{n}@example.org", "guess") for n in range(61)]
    assert answers[-1] == 429
    assert sign_in(desk.anonymous(), "curator@example.org") == 429
    assert sign_in(known, "curator@example.org") == 303
    guesser.post("/desk/sign-in", {"address": "curator@example.org", "link": "1"})
    assert len(mail(desk)) == 1


def test_a_second_factor_is_not_exchanged_without_one_of_its_codes(desk: Desk) -> None:
    user = desk.sign_in("editor")
    factor(desk, user)
    with desk.installation.open() as db:
        before = curators.factor(db, 1)
        assert before
    other = pyotp.random_base32()
    given = {"secret": other, "code": pyotp.TOTP(other).at(NOON)}
    answer = user.post("/desk/account/factor", given)
    assert answer.status_code == 422
    assert field_errors(answer) == ["There is already a second factor. Remove that one first."]
    with desk.installation.open() as db:
        assert curators.factor(db, 1) == before


@pytest.mark.slow
def test_guessing_in_an_unattended_session_is_rate_limited(desk: Desk) -> None:
    user = desk.sign_in("editor")
    choose(user)
    factor(desk, user)
    codes = [
        user.post(f"/desk/account/factor/{what}", {"code": f"{n:06d}"}).status_code
        for n, what in enumerate(["end", "codes"] * 6)
    ]
    assert codes == [422] * 10 + [429] * 2
    words = [choose(user, "another long one", f"guess number {n}") for n in range(11)]
    assert words == [422] * 10 + [429]


def test_a_missing_role_is_asked_for_in_words(desk: Desk) -> None:
    user = desk.sign_in("administrator")
    assert 'aria-describedby="role-editor"> Editor</label>' in user.get("/desk/people/").text
    given = {"name": "Anna", "address": "anna@example.org"}
    page = user.post("/desk/people/", given)
    assert "Choose a role: translator, curator, editor or administrator." in field_errors(page)
    with desk.installation.open() as db:
        people.set_language(db, desk.account("administrator"), "sv")
    page = user.post("/desk/people/", given)
    assert "Välj en roll: översättare, skribent, redaktör eller administratör." in (
        field_errors(page)
    )


def test_nobody_is_sent_away_from_the_desk(desk: Desk) -> None:
    choose(desk.sign_in("curator"))
    bad = ("//evil.example/", "https://evil.example/", "/desk/../../x", "/desk\\x", "/sv/", "/desk")
    for target in bad:
        user = desk.anonymous()
        user.post(
            "/desk/sign-in",
            {"address": "curator@example.org", "password": PASSWORD, "next": target},
        )
        answer = user.get("/desk/sign-in", query_string={"next": target})
        assert answer.location == "/desk/"
    user = desk.anonymous()
    given = {
        "address": "curator@example.org",
        "password": PASSWORD,
        "next": "/desk/account/?saved=1",
    }
    assert user.post("/desk/sign-in", given).location == "/desk/account/?saved=1"


def test_the_cookie_is_bound_to_https_where_the_site_is(install: Install) -> None:
    desk = Desk(install(BASE_URL="https://devis.example"))
    answer = desk.anonymous().get("/desk/sign-in", base_url="https://devis.example")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-devis-desk=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.served
def test_a_running_site_prints_the_first_link_once_and_on_a_terminal(command: Command) -> None:
    values = {"PORT": str(free_port()), "WEB_WORKERS": "1"}
    process = command.start("serve", **values)  # into a pipe, as into the journal
    assert process.stdout is not None
    said = ["".join(iter(process.stdout.readline, "Stop with Ctrl-C.\n"))]
    process.terminate()
    process.communicate(timeout=30)
    for _ in range(2):
        with served_on_terminal(command, **values) as printed:
            said.append(printed)
    links = [re.findall(r"/desk/link/[a-z2-7]{42}", text) for text in said]
    assert [len(found) for found in links] == [0, 1, 0]
    assert ["devis curator add ADDRESS" in text for text in said] == [True, False, True]


def test_the_command_line_administers_accounts(command: Command) -> None:
    command("init")
    added = command("curator", "add", "anna@example.org", "--name", "Anna", "--role", "editor")
    assert re.search(r"http://localhost:8000/desk/link/[a-z2-7]{42}\n", added.stdout)
    bad = command("curator", "add", "anna@example.org", code=1)
    assert "already" in bad.stderr
    assert "no @" in command("curator", "add", "anna", code=1).stderr
    assert (
        "language"
        in command("curator", "add", "b@example.org", "--role", "translator", code=1).stderr
    )
    command("curator", "add", "b@example.org", "--role", "translator", "--languages", "sv,en")
    listed = command("curator", "list").stdout
    assert "editor" in listed
    assert "translator (sv, en)" in listed
    command("curator", "role", "anna@example.org", "administrator")
    assert (
        "only administrator"
        in command("curator", "role", "anna@example.org", "curator", code=1).stderr
    )
    assert "only administrator" in command("curator", "disable", "anna@example.org", code=1).stderr
    command("curator", "disable", "b@example.org")
    assert "disabled" in command("curator", "list").stdout
    assert "let them in again" in command("curator", "reset", "b@example.org", code=1).stderr
    command("curator", "disable", "b@example.org", "--undo")
    assert "/desk/link/" in command("curator", "reset", "b@example.org").stdout
    assert "nobody" in command("curator", "reset", "x@example.org", code=1).stderr
