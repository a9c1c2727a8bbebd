"""Programs that poll a feed, each by its own rule, hear of every edition once, whatever happens.

"By date" is what Power Automate and n8n do: they announce what is newer than the newest seen.
"""

import contextlib
import shutil
import tempfile
from calendar import timegm
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import feedparser
import hypothesis
import pytest
from hypothesis import strategies

from feed import clock, editions
from feed.editions import publishing
from feed.errors import NotFoundError
from tests import library_changes
from tests.conftest import NOON, Installation, create, settings
from tests.golden import FOLDER

FEEDS = ("feed", "weekly", "themes/trust/feed", "sources/known/feed")
DAY = timedelta(days=1)
ON_TIME = timedelta(seconds=3)


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
