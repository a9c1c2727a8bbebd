"""The site, and its calendar: dates in its timezone, and which of them have an edition."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from feed.model.publication_days import DayOff, PublicationDays

LONGEST_CLOSURE = 3_660  # dates that are looked through for a publication day


@dataclass(frozen=True, slots=True)
class Site:
    """The site: its base address, names, languages, timezone and identity.

    `base_url` has no trailing slash. `since` is the time of the first start. `authority` begins
    every feed id, and is fixed once the site is public.
    """

    base_url: str
    names: Mapping[str, str]
    languages: tuple[str, ...]
    timezone: ZoneInfo
    authority: str
    since: datetime
    contact: str | None = None
    postal: str | None = None  # the sender's postal address in e-mails: one line
    hubs: tuple[str, ...] = ()  # the WebSub hubs named in every feed
    reply_to: str | None = None  # the address of e-mail that a person reads
    offers_sign_up: bool = False  # whether the sign-up page takes addresses
    publication_days: PublicationDays = PublicationDays()  # noqa: RUF009 – it is immutable

    def name(self, language: str) -> str:
        """The site's name in `language`."""
        return self.names.get(language) or self.names[self.languages[0]]

    def url(self, path: str) -> str:
        """The absolute URL of a path that starts with a slash."""
        return self.base_url + path

    def tag(self, year: int, rest: str) -> str:
        """A tag URI (RFC 4151): a permanent id, independent of host and scheme."""
        return f"tag:{self.authority},{year}:{rest}"

    def today(self, now: datetime) -> date:
        """The calendar date in the site's timezone."""
        return now.astimezone(self.timezone).date()

    def start(self, day: date) -> datetime:
        """The start of `day` in the site's timezone, in UTC."""
        return datetime.combine(day, time(), self.timezone).astimezone(UTC)

    def exists(self, day: date) -> bool:
        """Whether the date exists in the timezone: Apia skipped 30 December 2011."""
        try:
            return self.today(self.start(day)) == day
        except OverflowError:  # at the ends of the calendar
            return False

    def has(self, day: date) -> bool:
        """Whether the date is a publication day: one with an edition."""
        return self.publication_days.day_off(day) is None and self.exists(day)

    def day_off(self, day: date) -> DayOff | None:
        """Why a date has no edition; None on a publication day."""
        return self.publication_days.day_off(day)

    def dates(self, first: date, last: date) -> list[date]:
        """All dates of the timezone from `first` to `last`, both included."""
        span = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return [day for day in span if self.exists(day)]

    def days(self, first: date, last: date) -> list[date]:
        """The publication days from `first` to `last`, both included."""
        return [day for day in self.dates(first, last) if not self.day_off(day)]

    def next_day(self, day: date) -> date | None:
        """The first publication day after a date; None if there is none within LONGEST_CLOSURE."""
        first, last = day.toordinal() + 1, date.max.toordinal()
        span = map(date.fromordinal, range(first, min(first + LONGEST_CLOSURE, last + 1)))
        return next(filter(self.has, span), None)

    def previous_day(self, day: date) -> date | None:
        """The last publication day before a date; None if there is none within LONGEST_CLOSURE."""
        first = day.toordinal() - 1
        span = map(date.fromordinal, range(first, max(first - LONGEST_CLOSURE, 0), -1))
        return next(filter(self.has, span), None)

    def coming_days(self, day: date, number: int) -> list[date]:
        """The next publication days after a date, at most `number`."""
        found: list[date] = []
        while len(found) < number and (following := self.next_day(found[-1] if found else day)):
            found.append(following)
        return found

    def past_days(self, day: date, number: int) -> list[date]:
        """The last publication days before a date, at most `number`, oldest first."""
        found: list[date] = []
        while len(found) < number and (earlier := self.previous_day(found[-1] if found else day)):
            found.append(earlier)
        return found[::-1]
