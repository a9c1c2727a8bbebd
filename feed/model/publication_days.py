"""Publication days: which dates have an edition, by the settings in force on each date."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

Reason = Literal["weekend", "holiday", "closed"]


class Holidays(Protocol):
    """The working days and holidays of a country or one of its subdivisions."""

    def is_working_day(self, day: date) -> bool:
        """Whether people work on a date."""

    def name(self, day: date, language: str) -> str | None:
        """The name of the holiday on a date, in `language` if it is known; None without one."""


@dataclass(frozen=True, slots=True)
class DayOff:
    """Why a date has no edition."""

    reason: Reason
    date: date
    holidays: Holidays | None = field(default=None, compare=False)

    def holiday(self, language: str) -> str | None:
        """The name of the holiday, in `language` if it is known."""
        return self.holidays.name(self.date, language) if self.holidays else None


@dataclass(frozen=True, slots=True)
class DaysRule:
    """The dates that have an edition under one setting.

    `days` is `all`, `weekdays`, or `workdays:` with a region, whose calendar is `holidays`.
    `closed` has the first and the last date of each period without editions.
    """

    days: str = "all"
    closed: tuple[tuple[date, date], ...] = ()
    holidays: Holidays | None = field(default=None, compare=False)

    def day_off(self, day: date) -> DayOff | None:
        """Why a date has no edition; None if it has one."""
        if any(first <= day <= last for first, last in self.closed):
            return DayOff("closed", day)
        if self.days == "all":
            return None
        if self.holidays is None:
            return DayOff("weekend", day) if day.isoweekday() > 5 else None
        if self.holidays.is_working_day(day):
            return None
        is_holiday = self.holidays.name(day, "en") is not None
        return DayOff("holiday", day, self.holidays) if is_holiday else DayOff("weekend", day)


@dataclass(frozen=True, slots=True)
class PublicationDays:
    """Which dates have an edition: rules, each with the date from which it is in force.

    A date keeps the rule that was in force on it: changing the setting never changes the past.
    """

    rules: tuple[tuple[date, DaysRule], ...] = ((date.min, DaysRule()),)

    @property
    def current(self) -> DaysRule:
        """The rule that is in force now."""
        return self.rules[-1][1]

    def day_off(self, day: date) -> DayOff | None:
        """Why a date has no edition; None if it has one."""
        rule = next(rule for first, rule in reversed(self.rules) if first <= day)
        return rule.day_off(day)
