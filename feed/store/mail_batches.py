"""Batches: the messages that mail workers have, until they report or the batch is released.

A batch has digest deliveries or e-mails of the outbox. Their rows are `claimed` and have its id in
the column `batch` until they are recorded, or released to be sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.store import outbox
from feed.store.connection import instant, stamp
from feed.store.deliveries import CLAIM, PAUSED, Claim, as_claim
from feed.store.outbox import OutboxItem


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """An open batch: when it was made (`at`), and the content version at that time.

    `back` is when it is released: set once no worker is known to have it.
    """

    id: str
    version: int
    at: datetime
    back: datetime | None


def add(
    db: Database,
    batch: str,
    version: int,
    items: Sequence[Claim | OutboxItem],
    now: datetime,
) -> None:
    """Add a batch of claimed deliveries and e-mails."""
    db.execute(
        "INSERT INTO batches (id, version, at) VALUES (?, ?, ?)", [batch, version, stamp(now)]
    )
    db.conn.executemany(
        "UPDATE deliveries SET batch = ? WHERE letter = ? AND subscriber = ? AND state = 'claimed'",
        [(batch, one.digest_id, one.subscriber) for one in items if isinstance(one, Claim)],
    )
    db.conn.executemany(
        "UPDATE outbox SET batch = ? WHERE id = ? AND state = 'claimed'",
        [(batch, one.id) for one in items if isinstance(one, OutboxItem)],
    )


def all_open(db: Database) -> list[BatchRecord]:
    """The batches that have not ended, oldest first."""
    rows = db.execute("SELECT id, version, at, back FROM batches ORDER BY at, id")
    return [
        BatchRecord(batch, version, datetime.fromisoformat(at), instant(back))
        for batch, version, at, back in rows
    ]


def items(db: Database, batch: str) -> list[Claim | OutboxItem]:
    """The deliveries and e-mails of a batch, except to people who were erased meanwhile."""
    claims = [as_claim(row) for row in db.query(f"{CLAIM} WHERE d.batch = ?", [batch])]
    return [*claims, *outbox.of_batch(db, batch)]


def digest_count(db: Database) -> int:
    """The number of digest deliveries in open batches."""
    row = db.execute("SELECT count(*) FROM deliveries WHERE batch IS NOT NULL").fetchone()
    return int(row[0])


def outdated(db: Database) -> set[str]:
    """The batches with a subscriber who has left, paused, or changed address meanwhile."""
    rows = db.execute(
        "SELECT DISTINCT d.batch FROM deliveries d JOIN batches b ON b.id = d.batch"
        " LEFT JOIN subscribers s ON s.id = d.subscriber"
        f" WHERE s.status IS NOT 'active' OR {PAUSED.format(due='d.due')}"
        " OR EXISTS (SELECT 1 FROM consents c WHERE c.subscriber = s.id AND c.act = 'moved'"
        " AND c.at >= b.at)"
    )
    return {batch for (batch,) in rows}


def open_claim(db: Database, digest_id: int, subscriber: int) -> Claim | None:
    """A delivery that is claimed or deferred, after its batch has ended; None if it is not open."""
    where = "d.letter = ? AND d.subscriber = ? AND d.state IN ('claimed', 'deferred')"
    rows = db.query(f"{CLAIM} WHERE {where}", [digest_id, subscriber])
    return next(map(as_claim, rows), None)


def record_notice_sent(db: Database, key: str, now: datetime) -> None:
    """Record an e-mail of the outbox as sent after its batch has ended, unless it is settled."""
    db.execute(
        "UPDATE outbox SET attempts = attempts + (state = 'due'), state = 'sent', at = ?,"
        " next = NULL, batch = NULL WHERE key = ? AND channel IN ('desk', 'notice')"
        " AND state IN ('due', 'claimed')",
        [stamp(now), key],
    )


def release_at(db: Database, batch: str, back: datetime) -> None:
    """Set when to release a batch that no worker is known to have, unless that is set."""
    db.execute("UPDATE batches SET back = ? WHERE id = ? AND back IS NULL", [stamp(back), batch])


def release(db: Database, batch: str, retry: datetime, now: datetime) -> None:
    """End a batch; what is left of it is sent again from `retry` on."""
    db.execute(
        "UPDATE deliveries SET state = 'deferred', next = ?, at = ?, batch = NULL WHERE batch = ?",
        [stamp(retry), stamp(now), batch],
    )
    db.execute(
        "UPDATE outbox SET state = 'due', attempts = attempts - 1, next = ?, at = ?, batch = NULL"
        " WHERE batch = ?",
        [stamp(retry), stamp(now), batch],
    )
    db.execute("DELETE FROM batches WHERE id = ?", [batch])
