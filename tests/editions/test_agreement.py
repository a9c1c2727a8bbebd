"""Whatever changes, every format of an edition says the same: id, last change, credit, language.

After each kind of change the feeds, the API, the calendar and the email are parsed by libraries
that their readers use, and compared.
"""

import json
import re
from calendar import timegm
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import feedparser
import pytest
from icalendar import Calendar

from feed import editions
from feed.store import edition_times
from tests import library_changes
from tests.conftest import NOON, Installation
from tests.golden import FOLDER
from tests.mail_harness import MailHarness

CHANGED = NOON + timedelta(minutes=5)
LANGUAGES = ("en", "sv")
TODAY = date(2026, 11, 22)


@dataclass(frozen=True)
class Said:
    """What one format says of one edition."""

    updated: datetime
    credit: str
    language: str  # of the text: not the reader's where it falls back to the original
    title: str


Seen = dict[str, Said]  # by the last part of the feed id: 2026-11-22, 2026-11-22.2


def instant(parsed: Any) -> datetime:
    return datetime.fromtimestamp(timegm(parsed), UTC)


def in_json(made: Installation, language: str) -> Seen:
    feed = json.loads(made.client().get(f"/{language}/feed.json").data)
    return {
        item["id"].rpartition("/")[2]: Said(
            datetime.fromisoformat(item["date_modified"]),
            item["_devis"]["credit"],
            item["language"],
            item["title"],
        )
        for item in feed["items"]
    }


def in_xml(made: Installation, language: str, form: str) -> tuple[datetime, Any]:
    """When a feed says that it changed, and its entries."""
    parsed = feedparser.parse(made.client().get(f"/{language}/feed.{form}").data)
    assert not parsed.bozo
    return instant(parsed.feed.updated_parsed), parsed.entries


def text_language(entry: Any) -> str:
    html = next(part.value for part in entry.content if "html" in part.type)
    found = re.search(r'<div lang="([\w-]+)">', html)
    assert found
    return found[1]


def in_atom(made: Installation, language: str) -> Seen:
    _, entries = in_xml(made, language, "atom")
    return {
        entry.id.rpartition("/")[2]: Said(
            instant(entry.updated_parsed), entry.dc_source, text_language(entry), entry.title
        )
        for entry in entries
    }


def in_api(made: Installation, language: str, path: str = "editions") -> Seen:
    answer = json.loads(made.client().get(f"/api/v1/{path}?lang={language}").data)
    found = {}
    for item in answer["items"] if path == "editions" else [answer]:
        text = item["text"]
        assert text["fallback"] == (text["language"] != language)
        key = item["date"] + (f".{item['version']}" if item["version"] > 1 else "")
        updated = datetime.fromisoformat(item["updated"])
        found[key] = Said(updated, item["credit"], text["language"], text["title"])
    return found


def in_calendar(made: Installation, language: str) -> Seen:
    calendar: Any = Calendar.from_ical(made.client().get(f"/{language}/calendar.ics").data)
    found = {}
    for event in calendar.walk("VEVENT"):
        code, _, key = str(event["uid"]).partition("@")[0].partition("-")
        assert code == language
        assert event["dtstart"].dt.isoformat() == key.partition(".")[0]
        found[key] = Said(
            event["last-modified"].dt,
            str(event["description"]),  # the credit is somewhere in it
            event["summary"].params["language"],
            str(event["summary"]),
        )
    return found


def agree(made: Installation, language: str) -> Seen:
    """What every format says of the editions, which is the same everywhere."""
    said = in_json(made, language)
    assert in_atom(made, language) == said
    assert in_api(made, language) == said
    events = in_calendar(made, language)
    assert all(said[key].credit in event.credit for key, event in events.items())
    assert {k: replace(event, credit=said[k].credit) for k, event in events.items()} == said
    newest = next(iter(said))
    assert in_api(made, language, "today") == {newest: said[newest]}
    rss_updated, items = in_xml(made, language, "rss")
    assert [item.id.rpartition("/")[2] for item in items] == list(said)
    for item, one in zip(items, said.values(), strict=True):
        assert (item.dc_source, text_language(item), item.title) == (
            one.credit,
            one.language,
            one.title,
        )
    atom_updated, _ = in_xml(made, language, "atom")
    assert rss_updated == atom_updated
    with made.open() as db:
        changes = [edition_times.last_departure(db), *(one.updated for one in said.values())]
    assert atom_updated == max(change for change in changes if change)
    return said


def check_email(harness: MailHarness, said: dict[str, Seen]) -> None:
    """Today's email says what the feeds say; there is none where today was left empty."""
    messages = {message["Content-Language"]: message for message in harness.new_messages()}
    for language, seen in said.items():
        today = next((one for key, one in seen.items() if key.startswith(str(TODAY))), None)
        assert (language in messages) == (today is not None)
        if today is None:
            continue
        message = messages[language]
        body = message.get_body(("plain",))
        assert body is not None
        text = " ".join(body.get_content().split())
        assert message["Subject"] == today.title
        assert today.credit in text
        note = {"en": "Not yet in English", "sv": "Finns ännu inte på svenska"}[language]
        assert (note in text) == (today.language != language)


# The kinds of change. Each returns what moves: the dates whose text changed, by language.


def newest_of(made: Installation, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The newest edition of which the API says what is wanted."""
    items = json.loads(made.client().get("/api/v1/editions").data)["items"]
    return next(item for item in items if wanted(item))


def revise(made: Installation, changes: dict[str, Any], *, minor: bool = False) -> None:
    with made.open() as db:
        library_changes.revise(db, changes, CHANGED, minor=minor)


def withdraw(made: Installation, **options: Any) -> None:
    with made.open() as db:
        editions.withdraw(db, made.site(), made.config, TODAY, "wrong", CHANGED, **options)


def shows(slug: str) -> Callable[[Installation], set[str]]:
    def dates(made: Installation) -> set[str]:
        items = json.loads(made.client().get("/api/v1/editions").data)["items"]
        return {item["date"] for item in items if item["slug"] == slug}

    return dates


@pytest.fixture
def small(install: Callable[..., Installation]) -> Installation:
    made = install()
    made.load({"library.toml": (FOLDER / "library.toml").read_bytes()})
    made.publish()
    return made


@dataclass
class Watched:
    """An installation with a subscriber in each language, before and after a change."""

    made: Installation
    harness: MailHarness
    before: dict[str, Seen]

    @cached_property
    def after(self) -> dict[str, Seen]:
        """What every format agrees on now; the email is sent an hour after the change."""
        self.made.now = CHANGED
        said = {language: agree(self.made, language) for language in LANGUAGES}
        self.harness.now = NOON + timedelta(hours=1, seconds=5)
        check_email(self.harness, said)
        return said

    @cached_property
    def move_address(self) -> dict[str, set[str]]:
        """The editions that say that they changed, by language; the others say what they did."""
        for language, seen in self.after.items():
            for key, said in seen.items():
                if said.updated != CHANGED:
                    assert said.updated == self.before[language][key].updated
        return {
            language: {key for key, said in seen.items() if said.updated == CHANGED}
            for language, seen in self.after.items()
        }


@pytest.fixture
def watched(small: Installation) -> Watched:
    harness = MailHarness(small.config, NOON)
    harness.start_due_runs()
    for language in LANGUAGES:
        harness.subscribe(f"{language}@example.org", language=language, hour="13")
    return Watched(small, harness, {language: agree(small, language) for language in LANGUAGES})


def test_a_new_day_moves_nothing_but_itself(watched: Watched) -> None:
    watched.made.now = datetime(2026, 11, 22, 23, 0, 3, tzinfo=UTC)  # three seconds into the day
    (slug,) = watched.made.publish()
    for language in LANGUAGES:
        said = agree(watched.made, language)
        assert list(said)[1:] == list(watched.before[language])
        start = datetime(2026, 11, 22, 23, tzinfo=UTC)
        assert next(iter(said.items()))[0] == "2026-11-23"
        assert next(iter(said.values())).updated == start
    assert shows(slug)(watched.made) >= {"2026-11-23"}


@pytest.mark.parametrize("is_today", [True, False], ids=["of-today", "of-an-older-day"])
def test_a_correction_moves_every_edition_of_its_principle(
    watched: Watched, is_today: bool
) -> None:
    today = newest_of(watched.made, lambda item: True)["slug"]
    found = newest_of(watched.made, lambda item: (item["slug"] == today) == is_today)
    language = found["text"]["language"]
    revise(watched.made, {"slug": found["slug"], "texts": {language: {"title": "New words"}}})
    dates = shows(found["slug"])(watched.made)
    assert (str(TODAY) in dates) == is_today
    move_address = watched.move_address
    assert move_address[language] == dates
    assert all(keys in (dates, set()) for keys in move_address.values())
    assert {watched.after[language][day].title for day in dates} == {"New words"}


def test_a_minor_edit_moves_no_date(watched: Watched) -> None:
    found = newest_of(watched.made, lambda item: item["text"]["language"] == "en")
    changes = {"slug": found["slug"], "texts": {"en": {"title": "New words"}}}
    revise(watched.made, changes, minor=True)
    assert watched.move_address == {"en": set(), "sv": set()}
    assert agree(watched.made, "en")[found["date"]].title == "New words"


def test_a_replacement_has_an_id_of_its_own_everywhere(watched: Watched) -> None:
    withdraw(watched.made)
    for seen in watched.after.values():
        assert next(iter(seen)) == f"{TODAY}.2"
        assert str(TODAY) not in seen
        assert len(seen) == 15


def test_a_day_that_is_left_empty_is_gone_everywhere(watched: Watched) -> None:
    withdraw(watched.made, replace=False)
    for language, seen in watched.after.items():
        assert seen == {k: v for k, v in watched.before[language].items() if k != str(TODAY)}


def test_retiring_a_principle_changes_no_edition(watched: Watched) -> None:
    slug = newest_of(watched.made, lambda item: True)["slug"]
    revise(watched.made, {"slug": slug, "status": "retired"})
    assert watched.after == watched.before


def test_a_translation_moves_the_editions_of_its_language(watched: Watched) -> None:
    found = newest_of(watched.made, lambda item: item["text"]["fallback"])
    text = {"title": "Ask first", "statement": "Ask why.", "state": "approved"}
    revise(watched.made, {"slug": found["slug"], "texts": {"en": text}})
    dates = shows(found["slug"])(watched.made)
    assert watched.move_address == {"en": dates, "sv": set()}
    assert {watched.after["en"][day].language for day in dates} == {"en"}


def test_a_translation_that_is_revoked_moves_them_again(watched: Watched) -> None:
    found = newest_of(watched.made, lambda item: item["slug"] == "both")
    revise(watched.made, {"slug": "both", "texts": {"sv": {"state": "draft"}}})
    dates = shows("both")(watched.made)
    assert found["date"] in dates
    assert watched.move_address == {"en": set(), "sv": dates}
    assert {watched.after["sv"][day].language for day in dates} == {"en"}


def test_a_source_that_is_renamed_moves_all_that_comes_from_it(watched: Watched) -> None:
    text = (FOLDER / "library.toml").read_text(encoding="utf-8")
    renamed = text.replace("On Small Things", "On Smaller Things")
    watched.made.now = CHANGED
    watched.made.load({"library.toml": renamed})
    items = json.loads(watched.made.client().get("/api/v1/editions").data)["items"]
    dates = {item["date"] for item in items if item["source"] == "known"}
    assert watched.move_address == {"en": dates, "sv": dates}
    said = watched.after["en"]
    assert all(("On Smaller Things" in said[day].credit) == (day in dates) for day in said)
