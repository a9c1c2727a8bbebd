"""Withdraw an edition, with a reason, and replace it."""

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

INSTEADS = ("rotation", "chosen", "nothing")  # the replacement of today's edition
LONGEST_REASON = 500
_GONE = gettext_noop("The edition of %(date)s was withdrawn.")
NO_EDITION = gettext_noop("There is no edition “%(key)s”.")


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    """A checked request: the edition, the reason, and the replacement (one of INSTEADS)."""

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
    """Withdraw the standing edition of a date, and replace it, in one transaction.

    Only today's is replaced: by `slug`, else by the next in the rotation, unless `replace` is
    False. `by` is the id of the person; with `number`, only the edition of that number is
    withdrawn. Returns the replacement. Raises NotFoundError, or InputError without a reason.
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
        choice = next(iter(publishing.choices(db, site, config, [day], pinned)), None)
        if slug is not None and (choice is None or choice.slug != slug):
            raise InputError("“%(slug)s” cannot be shown today.", slug=slug)
        if choice is not None:
            publishing.add_late(db, [choice], now)
        return choice


def withdrawable(db: Database, site: Site, day: date, now: datetime) -> Showing:
    """The edition of a date that can be withdrawn. Raises NotFoundError or WithdrawnError."""
    return views.on(db, site, day, now).showing


def parse_form(
    db: Database,
    site: Site,
    config: Config,
    form: Mapping[str, str],
    language: str,
    now: datetime,
) -> WithdrawalRequest:
    """Check a form. Raises FormError, NotFoundError, or WithdrawnError if it is withdrawn already.

    `form` has `edition` (its key), `reason`, `instead`, and `principle`, `chosen` and `asked` as in
    `pins.pin_from_form`.
    """
    edition = _edition(db, site, form.get("edition", ""), now)
    errors: dict[str, InputError] = {}
    reason = _reason(form.get("reason", ""), errors)
    instead = form.get("instead", "") if edition.date == site.today(now) else "nothing"
    slug = None
    if instead not in INSTEADS:
        errors["instead"] = InputError(gettext_noop("Choose what takes its place."))
    elif instead == "chosen":
        slug = pins.principle_from_form(db, form, language, errors)
    if slug is not None and _choice(db, site, config, edition.date, slug) is None:
        message = gettext_noop("“%(slug)s” cannot be shown today: choose another one.")
        errors["principle"] = InputError(message, slug=slug)
    if errors:
        raise FormError(errors)
    return WithdrawalRequest(edition, reason, instead, slug)


def replacement(db: Database, site: Site, config: Config, wanted: WithdrawalRequest) -> str | None:
    """The slug of the principle that would replace the edition; None for none."""
    if wanted.instead == "nothing":
        return None
    return _choice(db, site, config, wanted.edition.date, wanted.slug)


def carry_out(
    db: Database, site: Site, config: Config, me: Curator, wanted: WithdrawalRequest, now: datetime
) -> Choice | None:
    """Withdraw as requested; returns the replacement. Raises InputError or WithdrawnError."""
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
    except NotFoundError as error:  # withdrawn meanwhile
        raise WithdrawnError(_GONE, date=edition.date.isoformat()) from error


def _edition(db: Database, site: Site, key: str, now: datetime) -> Edition:
    """The standing edition with that key. Raises WithdrawnError if it has been replaced."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:\.(\d{1,4}))?", key)
    try:
        day = date.fromisoformat(found[1] if found else "")
    except ValueError as error:
        raise NotFoundError(NO_EDITION, key=key) from error
    edition = withdrawable(db, site, day, now).edition
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


def _choice(db: Database, site: Site, config: Config, day: date, slug: str | None) -> str | None:
    """The slug shown on a date once its edition is withdrawn: `slug`, else by rotation."""
    shown = [
        replace(each, standing=each.standing and each.date != day) for each in ledger.shown(db)
    ]
    pinned, eligible = {day: slug} if slug else {}, publishing.eligible(db, config)
    before = publishing.days_before(site, [day], len(eligible))
    choice = next(rotation.plan(eligible, shown, pinned, [day], before), None)
    return choice.slug if choice and slug in (None, choice.slug) else None
