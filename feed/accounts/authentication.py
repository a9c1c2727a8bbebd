"""Sign-in at the desk: sessions, one-time links, and CSRF tokens.

A browser holds one random token in a cookie. Its hash identifies the session while signed in, and
the CSRF token of forms is derived from it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.accounts import passwords, people, totp
from feed.errors import FormError, InputError, LinkError, gettext_noop
from feed.model import email_addresses, tokens
from feed.model.people import Curator, Session
from feed.store import curators, outbox, sessions
from feed.store.connection import transaction
from feed.store.outbox import OutboxItem

IDLE = timedelta(hours=2)
ABSOLUTE = timedelta(hours=12)
HALF = timedelta(minutes=10)  # to give the second factor after the first
TOUCH = timedelta(minutes=1)  # between two updates of a session's last use
LINK_TIME = timedelta(minutes=30)
MOST_LINKS = 3  # mailed to one person in LINK_TIME
DAY, MOST_DAILY = timedelta(days=1), 10  # unless a device of theirs asks


def new_token() -> str:
    """A random token of 256 bits for the cookie of a browser."""
    return secrets.token_urlsafe(32)


def csrf_token(key: bytes, token: str) -> str:
    """The CSRF token of forms in the browser that holds `token`."""
    return hmac.digest(key, b"desk form\0" + token.encode(), "sha256").hex()


def csrf_token_is_valid(key: bytes, token: str, submitted: str) -> bool:
    """Whether the submitted CSRF token belongs to the browser that holds `token`."""
    return hmac.compare_digest(csrf_token(key, token).encode(), submitted.encode())


def session(db: Database, token: str, now: datetime) -> Session | None:
    """The session of a browser; None if it is signed out or expired."""
    found = sessions.find(db, _digest(token))
    if found is None or now - found.made > ABSOLUTE or now - found.seen > IDLE:
        return None
    if not found.is_whole and now - found.made > HALF:
        return None
    if now - found.seen > TOUCH:
        sessions.touch(db, _digest(token), now)
    return found


def begin(db: Database, curator: Curator, now: datetime) -> str:
    """Start a session, incomplete until the second factor if there is one; returns its token."""
    token = new_token()
    with transaction(db):
        sessions.add(db, _digest(token), curator.id, now, whole=not curator.has_factor)
    return token


def complete(db: Database, found: Session, token: str, code: str, now: datetime) -> str:
    """Complete a session by the second factor; returns its new token. Raises FormError."""
    if not totp.is_right(db, found.curator, code, now):
        message = gettext_noop(
            "The code is not right, or was used before: expected one that is new."
        )
        raise FormError({"code": InputError(message)})
    made = new_token()
    with transaction(db):
        sessions.end(db, _digest(token))
        sessions.add(db, _digest(made), found.curator.id, now, whole=True)
    return made


def end(db: Database, token: str) -> None:
    """Sign out."""
    with transaction(db):
        sessions.end(db, _digest(token))


def end_others(db: Database, curator: Curator, token: str) -> int:
    """End a person's other sessions; returns how many."""
    with transaction(db):
        return sessions.end_all(db, curator.id, _digest(token))


def by_password(db: Database, address: str, password: str) -> Curator | None:
    """The person with that address and password, else None, in the same time either way."""
    found = curators.by_identity(db, email_addresses.identity(address.strip()))
    stored = curators.password(db, found.id) if found and not found.disabled else None
    return found if passwords.is_right(password, stored) else None


def choose_password(
    db: Database, curator: Curator, form: Mapping[str, str], token: str, site_name: str
) -> None:
    """Set a new password, and end the person's other sessions. Raises FormError."""
    errors: dict[str, InputError] = {}
    if curator.has_password and not passwords.is_right(
        form.get("current", ""), curators.password(db, curator.id)
    ):
        errors["current"] = InputError(gettext_noop("That is not your present password."))
    new = form.get("password", "")
    try:
        passwords.check(new, (curator.name, *curator.address.split("@"), site_name))
    except InputError as error:
        errors["password"] = error
    if errors:
        raise FormError(errors)
    with transaction(db):
        curators.change(db, curator.id, password=passwords.hashed(new))
        sessions.end_all(db, curator.id, _digest(token))


def ask_link(db: Database, found: Curator, now: datetime, *, known_device: bool = False) -> None:
    """E-mail a sign-in link to a person; from a device of theirs, however many there were today."""
    limits = {LINK_TIME: MOST_LINKS} if known_device else {LINK_TIME: MOST_LINKS, DAY: MOST_DAILY}
    with transaction(db):
        if found.disabled is None and all(
            outbox.count(db, "sign-in", now - period, curator=found.id) < most
            for period, most in limits.items()
        ):
            outbox.add(db, "sign-in", now, curator=found.id, expires=now + LINK_TIME)


def link(key: bytes, notice: OutboxItem) -> str:
    """The path of the one-time link of a notice."""
    assert notice.expires is not None  # noqa: S101 – the caller looked
    token = tokens.make(key, "desk", notice.id, notice.expires, _state(notice))
    return f"/desk/link/{token}"


def read_link(db: Database, key: bytes, token: str, now: datetime) -> tuple[OutboxItem, str]:
    """The notice of a one-time link, and the name of its account. Raises LinkError."""
    notice = _notice(db, key, token, now)
    found = curators.by_id(db, notice.curator) if notice.curator is not None else None
    if notice.curator is not None and (found is None or found.disabled):
        raise LinkError
    if notice.kind == "first" and not curators.is_empty(db):
        raise LinkError
    return notice, found.name if found else ""


def follow(db: Database, key: bytes, token: str, now: datetime) -> Curator:
    """Use up a one-time link; returns the person it signs in. Raises LinkError."""
    with transaction(db):
        notice, _ = read_link(db, key, token, now)
        found = curators.by_id(db, notice.curator) if notice.curator is not None else None
        if found is None or not outbox.use_link(db, notice.id, now):
            raise LinkError
        return found


def follow_first(
    db: Database,
    key: bytes,
    token: str,
    form: Mapping[str, str],
    languages: tuple[str, ...],
    now: datetime,
) -> Curator:
    """Use up the first link, adding an administrator. Raises LinkError and FormError."""
    with transaction(db):
        notice, _ = read_link(db, key, token, now)
        number = people.create(db, {**form, "role": "administrator"}, languages, now)
        if notice.kind != "first" or not outbox.use_link(db, notice.id, now):
            raise LinkError
        found = curators.by_id(db, number)
    assert found is not None  # noqa: S101 – just entered
    return found


def delete_expired(db: Database, now: datetime) -> None:
    """Delete expired sessions and links."""
    with transaction(db):
        sessions.delete_expired(db, now - ABSOLUTE, now - IDLE)
        outbox.delete_old(db, "desk", now - people.INVITATION_TIME - timedelta(days=30))


def _notice(db: Database, key: bytes, text: str, now: datetime) -> OutboxItem:
    token = tokens.read(text)
    notice = outbox.by_id(db, token.subscriber) if token else None
    if token is None or notice is None or notice.used or notice.expires is None:
        raise LinkError
    if not token.is_valid(key, "desk", now, _state(notice)):
        raise LinkError
    return notice


def _state(notice: OutboxItem) -> str:
    """What ties a link to its notice: after a restore, another notice may have the same id."""
    return f"{notice.curator} {notice.kind} {notice.created.isoformat()}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
