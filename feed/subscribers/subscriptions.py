"""Subscriptions: sign-up with double opt-in, preferences, unsubscribing, data export, erasure.

The response to a request that sends an e-mail is the same whether the address is known or not.
Notices are only queued here; the scheduler sends them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from feed.config import Config
from feed.errors import LinkError
from feed.i18n import translator
from feed.model import Preferences, Site, Subscriber, email_addresses
from feed.store import delivery_stats, outbox, signing_key, subscriber_audit, subscribers
from feed.store.connection import transaction
from feed.subscribers import consent_texts, forms, links, suppression
from feed.subscribers.links import CONFIRM_DAYS

MAX_NOTICES = 3  # of one kind to one subscriber, in a period that depends on the kind
_DAY, _WEEK, _MONTH = (timedelta(days=days) for days in (1, CONFIRM_DAYS, 30))


def sign_up(
    db: Database,
    site: Site,
    config: Config,
    form: Mapping[str, str],
    source: str,
    now: datetime,
    shown_in: str | None = None,
) -> None:
    """Request digests for an address, to be confirmed by a link that is mailed to it.

    `form` has address, language, cadence, days, hour and timezone; `source` is the form's path,
    `shown_in` its language if it differs from the requested one. An active subscriber gets a notice
    that they are subscribed already, an address on the suppression list nothing. The preferences of
    a known subscriber change only when they confirm. Raises FormError.
    """
    address, preferences = forms.read_sign_up(form, site.languages, config.mail_domains)
    key = signing_key.get(db, config)
    with transaction(db):
        identity = email_addresses.identity(address)
        if suppression.covers(db, key, identity):
            return
        found = subscribers.by_identity(db, identity)
        if found is None:
            found = subscribers.add(db, address, identity, preferences, now)
        elif found.status == "active":
            _notice(db, found, "known", now - _MONTH, now)
            return
        elif outbox.count(db, "confirm", found.since, subscriber=found.id) >= MAX_NOTICES:
            return
        else:
            subscribers.propose(db, found.id, preferences, now)
        _record_consent(db, site, found.id, "asked", preferences, source, now, shown_in)
        ask_to_confirm(db, found, preferences.language, now)


def ask_to_confirm(db: Database, found: Subscriber, language: str, now: datetime) -> None:
    """Queue the notice with the confirmation link, within the caller's transaction."""
    if found.status == "pending":
        subscribers.change(db, found.id, asked=now)
    outbox.add(db, "confirm", now, subscriber=found.id, language=language)


def find_unconfirmed(db: Database, key: bytes, token: str, now: datetime) -> Subscriber:
    """The subscriber of a confirmation link, with the preferences to confirm. Raises LinkError."""
    return subscribers.proposed(db, links.find(db, key, token, "confirm", now))


def confirm(db: Database, site: Site, key: bytes, token: str, source: str, now: datetime) -> None:
    """Activate a subscription, and queue the welcome e-mail. Idempotent. Raises LinkError."""
    with transaction(db):
        found = find_unconfirmed(db, key, token, now)
        if found.status != "active":
            _refuse_suppressed(db, key, found.address)
            _activate(db, site, found, source, now)
            language = found.preferences.language
            outbox.add(db, "welcome", now, subscriber=found.id, language=language)


def find_subscriber(db: Database, key: bytes, token: str, now: datetime) -> Subscriber:
    """The subscriber of a digest token. Raises LinkError."""
    return links.find(db, key, token, "letter", now)


def change(
    db: Database,
    site: Site,
    key: bytes,
    token: str,
    form: Mapping[str, str],
    source: str,
    now: datetime,
) -> None:
    """Change the preferences of a subscriber, or pause. Raises LinkError or FormError."""
    preferences = forms.read_preferences(form, site.languages)
    with transaction(db):
        found = links.find(db, key, token, "letter", now)
        today = site.today(now)
        until = forms.read_pause(form.get("paused_until", ""), today)
        if preferences != found.preferences:
            since = found.since if _slot(preferences) == _slot(found.preferences) else now
            subscribers.change(db, found.id, **subscribers.columns(preferences), since=since)
            shown_in = found.preferences.language
            _record_consent(db, site, found.id, "changed", preferences, source, now, shown_in)
        subscribers.change(db, found.id, paused_until=until)


def find_recipient(db: Database, key: bytes, token: str, now: datetime) -> Subscriber:
    """The subscriber of a digest token, also of an earlier address. Raises LinkError.

    Only for unsubscribing.
    """
    return links.find_recipient(db, key, token, now)


def unsubscribe(
    db: Database, site: Site, key: bytes, token: str, source: str, now: datetime
) -> None:
    """Unsubscribe. Idempotent. Raises LinkError."""
    with transaction(db):
        unsubscribe_in_transaction(db, site, links.find_recipient(db, key, token, now), source, now)


def unsubscribe_in_transaction(
    db: Database, site: Site, found: Subscriber, source: str, now: datetime
) -> None:
    """Unsubscribe, within the caller's transaction. Idempotent."""
    if found.status == "left":
        return
    subscribers.change(
        db, found.id, status="left", since=now, epoch=found.epoch + 1, paused_until=None
    )
    _record_consent(db, site, found.id, "left", found.preferences, source, now)


def resume(db: Database, site: Site, key: bytes, token: str, source: str, now: datetime) -> None:
    """Activate a subscription that was ended or suspended. Raises LinkError."""
    with transaction(db):
        found = links.find(db, key, token, "letter", now)
        if found.status != "active" and found.confirmed is not None:
            _refuse_suppressed(db, key, found.address)
            _activate(db, site, found, source, now)


def request_private_link(db: Database, key: bytes, token: str, now: datetime) -> None:
    """Queue the notice with the link to private data (export, erasure). Raises LinkError."""
    with transaction(db):
        _notice(db, links.find(db, key, token, "letter", now), "private", now - _DAY, now)


def find_owner(db: Database, key: bytes, token: str, now: datetime) -> Subscriber:
    """The subscriber of a private link, which works for an hour. Raises LinkError."""
    return links.find(db, key, token, "private", now)


def export(db: Database, key: bytes, token: str, now: datetime) -> dict[str, Any]:
    """All stored data about the subscriber of a private link, as JSON values. Raises LinkError."""
    return stored_data(db, find_owner(db, key, token, now))


def stored_data(db: Database, found: Subscriber) -> dict[str, Any]:
    """All stored data about a subscriber, as JSON values."""
    asked = subscribers.proposed(db, found)
    data = {
        "address": found.address,
        "new_address": found.new_address,
        "status": found.status,
        "asked": found.asked.isoformat(),
        "confirmed": found.confirmed.isoformat() if found.confirmed else None,
        "since": found.since.isoformat(),
        "paused_until": found.paused_until.isoformat() if found.paused_until else None,
        "preferences": _export_preferences(found.preferences),
        "to_be_confirmed": None if asked == found else _export_preferences(asked.preferences),
        "consents": subscribers.consents(db, found.id),
        # Those to a new address would reveal whether that one is subscribed.
        "notices": [each for each in outbox.of_subscriber(db, found.id) if each["kind"] != "move"],
        "letters": delivery_stats.of_subscriber(db, found.id),
        "returned": [
            {"at": at.isoformat(), "kind": kind}
            for at, kind in subscribers.bounces(db, found.id, found.asked - 10_000 * _DAY)
        ],
        "administration": [
            {"at": line.at.isoformat(), "act": line.act, "reason": line.reason}
            for line in subscriber_audit.of_subscriber(db, found.id)
        ],
    }
    return {name: value for name, value in data.items() if value is not None}


def _export_preferences(preferences: Preferences) -> dict[str, Any]:
    return {
        "language": preferences.languages,
        "cadence": preferences.cadence,
        "workdays_only": preferences.workdays,
        "hour": preferences.hour,
        "timezone": preferences.timezone,
    }


def erase(db: Database, key: bytes, token: str, now: datetime, *, suppress: bool = False) -> None:
    """Delete a subscriber with all data about them, but for a hash if they are to be suppressed.

    Raises LinkError.
    """
    with transaction(db):
        found = find_owner(db, key, token, now)
        subscribers.erase(db, found.id)
        if suppress:
            suppression.add(db, key, [email_addresses.identity(found.address)], now)


def request_move(
    db: Database, config: Config, key: bytes, token: str, text: str, now: datetime
) -> None:
    """Request a change of address, to be confirmed from the new one.

    If the new address is subscribed itself, it gets a notice of that instead, and nothing changes.
    The response does not reveal which. Raises LinkError or FormError.
    """
    address = forms.read_address(text, config.mail_domains)
    with transaction(db):
        found = find_owner(db, key, token, now)
        other = subscribers.by_identity(db, email_addresses.identity(address))
        subscribers.change(db, found.id, new_address=address)
        if suppression.covers(db, key, email_addresses.identity(address)):
            return
        if other is not None and other.id != found.id and other.status == "active":
            _notice(db, other, "known", now - _MONTH, now)
        else:
            _notice(db, found, "move", now - _WEEK, now)


def find_mover(db: Database, key: bytes, token: str, now: datetime) -> Subscriber:
    """The subscriber of a link that confirms a new address. Raises LinkError."""
    return links.find(db, key, token, "move", now)


def move(db: Database, site: Site, key: bytes, token: str, source: str, now: datetime) -> None:
    """Change to the new address. Idempotent. Raises LinkError."""
    with transaction(db):
        found = links.find(db, key, token, "move", now)
        if found.new_address is None:
            return
        _refuse_suppressed(db, key, found.new_address)
        identity = email_addresses.identity(found.new_address)
        other = subscribers.by_identity(db, identity)
        if other is not None and other.id != found.id:
            if other.status == "active":  # that address has subscribed meanwhile
                raise LinkError
            subscribers.erase(db, other.id)  # an ended subscription of that address
        subscribers.change(
            db,
            found.id,
            address=found.new_address,
            identity=identity,
            new_address=None,
            old_address=found.address,
        )
        _record_consent(db, site, found.id, "moved", found.preferences, source, now)
        language = found.preferences.language
        outbox.add(db, "moved", now, subscriber=found.id, language=language)


def delete_expired(db: Database, now: datetime) -> None:
    """Delete unconfirmed subscribers and preferences, and old notices."""
    with transaction(db):
        subscribers.delete_unconfirmed(db, now - _WEEK)
        # The longest period in which they are counted.
        outbox.delete_old(db, "notice", now - _MONTH)


def _refuse_suppressed(db: Database, key: bytes, address: str) -> None:
    """Raise LinkError for an address on the suppression list."""
    if suppression.covers(db, key, email_addresses.identity(address)):
        raise LinkError


def _activate(db: Database, site: Site, found: Subscriber, source: str, now: datetime) -> None:
    """Activate a subscription, and delete what is void with it."""
    preferences, confirmed = found.preferences, found.confirmed or now
    subscribers.change(
        db,
        found.id,
        **subscribers.columns(preferences),
        status="active",
        since=now,
        confirmed=confirmed,
    )
    subscribers.delete_proposal(db, found.id)
    subscribers.delete_bounces(db, found.id)
    _record_consent(db, site, found.id, "confirmed", preferences, source, now)


def _slot(preferences: Preferences) -> tuple[str, int, str]:
    """The delivery slot; a change that keeps it does not postpone today's digest."""
    return preferences.cadence, preferences.hour, preferences.timezone


def _notice(db: Database, found: Subscriber, kind: str, since: datetime, now: datetime) -> None:
    """Queue a notice, unless there were `MAX_NOTICES` of its kind since an instant."""
    if outbox.count(db, kind, since, subscriber=found.id) < MAX_NOTICES:
        outbox.add(db, kind, now, subscriber=found.id, language=found.preferences.language)


def _record_consent(
    db: Database,
    site: Site,
    number: int,
    act: str,
    preferences: Preferences,
    source: str,
    now: datetime,
    shown_in: str | None = None,
) -> None:
    language = shown_in or preferences.language
    wording = consent_texts.consent(translator(language), preferences, site.name(language))
    subscribers.record_consent(db, number, act, language, wording, source, now)
