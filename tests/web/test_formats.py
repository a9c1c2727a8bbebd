"""The day for calendars, screens and previews, and the whole history for feed readers."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pytest
from icalendar import Calendar
from PIL import Image

from feed import editions
from feed.library import exchange
from feed.model import Showing, Site
from feed.publish import card, markup
from feed.publish.card import Subject
from feed.publish.card_fonts import Face
from tests import library_changes
from tests.conftest import Installation

ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}archive"


def todays(devis: Installation) -> tuple[Site, Showing]:
    site = devis.site()
    with devis.open() as db:
        view = editions.today(db, site, devis.now)
    assert view
    return site, view.showing


def retold(showing: Showing, title: str, statement: str) -> Showing:
    """The showing with other words in English."""
    text = replace(showing.text("en"), title=title, statement=statement)
    return replace(showing, principle=replace(showing.principle, texts={"en": text}))


@pytest.fixture
def years(install: Callable[..., Installation]) -> Installation:
    """Fourteen months of editions."""
    made = install(BACKFILL_DAYS="400")
    made.load(exchange.shipped_files())
    made.publish()
    return made


def events(devis: Installation, language: str = "sv") -> dict[str, Any]:
    answer = devis.client().get(f"/{language}/calendar.ics")
    assert answer.content_type == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(answer.data)
    return {str(event["uid"]): event for event in calendar.walk("VEVENT")}


def test_a_calendar_has_every_edition_as_a_day(devis: Installation) -> None:
    found = events(devis)
    _, showing = todays(devis)
    assert len(found) == 15
    today = found["sv-2026-11-22@127.0.0.1"]
    assert today["dtstart"].dt == date(2026, 11, 22)
    assert today["dtend"].dt == date(2026, 11, 23)
    assert today["summary"] == showing.text("sv").title
    assert showing.text("sv").practice in today["description"]
    assert today["url"].endswith("/sv/2026-11-22/")
    assert max(event["dtstart"].dt for event in found.values()) == date(2026, 11, 22)


def test_a_calendar_is_folded_escaped_and_asks_to_be_fetched_again(devis: Installation) -> None:
    body = devis.client().get("/sv/calendar.ics").data
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT6H\r\n" in body
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert b"\\n\\n" in body
    assert devis.client().get("/sv/calendar.ics").data == body


def test_a_calendar_keeps_its_ids_when_a_text_is_corrected(devis: Installation) -> None:
    before = events(devis)
    _, showing = todays(devis)
    devis.now += timedelta(minutes=5)
    with devis.open() as db:
        changes = {"slug": showing.principle.slug, "texts": {"sv": {"title": "En; ny, rubrik"}}}
        library_changes.revise(db, changes, devis.now)
    after = events(devis)
    assert set(after) == set(before)
    changed = after["sv-2026-11-22@127.0.0.1"]
    assert changed["summary"] == "En; ny, rubrik"
    assert changed["last-modified"].dt == devis.now


def test_a_withdrawn_edition_leaves_calendar_and_card(devis: Installation) -> None:
    with devis.open() as db:
        day = date(2026, 11, 20)
        editions.withdraw(db, devis.site(), devis.config, day, "wrong", devis.now)
    assert "sv-2026-11-20@127.0.0.1" not in events(devis)
    assert devis.client().get("/sv/card/2026-11-20.png").status_code == 410


@pytest.mark.parametrize("language", ["en", "sv"])
def test_the_card_is_a_picture_of_the_day(devis: Installation, language: str) -> None:
    client = devis.client()
    answer = client.get(f"/{language}/card/2026-11-22.png")
    assert answer.content_type == "image/png"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert len(answer.data) < 100_000
    assert Image.open(BytesIO(answer.data)).size == (1200, 630)
    assert client.get(f"/{language}/card/2026-11-22.png").data == answer.data
    for path in ("card/2026-11-23.png", "card/2026-13-01.png", "card/today.png"):
        assert client.get(f"/{language}/{path}").status_code == 404


REGULAR = Face("Regular", 30)


def inked(image: Image.Image, left: int, top: int, right: int, bottom: int) -> bool:
    """Whether anything is drawn in that box."""
    colours = image.convert("RGB").crop((left, top, right, bottom)).getcolors()
    return colours is None or len(colours) > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("title", "statement"),
    [
        ("Short", "Also short."),
        ("A title of a committee " * 4, "Words upon words, said twice. " * 50),
        ("Donaudampfschifffahrt" * 12, "Kapitän" * 90),
    ],
)
def test_however_long_the_text_the_card_cuts_nothing(
    devis: Installation, title: str, statement: str
) -> None:
    site, showing = todays(devis)
    image = Image.open(
        BytesIO(card.render(site, "en", Subject.of("en", retold(showing, title, statement))))
    )
    assert inked(image, 80, 120, 1120, 520)
    assert not inked(image, 1130, 0, 1200, 630)
    assert not inked(image, 30, 600, 1200, 630)
    assert not inked(image, 30, 476, 1200, 500)


def test_wrapped_lines_keep_every_character_and_none_is_too_wide() -> None:
    text = "Reach down " * 30 + "x" * 400
    lines = card.wrapped(text, REGULAR, 1000)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(REGULAR.length(line) <= 1000 for line in lines)


def test_characters_without_a_shape_are_not_drawn() -> None:
    lines = card.wrapped("Ledar\u00adskap\u200b på \ufeffriktigt", REGULAR, 1000)
    assert lines == ["Ledarskap på riktigt"]


def test_a_word_of_any_length_is_cut_in_linear_time() -> None:
    started = time.process_time()
    lines = card.wrapped("ö" * 10_000, REGULAR, 1000)
    assert time.process_time() - started < 2
    assert "".join(lines) == "ö" * 10_000
    assert all(REGULAR.length(line) <= 1000 for line in lines)
    assert all(REGULAR.length(line + "ö") > 1000 for line in lines[:-1])


def test_a_page_has_its_card_as_link_preview(devis: Installation) -> None:
    client = devis.client()
    page = client.get("/sv/").text
    address = f"{devis.config.base_url}/sv/card/2026-11-22.png"
    assert f'<meta property="og:image" content="{address}">' in page
    assert '<meta name="twitter:card" content="summary_large_image">' in page
    items = json.loads(client.get("/sv/feed.json").data)["items"]
    assert items[0]["image"] == address
    assert client.get(address.removeprefix(devis.config.base_url)).status_code == 200


def test_today_as_text_has_everything_and_no_markup(devis: Installation) -> None:
    answer = devis.client().get("/sv/today.txt")
    _, showing = todays(devis)
    text = showing.text("sv")
    assert answer.content_type == "text/plain; charset=utf-8"
    said = answer.data.decode()
    assert said.startswith(f"söndag 22 november 2026\n\n{text.title}\n\n{text.statement}\n")
    assert text.practice in said
    assert said.endswith("http://127.0.0.1:8000/sv/2026-11-22/\n")
    assert "<" not in said


def test_text_in_another_language_says_so(devis: Installation) -> None:
    site, showing = todays(devis)
    original = retold(showing, "Only English", "There is no Swedish.")
    said = markup.plain_text(site, "sv", original).decode()
    assert "Finns inte på svenska" in said or "engelska" in said


def test_before_the_first_edition_there_is_an_empty_calendar(
    install: Callable[..., Installation],
) -> None:
    made = install()
    assert events(made) == {}
    assert made.client().get("/sv/today.txt").status_code == 404


def history(devis: Installation, form: str) -> list[str]:
    """The paths of the archives, newest first, as a reader finds them from the feed."""
    found: list[str] = []
    path: str | None = f"/sv/feed.{form}"
    while path:
        data = devis.client().get(path).data
        if form == "json":
            older = json.loads(data).get("next_url")
        else:
            links = ElementTree.fromstring(data).iter(f"{ATOM}link")
            older = next((x.get("href") for x in links if x.get("rel") == "prev-archive"), None)
        path = older and older.removeprefix(devis.config.base_url)
        found += [path] if path else []
    return found


@pytest.mark.slow
@pytest.mark.parametrize("form", ["atom", "rss", "json"])
def test_feed_and_archives_hold_the_whole_history_once_a_month(
    years: Installation, form: str
) -> None:
    paths = history(years, form)
    assert paths[0] == f"/sv/archive/2026/10/feed.{form}"
    assert len(paths) == len(set(paths)) == 13
    client = years.client()
    ids: set[str] = set()
    for path in ["/sv/feed.json", *(path.replace(f".{form}", ".json") for path in paths)]:
        items = json.loads(client.get(path).data)["items"]
        dates = [item["date_published"] for item in items]
        assert dates == sorted(dates, reverse=True)
        ids |= {item["id"] for item in items}
    with years.open() as db:
        assert len(ids) == db.table("editions").count == 401


def test_on_the_last_day_of_a_long_month_no_edition_falls_between_feed_and_archive(
    years: Installation,
) -> None:
    years.now += timedelta(days=39)  # 31 December
    years.publish()
    items = json.loads(years.client().get("/sv/feed.json").data)["items"]
    assert items[-1]["id"].endswith("sv/2026-12-02")
    assert history(years, "json")[:2] == [
        "/sv/archive/2026/12/feed.json",
        "/sv/archive/2026/11/feed.json",
    ]


@pytest.mark.parametrize("form", ["atom", "rss", "json"])
def test_an_archive_never_changes_and_says_what_it_is(years: Installation, form: str) -> None:
    path = f"/sv/archive/2026/09/feed.{form}"
    first = years.client().get(path).data
    years.now += timedelta(days=40)
    years.publish()
    assert years.client().get(path).data == first
    if form != "json":
        root = ElementTree.fromstring(first)
        top = root if form == "atom" else root[0]
        assert top.find(HISTORY) is not None
        links = {x.get("rel"): x.get("href") for x in top.findall(f"{ATOM}link")}
        assert links["current"] == f"{years.config.base_url}/sv/feed.{form}"
        assert links["self"] == years.config.base_url + path


@pytest.mark.parametrize("month", ["2026/11", "2026/12", "2024/01", "2026/13"])
def test_a_month_that_is_not_over_or_not_known_has_no_archive(
    years: Installation, month: str
) -> None:
    assert years.client().get(f"/sv/archive/{month}/feed.atom").status_code == 404
