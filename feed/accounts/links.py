"""One-time links that sign in: asked for by e-mail, invitations, printed ones, and the first.

A link that is asked for is bound to the browser that asked. Opened in another browser it only
shows a code, which is to be typed where it was asked for. The others are bound to no browser.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.accounts import people
from feed.accounts.sign_in import digest, new_token
from feed.accounts.sign_in_events import COMMAND_LINE, record
from feed.errors import FormError, InputError, LinkError, gettext_noop
from feed.model import tokens
from feed.model.people import Curator, Where
from feed.store import challenges, curators, outbox
from feed.store.challenges import Challenge
from feed.store.connection import transaction
from feed.store.outbox import OutboxItem

LINK_TIME = timedelta(minutes=10)
MOST_LINKS, MOST_KNOWN = 3, 10  # to one person in LINK_TIME; where a device of theirs asks
DAY, MOST_DAILY = timedelta(days=1), 10  # unless a device of theirs asks
MOST_TRIES = 5  # of a code
_LETTERS = "ACDEFGHJKLMNPQRTUVWXY34679"  # without look-alikes
_CODE_LENGTH = 6
_WRONG_CODE = gettext_noop(
    "That isn’t the code. Type the six characters that the link shows, or ask for a new link."
)
_TOO_MANY = gettext_noop("Too many wrong codes. Ask for a new link.")


def ask(
    db: Database,
    found: Curator | None,
    browser: str,
    next_path: str,
    where: Where,
    now: datetime,
) -> None:
    """E-mail a link to a person, for the browser that asks; it voids older ones.

    `browser` is the hash of its token, `next_path` where it goes on to. Where `found` is None, as
    nobody has the address, the same is written, apart from the e-mail.
    """
    expires = now + LINK_TIME
    with transaction(db):
        outcome = _obstacle(db, found, where, now)
        data: dict[str, object] = {
            "next": next_path,
            "network": where.network,
            "device": where.device,
        }
        number = digest(new_token())
        if found is not None and not outcome:
            outbox.void_links(db, found.id, now, kind="sign-in")
            item = outbox.add(db, "sign-in", now, curator=found.id, expires=expires)
            number, data["notice"] = _number(item), item.id
        person = found.id if found else None
        challenges.add(db, number, "link", browser, data, expires, curator=person)
        record(db, "asked", where, now, curator=person, method="link", outcome=outcome)


def print_link(db: Database, curator: Curator, now: datetime) -> OutboxItem:
    """A link for the command line to print, good in any browser for LINK_TIME.

    Raises InputError for an account that is disabled.
    """
    with transaction(db):
        people.require_enabled(curator)
        record(db, "asked", COMMAND_LINE, now, curator=curator.id, method="link")
        outbox.void_links(db, curator.id, now, kind="printed")
        expires = now + LINK_TIME
        return outbox.add(db, "printed", now, curator=curator.id, expires=expires, mailed=False)


def path(key: bytes, notice: OutboxItem) -> str:
    """The path of the one-time link of a notice."""
    assert notice.expires is not None  # noqa: S101 – the caller looked
    token = tokens.make(key, "desk", notice.id, notice.expires, _state(notice))
    return f"/desk/link/{token}"


def read(db: Database, key: bytes, token: str, now: datetime) -> tuple[OutboxItem, str]:
    """The notice of a one-time link, and the name of its account. Raises LinkError."""
    notice = _notice(db, key, token, now)
    found = curators.by_id(db, notice.curator) if notice.curator is not None else None
    if notice.curator is not None and (found is None or found.disabled):
        raise LinkError
    if notice.kind == "first" and not curators.is_empty(db):
        raise LinkError
    return notice, found.name if found else ""


def challenge(db: Database, notice: OutboxItem, now: datetime) -> Challenge | None:
    """The challenge that binds a link to a browser; None if none does. Raises LinkError.

    A link that was asked for is void without one.
    """
    if notice.kind != "sign-in":
        return None
    found = challenges.find(db, _number(notice), "link", now)
    if found is None:
        raise LinkError
    return found


def code(key: bytes, notice: OutboxItem) -> str:
    """The code of a link, which its asker may type instead of opening it."""
    message = f"link code\0{notice.id} {_state(notice)}"
    number = int.from_bytes(hmac.digest(key, message.encode(), hashlib.sha256))
    letters = ""
    for _ in range(_CODE_LENGTH):
        number, place = divmod(number, len(_LETTERS))
        letters += _LETTERS[place]
    return letters


def follow(
    db: Database, key: bytes, token: str, browser: str, now: datetime
) -> tuple[Curator, str | None]:
    """Use up a one-time link; returns the person it signs in, and the path it was asked for.

    `browser` is the hash of the browser's token. Raises LinkError, also for a link that was asked
    for in another browser.
    """
    with transaction(db):
        notice, _ = read(db, key, token, now)
        if notice.kind != "sign-in":
            return _use(db, notice, now), None
        taken = challenges.take(db, _number(notice), "link", browser, now)
        if taken is None:
            raise LinkError
        return _use(db, notice, now), taken.data["next"]


def follow_code(
    db: Database, key: bytes, typed: str, browser: str, where: Where, now: datetime
) -> tuple[Curator, str]:
    """Use up the link that a browser asked for by its code; returns the person and the next path.

    Raises FormError. After MOST_TRIES wrong codes the link is void.
    """
    with transaction(db):
        found = challenges.attempt(db, "link", browser, now)
    notice = outbox.by_id(db, found.data.get("notice", 0)) if found else None
    tries = found.tries if found else 0
    with transaction(db):
        given = "".join(typed.upper().replace("-", "").split())
        is_right = notice is not None and hmac.compare_digest(
            code(key, notice).encode(), given.encode()
        )
        if found and notice and is_right and tries <= MOST_TRIES:
            taken = challenges.take(db, found.id, "link", browser, now)
            if taken is not None:
                return _use(db, notice, now), taken.data["next"]
        person = found.curator if found else None
        record(db, "refused", where, now, curator=person, method="link", outcome="code")
        if notice is not None and tries >= MOST_TRIES:
            outbox.use_link(db, notice.id, now)
    raise FormError({"code": InputError(_TOO_MANY if tries >= MOST_TRIES else _WRONG_CODE)})


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
        notice, _ = read(db, key, token, now)
        number = people.create(db, {**form, "role": "administrator"}, languages, now)
        if notice.kind != "first" or not outbox.use_link(db, notice.id, now):
            raise LinkError
        found = curators.by_id(db, number)
    assert found is not None  # noqa: S101 – just entered
    return found


def _use(db: Database, notice: OutboxItem, now: datetime) -> Curator:
    """Use up a link, inside a transaction."""
    found = curators.by_id(db, notice.curator) if notice.curator is not None else None
    if found is None or found.disabled or not outbox.use_link(db, notice.id, now):
        raise LinkError
    return found


def _obstacle(db: Database, found: Curator | None, where: Where, now: datetime) -> str:
    """Why no link is sent, in a word; empty if one is."""
    if found is None:
        return "unknown"
    if found.disabled:
        return "disabled"
    limits = {LINK_TIME: MOST_LINKS, DAY: MOST_DAILY}
    if where.known_device:
        limits = {LINK_TIME: MOST_KNOWN}
    counts = {
        period: outbox.count(db, "sign-in", now - period, curator=found.id) for period in limits
    }
    return "limit" if any(counts[period] >= most for period, most in limits.items()) else ""


def _notice(db: Database, key: bytes, text: str, now: datetime) -> OutboxItem:
    token = tokens.read(text)
    notice = outbox.by_id(db, token.subscriber) if token else None
    if token is None or notice is None or notice.used or notice.expires is None:
        raise LinkError
    if not token.is_valid(key, "desk", now, _state(notice)):
        raise LinkError
    return notice


def _number(notice: OutboxItem) -> str:
    """The id of the challenge of a link that was asked for."""
    return digest(f"link {notice.id} {_state(notice)}")


def _state(notice: OutboxItem) -> str:
    """What ties a link to its notice: after a restore, another notice may have the same id."""
    return f"{notice.curator} {notice.kind} {notice.created.isoformat()}"
