"""Administration of subscribers: look one up, stop, resume, export, erase, suppress.

Each act needs a reason, and leaves a line in the audit log, which holds no address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlite_utils import Database

from feed.config import Config
from feed.errors import FormError, InputError, NotFoundError, gettext_noop
from feed.model import Site, Subscriber, email_addresses
from feed.store import delivery_stats, outbox, subscriber_audit, subscribers
from feed.store.connection import transaction
from feed.store.subscriber_audit import AuditLine
from feed.subscribers import subscriptions, suppression

SHOWN_DELIVERIES = 20
MAX_REASON = 300
SLICE = 1_000  # subscribers in one transaction, so that sign-ups do not wait

_NO_SUCH = gettext_noop("There is no subscriber with this number: they may have been erased.")
_REASON = gettext_noop("Write a reason: it’s kept with your name.")
_REASON_LENGTH = gettext_noop("The reason has %(count)s characters. Write at most %(most)s.")
_REASON_ADDRESS = gettext_noop(
    "Leave the address out of the reason: the reason is kept when the person is erased."
)
_LEFT = gettext_noop("This person already gets no emails.")
_ACTIVE = gettext_noop("This person already gets emails.")
_SUPPRESSED = gettext_noop("This address is on the suppression list: take it off first.")
_ASKED = gettext_noop(
    "%(count)s emails have asked this person to confirm, and none was answered: no more are sent."
)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts: a person at the desk, or the command line where `curator` is None."""

    curator: int | None
    reason: str

    @property
    def source(self) -> str:
        """How the consent log names it."""
        return "command line" if self.curator is None else "desk"


@dataclass(frozen=True, slots=True)
class SubscriberRecord:
    """A subscriber with their history; consents, bounces and acts are oldest first."""

    subscriber: Subscriber
    consents: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]  # the newest first, `SHOWN_DELIVERIES` at most
    bounces: list[tuple[datetime, str]]
    acts: list[AuditLine]
    is_suppressed: bool


@dataclass(frozen=True, slots=True)
class Suspension:
    """Suspended subscribers to choose: of a date (in the site's timezone), of a domain, or both."""

    day: date | None
    domain: str | None


def operator(reason: str, curator: int | None = None) -> Operator:
    """Who acts and why. Raises FormError where there is no reason."""
    words = " ".join(reason.split())
    if not words:
        raise FormError({"reason": InputError(_REASON)})
    if len(words) > MAX_REASON:
        error = InputError(_REASON_LENGTH, count=len(words), most=MAX_REASON)
        raise FormError({"reason": error})
    if "@" in words:
        raise FormError({"reason": InputError(_REASON_ADDRESS)})
    return Operator(curator, words)


def find(db: Database, config: Config, typed: str) -> Subscriber | None:
    """The subscriber with an address, compared as sign-up does. Raises FormError."""
    try:
        address = email_addresses.read(typed, config.mail_domains, elsewhere=True)
    except InputError as error:
        raise FormError({"address": error}) from None
    return subscribers.by_identity(db, email_addresses.identity(address))


def get(db: Database, number: int) -> Subscriber:
    """The subscriber with an id. Raises NotFoundError."""
    found = subscribers.by_id(db, number)
    if found is None:
        raise NotFoundError(_NO_SUCH)
    return found


def record(db: Database, key: bytes, number: int) -> SubscriberRecord:
    """A subscriber with their history. Raises NotFoundError."""
    found = get(db, number)
    return SubscriberRecord(
        found,
        [
            {**each, "at": datetime.fromisoformat(each["at"])}
            for each in subscribers.consents(db, number)
        ],
        [
            {**each, "date": date.fromisoformat(each["date"])}
            for each in delivery_stats.newest_of_subscriber(db, number, SHOWN_DELIVERIES)
        ],
        subscribers.bounces(db, number, found.asked - timedelta(days=10_000)),
        subscriber_audit.of_subscriber(db, number),
        suppression.covers(db, key, email_addresses.identity(found.address)),
    )


def stop(db: Database, site: Site, number: int, by: Operator, now: datetime) -> None:
    """Unsubscribe a person. Raises NotFoundError, and InputError if they have left already."""
    with transaction(db):
        found = get(db, number)
        if found.status == "left":
            raise InputError(_LEFT)
        _stop(db, site, found, by, now)


def resume(db: Database, key: bytes, number: int, by: Operator, now: datetime) -> bool:
    """Activate a suspended subscriber; ask any other to confirm, by e-mail. True if active.

    A person who has left gets no digests without their own consent. Raises NotFoundError, and
    InputError for who is active, suppressed, or has been asked often enough.
    """
    with transaction(db):
        found = get(db, number)
        if found.status == "active":
            raise InputError(_ACTIVE)
        if suppression.covers(db, key, email_addresses.identity(found.address)):
            raise InputError(_SUPPRESSED)
        if found.status == "suspended":
            subscribers.resume(db, [number], now)
            subscriber_audit.add(db, "resume", number, by.reason, by.curator, now)
            return True
        asked = outbox.count(db, "confirm", found.since, subscriber=number)
        if asked >= subscriptions.MAX_NOTICES:
            raise InputError(_ASKED, count=asked)
        subscriptions.ask_to_confirm(db, found, found.preferences.language, now)
        subscriber_audit.add(db, "ask", number, by.reason, by.curator, now)
        return False


def export(db: Database, number: int, by: Operator, now: datetime) -> dict[str, Any]:
    """All stored data about a subscriber, as JSON values. Raises NotFoundError."""
    with transaction(db):
        found = get(db, number)
        subscriber_audit.add(db, "export", number, by.reason, by.curator, now)
        return subscriptions.stored_data(db, found)


def erase(
    db: Database, key: bytes, number: int, by: Operator, now: datetime, *, suppress: bool
) -> None:
    """Delete a subscriber with all data about them, but for a hash if they are to be suppressed.

    Raises NotFoundError.
    """
    with transaction(db):
        found = get(db, number)
        subscribers.erase(db, number)
        subscriber_audit.add(db, "erase", number, by.reason, by.curator, now)
        if suppress:
            suppression.add(db, key, [email_addresses.identity(found.address)], now)


def suspended(db: Database, site: Site, chosen: Suspension) -> int:
    """The number of subscribers that `resume_suspended` resumes."""
    return len(subscribers.suspended(db, *_period(site, chosen.day), chosen.domain))


def resume_suspended(
    db: Database, site: Site, chosen: Suspension, by: Operator, now: datetime
) -> int:
    """Activate suspended subscribers, except after complaints; returns their number."""
    done, period = 0, _period(site, chosen.day)
    while True:
        with transaction(db):
            numbers = subscribers.suspended(db, *period, chosen.domain, SLICE)
            if not numbers:
                return done
            subscribers.resume(db, numbers, now)
            subscriber_audit.add_all(db, "resume", numbers, by.reason, by.curator, now)
        done += len(numbers)


def suppress(
    db: Database, site: Site, key: bytes, entries: Sequence[str], by: Operator, now: datetime
) -> tuple[int, int]:
    """Put entries of `suppression.read` on the list, and unsubscribe whom they cover.

    Returns the number of new entries, and of those unsubscribed.
    """
    with transaction(db):
        new = suppression.add(db, key, entries, now)
        subscriber_audit.add_total(db, "suppress", len(entries), by.reason, by.curator, now)
    stopped = 0
    for entry in entries:
        stopped += _stop_covered(db, site, entry, by, now)
    return new, stopped


def unsuppress(
    db: Database, key: bytes, entries: Sequence[str], by: Operator, now: datetime
) -> int:
    """Take entries off the list; returns how many were on it. No subscription is resumed."""
    with transaction(db):
        gone = suppression.remove(db, key, entries)
        subscriber_audit.add_total(db, "unsuppress", len(entries), by.reason, by.curator, now)
    return gone


def _stop_covered(db: Database, site: Site, entry: str, by: Operator, now: datetime) -> int:
    """Unsubscribe whom an entry covers, in slices; returns their number."""
    if entry.startswith("@"):
        numbers = subscribers.receiving(db, entry[1:])
    else:
        found = subscribers.by_identity(db, entry)
        numbers = [found.id] if found and found.status != "left" else []
    for start in range(0, len(numbers), SLICE):
        with transaction(db):
            for number in numbers[start : start + SLICE]:
                _stop(db, site, get(db, number), by, now)
    return len(numbers)


def _stop(db: Database, site: Site, found: Subscriber, by: Operator, now: datetime) -> None:
    subscriptions.unsubscribe_in_transaction(db, site, found, by.source, now)
    subscriber_audit.add(db, "stop", found.id, by.reason, by.curator, now)


def _period(site: Site, day: date | None) -> tuple[datetime | None, datetime | None]:
    if day is None:
        return None, None
    return site.start(day), site.start(day + timedelta(days=1))
