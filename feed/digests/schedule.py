"""Calendar of digests: when each is due in a timezone, daylight saving time included."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from feed.model import Cadence, Day, Preferences, Site

HOURS = range(24)
SEASON_YEARS = 12  # in which 1 March is every day of the week
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_HORIZON = 15 * _DAY  # a weekly digest is due sooner, even where a zone skips a day


@dataclass(frozen=True, slots=True)
class Due:
    """The digest of `date` is due at `at` for one timezone and hour, on the local date `day`.

    `postponed`: from the weekend, for those who chose Monday to Friday.
    """

    cadence: Cadence
    date: date
    timezone: str
    hour: int
    day: Day
    at: datetime
    postponed: bool = False


def due(
    site: Site, timezone: str, after: datetime, until: datetime, hours: Sequence[int] = HOURS
) -> Iterator[Due]:
    """The digests of a timezone that become due later than `after` and not later than `until`.

    A daily digest is that of the newest date that the site has at the subscriber's hour all year
    round: each date comes once, also where daylight saving moves that hour across the site's
    midnight. One that is due on a weekend is due again on Monday where not every date has an
    edition: for those who chose Monday to Friday, who would miss it. A weekly one is due on the
    subscriber's own Monday: by then the week's last edition is published, unless their timezone is
    more than a day ahead of the site's.
    """
    zone = ZoneInfo(timezone)
    first, last = after.astimezone(zone).date(), until.astimezone(zone).date()
    for offset in range((last - first).days + 1):
        day = first + offset * _DAY
        for hour in hours:
            at = instant(zone, day, hour)
            if at is None or not after < at <= until:
                continue
            for date_ in _edition_dates(site, zone, day, hour):
                yield Due("daily", date_, timezone, hour, day, at)
            for date_ in _weekend_dates(site, zone, day, hour):
                yield Due("daily", date_, timezone, hour, day, at, postponed=True)
            if day.isoweekday() == 1:
                yield Due("weekly", day, timezone, hour, day, at)


def next_due(
    site: Site, preferences: Preferences, now: datetime, paused_until: Day | None = None
) -> datetime | None:
    """When the next digest is due for a subscriber with these preferences, in their timezone."""
    zone = ZoneInfo(preferences.timezone)
    after = now
    if paused_until is not None:
        after = max(now, datetime.combine(paused_until - _DAY, time(), zone).astimezone(UTC))
    following = site.next_day(site.today(after))
    until = max(after, site.start(following) if following else after) + _HORIZON
    for each in due(site, preferences.timezone, after, until, (preferences.hour,)):
        paused = paused_until is not None and each.day < paused_until
        if _is_wanted(each, preferences) and not paused and not is_silent(site, each):
            return each.at.astimezone(zone)
    return None


def _is_wanted(due: Due, preferences: Preferences) -> bool:
    if due.cadence != preferences.cadence or (due.postponed and not preferences.workdays):
        return False
    return not (preferences.workdays and due.cadence == "daily" and due.day.isoweekday() > 5)


def is_silent(site: Site, due: Due) -> bool:
    """Whether no edition is expected for a digest: a date off, or a week of them."""
    if due.cadence == "daily":
        return not site.has(due.date)
    return not site.days(*week_before(due.date))


def week_before(monday: date) -> tuple[date, date]:
    """The first and the last date of the week before a Monday."""
    return monday - _WEEK, monday - _DAY


def instant(zone: ZoneInfo, day: date, hour: int) -> datetime | None:
    """The instant of an hour on a day, in UTC; None where the timezone skips that day.

    A skipped hour is moved by the length of the gap, even past midnight; of a repeated hour the
    first counts.
    """
    at = datetime.combine(day, time(hour), zone).astimezone(UTC)
    noon = datetime.combine(day, time(12), zone).astimezone(UTC)
    return at if noon.astimezone(zone).date() == day else None


@lru_cache(maxsize=256)
def local_date(at: datetime, timezone: str) -> date:
    """The calendar date of an instant in a timezone."""
    return at.astimezone(ZoneInfo(timezone)).date()


def _edition_dates(site: Site, zone: ZoneInfo, day: date, hour: int) -> list[date]:
    """The dates whose digest is due on a local day: those after the last one of the day before.

    One, but where a timezone skips a day or its rules change with the year.
    """
    before = day - _DAY
    while instant(zone, before, hour) is None:
        before -= _DAY
    first, last = _newest_date(site, zone, before, hour), _newest_date(site, zone, day, hour)
    return site.dates(first + _DAY, last)


def _weekend_dates(site: Site, zone: ZoneInfo, day: date, hour: int) -> list[date]:
    """On a Monday, the dates whose digest was due at the weekend before.

    None where every date has an edition: then to choose Monday to Friday is to choose fewer.
    """
    if day.isoweekday() != 1 or site.publication_days.current.days == "all":
        return []
    weekend = [each for each in (day - 2 * _DAY, day - _DAY) if instant(zone, each, hour)]
    return [found for each in weekend for found in _edition_dates(site, zone, each, hour)]


def _newest_date(site: Site, zone: ZoneInfo, day: date, hour: int) -> date:
    """The newest date that the site has at an hour of a local day, whatever the season."""
    return day + timedelta(days=_days_ahead(site.timezone, zone, hour, day.year))


@lru_cache(maxsize=2**14)
def _days_ahead(site_zone: ZoneInfo, zone: ZoneInfo, hour: int, year: int) -> int:
    """How many days the site's date is ahead at an hour of a timezone: the least from a year on."""
    changes = {date(year, 1, 1), *_clock_changes(site_zone, year), *_clock_changes(zone, year)}
    days = {change + n * _DAY for change in changes for n in (-2, -1, 0, 1)}
    found = ((day, instant(zone, day, hour)) for day in days)
    return min((at.astimezone(site_zone).date() - day).days for day, at in found if at)


@lru_cache(maxsize=1024)
def _clock_changes(zone: ZoneInfo, year: int) -> tuple[date, ...]:
    """The first days (UTC) that begin after a change of the clocks, in SEASON_YEARS years.

    In one year, changes on the last Sunday here and on the last Friday there can all be in
    another order than in the next.
    """

    def offset(day: date) -> timedelta | None:
        return datetime.combine(day, time(), UTC).astimezone(zone).utcoffset()

    first, last = date(year, 1, 1), date(year + SEASON_YEARS, 1, 1)
    weeks = [first + n * _WEEK for n in range((last - first) // _WEEK + 1)]
    changed = (week for week in weeks if offset(week) != offset(week + _WEEK))
    days = (week + n * _DAY for week in changed for n in range(1, 8))
    return tuple(day for day in days if offset(day) != offset(day - _DAY))
