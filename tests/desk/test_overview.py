"""The overview: one's own texts, what is asked of the person, and gaps in the coming days."""

import re
from collections.abc import Callable
from datetime import timedelta

import html5lib
import pytest

from tests.conftest import NOON, Installation
from tests.desk.test_activity_emails import Newsroom
from tests.desk.test_principle_form import desk_of
from tests.desk_client import DeskUser

Install = Callable[..., Installation]
ENGLISH = {"title": "Ask the new one", "statement": "Who is new sees more."}


@pytest.fixture
def newsroom(install: Install) -> Newsroom:
    installation = install()
    desk_of(installation)
    return Newsroom(installation)


def section(user: DeskUser, name: str) -> str:
    """A section of the overview as text, its rows separated by |."""
    page = user.get("/desk/").text
    html5lib.HTMLParser(strict=True).parse(page)
    found = re.search(rf'(?s)<section aria-labelledby="{name}">(.*?)</section>', page)
    assert found
    return " ".join(re.sub(r"<[^>]*>", " ", found[1].replace("</li>", "|")).split())


def test_one_sees_what_was_sent_back_why_and_what_waits(newsroom: Newsroom) -> None:
    karin, erik = newsroom.person("curator", "Karin"), newsroom.person("editor", "Erik")
    page = newsroom.desk.sign_in("curator", "Karin Ek")
    assert section(page, "own") == "Yours You have no drafts, and nothing waiting for an editor."
    waits, back, draft = (newsroom.save(karin, act=act) for act in ("review", "review", "save"))
    newsroom.act(erik, back, "decline", "Mer <konkret>.")
    assert section(page, "own") == (
        "Yours Fråga den nya Swedish Erik Ek: “Mer &lt;konkret&gt;.” Sent back |"
        " Fråga den nya Swedish Draft | Fråga den nya Swedish Waits for an editor |"
    )
    links = re.findall(r'href="/desk/principles/([a-z0-9-]+)/"', page.get("/desk/").text)
    assert [slug for slug in links if slug in (waits, back, draft)] == [back, draft, waits]
    newsroom.act(erik, waits, "approve")
    newsroom.save(karin, back, "review")
    assert section(page, "own").count("|") == 2
    other = newsroom.desk.sign_in("editor", "Erik Ek")
    assert "You have no drafts" in section(other, "own")


def test_reviews_are_asked_of_editors_and_translations_of_those_who_write_the_language(
    newsroom: Newsroom,
) -> None:
    desk = newsroom.desk
    karin, erik = newsroom.person("curator", "Karin"), newsroom.person("editor", "Erik")
    desk.account("translator", "Tove Ek", "en")
    desk.account("translator", "Sven Ek", "sv")
    editor = desk.sign_in("editor", "Erik Ek")
    tove, sven = desk.sign_in("translator", "Tove Ek"), desk.sign_in("translator", "Sven Ek")
    slug = newsroom.save(karin, act="review")
    assert section(editor, "asked").startswith(
        "Waiting for you To review Fråga den nya Karin Ek, 22"
    )
    assert f"/desk/principles/{slug}/review" in editor.get("/desk/").text
    assert section(tove, "asked") == "Waiting for you Nothing is waiting for you."
    newsroom.act(erik, slug, "publish")
    assert section(tove, "asked") == "Waiting for you To translate Fråga den nya English Missing |"
    assert section(sven, "asked") == "Waiting for you Nothing is waiting for you."
    newsroom.save(erik, slug, en=ENGLISH)
    newsroom.act(erik, slug, "approve")
    assert "English Draft" in section(tove, "asked")
    newsroom.save(erik, slug, "review")
    newsroom.act(erik, slug, "approve")
    newsroom.save(erik, slug, sv={"title": "Fråga den nya", "statement": "Den nya ser annat."})
    assert section(tove, "asked") == (
        "Waiting for you Translations of originals that have changed"
        " Fråga den nya English Outdated |"
    )


def test_the_coming_days_show_their_gaps(newsroom: Newsroom) -> None:
    erik = newsroom.person("editor", "Erik")
    page = newsroom.desk.sign_in("editor", "Erik Ek")
    assert "have a principle in every language" in section(page, "coming")
    newsroom.save(erik, act="publish")
    coming = section(page, "coming")
    assert "Fråga den nya English Missing |" in coming
    assert re.search(r"\d+ of the next 30 days are incomplete$", coming)
    assert NOON + timedelta(days=30) > newsroom.now
