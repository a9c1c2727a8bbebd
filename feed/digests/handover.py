"""Letters and notices in the hands of mail workers: who takes which, and what they report."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlite_utils import Database

from feed.clock import Clock
from feed.config import Config
from feed.digests.message import About, OutgoingMessage
from feed.digests.outcomes import DeliveryRecorder
from feed.smtp import Outcome
from feed.store import mail_batches, meta
from feed.store.connection import transaction
from feed.store.deliveries import Claim
from feed.store.staff_notices import DeskNotice

Report = Iterable[tuple[str, Outcome]]  # by the names that `name` gives


def name(about: About) -> str:
    """What a worker knows a letter or a notice by: it tells nobody whose it is."""
    if isinstance(about, Claim):
        return f"{about.letter}.{about.subscriber}"
    return f"desk.{about.id}" if isinstance(about, DeskNotice) else f"notice.{about.id}"


def hand_over(db: Database, batch: str, copies: Sequence[OutgoingMessage], now: datetime) -> None:
    """Enter into the ledger that these are about to be handed over, as one batch."""
    with transaction(db):
        version = meta.content_version(db)
        mail_batches.add_batch(db, batch, version, [copy.about for copy in copies], now)


def settle(
    db: Database, config: Config, clock: Clock, batch: str, report: Report, retry: datetime
) -> dict[str, int]:
    """Keep what became of a batch, and end it; how many letters were sent, bounced and so on.

    What the report does not mention was not sent: it is, from `retry` on. Twice, and nothing
    changes. What was taken back meanwhile counts if it was sent; anything else is out of date.
    """
    ledger = DeliveryRecorder(db, config, clock)
    with transaction(db):
        known = {name(one): one for one in mail_batches.held(db, batch)}
        told = []
        for about, outcome in report:
            if about in known:
                told.append((known.pop(about), outcome))
            elif outcome.result == "sent" and _sent(db, about, clock()):
                ledger.count("sent", 1)
        ledger.settle(told)
        mail_batches.release(db, batch, retry, clock())
    return ledger.numbers


def take_back(db: Database, before: datetime, now: datetime) -> None:
    """Have sent again what was handed over before that instant, where there are no workers now."""
    with transaction(db):
        for each in mail_batches.batches(db):
            if each.at < before:
                mail_batches.release(db, each.id, now, now)


def _sent(db: Database, about: str, now: datetime) -> bool:
    head, _, number = about.partition(".")
    if head in ("notice", "desk"):
        mail_batches.notice_sent(db, int(number), desk=head == "desk")
        return False
    return mail_batches.letter_sent(db, int(head), int(number), now)
