"""Import of subscribers from a table, each with proof of consent.

Everybody is asked to confirm by e-mail, unless the operator vouches for their consent in words.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlite_utils import Database

from feed.config import Config
from feed.errors import InputError, gettext_noop
from feed.files import subscriber_table
from feed.files.entries import ExpectedError
from feed.files.grids import Grid
from feed.files.subscriber_table import SubscriberTable
from feed.i18n import match
from feed.model import CADENCES, Preferences, Site, email_addresses
from feed.store import subscriber_audit, subscribers
from feed.store.connection import transaction
from feed.subscribers import forms, subscriptions, suppression
from feed.subscribers.administration import SLICE, Operator

Text = TypeVar("Text", bound=str)

LONGEST_CELL = 1000  # characters of `how` and `wording`

_MISSING = gettext_noop("The column %(column)s is empty.")
_CHOICE = gettext_noop("“%(value)s” can’t be in the column %(column)s. Write %(expected)s.")
_FUTURE = gettext_noop("The consent is dated in the future: %(value)s.")
_LONG = gettext_noop("The column %(column)s has more than %(most)s characters.")
_PRIVATE = gettext_noop("The column %(column)s contains the address. Leave it out.")
_TWICE = gettext_noop("The same address is in row %(row)s.")
_SUPPRESSED = gettext_noop("The address is on the suppression list.")
_KNOWN = {
    "active": gettext_noop("This person already gets emails."),
    "pending": gettext_noop("This person has already been asked to confirm."),
    "suspended": gettext_noop("This person is suspended. Resume them instead."),
    "left": gettext_noop("This person has unsubscribed. They can sign up again themselves."),
}


@dataclass(frozen=True, slots=True)
class ImportedPerson:
    """A valid row: a person to add, with the consent that they gave."""

    row: int
    address: str
    preferences: Preferences
    consented: datetime
    how: str
    wording: str

    @property
    def identity(self) -> str:
        """The normalised address."""
        return email_addresses.identity(self.address)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be imported, and why."""

    row: int
    error: InputError


@dataclass(frozen=True, slots=True)
class SubscriberPlan:
    """What an import would do."""

    accepted: tuple[ImportedPerson, ...]
    refused: tuple[RefusedRow, ...]
    ignored: tuple[str, ...]  # headings of columns without a meaning
    grid: Grid  # how the file was read

    @property
    def fingerprint(self) -> str:
        """A hash of the accepted rows: equal if a later plan would add the same people."""
        rows = ",".join(str(person.row) for person in self.accepted)
        return hashlib.sha256(rows.encode()).hexdigest()


def count_rows(content: bytes) -> int:
    """The number of rows of a table. Raises InputError like `plan`."""
    return len(_table(content).rows)


def plan(
    db: Database, site: Site, config: Config, key: bytes, content: bytes, now: datetime
) -> SubscriberPlan:
    """Read a table and compare it with the subscribers, writing nothing.

    Raises InputError where it is not a table, or lacks a column.
    """
    table = _table(content)
    accepted: dict[str, ImportedPerson] = {}
    refused: list[RefusedRow] = []
    for number, row in table.rows:
        try:
            person = _read(site, config, number, row, now)
            _refuse_unless_new(db, key, person, accepted)
        except InputError as error:
            refused.append(RefusedRow(number, error))
        else:
            accepted[person.identity] = person
    for part in _slices(list(accepted.values())):
        for identity, status in subscribers.statuses(db, [each.identity for each in part]).items():
            row_number = accepted.pop(identity).row
            refused.append(RefusedRow(row_number, InputError(_KNOWN[status])))
    refused.sort(key=lambda each: each.row)
    return SubscriberPlan(tuple(accepted.values()), tuple(refused), table.ignored, table.grid)


def apply(
    db: Database, people: Sequence[ImportedPerson], by: Operator, now: datetime, *, vouch: str = ""
) -> int:
    """Add the accepted people of a plan; returns how many are new.

    Without `vouch`, each is asked to confirm; with it, each is active, and it is stored with their
    consent. Large imports are written in slices, each whole or not at all; a repeated import skips
    those that are stored already.
    """
    done = 0
    for part in _slices(people):
        with transaction(db):
            known = subscribers.statuses(db, [each.identity for each in part])
            new = [each for each in part if each.identity not in known]
            for person in new:
                _add(db, person, vouch, now)
            subscriber_audit.add_total(db, "import", len(new), by.reason, by.curator, now)
        done += len(new)
    return done


def _table(content: bytes) -> SubscriberTable:
    try:
        return subscriber_table.read(content)
    except ExpectedError as error:
        raise InputError(error.message, **error.values) from None


def _add(db: Database, person: ImportedPerson, vouch: str, now: datetime) -> None:
    language = person.preferences.language
    found = subscribers.add(db, person.address, person.identity, person.preferences, now)
    consent = ("asked", language, person.wording, person.how, person.consented)
    subscribers.record_consent(db, found.id, *consent)
    if vouch:
        subscribers.change(db, found.id, status="active", confirmed=now)
        subscribers.record_consent(db, found.id, "confirmed", language, vouch, "import", now)
    else:
        subscriptions.ask_to_confirm(db, found, language, now)


def _slices(people: Sequence[ImportedPerson]) -> Iterator[Sequence[ImportedPerson]]:
    return (people[start : start + SLICE] for start in range(0, len(people), SLICE))


def _refuse_unless_new(
    db: Database, key: bytes, person: ImportedPerson, accepted: dict[str, ImportedPerson]
) -> None:
    other = accepted.get(person.identity)
    if other is not None:
        raise InputError(_TWICE, row=other.row)
    if suppression.covers(db, key, person.identity):
        raise InputError(_SUPPRESSED)


def _read(
    site: Site, config: Config, number: int, row: dict[str, str], now: datetime
) -> ImportedPerson:
    """A row as a person. Raises InputError."""
    address = email_addresses.read(row["address"], config.mail_domains)
    consented = _moment(site, row["consented_at"], now)
    how, wording = (_words(name, row[name], address) for name in ("how", "wording"))
    days = _choice(row, "days", "every", ("every", "workdays"))
    language, *others = _languages(row, site)
    preferences = Preferences(
        language=language,
        others=tuple(others),
        cadence=_choice(row, "cadence", "daily", CADENCES),
        workdays=days == "workdays",
        hour=_hour(row["hour"], config.digest_hour),
        timezone=_choice(row, "timezone", config.timezone.key, forms.timezones(), "Europe/Rome"),
    )
    return ImportedPerson(number, address, preferences, consented, how, wording)


def _languages(row: dict[str, str], site: Site) -> list[str]:
    """One language, or several as `sv+en`."""
    found = [match(tag.strip(), site.languages) for tag in row["language"].split("+")]
    known = list(dict.fromkeys(tag for tag in found if tag))
    is_known = known and None not in found
    return known if is_known else [_choice(row, "language", site.languages[0], site.languages)]


def _choice(
    row: dict[str, str], column: str, usual: Text, choices: Sequence[Text], example: str = ""
) -> Text:
    text = row[column]
    if not text:
        return usual
    by_name: dict[str, Text] = {each.casefold(): each for each in choices}
    if text.casefold() not in by_name:
        expected = example or ", ".join(choices)
        raise InputError(_CHOICE, value=text[:80], column=column, expected=expected)
    return by_name[text.casefold()]


def _hour(text: str, usual: int) -> int:
    hour = text.removesuffix(":00")
    if not text:
        return usual
    if not (hour.isascii() and hour.isdecimal() and int(hour) < 24):
        raise InputError(_CHOICE, value=text[:80], column="hour", expected="7, 07:00")
    return int(hour)


def _moment(site: Site, text: str, now: datetime) -> datetime:
    """When consent was given: a date or a time, in the site's timezone unless it names another."""
    if not text:
        raise InputError(_MISSING, column="consented_at")
    try:
        given = datetime.fromisoformat(text)
        zoned = given if given.tzinfo else given.replace(tzinfo=site.timezone)
        moment = zoned.astimezone(UTC)
    except (ValueError, OverflowError):
        expected = "2026-01-31, 2026-01-31T09:30"
        raise InputError(
            _CHOICE, value=text[:80], column="consented_at", expected=expected
        ) from None
    if moment > now:
        raise InputError(_FUTURE, value=text)
    return moment


def _words(column: str, text: str, address: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise InputError(_MISSING, column=column)
    if len(words) > LONGEST_CELL:
        raise InputError(_LONG, column=column, most=LONGEST_CELL)
    if email_addresses.identity(address) in words.lower():
        raise InputError(_PRIVATE, column=column)
    return words
