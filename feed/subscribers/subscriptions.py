"""Subscribing by double opt-in, changing, leaving: what people do to their own letters.

Asking for anything that is mailed always looks the same from outside, whether the address is known
or not. Mail is only noted here; the worker sends it.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from feed.config import Config
from feed.errors import LinkError
from feed.i18n import translator
from feed.model import Preferences, Site, Subscriber, email_addresses
from feed.store import delivery_stats, notices, subscribers
from feed.store.connection import transaction
from feed.subscribers import consent_texts, forms, links
from feed.subscribers.links import CONFIRM_DAYS

MOST_NOTICES = 3  # of a kind because of one person, in a time that depends on who asks for whom
_DAY, _WEEK, _MONTH = (timedelta(days=days) for days in (1, CONFIRM_DAYS, 30))


def ask(
    db: Database,
    site: Site,
    config: Config,
    given: Mapping[str, str],
    source: str,
    now: datetime,
    shown_in: str | None = None,
) -> None:
    """Somebody asks for letters to an address. Raises FormError.

    `given` has address, language, cadence, days, hour and timezone; `source` is the form's path,
    `shown_in` its language, where that is not the one which is asked for.
    An address that gets letters already is told so, by mail; any other is asked to confirm, a few
    times at most: nobody else's word changes anything about somebody who is known.
    """
    address, wishes = forms.application(given, site.languages, config.mail_domains)
    with transaction(db):
        found = subscribers.by_identity(db, email_addresses.identity(address))
        if found is None:
            found = subscribers.add(db, address, email_addresses.identity(address), wishes, now)
        elif found.status == "active":
            _notice(db, found, "known", now - _MONTH, now)
            return
        elif notices.count(db, found.id, "confirm", found.since) >= MOST_NOTICES:
            return
        else:
            subscribers.propose(db, found.id, wishes, now)
        if found.status == "pending":
            subscribers.change(db, found.id, asked=now)
        _consented(db, site, found.id, "asked", wishes, source, now, shown_in)
        notices.add(db, found.id, "confirm", wishes.language, now)


def applicant(db: Database, key: bytes, token: str, now: datetime) -> Subscriber:
    """Whoever a link to confirm was sent to, with the wishes to confirm. Raises LinkError."""
    return subscribers.proposed(db, links.holder(db, key, token, "confirm", now))


def confirm(db: Database, site: Site, key: bytes, token: str, source: str, now: datetime) -> None:
    """Let the letters begin; again, and nothing changes. Raises LinkError."""
    with transaction(db):
        found = applicant(db, key, token, now)
        if found.status != "active":
            _begin(db, site, found, source, now)


def holder(db: Database, key: bytes, token: str, now: datetime) -> Subscriber:
    """Whoever gets letters with that token. Raises LinkError."""
    return links.holder(db, key, token, "letter", now)


def change(
    db: Database,
    site: Site,
    key: bytes,
    token: str,
    given: Mapping[str, str],
    source: str,
    now: datetime,
) -> None:
    """Change somebody's wishes, or pause their letters. Raises LinkError or FormError."""
    wishes = forms.preferences(given, site.languages)
    with transaction(db):
        found = links.holder(db, key, token, "letter", now)
        today = site.today(now)
        until = forms.pause(given.get("paused_until", ""), today)
        if wishes != found.preferences:
            since = found.since if _slot(wishes) == _slot(found.preferences) else now
            subscribers.change(db, found.id, **asdict(wishes), since=since)
            shown_in = found.preferences.language
            _consented(db, site, found.id, "changed", wishes, source, now, shown_in)
        subscribers.change(db, found.id, paused_until=until)


def reader(db: Database, key: bytes, token: str, now: datetime) -> Subscriber:
    """Whoever a letter with that token was written to, if at an earlier address. Raises LinkError.

    Such a letter is good for leaving only.
    """
    return links.reader(db, key, token, now)


def leave(db: Database, site: Site, key: bytes, token: str, source: str, now: datetime) -> None:
    """Stop all letters to somebody at once; again, and nothing changes. Raises LinkError."""
    with transaction(db):
        leave_by(db, site, links.reader(db, key, token, now), source, now)


def leave_by(db: Database, site: Site, found: Subscriber, source: str, now: datetime) -> None:
    """Stop all letters to somebody, within the caller's transaction."""
    if found.status == "left":
        return
    subscribers.change(
        db, found.id, status="left", since=now, epoch=found.epoch + 1, paused_until=None
    )
    _consented(db, site, found.id, "left", found.preferences, source, now)


def resume(db: Database, site: Site, key: bytes, token: str, source: str, now: datetime) -> None:
    """Write again to somebody who had left, or whose letters came back. Raises LinkError."""
    with transaction(db):
        found = links.holder(db, key, token, "letter", now)
        if found.status != "active" and found.confirmed is not None:
            _begin(db, site, found, source, now)


def ask_private(db: Database, key: bytes, token: str, now: datetime) -> None:
    """Mail the link to what is private to the address that letters go to. Raises LinkError."""
    with transaction(db):
        _notice(db, links.holder(db, key, token, "letter", now), "private", now - _DAY, now)


def owner(db: Database, key: bytes, token: str, now: datetime) -> Subscriber:
    """Whoever reads the mailbox that a private link went to within the hour. Raises LinkError."""
    return links.holder(db, key, token, "private", now)


def export(db: Database, key: bytes, token: str, now: datetime) -> dict[str, Any]:
    """Everything that is held about somebody, as JSON values. Raises LinkError."""
    found = owner(db, key, token, now)
    asked = subscribers.proposed(db, found)
    held = {
        "address": found.address,
        "new_address": found.new_address,
        "status": found.status,
        "asked": found.asked.isoformat(),
        "confirmed": found.confirmed.isoformat() if found.confirmed else None,
        "since": found.since.isoformat(),
        "paused_until": found.paused_until.isoformat() if found.paused_until else None,
        "preferences": _told(found.preferences),
        "to_be_confirmed": None if asked == found else _told(asked.preferences),
        "consents": subscribers.consents(db, found.id),
        # Those to another address would tell whether that one gets letters, too.
        "notices": [each for each in notices.of(db, found.id) if each["kind"] != "move"],
        "letters": delivery_stats.of(db, found.id),
        "returned": [
            {"at": at.isoformat(), "kind": kind}
            for at, kind in subscribers.bounces(db, found.id, found.asked - 10_000 * _DAY)
        ],
    }
    return {name: value for name, value in held.items() if value is not None}


def _told(wishes: Preferences) -> dict[str, Any]:
    return {
        "language": wishes.language,
        "cadence": wishes.cadence,
        "workdays_only": wishes.workdays,
        "hour": wishes.hour,
        "timezone": wishes.timezone,
    }


def erase(db: Database, key: bytes, token: str, now: datetime) -> None:
    """Forget somebody at once, with everything that is held. Raises LinkError."""
    with transaction(db):
        subscribers.erase(db, owner(db, key, token, now).id)


def ask_move(
    db: Database, config: Config, key: bytes, token: str, text: str, now: datetime
) -> None:
    """Have letters go to another address, once that has agreed. Raises LinkError or FormError.

    Where the other address gets letters of its own, it is told so, and nothing moves. Whoever asks
    cannot tell one from the other.
    """
    address = forms.address(text, config.mail_domains)
    with transaction(db):
        found = owner(db, key, token, now)
        other = subscribers.by_identity(db, email_addresses.identity(address))
        subscribers.change(db, found.id, new_address=address)
        if other is not None and other.id != found.id and other.status == "active":
            _notice(db, other, "known", now - _MONTH, now)
        else:
            _notice(db, found, "move", now - _WEEK, now)


def mover(db: Database, key: bytes, token: str, now: datetime) -> Subscriber:
    """Whoever a link to a new address was sent for. Raises LinkError."""
    return links.holder(db, key, token, "move", now)


def move(db: Database, site: Site, key: bytes, token: str, source: str, now: datetime) -> None:
    """Write to the new address from now on; again, and nothing changes. Raises LinkError."""
    with transaction(db):
        found = links.holder(db, key, token, "move", now)
        if found.new_address is None:
            return
        identity = email_addresses.identity(found.new_address)
        other = subscribers.by_identity(db, identity)
        if other is not None and other.id != found.id:
            if other.status == "active":  # it has subscribed by itself meanwhile
                raise LinkError
            subscribers.erase(db, other.id)  # what is left of an earlier time at that address
        subscribers.change(
            db,
            found.id,
            address=found.new_address,
            identity=identity,
            new_address=None,
            old_address=found.address,
        )
        _consented(db, site, found.id, "moved", found.preferences, source, now)
        notices.add(db, found.id, "moved", found.preferences.language, now)


def tidy(db: Database, now: datetime) -> None:
    """Forget who, and what, was not confirmed, and notices that are long sent."""
    with transaction(db):
        subscribers.forget_unconfirmed(db, now - _WEEK)
        notices.forget(db, now - _MONTH)  # none is counted for longer


def _begin(db: Database, site: Site, found: Subscriber, source: str, now: datetime) -> None:
    """Let letters begin, or come again, as wished for."""
    wishes, confirmed = found.preferences, found.confirmed or now
    subscribers.change(
        db, found.id, **asdict(wishes), status="active", since=now, confirmed=confirmed
    )
    subscribers.forget_proposal(db, found.id)
    subscribers.forget_bounces(db, found.id)
    _consented(db, site, found.id, "confirmed", wishes, source, now)


def _slot(wishes: Preferences) -> tuple[str, int, str]:
    """Who changes nothing of this while letters are handed out still gets the one of the day."""
    return wishes.cadence, wishes.hour, wishes.timezone


def _notice(db: Database, found: Subscriber, kind: str, since: datetime, now: datetime) -> None:
    """Have a notice sent, unless there were too many of its kind since that instant."""
    if notices.count(db, found.id, kind, since) < MOST_NOTICES:
        notices.add(db, found.id, kind, found.preferences.language, now)


def _consented(
    db: Database,
    site: Site,
    number: int,
    act: str,
    wishes: Preferences,
    source: str,
    now: datetime,
    shown_in: str | None = None,
) -> None:
    language = shown_in or wishes.language
    words = consent_texts.consent(translator(language), wishes, site.name(language))
    subscribers.record_consent(db, number, act, language, words, source, now)
