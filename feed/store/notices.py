"""The notices: mail to one person about their own subscription, waiting to be sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.model import Subscriber
from feed.store.timestamps import stamp

# Which of a subscriber's addresses a kind of notice goes to; all others go to `address`.
_TO = {"move": "new_address", "moved": "old_address"}
_PLACES = " ".join(f"WHEN '{kind}' THEN s.{column}" for kind, column in _TO.items())
_ADDRESS = f"CASE n.kind {_PLACES} ELSE s.address END"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that is due, with the address that it goes to."""

    id: int
    subscriber: int
    kind: str
    language: str
    asked: datetime
    attempts: int
    address: str


def address(found: Subscriber, kind: str) -> str | None:
    """Which of somebody's addresses a kind of notice goes to now; None if it is gone."""
    there: str | None = getattr(found, _TO.get(kind, "address"))
    return there


def add(db: Database, subscriber: int, kind: str, language: str, now: datetime) -> None:
    """Have a notice sent."""
    db.execute(
        "INSERT INTO notices (subscriber, kind, language, asked, state, next)"
        " VALUES (?, ?, ?, ?, 'due', ?)",
        [subscriber, kind, language, stamp(now), stamp(now)],
    )


def count(db: Database, subscriber: int, kind: str, since: datetime) -> int:
    """How many notices of a kind somebody was sent, or will be, since that instant."""
    row = db.execute(
        "SELECT count(*) FROM notices WHERE subscriber = ? AND kind = ? AND asked >= ?",
        [subscriber, kind, stamp(since)],
    ).fetchone()
    return int(row[0])


def due(db: Database, now: datetime, limit: int, after: int = 0) -> list[Notice]:
    """The notices to be sent now, oldest first, with numbers after `after`.

    One whose address is gone meanwhile is not among them.
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
    """The notices that were handed over as that batch; one without an address has an empty one."""
    rows = db.query(
        "SELECT n.id, n.subscriber, n.kind, n.language, n.asked, n.attempts,"
        f" coalesce({_ADDRESS}, '') AS address"
        " FROM notices n JOIN subscribers s ON s.id = n.subscriber WHERE n.batch = ?",
        [batch],
    )
    return [_notice(row) for row in rows]


def record(db: Database, number: int, state: str, retry: datetime) -> None:
    """Keep what became of an attempt: sent, failed, or due again at `retry`."""
    db.execute(
        "UPDATE notices SET state = ?, attempts = attempts + 1, next = ?, batch = NULL"
        " WHERE id = ?",
        [state, stamp(retry), number],
    )


def forget(db: Database, before: datetime) -> None:
    """Forget the notices that were asked for before that instant."""
    db.execute("DELETE FROM notices WHERE asked < ?", [stamp(before)])


def of(db: Database, subscriber: int) -> list[dict[str, str]]:
    """The notices that somebody was sent or will be, oldest first: kind, asked, state."""
    return list(
        db.query(
            "SELECT kind, asked, state FROM notices WHERE subscriber = ? ORDER BY id", [subscriber]
        )
    )


def _notice(row: dict[str, Any]) -> Notice:
    return Notice(**{**row, "asked": datetime.fromisoformat(row["asked"])})
