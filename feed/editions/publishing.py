"""Adding due editions to the ledger, and planning the dates to come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlite_utils import Database

from feed import rotation
from feed.config import Config
from feed.errors import InputError
from feed.model import Site, Why
from feed.rotation import Candidate, Choice
from feed.store import ledger, library
from feed.store.connection import transaction

LONGEST_PLAN = timedelta(days=36_600)


def publish_due(db: Database, site: Site, config: Config, now: datetime) -> list[Choice]:
    """Add every edition that is due, today's and those of missed days, to the ledger. Idempotent.

    On an empty ledger the last `backfill_days` before today are due, too. Returns what was added.
    """
    if not _due(db, site, config, site.today(now)):
        return []
    with transaction(db):
        # Read again under the write lock: another process may have added them meanwhile.
        made = list(choices(db, config, _due(db, site, config, site.today(now))))
        for choice in made:
            ledger.add(db, choice, site.start(choice.date), now)
    return made


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned date: the slug of its principle, and why it was chosen."""

    date: date
    principle: str
    why: Why


def plan(
    db: Database, site: Site, config: Config, now: datetime, days: int, first: date | None = None
) -> list[Planned]:
    """Plan `days` dates from `first` (default: tomorrow), leaving out dates without an edition.

    Past dates come from the ledger, later ones from running the rotation forward. Raises
    InputError if the plan is longer than LONGEST_PLAN.
    """
    today = site.today(now)
    start = first or today + timedelta(days=1)
    if start - today > LONGEST_PLAN - timedelta(days=days - 1):
        raise InputError("The plan would end more than a hundred years from now.")
    end = start + timedelta(days=days - 1)
    past = [
        Planned(edition.date, edition.principle, edition.why)
        for edition in ledger.between(db, start, end)
    ]
    coming = [
        Planned(choice.date, choice.slug, choice.why)
        for choice in choices(db, config, _due(db, site, config, end, today))
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
        return site.days((today or until) - timedelta(days=config.backfill_days), until)
    return site.days(last + timedelta(days=1), until)


def choices(
    db: Database, config: Config, days: Sequence[date], pins: Mapping[date, str] | None = None
) -> list[Choice]:
    """Choose a principle for each of `days`; `pins` replace those of the database."""
    if not days:
        return []
    pinned = ledger.pins(db) if pins is None else pins
    return list(rotation.plan(eligible(db, config), ledger.shown(db), pinned, days))
