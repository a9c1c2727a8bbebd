"""The conversation on a principle, its emails, and invitations with and without a mail server."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import html5lib
import pytest

from feed.accounts import people
from feed.library import conversation
from feed.smtp import SmtpServer
from tests.conftest import Installation
from tests.desk.test_activity_emails import Newsroom, summary, text
from tests.desk.test_principle_form import PATH, desk_of
from tests.desk_client import Desk, field_errors
from tests.library.test_editing import SLUG

Install = Callable[..., Installation]
COMMENTS = f"{PATH}comments"


@pytest.fixture
def desk(install: Install) -> Desk:
    return desk_of(install())


def test_a_comment_stands_on_the_page_and_in_the_history_and_is_only_text(desk: Desk) -> None:
    translator, curator = desk.sign_in("translator"), desk.sign_in("curator")
    hostile = "<b>Är</b> det ”lyssna” eller höra?\r\n\r\n{{ 7*7 }}"
    answer = translator.post(COMMENTS, {"comment": hostile, "about": "sv"})
    assert answer.location == f"{PATH}#comment-1"
    for page in (curator.get(PATH), curator.get(f"{PATH}history/")):
        html5lib.HTMLParser(strict=True).parse(page.text)
        (shown,) = re.findall(r'(?s)<li id="comment-1">.*?</li>', page.text)
        assert "Translator Åström" in shown
        assert "Svenska" in shown
        assert "&lt;b&gt;Är&lt;/b&gt;" in shown
        assert "{{ 7*7 }}" in shown
    translator.post(COMMENTS, {"comment": hostile, "about": "sv"})  # sent twice
    with desk.installation.open() as db:
        people.disable(db, desk.account("translator").id, desk.installation.now)
    assert curator.get(PATH).text.count("Translator Åström") == 1
    assert desk.anonymous().post(COMMENTS, {"comment": "x"}).status_code == 403
    assert curator.post("/desk/principles/nothing/comments", {"comment": "x"}).status_code == 404


def test_a_comment_that_is_empty_or_too_long_is_shown_again(desk: Desk) -> None:
    curator = desk.sign_in("curator")
    for typed, wrong in ((" \r\n", "Write something first."), ("å" * 2001, "at most 2000")):
        page = curator.post(COMMENTS, {"comment": typed, "about": "en"})
        assert page.status_code == 422
        html5lib.HTMLParser(strict=True).parse(page.text)
        assert wrong in field_errors(page)[0]
        assert typed.strip() in page.text
        assert '<option value="en" selected>' in page.text


def test_those_who_take_part_hear_of_a_comment(install: Install) -> None:
    installation = install()
    desk_of(installation)
    newsroom = Newsroom(installation)
    karin, erik = newsroom.person("curator", "Karin", "sv"), newsroom.person("editor", "Erik")
    tove = newsroom.person("translator", "Tove")

    def comment(person: object, slug: str, about: str, words: str) -> None:
        with installation.open() as db:
            conversation.comment(db, person, slug, about, words, ("en", "sv"), newsroom.now)  # type: ignore[arg-type]

    comment(tove, SLUG, "", "Vem har skrivit den här?")  # nobody at the desk
    assert summary(newsroom.emails()) == [("erik", "New comment on “Listen first”")]
    slug = newsroom.save(karin)
    comment(tove, slug, "sv", "Vad betyder ”den nya”?")
    (asked,) = newsroom.emails()
    assert summary([asked]) == [("karin", "Ny kommentar till ”Fråga den nya”")]
    assert "Tove Ek har kommenterat ”Fråga den nya” (svenska): Vad betyder ”den nya”?" in text(
        asked
    )
    comment(karin, slug, "", "Den som kom sist.")
    (answered,) = newsroom.emails()
    assert summary([answered]) == [("tove", "New comment on “Fråga den nya”")]
    assert "Karin Ek commented on “Fråga den nya”: Den som kom sist." in text(answered)
    assert erik.role == "editor"


@pytest.mark.parametrize("server", [None, SmtpServer("mail.example.org", 25, "none")])
def test_an_invitation_says_whether_it_is_mailed_and_shows_the_link_where_it_is_not(
    install: Install, server: SmtpServer | None
) -> None:
    desk = desk_of(install())
    desk.installation.config = replace(desk.installation.config, smtp=server)
    administrator = desk.sign_in("administrator")
    given = {"address": "ny@example.org", "name": "Nils Ny", "role": "editor", "language": "sv"}
    page = administrator.get(administrator.post("/desk/people/", given).location).text
    link = re.search(r'<code class="copied">http://[^/]*(/desk/link/[^<]*)<', page)
    if server:
        assert "an email to ny@example.org is on its way" in page
        assert link is None
        return
    assert "No email was sent" in page
    assert link is not None
    guest = desk.anonymous()
    assert guest.get(link[1]).status_code == 200
    assert guest.post(link[1]).status_code == 303
    assert "/desk/link/" not in administrator.get("/desk/people/?invited=2").text
    again = administrator.post("/desk/people/2/reset")
    assert "/desk/link/" in administrator.get(again.location).text
    assert "No email is sent" in desk.anonymous().get("/desk/sign-in/sent").text


def test_an_invitation_names_who_invites_and_the_role_in_the_language_of_the_invited(
    install: Install,
) -> None:
    newsroom = Newsroom(install())
    installation = newsroom.desk.installation
    erik = newsroom.person("administrator", "Erik")
    given = {"address": "ny@example.org", "name": "Nils Ny", "role": "translator"}
    with installation.open() as db:
        form = {**given, "languages": "sv", "language": "sv"}
        people.invite(db, form, ("en", "sv"), newsroom.now, by=erik)
    (invitation,) = newsroom.emails(timedelta(0))
    assert "Erik Ek bjuder in dig till redaktionen" in text(invitation)
    assert "Din roll är översättare: du skriver texterna på svenska." in text(invitation)
