"""When a letter is due to whom: pure calendar, daylight saving included."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from feed.model import Cadence, Day, Preferences, Site

HOURS = range(24)
_DAY = timedelta(days=1)
_FAR = 15 * _DAY  # a weekly letter comes sooner, even where a zone leaves out a day


@dataclass(frozen=True, slots=True)
class Due:
    """The letter of `date` is due at `at` to those of one timezone and hour, on their `day`."""

    cadence: Cadence
    date: date
    timezone: str
    hour: int
    day: Day
    at: datetime


def due(site: Site, timezone: str, after: datetime, until: datetime) -> Iterator[Due]:
    """Everything that becomes due in a timezone after one instant and up to another.

    A daily letter is that of the site's date at the subscriber's hour. A weekly one is due on the
    subscriber's own Monday: the last edition of the week is out by then wherever they live, unless
    their clocks are more than a day ahead of the site's.
    """
    zone = ZoneInfo(timezone)
    first, last = after.astimezone(zone).date(), until.astimezone(zone).date()
    for offset in range((last - first).days + 1):
        day = first + offset * _DAY
        for hour in HOURS:
            at = instant(zone, day, hour)
            if at is None or not after < at <= until:
                continue
            yield Due("daily", site.today(at), timezone, hour, day, at)
            if day.isoweekday() == 1:
                yield Due("weekly", day, timezone, hour, day, at)


def next_due(
    site: Site, wishes: Preferences, now: datetime, paused_until: Day | None = None
) -> datetime | None:
    """When the next letter is due to somebody with these wishes, in their timezone."""
    zone = ZoneInfo(wishes.timezone)
    after = now
    if paused_until is not None:
        after = max(now, datetime.combine(paused_until - _DAY, time(), zone).astimezone(UTC))
    for each in due(site, wishes.timezone, after, after + _FAR):
        wanted = (each.cadence, each.hour) == (wishes.cadence, wishes.hour)
        paused = paused_until is not None and each.day < paused_until
        free = wishes.workdays and each.cadence == "daily" and each.day.isoweekday() > 5
        if wanted and not paused and not free:
            return each.at.astimezone(zone)
    return None


def instant(zone: ZoneInfo, day: date, hour: int) -> datetime | None:
    """The instant of that hour on that day, in UTC; None where the zone has no such day.

    An hour that is skipped comes as much later; one that comes twice counts the first time.
    """
    at = datetime.combine(day, time(hour), zone).astimezone(UTC)
    return at if at.astimezone(zone).date() == day else None
