"""A text in one line, and ten minutes with a team: optional, kept, and shown where they fit."""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from feed import editions
from feed.errors import ExchangeError
from feed.library import diff
from feed.model import Showing
from feed.publish import chat, digest
from feed.store import library
from tests.conftest import Installation
from tests.desk.test_principle_form import PATH, fields, opened, send
from tests.desk_client import Desk
from tests.library.test_editing import LIBRARY, SLUG, Bench

Install = Callable[..., Installation]
SHORT, TEAM = "Lyssna, och tala sedan.", "Låt var och en berätta om en stund då någon lyssnade."


def with_parts(**parts: str) -> str:
    """The library of tests, with parts of the Swedish text."""
    made: dict[str, Any] = deepcopy(LIBRARY)
    made["principles"][0]["texts"]["sv"].update(parts)
    return json.dumps(made)


@pytest.fixture
def site(install: Install) -> Installation:
    made = install()
    made.load({"library.json": with_parts(short=SHORT, team=TEAM)})
    made.publish()
    return made


def today(site: Installation) -> Showing:
    with site.open() as db:
        found = editions.today(db, site.site(), site.now)
    assert found is not None
    return found.showing


def test_the_part_for_a_team_is_on_the_pages_and_both_parts_are_in_the_api(
    site: Installation,
) -> None:
    client = site.client()
    for path in ("/sv/2026-11-22/", f"/sv/principles/{SLUG}/"):
        page = client.get(path).text
        assert page.count("I arbetslaget") == page.count(TEAM) == 1
    assert "With your team" not in client.get("/en/2026-11-22/").text
    for path in ("today", f"principles/{SLUG}"):
        answers = [client.get(f"/api/v1/{path}?lang={code}").get_json() for code in ("sv", "en")]
        texts = [answer["text"] for answer in answers]
        assert [(text["short"], text["team"]) for text in texts] == [(SHORT, TEAM), (None, None)]


def test_the_week_by_email_has_the_part_for_a_team_and_the_day_has_not(site: Installation) -> None:
    showing = today(site)
    with site.open() as db:
        week = editions.weeks(db, site.site(), site.now)[0]
    weekly = digest.weekly(site.site(), "sv", week)
    daily = digest.daily(site.site(), "sv", showing)
    for part in (weekly.text, weekly.html):
        assert "I arbetslaget" in part
        assert TEAM in " ".join(part.split())
    assert TEAM not in " ".join(daily.text.split())


def test_chats_and_the_line_widget_say_it_in_one_line_else_by_its_title(site: Installation) -> None:
    showing = today(site)
    titles = [chat.render(site.site(), [code], showing).title for code in ("sv", "en")]
    assert titles == [SHORT, "Listen first"]
    client = site.client()
    for code, line in zip(("sv", "en"), titles, strict=True):
        page = client.get(f"/{code}/widget/?layout=line").text
        assert f'<h1 class="title" lang="{code}" dir="ltr">{line}</h1>' in page
        assert "<blockquote" not in page
    assert SHORT not in client.get("/sv/widget/?show=title").text
    assert "<blockquote" in client.get("/sv/widget/?layout=line&show=title+statement").text


def test_search_finds_words_of_both_parts(site: Installation) -> None:
    with site.open() as db:
        for words in ("tala", "berättade"):
            assert library.search(db, library.Query("sv", words), 9, 0)[1] == 1, words


@pytest.mark.parametrize(("name", "most"), [("short", 90), ("team", 300)])
def test_a_part_that_is_too_long_is_refused_in_files_and_in_the_form(
    site: Installation, name: str, most: int
) -> None:
    site.load({"library.json": with_parts(**{name: "x" * most})})
    with pytest.raises(ExchangeError, match=f"{most} characters, not {most + 1}"):
        site.load({"library.json": with_parts(**{name: "x" * (most + 1)})})
    user = Desk(site).sign_in("editor")
    page = send(user, PATH, {**opened(user), f"sv.{name}": "y" * (most + 1)})
    assert page.status_code == 422
    assert fields(page)[f"sv.{name}"] == "y" * (most + 1)
    assert f"{most} tecken" in page.text or f"{most} characters" in page.text


def test_swedish_headings_of_a_table_name_both_parts(site: Installation) -> None:
    table = "Slug;Språk;I korthet;I arbetslaget\nlisten-first;svenska;Kort sagt.;Prata om det."
    site.load({"a.csv": table})
    with site.open() as db:
        text = library.principles(db, [SLUG])[SLUG].texts["sv"]
    assert (text.short, text.team, text.title) == ("Kort sagt.", "Prata om det.", "Lyssna först")


def test_both_parts_are_in_the_history_and_merged_with_what_another_person_saved(
    site: Installation,
) -> None:
    bench = Bench(site)
    user = bench.desk.sign_in("editor")
    page = opened(user)
    bench.write("editor", "sv", short="Hör efter först.")
    newer, older = bench.history()[:2]
    assert [name for name, _ in diff.changed(older.entry, newer.entry)] == ["sv.short"]
    site.now += timedelta(minutes=1)
    refused = send(user, PATH, page, sv__team="En ny övning på nästa möte.")
    assert refused.status_code == 409
    send(user, PATH, fields(refused))
    text = bench.stored().texts["sv"]
    assert (text.short, text.team) == ("Hör efter först.", "En ny övning på nästa möte.")


def test_a_text_needs_neither_part(site: Installation) -> None:
    user = Desk(site).sign_in("editor")
    send(user, PATH, opened(user), sv__short="", sv__team="")
    with site.open() as db:
        text = library.principles(db, [SLUG])[SLUG].texts["sv"]
    assert (text.short, text.team, text.state) == ("", "", "approved")
