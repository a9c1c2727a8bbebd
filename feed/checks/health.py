"""What a machine that watches over the site needs to know, in a few fast questions."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlite_utils import Database

from feed.checks import email
from feed.model import Site
from feed.store import delivery_stats, ledger

GRACE = timedelta(minutes=1)  # for a worker to make the day’s edition in
Shown = Literal["shown", "original", "withdrawn", "missing"]


@dataclass(frozen=True, slots=True)
class Health:
    """How today's edition and the letters are.

    `languages` tells for each language of the site what its readers see: today's principle in it,
    the original in its place, nothing because an editor withdrew it, or nothing.
    """

    today: date
    languages: dict[str, Shown]
    overdue: bool  # today’s edition should be out, and is not
    last_sent: datetime | None  # None before the first letter
    waiting: int
    stuck: bool

    @property
    def is_well(self) -> bool:
        """Whether nobody needs to be woken."""
        return not self.stuck and not self.overdue


def measure(db: Database, site: Site, now: datetime) -> Health:
    """Look at today's edition and at the letters."""
    today = site.today(now)
    number, since = email.waiting(db)
    languages = _languages(db, site, today)
    return Health(
        today=today,
        languages=languages,
        overdue="missing" in languages.values() and now - site.start(today) >= GRACE,
        last_sent=delivery_stats.last_sent(db),
        waiting=number,
        stuck=email.is_stuck(number, since, now),
    )


def _languages(db: Database, site: Site, today: date) -> dict[str, Shown]:
    edition = ledger.on(db, today)
    if edition is None or edition.withdrawn is not None:
        nothing: Shown = "missing" if edition is None else "withdrawn"
        return dict.fromkeys(site.languages, nothing)
    (showing,) = ledger.showings(db, [edition])
    return {
        code: "shown" if showing.text(code).language == code else "original"
        for code in site.languages
    }
