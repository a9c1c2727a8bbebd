"""Refusals of the sender: the domains for which deliveries wait, until one is accepted."""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.store.connection import stamp


@dataclass(frozen=True, slots=True)
class Refusal:
    """A domain of recipients that refuses the sender; EVERY_DOMAIN: the mail server does.

    `reply` is its last answer, and `next` is when one delivery may be tried.
    """

    domain: str
    reply: str
    since: datetime
    next: datetime


def all_current(db: Database) -> list[Refusal]:
    """The refusals that have not ended, that of the mail server first."""
    rows = db.execute("SELECT domain, reply, since, next FROM refusals ORDER BY domain")
    return [
        Refusal(domain, reply, datetime.fromisoformat(since), datetime.fromisoformat(at))
        for domain, reply, since, at in rows
    ]


def save(db: Database, domain: str, reply: str, now: datetime, next_try: datetime) -> bool:
    """Store a refusal, or the last answer of a known one; whether it is new."""
    cursor = db.execute("UPDATE refusals SET reply = ? WHERE domain = ?", [reply, domain])
    if cursor.rowcount:
        return False
    db.execute(
        "INSERT INTO refusals VALUES (?, ?, ?, ?)", [domain, reply, stamp(now), stamp(next_try)]
    )
    return True


def postpone(db: Database, domain: str, next_try: datetime) -> None:
    """Set when the next delivery may be tried."""
    db.execute("UPDATE refusals SET next = ? WHERE domain = ?", [stamp(next_try), domain])


def delete_idle(db: Database, before: datetime) -> None:
    """Delete refusals that nothing waits for, and nothing was tried for since an instant."""
    db.execute(
        "DELETE FROM refusals WHERE next < ? AND domain NOT IN"
        " (SELECT waits_for FROM deliveries WHERE waits_for IS NOT NULL)",
        [stamp(before)],
    )


def newest(db: Database) -> datetime | None:
    """When the newest refusal began; None if there is none."""
    return max((each.since for each in all_current(db)), default=None)


def end(db: Database, domain: str) -> None:
    """Delete a refusal."""
    db.execute("DELETE FROM refusals WHERE domain = ?", [domain])
