"""Letters and notices in the hands of mail workers: who takes which, and what they report."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlite_utils import Database

from feed.clock import Clock
from feed.config import Config
from feed.digests.copies import About, Copy
from feed.digests.settling import Ledger
from feed.mail.envelope import Outcome
from feed.store import handed, meta
from feed.store.connection import transaction
from feed.store.deliveries import Claim
from feed.store.desk_notices import DeskNotice

Report = Iterable[tuple[str, Outcome]]  # by the names that `name` gives


def name(about: About) -> str:
    """What a worker knows a letter or a notice by: it tells nobody whose it is."""
    if isinstance(about, Claim):
        return f"{about.letter}.{about.subscriber}"
    return f"desk.{about.id}" if isinstance(about, DeskNotice) else f"notice.{about.id}"


def hand_over(db: Database, batch: str, copies: Sequence[Copy], now: datetime) -> None:
    """Enter into the ledger that these are about to be handed over, as one batch."""
    with transaction(db):
        version = meta.content_version(db)
        handed.hand_over(db, batch, version, [copy.about for copy in copies], now)


def settle(
    db: Database, config: Config, clock: Clock, batch: str, report: Report, retry: datetime
) -> dict[str, int]:
    """Keep what became of a batch, and end it; how many letters were sent, bounced and so on.

    What the report does not mention was not sent: it is, from `retry` on. Twice, and nothing
    changes. What was taken back meanwhile counts if it was sent; anything else is out of date.
    """
    ledger = Ledger(db, config, clock)
    with transaction(db):
        known = {name(one): one for one in handed.held(db, batch)}
        told = []
        for about, outcome in report:
            if about in known:
                told.append((known.pop(about), outcome))
            elif outcome.result == "sent" and _sent(db, about, clock()):
                ledger.count("sent", 1)
        ledger.settle(told)
        handed.release(db, batch, retry, clock())
    return ledger.numbers


def take_back(db: Database, before: datetime, now: datetime) -> None:
    """Have sent again what was handed over before that instant, where there are no workers now."""
    with transaction(db):
        for each in handed.batches(db):
            if each.at < before:
                handed.release(db, each.id, now, now)


def _sent(db: Database, about: str, now: datetime) -> bool:
    head, _, number = about.partition(".")
    if head in ("notice", "desk"):
        handed.notice_sent(db, int(number), desk=head == "desk")
        return False
    return handed.letter_sent(db, int(head), int(number), now)
