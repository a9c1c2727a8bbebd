"""What comes back: when letters to somebody return for too long, no more are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.config import Config
from feed.mail import addresses, returns, tokens
from feed.mail.returns import Kind
from feed.mail.tokens import Purpose
from feed.model import Site, Subscriber
from feed.store import subscribers
from feed.store.connection import transaction
from feed.subscriptions import leave_by

SOFT_FOR = timedelta(days=14)  # soft bounces all the time for so long, and nobody is there
SOFT_GAP = timedelta(days=7)  # without one for so long, and they begin anew
MEMORY = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Handled:
    """What a returned message was, whether it was about somebody, and whether letters stop."""

    kind: Kind
    known: bool
    stopped: bool


def handle(
    db: Database, site: Site, config: Config, key: bytes, message: bytes, now: datetime
) -> Handled:
    """Act on a message that came to the address for returns.

    Bounces are counted; a complaint, and a wish to leave, end the letters at once.
    """
    came = returns.read(message)
    with transaction(db):
        found = _about(db, config, key, came, now)
        if found is None or came.kind == "other":
            return Handled(came.kind, found is not None, stopped=False)
        if came.kind == "unsubscribe":
            leave_by(db, site, found, "mail", now)
            return Handled(came.kind, known=True, stopped=True)
        return Handled(came.kind, True, record(db, config, found.id, came.kind, now))


def _about(
    db: Database, config: Config, key: bytes, came: returns.Returned, now: datetime
) -> Subscriber | None:
    """Whom a returned message is about: by a token, else by address where none is to be expected.

    What comes back from an earlier address tells nothing of the present one. Only a letter itself
    can end letters, from any address. Before there were tokens of their own for it, letters came
    back to the token of the letter, and ended by it.
    """
    token = tokens.read(came.token) if came.token else None
    leaving = came.kind == "unsubscribe"
    purposes: tuple[Purpose, ...] = ("leave", "letter") if leaving else ("bounce", "letter")
    if token is not None and any(token.is_valid(key, purpose, now) for purpose in purposes):
        found = subscribers.by_id(db, token.subscriber)
        return found if found and (leaving or token.when == found.moves) else None
    if config.bounce_address is not None:  # anybody can write that an address does not exist
        return None
    known = (subscribers.by_identity(db, addresses.identity(name)) for name in came.addresses)
    return next((found for found in known if found), None)


def record(db: Database, config: Config, number: int, kind: str, now: datetime) -> bool:
    """Keep that a letter came back from somebody, within the caller's transaction.

    `kind` is hard, soft or complaint. True if no more letters are written because of it.
    """
    subscribers.record_bounce(db, number, kind, now)
    found = subscribers.bounces(db, number, now - MEMORY)
    return is_too_much(found, config.bounce_limit, now) and subscribers.suspend(db, number, now)


def is_too_much(bounces: Sequence[tuple[datetime, str]], limit: int, now: datetime) -> bool:
    """Whether to stop: hard bounces on `limit` days, soft ones for a fortnight, or a complaint."""
    if any(kind == "complaint" for _, kind in bounces):
        return True
    if len({at.date() for at, kind in bounces if kind == "hard"}) >= limit:
        return True
    soft = [at for at, kind in bounces if kind == "soft"]
    began = previous = soft[0] if soft else now
    for at in soft:
        began = at if at - previous > SOFT_GAP else began
        previous = at
    return bool(soft) and soft[-1] - began >= SOFT_FOR
