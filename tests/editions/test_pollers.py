"""Programs that poll the site, each by its own rule, hear of everything once, whatever happens.

"By date" is what Power Automate and n8n do: they announce what is newer than the newest seen. A
mirror follows the API's list of changes.
"""

import contextlib
import shutil
import tempfile
from calendar import timegm
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import feedparser
import hypothesis
import pytest
from hypothesis import strategies

from feed import clock, editions, files
from feed.editions import publishing
from feed.errors import NotFoundError
from feed.store import library, library_writes, vocabulary
from feed.store.connection import transaction
from tests import library_changes
from tests.conftest import NOON, Installation, create, settings
from tests.golden import FOLDER

FEEDS = ("feed", "weekly", "themes/trust/feed", "sources/known/feed")
DAY = timedelta(days=1)
ON_TIME = timedelta(seconds=3)
DRAFT = {"title": "Entwurf", "statement": "Noch nicht.", "state": "draft"}


@dataclass
class Poller:
    """What a poller of one feed has seen, and the date that the feed gave itself."""

    made: Installation
    path: str
    newest: int = 0
    ids: set[str] = field(default_factory=set)
    updated: int = 0

    def poll(self) -> tuple[set[str], set[str]]:
        """The ids that are news by date, and by id."""
        found = feedparser.parse(self.made.client().get(f"/en/{self.path}.rss").data)
        dates = {entry.id: timegm(entry.published_parsed) for entry in found.entries}
        by_date = {key for key, published in dates.items() if published > self.newest}
        by_id = dates.keys() - self.ids
        self.newest = max([self.newest, *dates.values()])
        self.ids |= dates.keys()
        updated = timegm(found.feed.updated_parsed)
        assert updated >= self.updated, f"{self.path}: the feed’s own date went back"
        self.updated = updated
        return by_date, by_id


@dataclass
class Mirror:
    """A copy of the site's editions by date, kept by asking for what has changed."""

    made: Installation
    address: str = "/api/v1/changes?lang=sv&limit=7"
    editions: dict[str, Any] = field(default_factory=dict)
    acts: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)

    def follow(self) -> None:
        """Apply all changes since the last time."""
        more = True
        while more:
            page = ask(self.made, self.address)
            for item in page["items"]:
                self._apply(item)
            more, self.address = page["next"] is not None, page["later"]

    def _apply(self, item: dict[str, Any]) -> None:
        self.acts.append(item["act"])
        self.ids.append(item["id"])
        held = self.editions.get(item["date"], {"version": 0})
        if item["edition"] is not None:
            self.editions[item["date"]] = lasting(item["edition"])
        elif held["version"] == item["version"]:
            del self.editions[item["date"]]


def ask(made: Installation, address: str) -> Any:
    answer = made.client().get(address.removeprefix(made.config.base_url))
    assert answer.status_code == 200, answer.text
    return answer.json


def lasting(edition: dict[str, Any]) -> dict[str, Any]:
    """An edition without the date of the one after it, which is no part of it."""
    return {name: value for name, value in edition.items() if name != "next"}


def published(made: Installation) -> dict[str, Any]:
    """Every edition that stands, as the API gives it, by date."""
    address, found = "/api/v1/editions?lang=sv", dict[str, Any]()
    while address:
        page = ask(made, address)
        found |= {item["date"]: lasting(item) for item in page["items"]}
        address = page["next"]
    return found


def start_of_tomorrow(made: Installation) -> datetime:
    site = made.site()
    return site.start(site.today(made.now) + DAY)


def a_day_on_time(made: Installation) -> None:
    made.now = start_of_tomorrow(made) + ON_TIME
    made.publish()


def a_day_made_late(made: Installation) -> None:
    made.now = start_of_tomorrow(made) + timedelta(hours=23, minutes=59)
    made.publish()


def three_days_missed(made: Installation) -> None:
    made.now += 3 * DAY
    made.publish()


def _withdraw(made: Installation, day: date, *, replace: bool) -> None:
    made.now += timedelta(minutes=10)
    with made.open() as db, contextlib.suppress(NotFoundError):  # it was left empty before
        editions.withdraw(db, made.site(), made.config, day, "wrong", made.now, replace=replace)


def todays_replaced(made: Installation) -> None:
    _withdraw(made, made.site().today(made.now), replace=True)


def todays_withdrawn(made: Installation) -> None:
    _withdraw(made, made.site().today(made.now), replace=False)


def yesterdays_withdrawn(made: Installation) -> None:
    _withdraw(made, made.site().today(made.now) - DAY, replace=False)


def a_text_corrected(made: Installation) -> None:
    made.now += timedelta(minutes=10)
    changes = {"slug": "both", "texts": {"en": {"title": f"Corrected at {made.now:%d %H:%M}"}}}
    with made.open() as db:
        library_changes.revise(db, changes, made.now)


def a_typo_corrected(made: Installation) -> None:
    made.now += timedelta(minutes=10)
    changes = {"slug": "both", "texts": {"sv": {"statement": f"Rättad {made.now:%d %H:%M}."}}}
    with made.open() as db:
        library_changes.revise(db, changes, made.now, minor=True)


def a_source_corrected(made: Installation) -> None:
    made.now += timedelta(minutes=10)
    with made.open() as db, transaction(db):
        book = files.entry_of(library.sources(db)["known"])
        changed = {"author": f"Author {made.now:%d %H:%M}"}
        library_writes.put_source(db, book | changed, made.now)


def a_theme_renamed(made: Installation) -> None:
    made.now += timedelta(minutes=10)
    with made.open() as db, transaction(db):
        theme = files.entry_of(library.themes(db, ["change"])["change"])
        texts = {"sv": {"name": f"Ändring {made.now:%d %H:%M}"}}
        library_writes.put_theme(db, theme | {"texts": texts}, made.now)


def two_sources_merged(made: Installation) -> None:
    made.now += timedelta(minutes=10)
    with made.open() as db, transaction(db):
        vocabulary.merge(db, "sources", "known", "okand", made.now, None)


def a_text_in_draft(made: Installation) -> None:
    made.now += timedelta(minutes=10)
    with made.open() as db:
        changes = {"slug": "both", "texts": {"de": {**DRAFT}}, "notes": "For translators."}
        library_changes.revise(db, changes, made.now)


def the_clock_set_back(made: Installation) -> None:
    """Within the day: a day that has not come yet is told to nobody."""
    site = made.site()
    made.now = max(made.now - timedelta(hours=1), site.start(site.today(made.now)))


def a_theme_taken_away(made: Installation) -> None:
    made.now += timedelta(minutes=10)
    with made.open() as db:
        library_changes.revise(db, {"slug": "both", "themes": ["change"]}, made.now)


ACTS: list[Callable[[Installation], None]] = [
    a_day_on_time,
    a_day_made_late,
    three_days_missed,
    todays_replaced,
    todays_withdrawn,
    yesterdays_withdrawn,
    a_text_corrected,
    a_theme_taken_away,
]


FOR_MIRRORS = [*ACTS, a_typo_corrected, a_source_corrected, a_theme_renamed, the_clock_set_back]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site with fifteen editions, to be copied."""
    made = Installation(settings(tmp_path_factory.mktemp("model")))
    create(made.config, clock.Clock(NOON, 0))
    made.load({"library.toml": (FOLDER / "library.toml").read_bytes()})
    made.publish()
    return made.config.instance


@contextmanager
def running_site(model: Path) -> Iterator[Installation]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(model, folder, dirs_exist_ok=True)
        yield Installation(settings(Path(folder)))


@pytest.mark.slow
@hypothesis.settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(acts=strategies.lists(strategies.sampled_from(ACTS), min_size=2, max_size=7))
def test_every_poller_hears_of_each_edition_once(
    model: Path, acts: list[Callable[[Installation], None]]
) -> None:
    with running_site(model) as made:
        pollers = [Poller(made, path) for path in FEEDS]
        for poller in pollers:
            poller.poll()
        for act in acts:
            act(made)
            for poller in pollers:
                by_date, by_id = poller.poll()
                assert by_date == by_id, f"{poller.path} after {act.__name__}"


@pytest.mark.slow
@hypothesis.settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(
    acts=strategies.lists(strategies.sampled_from(FOR_MIRRORS), min_size=3, max_size=9)
)
def test_a_mirror_that_follows_the_changes_ends_with_what_the_site_has(
    model: Path, acts: list[Callable[[Installation], None]]
) -> None:
    with running_site(model) as made:
        steady, late = Mirror(made), Mirror(made)
        for act in acts:
            act(made)
            steady.follow()
            assert steady.editions == published(made), f"after {act.__name__}"
        late.follow()
        assert late.editions == steady.editions
        assert late.ids == steady.ids
        assert all(earlier < later for earlier, later in pairwise(late.ids))


@pytest.mark.slow
def test_a_mirror_agrees_after_each_kind_of_act(model: Path) -> None:
    with running_site(model) as made:
        mirror = Mirror(made)
        for act in (*FOR_MIRRORS, two_sources_merged):
            act(made)
            mirror.follow()
            assert mirror.editions == published(made), f"after {act.__name__}"


@pytest.mark.slow
def test_each_act_is_one_change_of_its_kind(model: Path) -> None:
    expected: dict[Callable[[Installation], None], list[str]] = {
        a_day_on_time: ["published"],
        three_days_missed: ["published"] * 3,
        todays_replaced: ["withdrawn", "replaced"],
        todays_withdrawn: ["withdrawn"],
    }
    with running_site(model) as made:
        mirror = Mirror(made)
        mirror.follow()
        for act, names in expected.items():
            mirror.acts.clear()
            act(made)
            mirror.follow()
            assert mirror.acts == names
        for act in (a_text_corrected, a_typo_corrected, a_theme_taken_away):
            mirror.acts.clear()
            shown = [item for item in published(made).values() if item["slug"] == "both"]
            act(made)
            mirror.follow()
            assert mirror.acts == ["corrected"] * len(shown)
            assert shown
        mirror.acts.clear()
        a_text_in_draft(made)
        mirror.follow()
        assert mirror.acts == []


def test_changes_since_an_instant_begin_with_those_of_that_very_second(model: Path) -> None:
    with running_site(model) as made:
        todays_replaced(made)
        moment = made.now.isoformat(timespec="seconds").replace("+00:00", "Z")
        made.now += timedelta(seconds=1)
        a_text_corrected(made)
        local = made.now.astimezone(made.config.timezone).isoformat(timespec="seconds")
        with made.open() as db:
            db.execute("UPDATE editions SET reason = reason")  # is no change
        found = ask(made, f"/api/v1/changes?since={moment}")["items"]
        assert [item["act"] for item in found[:2]] == ["withdrawn", "replaced"]
        assert [item["edition"] is None for item in found[:2]] == [True, False]
        assert found[0]["at"] == found[1]["at"] == moment
        later = ask(made, f"/api/v1/changes?since={local}")["items"]  # “+” arrives as a blank
        assert {item["act"] for item in later} == {"corrected"}
        assert later == found[2:]
        page = ask(made, f"/api/v1/changes?since={moment}&limit=1")
        assert page["items"] == found[:1]
        assert ask(made, page["next"])["items"] == found[1:2]
        assert ask(made, f"/api/v1/changes?after={found[-1]['id']}")["items"] == []


def test_a_change_of_a_date_to_come_is_not_told(model: Path) -> None:
    with running_site(model) as made:
        mirror = Mirror(made)
        mirror.follow()
        a_day_on_time(made)
        todays_replaced(made)
        tomorrow = made.now
        made.now = NOON
        a_text_corrected(made)
        mirror.follow()
        assert mirror.editions.keys() == published(made).keys()
        assert max(mirror.editions) == NOON.astimezone(made.config.timezone).date().isoformat()
        made.now = tomorrow
        mirror.follow()
        assert mirror.editions == published(made)


def test_a_withdrawal_moves_the_date_of_the_feed_that_it_concerns(model: Path) -> None:
    with running_site(model) as made:
        pollers = {path: Poller(made, path) for path in FEEDS}
        for poller in pollers.values():
            poller.poll()
        todays_withdrawn(made)
        before = pollers["feed"].updated
        pollers["feed"].poll()
        assert pollers["feed"].updated == int(made.now.timestamp()) > before


def test_a_withdrawal_leaves_the_archive_of_another_month_as_it_was(model: Path) -> None:
    with running_site(model) as made:
        made.now = datetime(2026, 12, 1, 12, tzinfo=UTC)
        made.publish()
        path = "/en/archive/2026/11/feed.rss"
        before = made.client().get(path).data
        todays_withdrawn(made)
        assert made.client().get(path).data == before
        made.now = datetime(2026, 12, 1, 13, tzinfo=UTC)
        _withdraw(made, date(2026, 11, 30), replace=False)
        assert made.client().get(path).data != before


def test_an_edition_is_on_time_within_a_minute(model: Path) -> None:
    with running_site(model) as made:
        for late in (timedelta(0), publishing.ON_TIME - timedelta(seconds=1), publishing.ON_TIME):
            start = start_of_tomorrow(made)
            made.now = start + late
            made.publish()
            with made.open() as db:
                view = editions.today(db, made.site(), made.now)
            assert view
            own = made.now if late == publishing.ON_TIME else start
            assert view.showing.edition.published == own.astimezone(UTC)
