"""The state machine of sign-in: begin, prove, (elevate,) session.

A browser holds one random token in a cookie, before sign-in too. Its hash identifies the session
while signed in and binds challenges to the browser; the CSRF token of forms is derived from it.
Whatever the method, a proof that is accepted ends here, in `complete`.
"""

import hashlib
import hmac
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.accounts import ways_in
from feed.accounts.sign_in_events import record
from feed.config import Config
from feed.errors import ForbiddenError, gettext_noop
from feed.model.people import Curator, Method, Session, Where
from feed.store import challenges, curators, outbox, sessions, sign_in_events
from feed.store.connection import transaction
from feed.store.sign_in_events import Action

IDLE = timedelta(hours=2)
ABSOLUTE = timedelta(hours=12)
TOUCH = timedelta(minutes=1)  # between two updates of a session's last use
PROOF_TIME = timedelta(minutes=10)  # for which a proof allows changes of how one signs in
KEEP_LINKS = timedelta(days=37)  # a month after an invitation has expired

_DISABLED = gettext_noop("Your account is disabled. Ask an administrator.")


def new_token() -> str:
    """A random token of 256 bits for the cookie of a browser."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The hash of a token, or of a challenge's random value, as it is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token(key: bytes, token: str) -> str:
    """The CSRF token of forms in the browser that holds `token`."""
    return hmac.digest(key, b"desk form\0" + token.encode(), "sha256").hex()


def csrf_token_is_valid(key: bytes, token: str, submitted: str) -> bool:
    """Whether the submitted CSRF token belongs to the browser that holds `token`."""
    return hmac.compare_digest(csrf_token(key, token).encode(), submitted.encode())


def session(db: Database, config: Config, token: str, now: datetime) -> Session | None:
    """The session of a browser; None if it is signed out or expired."""
    found = sessions.find(db, digest(token))
    if found is None or _has_expired(found, now):
        return None
    if now - found.seen > TOUCH:
        sessions.touch(db, found.id, now)
    if found.method == "link" and ways_in.is_strong_required(db, config, found.curator):
        return replace(found, is_whole=False)
    return found


def is_fresh(found: Session, now: datetime) -> bool:
    """Whether the last proof is recent enough to change how one signs in."""
    return now - found.proved <= PROOF_TIME


def complete(
    db: Database,
    curator: Curator,
    method: Method,
    token: str,
    where: Where,
    now: datetime,
    *,
    proved: datetime | None = None,
) -> str:
    """Begin a session after an accepted proof; returns the browser's new token.

    The proof is of now, or of `proved` if that was earlier.

    It replaces the browser's former session, and voids the person's links. A session of the same
    person goes on as the new one, with a proof that is fresh. An unknown device is e-mailed about.
    Raises ForbiddenError for an account that is disabled.
    """
    new, old = new_token(), digest(token)
    with transaction(db):
        found = curators.by_id(db, curator.id)
        if found is None or found.disabled:
            raise ForbiddenError(_DISABLED)
        former = sessions.find(db, old)
        if former is not None:
            sessions.end(db, old, former.curator.id)
        challenges.delete_of_browser(db, old)
        outbox.void_links(db, found.id, now)
        goes_on = former and former.curator.id == found.id and not _has_expired(former, now)
        made = former.made if former and goes_on else now
        proof = proved or now
        if former and goes_on:
            proof = max(proof, former.proved)
        sessions.add(db, digest(new), found, method, where, made, now, proved=proof)
        action: Action = "elevated" if goes_on else "proved"
        alarms = not where.known_device and not goes_on
        record(db, action, where, now, curator=found.id, method=method, notifies=alarms)
    return new


def end(db: Database, token: str, where: Where, now: datetime) -> None:
    """Sign out."""
    with transaction(db):
        found = sessions.find(db, digest(token))
        challenges.delete_of_browser(db, digest(token))
        if found is not None and sessions.end(db, found.id, found.curator.id):
            record(db, "signed-out", where, now, curator=found.curator.id)


def end_one(db: Database, curator: Curator, number: str, where: Where, now: datetime) -> None:
    """End a session of a person, by the hash of its token; nothing if there is none."""
    with transaction(db):
        if sessions.end(db, number, curator.id):
            record(db, "session-ended", where, now, curator=curator.id)


def end_others(db: Database, curator: Curator, token: str, where: Where, now: datetime) -> None:
    """End a person's other sessions."""
    with transaction(db):
        if sessions.end_all(db, curator.id, digest(token)):
            record(db, "session-ended", where, now, curator=curator.id)


def sessions_of(db: Database, curator: Curator, now: datetime) -> list[Session]:
    """The sessions of a person that go on, the one used last first."""
    return [each for each in sessions.of_curator(db, curator.id) if not _has_expired(each, now)]


def delete_expired(db: Database, now: datetime) -> None:
    """Delete expired sessions, challenges and links, and old events."""
    with transaction(db):
        sessions.delete_expired(db, now - ABSOLUTE, now - IDLE)
        challenges.delete_expired(db, now)
        sign_in_events.delete_old(db, now)
        outbox.delete_old(db, "desk", now - KEEP_LINKS)


def _has_expired(found: Session, now: datetime) -> bool:
    return now - found.made > ABSOLUTE or now - found.seen > IDLE
