"""The archive of a year: its months as grids of days."""

from calendar import Calendar
from dataclasses import dataclass
from datetime import date, datetime

from sqlite_utils import Database

from feed.errors import NotFoundError, gettext_noop
from feed.model import Showing, Site
from feed.store import ledger


@dataclass(frozen=True, slots=True)
class MonthGrid:
    """A month as rows of seven days from Monday, None outside it; its standing editions by date."""

    first: date
    weeks: tuple[tuple[date | None, ...], ...]
    showings: dict[date, Showing]


@dataclass(frozen=True, slots=True)
class YearView:
    """A year of the archive: its months with editions, newest first, and all years with such."""

    number: int
    months: tuple[MonthGrid, ...]
    years: tuple[int, ...]


def year(db: Database, site: Site, now: datetime, number: int | None = None) -> YearView | None:
    """The archive of a year, of the newest by default: None while there are no editions.

    Raises NotFoundError for a year without editions.
    """
    today = site.today(now)
    months = [first for first, _ in ledger.months(db, today)]
    years = tuple(dict.fromkeys(first.year for first in months))
    if number is None:
        if not years:
            return None
        number = years[0]
    if number not in years:
        raise NotFoundError(gettext_noop("There is nothing in %(year)s yet."), year=number)
    last = min(date(number, 12, 31), today)
    found = ledger.showings(db, ledger.between(db, date(number, 1, 1), last))
    grids = (_grid(first, found) for first in months if first.year == number)
    return YearView(number, tuple(grids), years)


def _grid(first: date, found: list[Showing]) -> MonthGrid:
    weeks = tuple(
        tuple(day if day.month == first.month else None for day in week)
        for week in Calendar().monthdatescalendar(first.year, first.month)
    )
    days = {each.edition.date: each for each in found if each.edition.date.month == first.month}
    return MonthGrid(first, weeks, days)
