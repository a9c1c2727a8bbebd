"""What is handed to mail workers, batch by batch, until they tell what became of it.

A batch is of letters, which stay claimed, or of notices, which stay due. Its rows name it until
they are recorded, or released to be sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.store import notices, staff_notices
from feed.store.deliveries import CLAIM, PAUSED, Claim, as_claim
from feed.store.notices import Notice
from feed.store.staff_notices import DeskNotice
from feed.store.timestamps import instant, stamp


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What was handed over together, `at` an instant, when the content had that version.

    `back` is null until nobody is known to hold it any more: when it is taken back.
    """

    id: str
    version: int
    at: datetime
    back: datetime | None


def add_batch(
    db: Database,
    batch: str,
    version: int,
    given: Sequence[Claim | Notice | DeskNotice],
    now: datetime,
) -> None:
    """Enter letters that were claimed, and notices that are due, as handed over together."""
    db.execute(
        "INSERT INTO batches (id, version, at) VALUES (?, ?, ?)", [batch, version, stamp(now)]
    )
    db.conn.executemany(
        "UPDATE deliveries SET batch = ? WHERE letter = ? AND subscriber = ? AND state = 'claimed'",
        [(batch, one.letter, one.subscriber) for one in given if isinstance(one, Claim)],
    )
    for table, kind in (("notices", Notice), ("desk_notices", DeskNotice)):
        db.conn.executemany(
            f"UPDATE {table} SET batch = ? WHERE id = ? AND state = 'due'",
            [(batch, one.id) for one in given if isinstance(one, kind)],
        )


def batches(db: Database) -> list[BatchRecord]:
    """Every batch that is not settled, oldest first."""
    rows = db.execute("SELECT id, version, at, back FROM batches ORDER BY at, id")
    return [
        BatchRecord(batch, version, datetime.fromisoformat(at), instant(back))
        for batch, version, at, back in rows
    ]


def held(db: Database, batch: str) -> list[Claim | Notice | DeskNotice]:
    """The letters and notices of a batch, but for those to people who were erased since."""
    letters = [as_claim(row) for row in db.query(f"{CLAIM} WHERE d.batch = ?", [batch])]
    return [*letters, *notices.of_batch(db, batch), *staff_notices.of_batch(db, batch)]


def number(db: Database) -> int:
    """How many letters are handed over now."""
    row = db.execute("SELECT count(*) FROM deliveries WHERE batch IS NOT NULL").fetchone()
    return int(row[0])


def void(db: Database) -> set[str]:
    """The batches with a letter to somebody who gets none any more, or gets it elsewhere."""
    rows = db.execute(
        "SELECT DISTINCT d.batch FROM deliveries d JOIN batches b ON b.id = d.batch"
        " LEFT JOIN subscribers s ON s.id = d.subscriber"
        f" WHERE s.status IS NOT 'active' OR {PAUSED.format(due='d.due')}"
        " OR EXISTS (SELECT 1 FROM consents c WHERE c.subscriber = s.id AND c.act = 'moved'"
        " AND c.at >= b.at)"
    )
    return {batch for (batch,) in rows}


def letter_sent(db: Database, letter: int, subscriber: int, now: datetime) -> bool:
    """Keep that a letter was sent, of which that is heard late; False if it was settled already."""
    cursor = db.execute(
        "UPDATE deliveries SET state = 'sent', at = ?, attempts = attempts + 1, next = NULL,"
        " reason = NULL, batch = NULL WHERE letter = ? AND subscriber = ?"
        " AND state IN ('claimed', 'deferred')",
        [stamp(now), letter, subscriber],
    )
    return cursor.rowcount == 1


def notice_sent(db: Database, number: int, *, desk: bool) -> None:
    """The same for a notice to a subscriber, or to somebody at the desk."""
    db.execute(
        f"UPDATE {'desk_notices' if desk else 'notices'} SET state = 'sent',"
        " attempts = attempts + 1, batch = NULL WHERE id = ? AND state = 'due'",
        [number],
    )


def doubt(db: Database, batch: str, back: datetime) -> None:
    """Nobody is known to hold this batch: it is taken back then, unless there is word of it."""
    db.execute("UPDATE batches SET back = ? WHERE id = ? AND back IS NULL", [stamp(back), batch])


def release(db: Database, batch: str, retry: datetime, now: datetime) -> None:
    """End a batch: what is left of it is sent again from `retry` on."""
    db.execute(
        "UPDATE deliveries SET state = 'deferred', next = ?, at = ?, batch = NULL WHERE batch = ?",
        [stamp(retry), stamp(now), batch],
    )
    for table in ("notices", "desk_notices"):
        db.execute(
            f"UPDATE {table} SET next = ?, batch = NULL WHERE batch = ?", [stamp(retry), batch]
        )
    db.execute("DELETE FROM batches WHERE id = ?", [batch])
