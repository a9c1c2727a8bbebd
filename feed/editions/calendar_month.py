"""The desk's calendar: each day of a month, with what it shows, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from sqlite_utils import Database

from feed.config import Config
from feed.editions import publishing
from feed.editions.publishing import URGENT_DAYS, Gap, UpcomingDay
from feed.model import Edition, Principle, Site, Why
from feed.model.publication_days import DayOff
from feed.store import ledger, library
from feed.store.ledger import LedgerEntry, Pin


@dataclass(frozen=True, slots=True)
class Month:
    """A month by its first day; those beside it are None at the ends of the calendar."""

    first: date

    @property
    def last(self) -> date:
        """The last day."""
        following = self.after
        return following - timedelta(days=1) if following else date.max

    @property
    def before(self) -> date | None:
        """The first day of the month before."""
        return (self.first - timedelta(days=1)).replace(day=1) if self.first > date.min else None

    @property
    def after(self) -> date | None:
        """The first day of the month after."""
        year, month = divmod(self.first.year * 12 + self.first.month, 12)
        return date(year, month + 1, 1) if year <= date.max.year else None


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day of the calendar, past or to come.

    `edition` is the one that stands, None for a date to come. `late` is when it was published, None
    if in time. `withdrawn` are the editions that it replaced. `off` says why the date has none.
    `idle_pin` is a principle that is pinned to the date but cannot be shown on it. `can_pin`:
    whether it will have an edition.
    """

    date: date
    principle: Principle | None = None
    why: Why | None = None
    can_pin: bool = False
    off: DayOff | None = None
    pin: Pin | None = None
    edition: Edition | None = None
    late: datetime | None = None
    withdrawn: tuple[LedgerEntry, ...] = ()
    lacks: tuple[Gap, ...] = ()
    idle_pin: Principle | None = None


@dataclass(frozen=True, slots=True)
class CalendarMonth:
    """A month in weeks from Monday to Sunday, None outside of it; and the days that need work."""

    month: Month
    weeks: tuple[tuple[CalendarDay | None, ...], ...]
    urgent: tuple[UpcomingDay, ...]
    principles: Mapping[str, Principle]  # of the withdrawn editions


def view(db: Database, site: Site, config: Config, now: datetime, month: Month) -> CalendarMonth:
    """The calendar of a month, and the days with gaps within URGENT_DAYS from today."""
    today = site.today(now)
    near = site.coming_days(today, URGENT_DAYS)
    days = [date.fromordinal(n) for n in range(month.first.toordinal(), month.last.toordinal() + 1)]
    asked = sorted({day for day in (*near, *days) if day > today and site.has(day)})
    coming = publishing.planned_days(db, site, config, now, asked)
    pins = ledger.pins_between(db, month.first, month.last)
    entries = ledger.entries(db, month.first, month.last)
    used = {each.edition.principle for each in entries}
    principles = library.principles(db, used | {pin.principle for pin in pins.values()})
    by_date = {day: _off(site, principles, pins.get(day), day) for day in days}
    by_date |= {day.date: _coming(day, pins.get(day.date)) for day in coming} | {
        day: _past(site, principles, pins.get(day), list(found), today)
        for day, found in groupby(entries, key=lambda entry: entry.edition.date)
    }
    return CalendarMonth(
        month,
        _weeks([by_date[day] for day in days]),
        tuple(publishing.urgent_days(coming, site, now)),
        principles,
    )


def _coming(day: UpcomingDay, pin: Pin | None) -> CalendarDay:
    return CalendarDay(
        day.date,
        day.principle,
        day.why,
        can_pin=True,
        pin=pin,
        lacks=day.lacks,
        idle_pin=day.idle_pin,
    )


def _off(
    site: Site, principles: Mapping[str, Principle], pin: Pin | None, day: date
) -> CalendarDay:
    """A day without an edition; one that is pinned was a publication day when it was."""
    off = site.day_off(day)
    if off is None or pin is None:
        return CalendarDay(day, off=off)
    return CalendarDay(day, off=off, pin=pin, idle_pin=principles[pin.principle])


def _past(
    site: Site,
    principles: Mapping[str, Principle],
    pin: Pin | None,
    found: Sequence[LedgerEntry],
    today: date,
) -> CalendarDay:
    """A day with editions, of which the last one may stand."""
    last = found[-1]
    withdrawn = tuple(each for each in found if each.edition.withdrawn)
    if last.edition.withdrawn:
        return CalendarDay(last.edition.date, withdrawn=withdrawn)
    is_late = last.edition.number == 1 and publishing.is_late(site, last.edition)
    principle = principles[last.edition.principle]
    is_today = last.edition.date == today
    return CalendarDay(
        last.edition.date,
        principle,
        last.edition.why,
        pin=pin if pin and pin.principle == principle.slug else None,
        edition=last.edition,
        late=last.edition.published if is_late else None,
        withdrawn=withdrawn,
        lacks=publishing.lacks(principle, site.languages) if is_today else (),
    )


def _weeks(days: Sequence[CalendarDay]) -> tuple[tuple[CalendarDay | None, ...], ...]:
    """The days in rows from Monday to Sunday, filled up with None."""
    before, after = days[0].date.weekday(), 6 - days[-1].date.weekday()
    cells = [*[None] * before, *days, *[None] * after]
    return tuple(tuple(cells[n : n + 7]) for n in range(0, len(cells), 7))
