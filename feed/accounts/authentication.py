"""Signing in at the desk: sessions, one-time links, and what makes a form ours.

A browser holds one random token. Its hash names a session while somebody is signed in with it; and
forms carry a mark made from it, so that no other site can send one.
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
from feed.store import curators, sessions, staff_notices
from feed.store.connection import transaction
from feed.store.staff_notices import DeskNotice

IDLE = timedelta(hours=2)
ABSOLUTE = timedelta(hours=12)
HALF = timedelta(minutes=10)  # in which the second factor must follow
TOUCH = timedelta(minutes=1)  # a session is not written to more often
LINK_TIME = timedelta(minutes=30)
MOST_LINKS = 3  # mailed to one person in LINK_TIME


def new_token() -> str:
    """What a browser is to hold: 256 bits of chance."""
    return secrets.token_urlsafe(32)


def csrf_token(key: bytes, token: str) -> str:
    """What a form of the browser that holds `token` carries."""
    return hmac.digest(key, b"desk form\0" + token.encode(), "sha256").hex()


def csrf_token_is_valid(key: bytes, token: str, submitted: str) -> bool:
    """Whether a form carries the mark of the browser that sent it."""
    return hmac.compare_digest(csrf_token(key, token).encode(), submitted.encode())


def session(db: Database, token: str, now: datetime) -> Session | None:
    """The session of a browser; None where it is signed out, or has been quiet for too long."""
    found = sessions.find(db, _digest(token))
    if found is None or now - found.made > ABSOLUTE or now - found.seen > IDLE:
        return None
    if not found.is_whole and now - found.made > HALF:
        return None
    if now - found.seen > TOUCH:
        sessions.touch(db, _digest(token), now)
    return found


def begin(db: Database, curator: Curator, now: datetime) -> str:
    """Sign somebody in, up to the second factor if they have one; the new token."""
    token = new_token()
    with transaction(db):
        sessions.add(db, _digest(token), curator.id, now, whole=not curator.has_factor)
    return token


def complete(db: Database, found: Session, token: str, code: str, now: datetime) -> str:
    """Give the second factor; the token that holds from now on. Raises FormError."""
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
    """Sign out everywhere else; how many browsers that were."""
    with transaction(db):
        return sessions.end_all(db, curator.id, _digest(token))


def by_password(db: Database, address: str, password: str) -> Curator | None:
    """Who it is; None for a wrong password or address alike, after the same time."""
    found = curators.by_identity(db, email_addresses.identity(address.strip()))
    kept = curators.password(db, found.id) if found and not found.disabled else None
    return found if passwords.is_right(password, kept) else None


def choose_password(
    db: Database, curator: Curator, form: Mapping[str, str], token: str, site_name: str
) -> None:
    """Take a new password, and sign out every other browser. Raises FormError."""
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


def ask_link(db: Database, address: str, now: datetime) -> None:
    """Mail a link that signs in to whoever has that address; nothing tells whether anybody does."""
    with transaction(db):
        found = curators.by_identity(db, email_addresses.identity(address.strip()))
        if found is None or found.disabled:
            return
        if staff_notices.count(db, found.id, "sign-in", now - LINK_TIME) < MOST_LINKS:
            staff_notices.add(db, found.id, "sign-in", now, now + LINK_TIME)


def link(key: bytes, notice: DeskNotice) -> str:
    """The path of the one-time link of a message that is one."""
    assert notice.expires is not None  # noqa: S101 – the caller looked
    token = tokens.make(key, "desk", notice.id, notice.expires, _state(notice))
    return f"/desk/link/{token}"


def read_link(db: Database, key: bytes, token: str, now: datetime) -> tuple[DeskNotice, str]:
    """What a link is for, and the name of whom it signs in. Raises LinkError."""
    notice = _notice(db, key, token, now)
    found = curators.by_id(db, notice.curator) if notice.curator is not None else None
    if notice.curator is not None and (found is None or found.disabled):
        raise LinkError
    if notice.kind == "first" and not curators.is_empty(db):
        raise LinkError
    return notice, found.name if found else ""


def follow(db: Database, key: bytes, token: str, now: datetime) -> Curator:
    """Use up a link, and tell whom it signs in. Raises LinkError."""
    with transaction(db):
        notice, _ = read_link(db, key, token, now)
        found = curators.by_id(db, notice.curator) if notice.curator is not None else None
        if found is None or not staff_notices.use(db, notice.id, now):
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
    """Use up the first person's link, and make them an administrator. Raises as people.add."""
    with transaction(db):
        notice, _ = read_link(db, key, token, now)
        number = people.create(db, {**form, "role": "administrator"}, languages, now)
        if notice.kind != "first" or not staff_notices.use(db, notice.id, now):
            raise LinkError
        found = curators.by_id(db, number)
    assert found is not None  # noqa: S101 – just entered
    return found


def delete_expired(db: Database, now: datetime) -> None:
    """Forget the sessions and links that have run out."""
    with transaction(db):
        sessions.delete_expired(db, now - ABSOLUTE, now - IDLE)
        staff_notices.forget(db, now - people.INVITATION_TIME - timedelta(days=30))


def _notice(db: Database, key: bytes, text: str, now: datetime) -> DeskNotice:
    token = tokens.read(text)
    notice = staff_notices.by_id(db, token.subscriber) if token else None
    if token is None or notice is None or notice.used or notice.expires is None:
        raise LinkError
    if not token.is_valid(key, "desk", now, _state(notice)):
        raise LinkError
    return notice


def _state(notice: DeskNotice) -> str:
    """What makes it the link of this message: after a restore, another may have its number."""
    return f"{notice.curator} {notice.kind} {notice.asked.isoformat()}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
