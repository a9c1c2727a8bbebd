"""Delivery statistics: of one subscriber, by date and state, and the backlog."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlite_utils import Database

from feed.store.connection import instant, stamp


def of_subscriber(db: Database, subscriber: int) -> list[dict[str, Any]]:
    """The deliveries to a subscriber, oldest first: cadence, date, language, state, at, reason."""
    return list(
        db.query(
            "SELECT l.cadence, l.date, d.language, d.state, d.at, d.reason FROM letters l"
            " JOIN deliveries d ON d.letter = l.id AND d.subscriber = ? ORDER BY l.date, l.id",
            [subscriber],
        )
    )


def accepted(db: Database, subscriber: int, since: datetime) -> list[datetime]:
    """When mail servers accepted the deliveries to a subscriber, since an instant."""
    rows = db.execute(
        "SELECT d.at FROM letters l CROSS JOIN deliveries d ON d.letter = l.id"
        " WHERE l.date >= ? AND d.subscriber = ? AND d.state = 'sent' AND d.at >= ?",
        [(since - timedelta(days=8)).date().isoformat(), subscriber, stamp(since)],
    )
    return [datetime.fromisoformat(at) for (at,) in rows]


def newest_of_subscriber(db: Database, subscriber: int, limit: int) -> list[dict[str, Any]]:
    """The newest deliveries to a subscriber, newest first: as `of_subscriber` has them."""
    return list(
        db.query(
            "SELECT l.cadence, l.date, d.language, d.state, d.at, d.reason"
            " FROM letters l CROSS JOIN deliveries d ON d.letter = l.id AND d.subscriber = ?"
            " ORDER BY l.date DESC, l.id DESC LIMIT ?",
            [subscriber, limit],
        )
    )


def last_accepted(db: Database, subscriber: int) -> date | None:
    """The date of the newest digest that was accepted for a subscriber; None if there is none."""
    row = db.execute(
        "SELECT max(l.date) FROM letters l CROSS JOIN deliveries d ON d.letter = l.id"
        " WHERE d.subscriber = ? AND d.state = 'sent'",
        [subscriber],
    ).fetchone()
    return date.fromisoformat(row[0]) if row[0] else None


def summary(db: Database, first: date, last: date) -> list[dict[str, Any]]:
    """The number of deliveries by date, cadence, language, state and reason, newest date first.

    Of the digests of the dates from `first` to `last`.
    """
    return list(
        db.query(
            "SELECT l.date, l.cadence, d.language, d.state, d.reason, count(*) AS number"
            " FROM letters l CROSS JOIN deliveries d ON d.letter = l.id"
            " WHERE l.date BETWEEN ? AND ? GROUP BY 1, 2, 3, 4, 5"
            " ORDER BY l.date DESC, l.cadence, d.language, d.state",
            [first.isoformat(), last.isoformat()],
        )
    )


def backlog(db: Database) -> tuple[int, datetime | None]:
    """The number of deliveries that are claimed or deferred, and when the oldest was due."""
    number, due = db.execute(
        "SELECT count(*), min(due) FROM (SELECT due FROM deliveries WHERE state = 'claimed'"
        " UNION ALL SELECT due FROM deliveries WHERE state = 'deferred')"
    ).fetchone()
    return number, instant(due)


def last_sent(db: Database) -> datetime | None:
    """When a digest was last sent; None before the first."""
    row = db.execute(
        "SELECT max(at) FROM deliveries WHERE state = 'sent'"
        " AND letter IN (SELECT id FROM letters ORDER BY date DESC LIMIT 4)"
    ).fetchone()
    return instant(row[0])
