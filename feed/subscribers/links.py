"""Tokens in the links of digests and notices: make them, and find the subscriber of one."""

from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.errors import LinkError
from feed.model import Subscriber, tokens
from feed.model.tokens import Purpose
from feed.store import subscribers

CONFIRM_DAYS = 7
PRIVATE_LINK_TIME = timedelta(hours=1)


def notice_token(key: bytes, found: Subscriber, kind: str, asked: datetime, now: datetime) -> str:
    """The token of the links in a notice of a kind that was requested at `asked`.

    That of a welcome e-mail is the one of digests.
    """
    if kind == "welcome":
        return digest_token(key, found)
    if kind in ("confirm", "move"):
        purpose: Purpose = "confirm" if kind == "confirm" else "move"
        expires = asked + timedelta(days=CONFIRM_DAYS)
        return tokens.make(key, purpose, found.id, expires, _state(found, purpose))
    return tokens.make(key, "private", found.id, now + PRIVATE_LINK_TIME, _state(found, "private"))


def digest_token(key: bytes, found: Subscriber) -> str:
    """The token in digests to a subscriber, at their present address."""
    return tokens.lasting(key, "letter", found.id, found.moves)


def find_recipient(db: Database, key: bytes, text: str, now: datetime) -> Subscriber:
    """The subscriber of a digest token, of their present or an earlier address.

    Raises LinkError.
    """
    return _found(db, key, text, "letter", now)


def find(db: Database, key: bytes, text: str, purpose: Purpose, now: datetime) -> Subscriber:
    """The subscriber of a token. Raises LinkError, also for digest tokens of an earlier address.

    That mailbox may have a new owner.
    """
    found = _found(db, key, text, purpose, now)
    if purpose == "letter" and text != digest_token(key, found):
        raise LinkError
    return found


def is_of_erased(db: Database, key: bytes, text: str, now: datetime) -> bool:
    """Whether a digest token was signed for a subscriber whose data have been erased since."""
    token = tokens.read(text)
    genuine = token is not None and token.is_valid(key, "letter", now)
    return token is not None and genuine and subscribers.by_id(db, token.subscriber) is None


def _found(db: Database, key: bytes, text: str, purpose: Purpose, now: datetime) -> Subscriber:
    token = tokens.read(text)
    found = subscribers.by_id(db, token.subscriber) if token else None
    if token is None or found is None:
        raise LinkError
    if not token.is_valid(key, purpose, now, _state(found, purpose)):
        raise LinkError
    return found


def _state(found: Subscriber, purpose: Purpose) -> str:
    """The state that a token is bound to: when it changes, the token is void."""
    if purpose == "confirm":
        return f"{found.epoch} {found.address}"
    if purpose == "move":
        return found.new_address or found.address
    return found.address if purpose == "private" else ""
