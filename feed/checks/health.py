"""Health for monitoring: today's edition by language, and the e-mail backlog, in a few queries."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlite_utils import Database

from feed.checks import email
from feed.model import Site
from feed.store import delivery_stats, ledger

GRACE = timedelta(minutes=1)  # after midnight, for the worker to make the day’s edition
LanguageStatus = Literal["shown", "original", "withdrawn", "missing", "day off"]


@dataclass(frozen=True, slots=True)
class Health:
    """The state of today's edition and of e-mail.

    `languages` has the status of today's edition by language: the translation is shown, the
    original in its place, or nothing, because it was withdrawn, is missing, or is not due on a day
    off.
    """

    today: date
    languages: dict[str, LanguageStatus]
    overdue: bool  # today’s edition is not published after GRACE
    last_sent: datetime | None  # None before the first e-mail
    waiting: int
    stuck: bool

    @property
    def is_well(self) -> bool:
        """Whether no alert is due."""
        return not self.stuck and not self.overdue


def measure(db: Database, site: Site, now: datetime) -> Health:
    """Measure the health of a site."""
    today = site.today(now)
    number, since = email.backlog(db)
    languages = _languages(db, site, today)
    return Health(
        today=today,
        languages=languages,
        overdue="missing" in languages.values() and now - site.start(today) >= GRACE,
        last_sent=delivery_stats.last_sent(db),
        waiting=number,
        stuck=email.is_stuck(number, since, now),
    )


def _languages(db: Database, site: Site, today: date) -> dict[str, LanguageStatus]:
    edition = ledger.on(db, today)
    if edition is None or edition.withdrawn is not None:
        absent: LanguageStatus = "missing" if site.has(today) else "day off"
        return dict.fromkeys(site.languages, absent if edition is None else "withdrawn")
    (showing,) = ledger.showings(db, [edition])
    return {
        code: "shown" if showing.text(code).language == code else "original"
        for code in site.languages
    }
