"""The publication days of the site: the settings now, and those that were in force before.

The database remembers each change of DEVIS_DAYS and DEVIS_CLOSED with its date: days that were off
under an earlier setting are neither filled later nor missed.
"""

import json
from datetime import date

from sqlite_utils import Database

from feed.config import Config, parsing
from feed.editions import holiday_calendar
from feed.errors import SettingError, gettext_noop
from feed.i18n import Translator
from feed.model import Site
from feed.model.publication_days import DayOff, DaysRule, PublicationDays
from feed.store import ledger, meta
from feed.store.connection import transaction

META_KEY = "publication_days"
ALWAYS = DaysRule()
REASONS = {"weekend": gettext_noop("Weekend"), "closed": gettext_noop("Closed")}


def of(db: Database, config: Config, today: date) -> PublicationDays:
    """The publication days of a site. Raises SettingError for an unknown region."""
    current = rule(config.days, config.closed)
    earlier = [each for each in _stored(db) if each[0] <= today]
    if not earlier:
        # A database of a version without this setting has had an edition every day.
        is_new = ledger.last_date(db) is None
        earlier = [(date.min, current if is_new else ALWAYS)]
    if earlier[-1][1] != current:  # of several changes on a day, the last one counts
        earlier = [each for each in earlier if each[0] < today]
    if earlier[-1][1] != current:
        earlier = [*earlier, (today, current)]
    return PublicationDays(tuple(earlier))


def rule(days: str, closed: tuple[tuple[date, date], ...]) -> DaysRule:
    """The rule of two settings. Raises SettingError for an unknown region."""
    region = days.partition(":")[2]
    return DaysRule(days, closed, holiday_calendar.of(region) if region else None)


def record(db: Database, site: Site) -> None:
    """Store the rules of a site, if they have changed."""
    rules = site.publication_days.rules
    if rules == (_stored(db) or ((date.min, ALWAYS),)):
        return
    with transaction(db):
        meta.put(db, META_KEY, json.dumps([_as_texts(*each) for each in rules]))


def reason(t: Translator, off: DayOff) -> str:
    """Why a date has no edition, for people: the holiday by its name."""
    return off.holiday(t.language) or t.gettext(REASONS[off.reason])


def _stored(db: Database) -> tuple[tuple[date, DaysRule], ...]:
    found = json.loads(meta.get(db, META_KEY) or "[]")
    return tuple((date.fromisoformat(first), _from_texts(*texts)) for first, *texts in found)


def _as_texts(first: date, rule: DaysRule) -> tuple[str, str, str]:
    closed = ",".join(f"{first.isoformat()}..{last.isoformat()}" for first, last in rule.closed)
    return first.isoformat(), rule.days, closed


def _from_texts(days: str, closed: str) -> DaysRule:
    periods = parsing.closed_days(closed)
    try:
        return rule(days, periods)
    except SettingError:  # the library no longer knows a region that was set once
        return DaysRule("weekdays", periods)
