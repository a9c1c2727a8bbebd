"""The outbox of WebSub pings: one row for each hub and feed, with the content it was pinged of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.store.connection import transaction
from feed.store.timestamps import stamp


@dataclass(frozen=True, slots=True)
class Ping:
    """A feed (`topic`) with new content, for one hub; `content` is a hash of it."""

    hub: str
    topic: str
    content: str
    attempts: int


def enqueue(
    db: Database, hubs: Sequence[str], topics: Mapping[str, str], empty: set[str], now: datetime
) -> None:
    """Queue a ping for each hub and topic whose content has changed since the last ping.

    `topics` has the content of each topic. Topics in `empty` are not added, only updated. Rows of
    hubs and topics that are gone are deleted.
    """
    with transaction(db):
        for hub, topic, content in list(db.execute("SELECT hub, topic, content FROM pings")):
            if hub not in hubs or topic not in topics:
                db.execute("DELETE FROM pings WHERE hub = ? AND topic = ?", [hub, topic])
            elif content != topics[topic]:
                db.execute(
                    "UPDATE pings SET content = :content, state = 'due', attempts = 0,"
                    " since = :now, at = :now, next = :now, reason = NULL"
                    " WHERE hub = :hub AND topic = :topic",
                    {"hub": hub, "topic": topic, "content": topics[topic], "now": stamp(now)},
                )
        for hub in hubs:
            for topic in topics.keys() - empty:
                db.execute(
                    "INSERT INTO pings (hub, topic, content, state, since, at, next)"
                    " VALUES (:hub, :topic, :content, 'due', :now, :now, :now)"
                    " ON CONFLICT DO NOTHING",
                    {"hub": hub, "topic": topic, "content": topics[topic], "now": stamp(now)},
                )


def expire(db: Database, before: datetime, now: datetime) -> None:
    """Give up pings that were tried, of content from before an instant."""
    condition = "state = 'due' AND attempts AND since < ?"
    if db.execute(f"SELECT 1 FROM pings WHERE {condition} LIMIT 1", [stamp(before)]).fetchone():
        with transaction(db):
            db.execute(
                f"UPDATE pings SET at = ?, state = 'failed', next = NULL WHERE {condition}",
                [stamp(now), stamp(before)],
            )


def due(db: Database, hub: str, now: datetime) -> list[Ping]:
    """The pings of a hub that are due, oldest first; also those whose claim has expired."""
    rows = db.query(
        "SELECT hub, topic, content, attempts FROM pings WHERE hub = ? AND next <= ?"
        " ORDER BY since, topic",
        [hub, stamp(now)],
    )
    return [Ping(**row) for row in rows]


def claim(db: Database, ping: Ping, now: datetime, until: datetime) -> bool:
    """Claim a ping until an instant; False if it is claimed, or its content has changed."""
    with transaction(db):
        cursor = db.execute(
            "UPDATE pings SET state = 'claimed', attempts = attempts + 1, at = :now, next = :until"
            " WHERE hub = :hub AND topic = :topic AND content = :content AND next <= :now",
            {
                "now": stamp(now),
                "until": stamp(until),
                "hub": ping.hub,
                "topic": ping.topic,
                "content": ping.content,
            },
        )
    return cursor.rowcount == 1


def settle(
    db: Database, ping: Ping, now: datetime, reason: str | None, retry: datetime | None
) -> None:
    """Record the outcome of a claimed ping: sent, or due again at `retry` for a reason.

    Nothing is recorded if the feed has changed meanwhile: the ping is due for its new content.
    """
    with transaction(db):
        db.execute(
            "UPDATE pings SET state = ?, at = ?, reason = ?, next = ?"
            " WHERE hub = ? AND topic = ? AND content = ? AND state = 'claimed'",
            [
                "due" if retry else "sent",
                stamp(now),
                reason,
                stamp(retry) if retry else None,
                ping.hub,
                ping.topic,
                ping.content,
            ],
        )


def postpone(db: Database, hub: str, reason: str, now: datetime, until: datetime) -> None:
    """Delay the pings of a hub that are due until an instant; they count as tried."""
    with transaction(db):
        db.execute(
            "UPDATE pings SET attempts = attempts + 1, at = :now, reason = :reason, next = :until"
            " WHERE hub = :hub AND state = 'due' AND next <= :now",
            {"hub": hub, "reason": reason, "now": stamp(now), "until": stamp(until)},
        )


def summary(db: Database) -> list[dict[str, Any]]:
    """The number of pings by hub, state and reason: hub, state, reason, number, at (the last)."""
    return list(
        db.query(
            "SELECT hub, state, reason, count(*) AS number, max(at) AS at FROM pings"
            " GROUP BY hub, state, reason ORDER BY hub, state, reason"
        )
    )
