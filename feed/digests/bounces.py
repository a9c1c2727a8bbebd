"""What comes back: dead addresses and complaints suspend a subscription."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlite_utils import Database

from feed.config import Config
from feed.digests import bounce_messages
from feed.digests.bounce_messages import Kind
from feed.model import Site, Subscriber, email_addresses, tokens
from feed.model.tokens import Purpose
from feed.store import subscribers
from feed.store.connection import transaction
from feed.subscribers.subscriptions import leave_by

MEMORY = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class BounceResult:
    """What a returned message was, whether it was about somebody, and whether letters stop."""

    kind: Kind
    known: bool
    stopped: bool


def handle(
    db: Database, site: Site, config: Config, key: bytes, message: bytes, now: datetime
) -> BounceResult:
    """Act on a message that came to the address for returns.

    Dead addresses are counted; a complaint, and a wish to leave, stop the e-mails at once. What
    may pass, and what is about the sender, counts against nobody.
    """
    came = bounce_messages.read(message)
    with transaction(db):
        found = _about(db, config, key, came, now)
        if found is None or came.kind not in ("dead", "complaint", "unsubscribe"):
            return BounceResult(came.kind, found is not None, stopped=False)
        if came.kind == "unsubscribe":
            leave_by(db, site, found, "mail", now)
            return BounceResult(came.kind, known=True, stopped=True)
        return BounceResult(came.kind, True, record(db, config, found.id, came.kind, now))


def _about(
    db: Database, config: Config, key: bytes, came: bounce_messages.Returned, now: datetime
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
    known = (subscribers.by_identity(db, email_addresses.identity(name)) for name in came.addresses)
    return next((found for found in known if found), None)


def record(
    db: Database,
    config: Config,
    number: int,
    verdict: Literal["dead", "complaint"],
    now: datetime,
) -> bool:
    """Record what came back about a subscriber, within the caller's transaction.

    True if the subscription is suspended because of it.
    """
    subscribers.record_bounce(db, number, "hard" if verdict == "dead" else verdict, now)
    found = subscribers.bounces(db, number, now - MEMORY)
    return is_too_much(found, config.bounce_limit) and subscribers.suspend(db, number, now)


def is_too_much(bounces: Sequence[tuple[datetime, str]], limit: int) -> bool:
    """Whether to stop: dead on `limit` different days, or a complaint."""
    if any(kind == "complaint" for _, kind in bounces):
        return True
    return len({at.date() for at, kind in bounces if kind == "hard"}) >= limit
