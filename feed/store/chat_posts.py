"""The outbox of chat posts: one row for each edition and chat (table `posts`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlite_utils import Database

from feed.store.connection import transaction
from feed.store.timestamps import stamp


@dataclass(frozen=True, slots=True)
class ChatTarget:
    """A chat without its secret address: a keyed hash of it, a name for people, a language."""

    key: str
    place: str
    language: str


@dataclass(frozen=True, slots=True)
class ChatPost:
    """An edition to be posted into a chat."""

    edition: int
    number: int  # of the edition, among those of its date
    target: str
    attempts: int


# Whether the edition of a row is the standing edition of today.
_IS_TODAYS = (
    "EXISTS (SELECT 1 FROM editions e WHERE e.id = edition AND e.withdrawn IS NULL"
    " AND e.date = :today)"
)


def enqueue(db: Database, chats: Sequence[ChatTarget], today: date, now: datetime) -> None:
    """Queue the standing edition of today for each chat, unless it is queued already."""
    if not chats:
        return
    standing = "FROM editions e WHERE e.date = :today AND e.withdrawn IS NULL"
    known = f"SELECT target FROM posts WHERE edition = (SELECT id {standing})"
    queued = {key for (key,) in db.execute(known, {"today": today.isoformat()})}
    missing = [target for target in chats if target.key not in queued]
    if (
        not missing
        or not db.execute(f"SELECT 1 {standing}", {"today": today.isoformat()}).fetchone()
    ):
        return
    with transaction(db):
        for target in missing:
            db.execute(
                "INSERT INTO posts (edition, target, place, language, state, at, next)"
                f" SELECT e.id, :key, :place, :language, 'due', :now, :now {standing}"
                " ON CONFLICT DO NOTHING",
                {
                    "key": target.key,
                    "place": target.place,
                    "language": target.language,
                    "now": stamp(now),
                    "today": today.isoformat(),
                },
            )


def expire(db: Database, today: date, now: datetime, lost_before: datetime) -> None:
    """End posts that are not to be sent any more: withdrawn, late, or interrupted.

    A post that was claimed before `lost_before` was interrupted: whether it arrived is unknown.
    """
    if not db.execute("SELECT 1 FROM posts WHERE state IN ('due', 'claimed') LIMIT 1").fetchone():
        return
    values = {"today": today.isoformat(), "now": stamp(now), "lost": stamp(lost_before)}
    with transaction(db):
        db.execute(
            "UPDATE posts SET state = 'failed', at = :now, reason = 'interrupted'"
            " WHERE state = 'claimed' AND at < :lost",
            values,
        )
        withdrawn = "EXISTS (SELECT 1 FROM editions e WHERE e.id = edition AND e.withdrawn NOTNULL)"
        db.execute(
            f"UPDATE posts SET at = :now, next = NULL,"
            f" state = CASE WHEN attempts AND NOT {withdrawn} THEN 'failed' ELSE 'skipped' END,"
            f" reason = CASE WHEN {withdrawn} THEN 'withdrawn'"
            " WHEN attempts THEN reason ELSE 'late' END"
            f" WHERE state = 'due' AND NOT {_IS_TODAYS}",
            values,
        )


def due(db: Database, now: datetime) -> list[ChatPost]:
    """The posts that are due, the longest waiting first."""
    rows = db.query(
        "SELECT p.edition, e.number, p.target, p.attempts FROM posts p"
        " JOIN editions e ON e.id = p.edition WHERE p.state = 'due' AND p.next <= ?"
        " ORDER BY p.next, p.place",
        [stamp(now)],
    )
    return [ChatPost(**row) for row in rows]


def claim(db: Database, post: ChatPost, today: date, now: datetime) -> bool:
    """Claim a post for sending; False if it is already claimed or its edition was withdrawn."""
    with transaction(db):
        cursor = db.execute(
            "UPDATE posts SET state = 'claimed', attempts = attempts + 1, at = :now, next = NULL"
            " WHERE edition = :edition AND target = :target AND state = 'due' AND next <= :now"
            f" AND {_IS_TODAYS}",
            {
                "now": stamp(now),
                "edition": post.edition,
                "target": post.target,
                "today": today.isoformat(),
            },
        )
    return cursor.rowcount == 1


def settle(
    db: Database,
    post: ChatPost,
    state: str,
    now: datetime,
    reason: str | None = None,
    retry: datetime | None = None,
) -> None:
    """Record the outcome of a claimed post: sent, failed, skipped, or due again at `retry`."""
    with transaction(db):
        db.execute(
            "UPDATE posts SET state = ?, at = ?, reason = ?, next = ?"
            " WHERE edition = ? AND target = ? AND (state = 'claimed' OR reason = 'interrupted')",
            [state, stamp(now), reason, stamp(retry) if retry else None, post.edition, post.target],
        )


def of_editions_since(db: Database, first: date) -> list[dict[str, Any]]:
    """The posts of the editions from the date `first` on, newest first."""
    return list(
        db.query(
            "SELECT e.date, e.number, p.language, p.place, p.state, p.attempts, p.at, p.reason"
            " FROM posts p JOIN editions e ON e.id = p.edition WHERE e.date >= ?"
            " ORDER BY e.date DESC, e.number DESC, p.place, p.language, p.target",
            [first.isoformat()],
        )
    )
