"""The upcoming days: the planned principles, and gaps that need work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlite_utils import Database

from feed.config import Config
from feed.editions import publishing
from feed.editions.publishing import Planned
from feed.model import Principle, Site, Why
from feed.store import curators, ledger, library, outbox
from feed.store.connection import transaction

CALENDAR_DAYS = 60  # days that the calendar shows
URGENT_DAYS = 30  # days within which a gap is urgent
NOTICE = "gaps"


@dataclass(frozen=True, slots=True)
class Gap:
    """A language without an up-to-date text.

    `state` is that of its text (draft, review, outdated), or missing.
    """

    language: str
    state: str


@dataclass(frozen=True, slots=True)
class Day:
    """A date to come. `principle` is None where no principle is eligible.

    `idle_pin` is a principle that is pinned to the date but cannot be shown on it.
    """

    date: date
    principle: Principle | None
    why: Why | None
    lacks: tuple[Gap, ...]
    idle_pin: Principle | None = None

    @property
    def is_gap(self) -> bool:
        """Whether the day lacks a principle, or an up-to-date text in some language."""
        return self.principle is None or bool(self.lacks)


def days(
    db: Database, site: Site, config: Config, now: datetime, number: int = CALENDAR_DAYS
) -> list[Day]:
    """The next `number` dates from tomorrow, as the rotation plans them now."""
    first = site.today(now) + timedelta(days=1)
    planned = {each.date: each for each in publishing.plan(db, site, config, now, number, first)}
    pins = ledger.pins(db)
    wanted = {each.principle for each in planned.values()} | set(pins.values())
    principles = library.principles(db, wanted)
    return [
        _day(day, planned.get(day), pins.get(day), principles, site.languages)
        for day in site.days(first, first + timedelta(days=number - 1))
    ]


def gaps(db: Database, site: Site, config: Config, now: datetime) -> list[Day]:
    """The urgent days without a principle, or without a text in every language."""
    return urgent(days(db, site, config, now, URGENT_DAYS), site, now)


def urgent(found: Sequence[Day], site: Site, now: datetime) -> list[Day]:
    """Those of `found` that have a gap and are within URGENT_DAYS."""
    last = site.today(now) + timedelta(days=URGENT_DAYS)
    return [day for day in found if day.is_gap and day.date <= last]


def notify(db: Database, site: Site, config: Config, now: datetime) -> int:
    """Queue a notice of gaps to each editor, once per date; returns the number queued."""
    if not gaps(db, site, config, now):
        return 0
    with transaction(db):
        recipients = [
            each.id
            for each in curators.list_all(db)
            if each.may("editor")
            and each.disabled is None
            and not outbox.count(db, NOTICE, site.start(site.today(now)), curator=each.id)
        ]
        for number in recipients:
            outbox.add(db, NOTICE, now, curator=number)
    return len(recipients)


def _day(
    day: date,
    planned: Planned | None,
    pin: str | None,
    principles: dict[str, Principle],
    languages: tuple[str, ...],
) -> Day:
    idle = principles[pin] if pin and (planned is None or planned.why != "pin") else None
    if planned is None:
        return Day(day, None, None, (), idle)
    principle = principles[planned.principle]
    return Day(day, principle, planned.why, _lacks(principle, languages), idle)


def _lacks(principle: Principle, languages: tuple[str, ...]) -> tuple[Gap, ...]:
    states = [(code, principle.texts.get(code)) for code in languages]
    found = [Gap(code, text.state if text else "missing") for code, text in states]
    return tuple(each for each in found if each.state != "approved")
