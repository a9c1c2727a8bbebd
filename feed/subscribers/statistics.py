"""Subscriber statistics: active subscribers by language and cadence, and their growth."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product

from sqlite_utils import Database

from feed.model import CADENCES, Site
from feed.store import subscribers
from feed.store.connection import transaction
from feed.store.subscribers import Share

GROWTH_PERIOD = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Point:
    """The number of daily and weekly subscribers at the end of a date."""

    date: date
    daily: int
    weekly: int

    @property
    def total(self) -> int:
        """Daily and weekly subscribers."""
        return self.daily + self.weekly


@dataclass(frozen=True, slots=True)
class Audience:
    """Active subscribers by language and cadence, all by status, and the growth by day."""

    shares: tuple[Share, ...]
    statuses: dict[str, int]
    growth: tuple[Point, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the site and of subscribers."""
        return tuple(dict.fromkeys(each.language for each in self.shares))

    def number(self, *, language: str | None = None, cadence: str | None = None) -> int:
        """The number of active subscribers in a language, of a cadence; of all where None."""
        return sum(
            each.number
            for each in self.shares
            if language in (None, each.language) and cadence in (None, each.cadence)
        )


def read(db: Database, site: Site, now: datetime) -> Audience:
    """The statistics now, and the stored numbers of earlier days."""
    shares, today = _shares(db, site), site.today(now)
    stored = subscribers.daily_totals(db, today - GROWTH_PERIOD)
    past = [Point(*row) for row in stored if row[0] < today]
    daily, weekly = (sum(s.number for s in shares if s.cadence == each) for each in CADENCES)
    growth = (*past, Point(today, daily, weekly))
    return Audience(tuple(shares), subscribers.count_by_status(db), growth)


def save(db: Database, site: Site, now: datetime) -> None:
    """Store today's numbers, in place of those stored earlier today."""
    with transaction(db):
        subscribers.save_shares(db, site.today(now), _shares(db, site))


def _shares(db: Database, site: Site) -> Sequence[Share]:
    """The shares of every language of the site, also those without subscribers."""
    found = {(each.language, each.cadence): each for each in subscribers.shares(db)}
    known = dict.fromkeys([*product(site.languages, CADENCES), *found])
    return [found.get(each) or Share(*each, 0) for each in known]
