"""How many get letters, and how that grows: numbers only, never who."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product

from sqlite_utils import Database

from feed.model import CADENCES, Site
from feed.store import subscriber_counts
from feed.store.connection import transaction
from feed.store.subscriber_counts import Share

GROWTH = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Point:
    """How many got daily and weekly letters at the end of a date."""

    date: date
    daily: int
    weekly: int

    @property
    def total(self) -> int:
        """How many got letters."""
        return self.daily + self.weekly


@dataclass(frozen=True, slots=True)
class Audience:
    """How many get letters: by language and cadence, by status, and over the last days."""

    shares: tuple[Share, ...]
    statuses: dict[str, int]
    growth: tuple[Point, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that letters are written in, or could be."""
        return tuple(dict.fromkeys(each.language for each in self.shares))

    def number(self, *, language: str | None = None, cadence: str | None = None) -> int:
        """How many get letters in a language, of a cadence."""
        return sum(
            each.number
            for each in self.shares
            if language in (None, each.language) and cadence in (None, each.cadence)
        )


def read(db: Database, site: Site, now: datetime) -> Audience:
    """The audience at this moment, and what is kept of the days before."""
    shares, today = _shares(db, site), site.today(now)
    past = [Point(*row) for row in subscriber_counts.totals(db, today - GROWTH) if row[0] < today]
    daily, weekly = (sum(s.number for s in shares if s.cadence == each) for each in CADENCES)
    growth = (*past, Point(today, daily, weekly))
    return Audience(tuple(shares), subscriber_counts.statuses(db), growth)


def keep(db: Database, site: Site, now: datetime) -> None:
    """Keep today's numbers; the last time on a date holds."""
    with transaction(db):
        subscriber_counts.keep(db, site.today(now), _shares(db, site))


def _shares(db: Database, site: Site) -> Sequence[Share]:
    """Of every language of the site, also where nobody wants its letters."""
    found = {(each.language, each.cadence): each for each in subscriber_counts.now(db)}
    known = dict.fromkeys([*product(site.languages, CADENCES), *found])
    return [found.get(each) or Share(*each, 0) for each in known]
