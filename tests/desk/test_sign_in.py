"""Sign-in at the desk by one-time link, proofs and their age, and how a session ends."""

import email
import email.policy
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlite_utils import Database

from feed import clock, digests
from feed.accounts import links, people, sign_in, ways_in
from feed.desk import session
from feed.model.people import Curator, Where
from feed.smtp import SmtpServer
from feed.store import curators, outbox, sessions, sign_in_events
from feed.store.connection import transaction
from tests.conftest import NOON, Command, Installation, free_port
from tests.desk_client import CSRF_FIELD, Desk, DeskUser, field_errors, prepared_session
from tests.terminal import served_on_terminal

Install = Callable[..., Installation]


@pytest.fixture
def desk(install: Install) -> Desk:
    """A desk on an empty library."""
    return Desk(install())


def signed_in(user: DeskUser) -> bool:
    return user.get("/desk/").status_code == 200


def ask(user: DeskUser, address: str = "curator@example.org", **more: str) -> None:
    """Ask for a link in a browser."""
    answer = user.post("/desk/sign-in", {"address": address, **more})
    assert answer.location == "/desk/sign-in/sent"


def by_link(desk: Desk, role: str = "curator", **more: str) -> DeskUser:
    """A browser in which somebody with that role has just signed in by a mailed link."""
    user, person = desk.anonymous(), desk.account(role)
    ask(user, person.address, **more)
    assert user.post(desk.link(person, "sign-in")).status_code == 303
    return DeskUser(user.client, person)


def code_of(page: str) -> str:
    """The code that the page of a link shows."""
    found = re.search(r"<code>([A-Z0-9]{3}-[A-Z0-9]{3})</code>", page)
    assert found, page
    return found[1]


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


def test_signing_in_gives_a_new_token_and_signing_out_voids_it(desk: Desk) -> None:
    user, person = desk.anonymous(), desk.account("curator")
    ask(user)
    before = user.client.get_cookie("devis-desk")
    assert user.post(desk.link(person, "sign-in")).status_code == 303
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
        sign_in.delete_expired(db, NOON + timedelta(hours=13))
        assert sessions.of_curator(db, 1) == []


def test_each_session_is_listed_and_can_be_ended(desk: Desk) -> None:
    here, there, third = (desk.sign_in("editor") for _ in range(3))
    other = desk.sign_in("curator")
    page = here.get("/desk/account/").text
    assert page.count("Firefox, Linux") >= 3
    with desk.installation.open() as db:
        keep = here.client.get_cookie("devis-desk")
        own = [each.id for each in sessions.of_curator(db, desk.account("editor").id)]
        (theirs,) = sessions.of_curator(db, desk.account("curator").id)
    assert keep is not None
    chosen = next(each for each in own if each != sign_in.digest(keep.value))
    assert chosen in page
    for number in (chosen, theirs.id):  # another person's is not ended
        here.post("/desk/account/sessions/end", {"session": number})
    assert sum(signed_in(each) for each in (there, third)) == 1
    assert signed_in(other)
    here.post("/desk/account/sessions/end-others")
    assert [signed_in(each) for each in (here, there, third)] == [True, False, False]
    assert signed_in(other)
    assert "Sessions were ended" in here.get("/desk/account/").text


def test_a_link_is_emailed_and_does_not_reveal_accounts(desk: Desk) -> None:
    desk.account("curator")
    gone = desk.account("translator")
    with desk.installation.open() as db:
        people.disable(db, gone.id, desk.installation.now)
    pages = []
    for address in (" Curator@Example.org ", "nobody@example.org", gone.address):
        stranger = desk.anonymous()
        ask(stranger, address)
        wrong = stranger.post("/desk/sign-in/code", {"code": "AAA-AAA"})
        assert wrong.status_code == 422
        pages.append(
            tuple(
                CSRF_FIELD.sub("", page)
                for page in (stranger.get("/desk/sign-in/sent").text, wrong.text)
            )
        )
    assert len(set(pages)) == 1
    (letter,) = mail(desk)
    assert "To: curator@example.org" in letter
    assert re.search(r"http://127.0.0.1:8000/desk/link/[a-z2-7]{42}", letter)


def test_only_the_browser_that_asked_signs_in_and_the_newest_link_counts(desk: Desk) -> None:
    asking, other, person = desk.anonymous(), desk.anonymous(), desk.account("curator")
    ask(asking)
    first = desk.link(person, "sign-in")
    ask(asking, next="/desk/account/")
    second = desk.link(person, "sign-in")
    assert asking.get(first).status_code == 404
    assert asking.post(first).status_code == 404
    assert "Did you ask for this link?" in other.get(second).text
    assert other.post(second).status_code == 404
    assert not signed_in(other)
    assert "This link signs you in, once" in asking.get(second).text
    assert asking.post(second).location == "/desk/account/"
    assert signed_in(asking)
    assert asking.post(second).status_code == 404


def test_in_another_browser_the_link_shows_a_code_for_the_one_that_asked(desk: Desk) -> None:
    asking, phone, person = desk.anonymous(), desk.anonymous(), desk.account("curator")
    asking.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (Windows NT 10.0) Firefox/150.0"
    ask(asking, next="/desk/account/")
    link = desk.link(person, "sign-in")
    page = phone.get(link).text
    assert "Firefox, Windows, network 127.0.0.0/24" in page
    assert "Nobody from this site will ever ask you for it" in page
    code = code_of(phone.get(f"{link}?code=1").text)
    assert phone.post("/desk/sign-in/code", {"code": code}).status_code == 422
    spelt = code.lower().replace("-", " ")
    assert asking.post("/desk/sign-in/code", {"code": spelt}).location == "/desk/account/"
    assert signed_in(asking)
    assert not signed_in(phone)
    again = desk.anonymous()
    assert again.get(link).status_code == 404
    assert asking.post("/desk/sign-in/code", {"code": code}).status_code == 422


def test_a_code_has_few_tries(desk: Desk) -> None:
    asking, phone, person = desk.anonymous(), desk.anonymous(), desk.account("curator")
    ask(asking)
    link = desk.link(person, "sign-in")
    code = code_of(phone.get(f"{link}?code=1").text)
    wrong = [asking.post("/desk/sign-in/code", {"code": f"AAA{n:03d}"}) for n in range(5)]
    assert [page.status_code for page in wrong] == [422] * 5
    assert field_errors(wrong[-1]) == ["Too many wrong codes. Ask for a new link."]
    assert asking.post("/desk/sign-in/code", {"code": code}).status_code == 422
    assert asking.post(link).status_code == 404


def test_signing_in_voids_what_else_would_sign_the_person_in(desk: Desk) -> None:
    person = desk.account("curator")
    invitation = desk.link(person)
    by_link(desk)
    assert desk.anonymous().post(invitation).status_code == 404


def test_links_are_limited_by_day_and_network_but_not_for_a_device_of_the_person(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    curator = desk.account("curator")

    def sent() -> int:
        with desk.installation.open() as db:
            query = "SELECT count(*) FROM outbox WHERE kind = 'sign-in'"
            return int(db.execute(query).fetchone()[0])

    with desk.installation.open() as db:
        for number in range(12):
            later = NOON - timedelta(minutes=11 * (11 - number))
            links.ask(db, curator, f"browser {number}", "/desk/", Where("", ""), later)
    assert sent() == links.MOST_DAILY
    known = desk.anonymous()
    known.post(desk.link(curator))
    known.post("/desk/sign-out")
    for user, number in ((desk.anonymous(), 10), (known, 11)):
        ask(user)
        assert sent() == number
    monkeypatch.setattr(session, "MAX_LINKS", 3)
    nobody = {"address": "nobody@example.org"}
    answers = [desk.anonymous().post("/desk/sign-in", nobody) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 429]
    assert "from your network" in answers[1].text
    for told in ("signed-out", "person nobody: asked by link (unknown)", "too many links"):
        assert told in caplog.text
    assert caplog.text.count("from 127.0.0.0/24") >= 5


def test_attempts_are_limited_by_network(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_BY_NETWORK", 2)
    stranger = desk.anonymous()
    tries = [stranger.post("/desk/sign-in/code", {"code": "x"}).status_code for _ in range(3)]
    assert [*tries, stranger.post("/desk/link/x").status_code] == [422, 422, 429, 429]


def test_an_unknown_device_is_emailed_about_and_a_known_one_is_not(desk: Desk) -> None:
    user = by_link(desk)
    letters = mail(desk)
    (told,) = [
        each for each in letters if "There is nothing to do" not in each and "This happened" in each
    ]
    assert "Signed in with a link" in told
    assert "network 127.0.0.0/24" in told
    user.post("/desk/sign-out")
    ask(user)
    user.post(desk.link(desk.account("curator"), "sign-in"))
    assert not [each for each in mail(desk) if "This happened" in each]


def test_a_device_from_before_a_reset_is_unknown(desk: Desk) -> None:
    user = by_link(desk)
    assert user.me is not None
    reset, after = (
        replace(desk.installation, now=desk.installation.now + timedelta(minutes=more))
        for more in (1, 2)
    )
    with reset.open() as db:
        people.reset(db, user.me.id, reset.now)
    later = Desk(after).anonymous()
    cookie = user.client.get_cookie("devis-device")
    assert cookie is not None
    later.client.set_cookie("devis-device", cookie.value)
    for times in (1, 2):  # then it is known again
        ask(later)
        later.post(desk.link(user.me, "sign-in"))
        later.post("/desk/sign-out")
        with after.open() as db:
            events = sign_in_events.of_curator(db, user.me.id, 9)
            noticed = outbox.count(db, "way-in", after.now, curator=user.me.id)
        assert [each.action for each in events].count("proved") == times + 1
        assert noticed == 1


def test_a_change_of_access_needs_a_recent_proof(desk: Desk) -> None:
    early = desk.installation.now - timedelta(minutes=11)
    user = desk.sign_in("administrator", now=early)
    curator = desk.account("curator")
    page = f"/desk/people/{curator.id}/"
    for path, back in (
        (f"{page}reset", page),
        (page, page),
        ("/desk/people/strong", "/desk/people/"),
    ):
        answer = user.post(path, {"name": "A", "role": "curator"})
        assert (answer.status_code, answer.location) == (
            303,
            f"/desk/sign-in/confirm?next={back}",
        )
    assert "Confirm that it’s you" in user.get(page).text
    assert user.post("/desk/sign-in/confirm", {"next": page}).location == "/desk/sign-in/sent"
    before = user.client.get_cookie("devis-desk")
    assert user.post(desk.link(user.me, "sign-in")).location == page
    assert user.client.get_cookie("devis-desk") != before
    assert user.post(f"{page}reset").status_code == 303
    with desk.installation.open() as db:
        events = sign_in_events.of_curator(db, user.me.id if user.me else 0, 9)
        assert [each.action for each in events] == ["elevated", "asked"]
        assert sign_in_events.of_curator(db, curator.id, 9)[0].action == "reset"
        (found,) = sessions.of_curator(db, user.me.id if user.me else 0)
    assert found.made == early  # it ends when it would have ended


def test_an_open_invitation_is_shown_to_who_has_just_proved_who_they_are(desk: Desk) -> None:
    early = desk.installation.now - timedelta(minutes=11)
    link, person = desk.link(desk.account("editor")), desk.account("editor")
    fresh, stale = (desk.sign_in("administrator", now=now) for now in (None, early))
    for page in (f"/desk/people/?invited={person.id}", f"/desk/people/{person.id}/?done=reset"):
        assert link in fresh.get(page).text
        assert link not in stale.get(page).text


def test_a_reset_removes_every_way_in_and_invites_again(desk: Desk) -> None:
    administrator, person = desk.sign_in("administrator"), desk.account("editor")
    user = desk.sign_in("editor")
    with desk.installation.open() as db, transaction(db):
        add_passkey(db, person)
        db.execute(
            "INSERT INTO sign_ons VALUES ('https://idp.example', 'x', ?, '', '2026', NULL)",
            [person.id],
        )
    stranger = desk.anonymous()
    ask(stranger, person.address)
    old = [desk.link(person), desk.link(person, "sign-in")]
    assert administrator.post(f"/desk/people/{person.id}/reset").status_code == 303
    assert not signed_in(user)
    assert [stranger.post(link).status_code for link in old] == [404, 404]
    with desk.installation.open() as db:
        assert not people.get(db, person.id).is_strong
    assert desk.anonymous().post(desk.link(person)).status_code == 303


def add_passkey(db: Database, person: Curator) -> None:
    """A passkey in the database; it cannot sign in."""
    db.execute(
        "INSERT INTO passkeys (id, curator, handle, public_key, counter, name, transports, synced,"
        " made) VALUES (?, ?, 'h', x'00', 0, 'Telephone', '[]', 1, '2026-01-01T00:00:00+00:00')",
        [f"passkey of {person.id}", person.id],
    )


@pytest.mark.parametrize(
    ("base", "switched", "role", "limited"),
    [
        ("https://devis.example", False, "editor", True),
        ("https://devis.example", False, "curator", False),
        ("http://localhost:8000", False, "editor", False),
        ("http://localhost:8000", True, "editor", True),
        ("http://localhost:8000", True, "curator", False),
        ("http://devis.example", True, "editor", False),  # there is no stronger way
    ],
)
def test_where_a_stronger_way_is_required_a_link_only_lets_add_one(
    install: Install, base: str, switched: bool, role: str, limited: bool
) -> None:
    desk = Desk(install(BASE_URL=base))
    administrator, person = desk.account("administrator"), desk.account(role)
    with desk.installation.open() as db, transaction(db):
        add_passkey(db, administrator)
        ways_in.require_strong(db, switched)
        token = prepared_session(db, person, desk.installation.now, "link")
    client = desk.installation.client()
    cookie = "__Host-devis-desk" if base.startswith("https") else "devis-desk"
    client.set_cookie(cookie, token, domain=urlsplit(base).hostname or "")
    answer = client.get("/desk/", base_url=base)
    assert (answer.location == "/desk/account/") is limited
    page = client.get("/desk/account/", base_url=base)
    assert page.status_code == 200
    assert ("A link is not enough for your role" in page.text) is limited
    assert ('<nav aria-label="Main">' in page.text) is not limited


def test_without_https_only_a_printed_link_signs_in_and_the_page_says_why(install: Install) -> None:
    desk = Desk(install(BASE_URL="http://devis.example"))
    server = SmtpServer("mail.example", 25, "none")
    desk.installation.config = replace(desk.installation.config, smtp=server)
    person, user = desk.account("curator"), desk.anonymous()
    page = user.get("/desk/sign-in").text
    assert "This site’s address begins with http://" in page
    assert "<form" not in page.partition("<main")[2]
    administrator = desk.sign_in("administrator")
    shown = administrator.get(administrator.post(f"/desk/people/{person.id}/reset").location).text
    assert "http://devis.example/desk/link/" in shown
    with desk.installation.open() as db:
        assert not db.execute("SELECT 1 FROM outbox WHERE state = 'due'").fetchall()
        links.print_link(db, person, desk.installation.now)
    first = desk.link(person, "printed")
    with desk.installation.open() as db:
        links.print_link(db, person, desk.installation.now)
    assert user.get(first).status_code == 404
    second = desk.link(person, "printed")
    token = CSRF_FIELD.search(user.get(second).text)
    assert token is not None
    assert user.client.post(second, data={"mark": token[1]}).status_code == 303
    assert signed_in(user)


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
    user = desk.sign_in("curator")
    bad = ("//evil.example/", "https://evil.example/", "/desk/../../x", "/desk\\x", "/sv/", "/desk")
    for target in bad:
        answer = user.get("/desk/sign-in", query_string={"next": target})
        assert answer.location == "/desk/"
    stranger = desk.anonymous()
    ask(stranger, next="//evil.example/")
    assert stranger.post(desk.link(user.me, "sign-in")).location == "/desk/"
    long = "/desk/principles/?q=" + "x" * session.LONGEST_NEXT
    ask(stranger, next=long)
    with desk.installation.open() as db:
        ((longest,),) = db.execute("SELECT max(length(data)) FROM challenges")
    assert longest < len(long)


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
    for act in ("reset", "link"):
        assert "Unblock them first" in command("curator", act, "b@example.org", code=1).stderr
    command("curator", "disable", "b@example.org", "--undo")
    assert "/desk/link/" in command("curator", "reset", "b@example.org").stdout
    assert "within ten minutes" in command("curator", "link", "b@example.org").stdout
    assert "nobody" in command("curator", "link", "x@example.org", code=1).stderr
    assert "nobody" in command("curator", "reset", "x@example.org", code=1).stderr
