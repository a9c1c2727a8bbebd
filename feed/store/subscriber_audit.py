"""The audit log of administering subscribers: who did what, when and why; it holds no addresses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlite_utils import Database

from feed.store.connection import fetch_rows, stamp

Act = Literal["stop", "resume", "ask", "export", "erase", "import", "suppress", "unsuppress"]


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One act. `by` is a name at the desk, None for the command line."""

    at: datetime
    act: Act
    by: str | None
    reason: str


def add(
    db: Database, act: Act, subscriber: int, reason: str, curator: int | None, now: datetime
) -> None:
    """Record an act on one subscriber; `curator` is None for the command line."""
    add_all(db, act, [subscriber], reason, curator, now)


def add_all(
    db: Database,
    act: Act,
    subscribers: Sequence[int],
    reason: str,
    curator: int | None,
    now: datetime,
) -> None:
    """Record an act on several subscribers: one line each."""
    db.conn.executemany(
        "INSERT INTO subscriber_audit (at, curator, act, subscriber, number, reason)"
        " VALUES (?, ?, ?, ?, 1, ?)",
        [(stamp(now), curator, act, number, reason) for number in subscribers],
    )


def add_total(
    db: Database, act: Act, number: int, reason: str, curator: int | None, now: datetime
) -> None:
    """Record an act on a number of people who are not named: an import, a suppression."""
    db.execute(
        "INSERT INTO subscriber_audit (at, curator, act, number, reason) VALUES (?, ?, ?, ?, ?)",
        [stamp(now), curator, act, number, reason],
    )


def of_subscriber(db: Database, subscriber: int) -> list[AuditLine]:
    """The acts on a subscriber, oldest first."""
    rows = fetch_rows(
        db,
        "SELECT a.at, a.act, c.name AS by, a.reason FROM subscriber_audit a"
        " LEFT JOIN curators c ON c.id = a.curator WHERE a.subscriber = ? ORDER BY a.id",
        [subscriber],
    )
    return [AuditLine(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows]
