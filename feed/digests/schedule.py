"""Calendar of digests: when each is due in a timezone, daylight saving time included."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from feed.model import Cadence, Day, Preferences, Site

HOURS = range(24)
_DAY = timedelta(days=1)
_HORIZON = 15 * _DAY  # a weekly digest is due sooner, even where a zone skips a day


@dataclass(frozen=True, slots=True)
class Due:
    """The digest of `date` is due at `at` for one timezone and hour, on the local date `day`."""

    cadence: Cadence
    date: date
    timezone: str
    hour: int
    day: Day
    at: datetime


def due(site: Site, timezone: str, after: datetime, until: datetime) -> Iterator[Due]:
    """The digests of a timezone that become due later than `after` and not later than `until`.

    A daily digest is that of the site's date at the subscriber's hour. A weekly one is due on the
    subscriber's own Monday: by then the week's last edition is published, unless their timezone is
    more than a day ahead of the site's.
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
    site: Site, preferences: Preferences, now: datetime, paused_until: Day | None = None
) -> datetime | None:
    """When the next digest is due for a subscriber with these preferences, in their timezone."""
    zone = ZoneInfo(preferences.timezone)
    after = now
    if paused_until is not None:
        after = max(now, datetime.combine(paused_until - _DAY, time(), zone).astimezone(UTC))
    for each in due(site, preferences.timezone, after, after + _HORIZON):
        wanted = (each.cadence, each.hour) == (preferences.cadence, preferences.hour)
        paused = paused_until is not None and each.day < paused_until
        free = preferences.workdays and each.cadence == "daily" and each.day.isoweekday() > 5
        if wanted and not paused and not free:
            return each.at.astimezone(zone)
    return None


def instant(zone: ZoneInfo, day: date, hour: int) -> datetime | None:
    """The instant of an hour on a day, in UTC; None where the timezone skips that day.

    A skipped hour is moved by the length of the gap; of a repeated hour the first counts.
    """
    at = datetime.combine(day, time(hour), zone).astimezone(UTC)
    return at if at.astimezone(zone).date() == day else None
