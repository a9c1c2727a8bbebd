"""Adding due editions to the ledger, and planning the dates to come with what they lack."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain, islice, pairwise

from sqlite_utils import Database

from feed import rotation
from feed.config import Config
from feed.editions import publication_days
from feed.errors import InputError
from feed.model import Edition, Principle, Site, Why
from feed.rotation import Candidate, Choice, Shown
from feed.store import edition_times, ledger, library, staff_notices
from feed.store.connection import transaction

LONGEST_PLAN = timedelta(days=36_600)
PLANNED_DAYS = 730  # days that the rotation is run forward for the calendar
URGENT_DAYS = 30  # publication days within which a gap is urgent
ON_TIME = timedelta(minutes=1)  # after the start of its date an edition is not late yet
_SECOND = timedelta(seconds=1)
NOTICE = "gaps"


def publish_due(db: Database, site: Site, config: Config, now: datetime) -> list[Choice]:
    """Add every edition that is due, today's and those of missed days, to the ledger. Idempotent.

    On an empty ledger the last `backfill_days` before today are due, too. Returns what was added.
    """
    publication_days.record(db, site)
    if not _due(db, site, config, site.today(now)):
        return []
    with transaction(db):
        # Read again under the write lock: another process may have added them meanwhile.
        made = list(choices(db, site, config, _due(db, site, config, site.today(now))))
        _add(db, site, made, now)
    return made


def _add(db: Database, site: Site, made: Sequence[Choice], now: datetime) -> None:
    """Add editions: on time and in a backfill published at the start of their dates, else late.

    In a backfill of a site that has been running, today's is late.
    """
    is_backfill = edition_times.newest_moment(db) is None
    starts = [site.start(choice.date) for choice in made]
    if is_backfill or (len(made) == 1 and now - starts[0] < ON_TIME):
        early = made[:-1] if is_backfill and now - site.since >= ON_TIME else made
        for choice, start in zip(early, starts, strict=False):
            ledger.add(db, choice, start, now)
        made = made[len(early) :]
    add_late(db, made, now)


def is_late(site: Site, edition: Edition) -> bool:
    """Whether an edition was published later than at the start of its date."""
    return edition.published - site.start(edition.date) >= ON_TIME


def add_late(db: Database, made: Sequence[Choice], now: datetime) -> None:
    """Add editions, oldest first, published a second apart and the last of them now.

    Each is published after everything before it in the ledger, whatever the clock says, so that
    a poller that asks for what is newer than the newest misses none.
    """
    now = now.replace(microsecond=0)
    moment = edition_times.newest_moment(db)
    for index, choice in enumerate(made, start=1):
        own = now - (len(made) - index) * _SECOND
        moment = own if moment is None else max(own, moment + _SECOND)
        ledger.add(db, choice, moment, now)


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned date: the slug of its principle, and why it was chosen."""

    date: date
    principle: str
    why: Why


def plan(
    db: Database, site: Site, config: Config, now: datetime, days: int, first: date | None = None
) -> list[Planned]:
    """Plan `days` publication days from `first` (default: tomorrow), without those left empty.

    Past dates come from the ledger, later ones from running the rotation forward. Raises
    InputError if the plan is longer than LONGEST_PLAN.
    """
    today = site.today(now)
    start = first or today + timedelta(days=1)
    if start - today > LONGEST_PLAN - timedelta(days=days - 1):
        raise InputError("The plan would end more than a hundred years from now.")
    dates = map(
        date.fromordinal, range(start.toordinal(), start.toordinal() + 2 * LONGEST_PLAN.days)
    )
    end = next(islice((day for day in dates if not site.day_off(day)), days - 1, None), start)
    return _plan_between(db, site, config, today, start, end)


def _plan_between(
    db: Database, site: Site, config: Config, today: date, start: date, end: date
) -> list[Planned]:
    past = [
        Planned(edition.date, edition.principle, edition.why)
        for edition in ledger.between(db, start, end)
    ]
    coming = [
        Planned(choice.date, choice.slug, choice.why)
        for choice in _planned(db, site, config, _due(db, site, config, end, today))
        if choice.date >= start
    ]
    return past + coming


def eligible(db: Database, config: Config) -> list[Candidate]:
    """The candidates of the rotation; without fallback, only those approved in every language."""
    return library.candidates(db, () if config.fallback else config.languages)


def _due(
    db: Database, site: Site, config: Config, until: date, today: date | None = None
) -> list[date]:
    last = ledger.last_date(db)
    if last is None:
        before = site.past_days(today or until, config.backfill_days)
        return site.days(min([*before, today or until]), until)
    return site.days(last + timedelta(days=1), until)


def choices(
    db: Database,
    site: Site,
    config: Config,
    days: Sequence[date],
    pins: Mapping[date, str] | None = None,
) -> list[Choice]:
    """Choose a principle for each of `days`; `pins` replace those of the database."""
    if not days:
        return []
    candidates, pinned = eligible(db, config), ledger.pins(db) if pins is None else pins
    before = days_before(site, days, len(candidates))
    return list(rotation.plan(candidates, ledger.shown(db), pinned, days, before))


def days_before(site: Site, days: Sequence[date], number: int) -> Callable[[date, int], date]:
    """A function that counts at most `number` publication days back from one of `days`.

    It has them in a list: looking at each date again for each day is slow in a large library.
    """
    known = [*site.past_days(days[0], number), *days]

    def before(day: date, number: int) -> date:
        index = bisect_left(known, day) - number
        return known[index] if index >= 0 else date.min

    return before


def _planned(db: Database, site: Site, config: Config, days: Sequence[date]) -> list[Choice]:
    """Choose as `choices` does; what is to be published on a date is eligible from that date on."""
    drafts = _scheduled(db, config, days[-1]) if days else {}
    if not drafts:
        return choices(db, site, config, days)
    candidates, shown, pinned = eligible(db, config), ledger.shown(db), ledger.pins(db)
    before = days_before(site, days, len(candidates) + sum(map(len, drafts.values())))
    made: list[Choice] = []
    for begin, end in pairwise((date.min, *sorted(drafts), date.max)):
        candidates = candidates + drafts.get(begin, [])
        part = [day for day in days if begin <= day < end]
        chosen = list(rotation.plan(candidates, shown, pinned, part, before))
        known = {candidate.slug: candidate for candidate in candidates}
        shown += [_as_shown(each, known[each.slug]) for each in chosen]
        made += chosen
    return made


def _scheduled(db: Database, config: Config, last: date) -> dict[date, list[Candidate]]:
    """What is to be published up to a date, by the date from which it is eligible."""
    first = {pin.principle: pin.date for pin in reversed(ledger.scheduled(db, last))}
    complete_in = () if config.fallback else config.languages
    found: dict[date, list[Candidate]] = {}
    for candidate in library.candidates(db, complete_in, first) if first else []:
        found.setdefault(first[candidate.slug], []).append(candidate)
    return found


def _as_shown(choice: Choice, candidate: Candidate) -> Shown:
    return Shown(choice.date, choice.cycle, True, choice.slug, candidate.source, candidate.themes)


@dataclass(frozen=True, slots=True)
class Gap:
    """A language without an up-to-date text.

    `state` is that of its text (draft, review, outdated), or missing.
    """

    language: str
    state: str


@dataclass(frozen=True, slots=True)
class UpcomingDay:
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


def upcoming_days(
    db: Database, site: Site, config: Config, now: datetime, number: int
) -> list[UpcomingDay]:
    """The next `number` publication days after today, as the rotation plans them now."""
    days = site.coming_days(site.today(now), number)
    return planned_days(db, site, config, now, days)


def planned_days(
    db: Database, site: Site, config: Config, now: datetime, days: Sequence[date]
) -> list[UpcomingDay]:
    """These dates to come (ascending), as the rotation plans them now.

    Later than PLANNED_DAYS from today it is not run forward: only pins are planned.
    """
    today, asked = site.today(now), set(days)
    near = [day for day in days if (day - today).days <= PLANNED_DAYS]
    found = _plan_between(db, site, config, today, near[0], near[-1]) if near else []
    planned = {each.date: each for each in found if each.date in asked}
    pins = {day: slug for day, slug in ledger.pins(db).items() if day in asked}
    if distant := pins.keys() - near:
        drafts = chain.from_iterable(_scheduled(db, config, max(distant)).values())
        slugs = {candidate.slug for candidate in (*eligible(db, config), *drafts)}
        planned |= {day: Planned(day, pins[day], "pin") for day in distant if pins[day] in slugs}
    wanted = {each.principle for each in planned.values()} | set(pins.values())
    principles = library.principles(db, wanted)
    return [_day(day, planned.get(day), pins.get(day), principles, site.languages) for day in days]


def upcoming_gaps(db: Database, site: Site, config: Config, now: datetime) -> list[UpcomingDay]:
    """The urgent days without a principle, or without a text in every language."""
    return urgent_days(upcoming_days(db, site, config, now, URGENT_DAYS), site, now)


def urgent_days(found: Sequence[UpcomingDay], site: Site, now: datetime) -> list[UpcomingDay]:
    """Those of `found` that have a gap and are within URGENT_DAYS."""
    last = max(site.coming_days(site.today(now), URGENT_DAYS), default=date.min)
    return [day for day in found if day.is_gap and day.date <= last]


def notify(db: Database, site: Site, config: Config, now: datetime) -> int:
    """Queue a notice of gaps to each editor, once per date; returns the number queued."""
    if not upcoming_gaps(db, site, config, now):
        return 0
    return staff_notices.notify_editors(db, NOTICE, now, site.start(site.today(now)))


def _day(
    day: date,
    planned: Planned | None,
    pin: str | None,
    principles: dict[str, Principle],
    languages: tuple[str, ...],
) -> UpcomingDay:
    idle = principles[pin] if pin and (planned is None or planned.why != "pin") else None
    if planned is None:
        return UpcomingDay(day, None, None, (), idle)
    principle = principles[planned.principle]
    return UpcomingDay(day, principle, planned.why, lacks(principle, languages), idle)


def lacks(principle: Principle, languages: tuple[str, ...]) -> tuple[Gap, ...]:
    """The languages without an approved, up-to-date text of a principle."""
    states = [(code, principle.texts.get(code)) for code in languages]
    found = [Gap(code, text.state if text else "missing") for code, text in states]
    return tuple(each for each in found if each.state != "approved")
