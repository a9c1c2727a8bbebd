"""The links in letters and notices: whom each was written to, and whether it still holds."""

from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.errors import LinkError
from feed.model import Subscriber, tokens
from feed.model.tokens import Purpose
from feed.store import subscribers

CONFIRM_DAYS = 7
PRIVATE_TIME = timedelta(hours=1)


def token_for(key: bytes, found: Subscriber, kind: str, asked: datetime, now: datetime) -> str:
    """The token of the link in a notice of that kind, which was asked for at `asked`."""
    if kind in ("confirm", "move"):
        purpose: Purpose = "confirm" if kind == "confirm" else "move"
        expires = asked + timedelta(days=CONFIRM_DAYS)
        return tokens.make(key, purpose, found.id, expires, _state(found, purpose))
    return tokens.make(key, "private", found.id, now + PRIVATE_TIME, _state(found, "private"))


def of_letter(key: bytes, found: Subscriber) -> str:
    """The token of every letter that is written to somebody now."""
    return tokens.lasting(key, "letter", found.id, found.moves)


def reader(db: Database, key: bytes, text: str, now: datetime) -> Subscriber:
    """Whoever a letter with that token was written to, at this address or an earlier one.

    Raises LinkError.
    """
    return _found(db, key, text, "letter", now)


def holder(db: Database, key: bytes, text: str, purpose: Purpose, now: datetime) -> Subscriber:
    """Whoever has the mailbox that a link was written to. Raises LinkError.

    What went to an address that letters have moved away from is for whoever reads there now.
    """
    found = _found(db, key, text, purpose, now)
    if purpose == "letter" and text != of_letter(key, found):
        raise LinkError
    return found


def _found(db: Database, key: bytes, text: str, purpose: Purpose, now: datetime) -> Subscriber:
    token = tokens.read(text)
    found = subscribers.by_id(db, token.subscriber) if token else None
    if token is None or found is None:
        raise LinkError
    if not token.is_valid(key, purpose, now, _state(found, purpose)):
        raise LinkError
    return found


def _state(found: Subscriber, purpose: Purpose) -> str:
    """What makes the links of a purpose void when it changes."""
    if purpose == "confirm":
        return f"{found.epoch} {found.address}"
    if purpose == "move":
        return found.new_address or found.address
    return found.address if purpose == "private" else ""
