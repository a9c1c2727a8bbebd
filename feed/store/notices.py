"""The outbox of notices: transactional e-mails to subscribers about their subscription."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.model import Subscriber
from feed.store.timestamps import stamp

# The address column of a kind of notice; all other kinds are sent to `address`.
_ADDRESS_COLUMNS = {"move": "new_address", "moved": "old_address"}
_CASES = " ".join(f"WHEN '{kind}' THEN s.{column}" for kind, column in _ADDRESS_COLUMNS.items())
_ADDRESS = f"CASE n.kind {_CASES} ELSE s.address END"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice, with the address that it is sent to."""

    id: int
    subscriber: int
    kind: str
    language: str
    asked: datetime
    attempts: int
    address: str


def address(found: Subscriber, kind: str) -> str | None:
    """The address that a kind of notice is sent to; None if the subscriber has none."""
    result: str | None = getattr(found, _ADDRESS_COLUMNS.get(kind, "address"))
    return result


def add(db: Database, subscriber: int, kind: str, language: str, now: datetime) -> None:
    """Queue a notice."""
    db.execute(
        "INSERT INTO notices (subscriber, kind, language, asked, state, next)"
        " VALUES (?, ?, ?, ?, 'due', ?)",
        [subscriber, kind, language, stamp(now), stamp(now)],
    )


def count(db: Database, subscriber: int, kind: str, since: datetime) -> int:
    """The number of notices of a kind that were queued for a subscriber since an instant."""
    row = db.execute(
        "SELECT count(*) FROM notices WHERE subscriber = ? AND kind = ? AND asked >= ?",
        [subscriber, kind, stamp(since)],
    ).fetchone()
    return int(row[0])


def due(db: Database, now: datetime, limit: int, after: int = 0) -> list[Notice]:
    """The notices that are due, with an id above `after`, oldest first.

    One whose address is gone meanwhile is left out.
    """
    rows = db.query(
        "SELECT * FROM (SELECT n.id, n.subscriber, n.kind, n.language, n.asked, n.attempts,"
        f" {_ADDRESS} AS address"
        " FROM notices n JOIN subscribers s ON s.id = n.subscriber"
        " WHERE n.state = 'due' AND n.batch IS NULL AND n.next <= ? AND n.id > ?"
        " ORDER BY n.id LIMIT ?)"
        " WHERE address IS NOT NULL",
        [stamp(now), after, limit],
    )
    return [_notice(row) for row in rows]


def of_batch(db: Database, batch: str) -> list[Notice]:
    """The notices of a batch; the address of one that has none is empty."""
    rows = db.query(
        "SELECT n.id, n.subscriber, n.kind, n.language, n.asked, n.attempts,"
        f" coalesce({_ADDRESS}, '') AS address"
        " FROM notices n JOIN subscribers s ON s.id = n.subscriber WHERE n.batch = ?",
        [batch],
    )
    return [_notice(row) for row in rows]


def settle(db: Database, number: int, state: str, retry: datetime) -> None:
    """Record an attempt: sent, failed, or due again at `retry`; it leaves its batch."""
    db.execute(
        "UPDATE notices SET state = ?, attempts = attempts + 1, next = ?, batch = NULL"
        " WHERE id = ?",
        [state, stamp(retry), number],
    )


def delete_old(db: Database, before: datetime) -> None:
    """Delete the notices that were queued before an instant."""
    db.execute("DELETE FROM notices WHERE asked < ?", [stamp(before)])


def of_subscriber(db: Database, subscriber: int) -> list[dict[str, str]]:
    """The notices to a subscriber, oldest first: kind, asked, state."""
    return list(
        db.query(
            "SELECT kind, asked, state FROM notices WHERE subscriber = ? ORDER BY id", [subscriber]
        )
    )


def _notice(row: dict[str, Any]) -> Notice:
    return Notice(**{**row, "asked": datetime.fromisoformat(row["asked"])})
