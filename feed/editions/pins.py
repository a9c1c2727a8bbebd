"""Pins: reserve a date to come for a principle."""

from collections.abc import Mapping
from datetime import date, datetime

from sqlite_utils import Database

from feed.editions import publication_days
from feed.errors import FormError, InputError, NotFoundError, gettext_noop
from feed.i18n import translator
from feed.model import Principle, Site
from feed.model.people import Curator
from feed.store import ledger, library
from feed.store.connection import transaction
from feed.store.library import Query

MAX_MATCHES = 8
MAX_QUERY_LENGTH = 200  # longer than any title

_PAST = gettext_noop("%(date)s has had its principle. Choose a later date.")
_DAY_OFF = gettext_noop("%(date)s has no edition: %(reason)s.")
_DAY_OFF_NEXT = gettext_noop("%(date)s has no edition: %(reason)s. The next one comes on %(next)s.")
_NO_DATE = gettext_noop("Choose a date, such as %(example)s.")
_TAKEN = gettext_noop(
    "“%(slug)s” is pinned to that day already: change that pin, or choose another day."
)
_NAMELESS = gettext_noop("Say which principle: words of its title, or its slug.")
_UNKNOWN = gettext_noop("Nothing published is called “%(words)s”: try other words of its title.")
_SEVERAL = gettext_noop("Several principles match “%(words)s”: choose one of them.")


def pin(
    db: Database,
    site: Site,
    day: date,
    slug: str | None,
    now: datetime,
    moved_from: date | None = None,
    by: int | None = None,
) -> None:
    """Pin a principle to a date to come (`slug` None: remove the pin), or move it `moved_from`.

    `by` is the id of the person. Raises NotFoundError for an unknown principle, InputError for a
    date that has its edition, or gets none.
    """
    if slug is not None and not site.has(day):
        raise _without_edition(site, day, "en")
    if slug is not None and library.principle(db, slug) is None:
        raise NotFoundError(gettext_noop("There is no principle “%(slug)s”."), slug=slug)
    with transaction(db):
        last = ledger.last_date(db)
        if day < site.today(now) or (last is not None and day <= last):
            raise InputError(_PAST, date=day.isoformat())
        before = ledger.pins_between(db, moved_from, moved_from) if moved_from else {}
        if moved_from is not None:
            ledger.pin(db, moved_from, None)
        ledger.pin(db, day, slug, by, now)
        if any(each.publishes and each.principle == slug for each in before.values()):
            ledger.schedule(db, day)


def pin_from_form(
    db: Database, site: Site, me: Curator, form: Mapping[str, str], language: str, now: datetime
) -> date:
    """Set or move a pin as a form of `me` asks; returns the date. Raises FormError.

    `form` has `date`; `principle`, a search in `language`, or `chosen`, a slug offered for the
    search `asked`; and `pinned`, the date from which a pin is moved.
    """
    errors: dict[str, InputError] = {}
    day = _date(form.get("date", ""), site, now, language, errors)
    before = _parse_date(form.get("pinned", ""))
    with transaction(db):
        slug = principle_from_form(db, form, language, errors)
        taken = ledger.pins(db).get(day) if day and day != before else None
        if taken is not None:
            errors["date"] = InputError(_TAKEN, slug=taken)
        if errors or day is None or slug is None:
            raise FormError(errors)
        pin(db, site, day, slug, now, moved_from=before, by=me.id)
    return day


def principle_from_form(
    db: Database, form: Mapping[str, str], language: str, errors: dict[str, InputError]
) -> str | None:
    """The slug of the principle that a form names; None, with an error, if it is not clear."""
    words, chosen = form.get("principle", "").strip(), form.get("chosen", "")
    is_offered = chosen and words == form.get("asked", "").strip()
    if is_offered and library.principle(db, chosen) is not None:
        return chosen
    found = search(db, words, language)
    if len(found) == 1:
        return found[0].slug
    message = _SEVERAL if found else _UNKNOWN
    errors["principle"] = InputError(message, words=words) if words else InputError(_NAMELESS)
    return None


def search(db: Database, words: str, language: str) -> list[Principle]:
    """The principle of that slug or title, else the results of a search, best first."""
    known = library.principle(db, words.casefold())
    if known is not None:
        return [known]
    if len(words) > MAX_QUERY_LENGTH:  # a search for a thousand words takes seconds
        return []
    found = library.search(db, Query(language, words), MAX_MATCHES, 0)[0] if words else []
    titled = [each for each in found if _is_titled(each, words)]
    return titled if len(titled) == 1 else found


def _is_titled(principle: Principle, words: str) -> bool:
    return any(text.title.casefold() == words.casefold() for text in principle.texts.values())


def _date(
    text: str, site: Site, now: datetime, language: str, errors: dict[str, InputError]
) -> date | None:
    day, today = _parse_date(text), site.today(now)
    if day is None:
        example = site.next_day(today) or today
        errors["date"] = InputError(_NO_DATE, example=example.isoformat())
    elif day <= today:
        errors["date"] = InputError(_PAST, date=day.isoformat())
    elif not site.has(day):
        errors["date"] = _without_edition(site, day, language)
    return day


def _without_edition(site: Site, day: date, language: str) -> InputError:
    """The error that a date has no edition, with the reason and the next date that has one."""
    t, off, following = translator(language), site.day_off(day), site.next_day(day)
    if off is None:  # the timezone skips it
        return InputError(_NO_DATE, example=(following or day).isoformat())
    values = {"date": t.day(day), "reason": publication_days.reason(t, off)}
    if following is None:
        return InputError(_DAY_OFF, **values)
    return InputError(_DAY_OFF_NEXT, **values, next=t.day(following))


def _parse_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
