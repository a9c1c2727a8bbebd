"""Stopping the press: taking an edition back, with a reason, and what takes its place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlite_utils import Database

from feed import rotation
from feed.config import Config
from feed.editions import pins, publishing, views
from feed.errors import FormError, InputError, NotFoundError, WithdrawnError, gettext_noop
from feed.model import Edition, Showing, Site
from feed.model.people import Curator
from feed.rotation import Choice
from feed.store import ledger
from feed.store.connection import transaction

INSTEADS = ("rotation", "chosen", "nothing")  # what takes the place of today's edition
LONGEST_REASON = 500
_GONE = gettext_noop("The edition of %(date)s was withdrawn.")
NO_EDITION = gettext_noop("There is no edition “%(key)s”.")


@dataclass(frozen=True, slots=True)
class Stop:
    """What somebody wants to be done: the edition, why, and what takes its place, if anything."""

    edition: Edition
    reason: str
    instead: str
    slug: str | None


def withdraw(
    db: Database,
    site: Site,
    config: Config,
    day: date,
    reason: str,
    now: datetime,
    slug: str | None = None,
    *,
    replace: bool = True,
    by: int | None = None,
    number: int | None = None,
) -> Choice | None:
    """Withdraw the standing edition of a date, in one act with what takes its place.

    Only today's is replaced: by `slug`, else by the next in the rotation, unless `replace` is
    False. `by` is who does it, `number` the edition that is meant, where another may stand by now.
    Returns what took its place. Raises NotFoundError, or InputError without a reason.
    """
    if not reason.strip():
        raise InputError(gettext_noop("A withdrawal needs a reason."))
    if slug is not None and day != site.today(now):
        raise InputError("Only today’s edition can be replaced.")
    with transaction(db):
        if not ledger.withdraw(db, day, reason.strip(), now, by, number):
            raise NotFoundError(
                gettext_noop("There is no edition on %(date)s."), date=day.isoformat()
            )
        if not replace or day != site.today(now):
            return None
        pinned = {} if slug is None else {day: slug}
        choice = next(iter(publishing.choices(db, config, [day], pinned)), None)
        if slug is not None and (choice is None or choice.slug != slug):
            raise InputError("“%(slug)s” cannot be shown today.", slug=slug)
        if choice is not None:
            ledger.add(db, choice, site.start(day), now)
        return choice


def standing(db: Database, site: Site, day: date, now: datetime) -> Showing:
    """The edition of a date that can be taken back. Raises NotFoundError or WithdrawnError."""
    return views.on(db, site, day, now).showing


def read(
    db: Database,
    site: Site,
    config: Config,
    given: Mapping[str, str],
    language: str,
    now: datetime,
) -> Stop:
    """What a form asks for. Raises FormError, NotFoundError, or WithdrawnError if it is done.

    `given` has edition (its key), reason, instead, and principle, chosen, asked as a pin has them.
    """
    edition = _edition(db, site, given.get("edition", ""), now)
    errors: dict[str, InputError] = {}
    reason = _reason(given.get("reason", ""), errors)
    instead = given.get("instead", "") if edition.date == site.today(now) else "nothing"
    slug = None
    if instead not in INSTEADS:
        errors["instead"] = InputError(gettext_noop("Choose what takes its place."))
    elif instead == "chosen":
        slug = pins.named(db, given, language, errors)
    if slug is not None and _choice(db, config, edition.date, slug) is None:
        message = gettext_noop("“%(slug)s” cannot be shown today: choose another one.")
        errors["principle"] = InputError(message, slug=slug)
    if errors:
        raise FormError(errors)
    return Stop(edition, reason, instead, slug)


def replacement(db: Database, config: Config, wanted: Stop) -> str | None:
    """The slug of what would take the place of the edition."""
    if wanted.instead == "nothing":
        return None
    return _choice(db, config, wanted.edition.date, wanted.slug)


def stop(
    db: Database, site: Site, config: Config, me: Curator, wanted: Stop, now: datetime
) -> Choice | None:
    """Do it; what took its place. Raises InputError, or WithdrawnError if it is done."""
    edition = wanted.edition
    try:
        return withdraw(
            db,
            site,
            config,
            edition.date,
            wanted.reason,
            now,
            wanted.slug,
            replace=wanted.instead != "nothing",
            by=me.id,
            number=edition.number,
        )
    except NotFoundError as error:  # somebody else was faster
        raise WithdrawnError(_GONE, date=edition.date.isoformat()) from error


def _edition(db: Database, site: Site, key: str, now: datetime) -> Edition:
    """The edition of a key, if it stands: not one that has come in its place."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:\.(\d{1,4}))?", key)
    try:
        day = date.fromisoformat(found[1] if found else "")
    except ValueError as error:
        raise NotFoundError(NO_EDITION, key=key) from error
    edition = standing(db, site, day, now).edition
    if edition.key != key:
        raise WithdrawnError(_GONE, date=day.isoformat())
    return edition


def _reason(text: str, errors: dict[str, InputError]) -> str:
    reason = " ".join(text.split())
    if not reason:
        errors["reason"] = InputError(gettext_noop("A withdrawal needs a reason."))
    elif len(reason) > LONGEST_REASON:
        message = gettext_noop("A reason has %(most)s characters at most; this has %(number)s.")
        errors["reason"] = InputError(message, most=LONGEST_REASON, number=len(reason))
    return reason


def _choice(db: Database, config: Config, day: date, slug: str | None) -> str | None:
    """What is shown on a date if its edition is taken back: `slug`, else what the rotation says."""
    shown = [
        replace(each, standing=each.standing and each.date != day) for each in ledger.shown(db)
    ]
    pinned = {day: slug} if slug else {}
    choice = next(rotation.plan(publishing.eligible(db, config), shown, pinned, [day]), None)
    return choice.slug if choice and slug in (None, choice.slug) else None
