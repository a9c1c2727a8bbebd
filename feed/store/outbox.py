"""The outbox: what is to be sent once, apart from digests, and what became of it.

Its channels are `notice` (transactional e-mails to subscribers), `desk` (e-mails to people at the
desk, most with a one-time link), `chat` (an edition for a chat) and `websub` (a feed for a hub).
A row is `due` at `next`, and `claimed` while it is sent. It ends as `sent`, `failed` or `skipped`,
or is due again after a delay that grows with its attempts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal

from sqlite_utils import Database

from feed.model import Edition
from feed.model.retry_delays import retry_time
from feed.store.connection import fetch_rows, instant, stamp, transaction

OutboxChannel = Literal["notice", "desk", "chat", "websub"]

MAIL: tuple[OutboxChannel, ...] = ("desk", "notice")  # in the order in which they are sent


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """A row of the outbox; `kind` and `language` are empty where the channel has none.

    `key` is unique: it names an e-mail in its Message-ID and in the reports of mail workers, a post
    by its edition and chat, a ping by its hub and feed. `curator` is None for the link of the first
    person. `content` is a hash of the feed. `attempts` counts the present one.
    """

    id: int
    channel: OutboxChannel
    key: str
    subscriber: int | None
    curator: int | None
    kind: str
    language: str
    content: str
    created: datetime
    expires: datetime | None
    used: datetime | None
    attempts: int


_IS_MAIL = "channel IN ('desk', 'notice')"
_IS_LEFT = "state = 'claimed' AND batch IS NULL"
_COLUMNS = ", ".join(field.name for field in fields(OutboxItem))


@dataclass(frozen=True, slots=True)
class ChatTarget:
    """A chat without its secret address: a keyed hash, a name for people, `sv` or `sv+en`."""

    key: str
    place: str
    language: str

    def post_key(self, edition: Edition) -> str:
        """The key of the row of an edition that is posted into this chat."""
        return f"{edition.key}.{self.key}"


def claim(
    db: Database,
    channel: OutboxChannel,
    now: datetime,
    limit: int = 1,
    *,
    key: str | None = None,
    hub: str | None = None,
) -> list[OutboxItem]:
    """Claim rows of a channel that are due, the oldest first: those with a key, or of a hub."""
    rows = db.execute(
        "SELECT id FROM outbox WHERE channel = :channel AND next <= :now"
        " AND ifnull(key = :key, TRUE) AND ifnull(place = :hub, TRUE)"
        " ORDER BY created, id LIMIT :limit",
        {"channel": channel, "now": stamp(now), "key": key, "hub": hub, "limit": limit},
    ).fetchall()
    if not rows:
        return []
    with transaction(db):
        return _items(
            db,
            "UPDATE outbox SET state = 'claimed', attempts = attempts + 1, at = ?1, next = NULL"
            f" WHERE id IN ({', '.join(str(number) for (number,) in rows)}) AND next <= ?1"
            f" RETURNING {_COLUMNS}",
            [stamp(now)],
        )


def settle(
    db: Database, item: OutboxItem, state: str, now: datetime, reason: str | None = None
) -> None:
    """Record the outcome of a claimed row: sent, failed, skipped, or `due` to be tried again.

    Nothing is recorded if the feed has changed meanwhile: the row is due for the new content.
    """
    retry = stamp(retry_time(now, item.attempts)) if state == "due" else None
    with transaction(db):
        db.execute(
            "UPDATE outbox SET state = ?, at = ?, reason = ?, next = ?, batch = NULL"
            " WHERE id = ? AND content = ? AND (state = 'claimed' OR reason = 'interrupted')",
            [state, stamp(now), reason, retry, item.id, item.content],
        )


def by_id(db: Database, number: int) -> OutboxItem | None:
    """The row with an id; None if there is none."""
    return next(iter(_items(db, f"SELECT {_COLUMNS} FROM outbox WHERE id = ?", [number])), None)


# E-mails. One process at a time sends them; those in a batch are claimed by a mail worker.


def add(
    db: Database,
    kind: str,
    now: datetime,
    *,
    subscriber: int | None = None,
    curator: int | None = None,
    language: str = "",
    expires: datetime | None = None,
    mailed: bool = True,
) -> OutboxItem:
    """Queue an e-mail to a subscriber or, without one, to a person at the desk.

    Without `mailed`, only its one-time link is made, which is good until `expires`.
    """
    (item,) = _items(
        db,
        "INSERT INTO outbox (channel, key, subscriber, curator, kind, language, expires, state,"
        " created, at, next) VALUES (:channel, :channel || '.' || (SELECT ifnull(max(seq), 0) + 1"
        " FROM sqlite_sequence WHERE name = 'outbox'), :subscriber, :curator, :kind, :language,"
        " :expires, iif(:mailed, 'due', 'sent'), :now, :now, iif(:mailed, :now, NULL))"
        f" RETURNING {_COLUMNS}",
        {
            "channel": "desk" if subscriber is None else "notice",
            "subscriber": subscriber,
            "curator": curator,
            "kind": kind,
            "language": language,
            "expires": expires and stamp(expires),
            "mailed": mailed,
            "now": stamp(now),
        },
    )
    return item


def count(
    db: Database,
    kind: str,
    since: datetime,
    *,
    subscriber: int | None = None,
    curator: int | None = None,
) -> int:
    """The number of e-mails of a kind that were queued for a person since an instant."""
    row = db.execute(
        "SELECT count(*) FROM outbox WHERE subscriber IS ? AND curator IS ? AND kind = ?"
        " AND created >= ?",
        [subscriber, curator, kind, stamp(since)],
    ).fetchone()
    return int(row[0])


def newest(db: Database, kind: str, curator: int) -> OutboxItem | None:
    """The newest e-mail of a kind to a person at the desk; None if there is none."""
    query = f"SELECT {_COLUMNS} FROM outbox WHERE curator = ? AND kind = ? ORDER BY id DESC LIMIT 1"
    return next(iter(_items(db, query, [curator, kind])), None)


def is_mail_waiting(db: Database, now: datetime) -> bool:
    """Whether an e-mail is due, or left claimed by a process that has ended."""
    row = db.execute(
        f"SELECT EXISTS (SELECT 1 FROM outbox WHERE {_IS_MAIL} AND next <= ?)"
        f" OR EXISTS (SELECT 1 FROM outbox WHERE {_IS_MAIL} AND {_IS_LEFT})",
        [stamp(now)],
    ).fetchone()
    return bool(row[0])


def release_mail(db: Database, now: datetime) -> None:
    """Make e-mails due that a process left claimed when it ended, unless a mail worker has them."""
    released = "state = 'due', attempts = attempts - 1, next = ?"
    db.execute(f"UPDATE outbox SET {released} WHERE {_IS_MAIL} AND {_IS_LEFT}", [stamp(now)])


def delete_old(db: Database, channel: OutboxChannel, before: datetime) -> None:
    """Delete the rows of a channel that were added before an instant."""
    db.execute("DELETE FROM outbox WHERE channel = ? AND created < ?", [channel, stamp(before)])


def of_batch(db: Database, batch: str) -> list[OutboxItem]:
    """The e-mails of a batch."""
    return _items(db, f"SELECT {_COLUMNS} FROM outbox WHERE batch = ?", [batch])


def of_subscriber(db: Database, subscriber: int) -> list[dict[str, str]]:
    """The notices to a subscriber, oldest first: kind, asked, state."""
    query = "SELECT kind, created AS asked, state FROM outbox WHERE subscriber = ? ORDER BY id"
    return fetch_rows(db, query, [subscriber])


def use_link(db: Database, number: int, now: datetime) -> bool:
    """Use up a one-time link; False if it is used or expired."""
    unused = "WHERE id = ?2 AND used IS NULL AND expires > ?1"
    return db.execute(f"UPDATE outbox SET used = ?1 {unused}", [stamp(now), number]).rowcount == 1


def void_links(db: Database, curator: int, now: datetime, *, kind: str | None = None) -> None:
    """Make the unused links of a person void, or those of a kind."""
    db.execute(
        "UPDATE outbox SET used = ?1 WHERE curator = ?2 AND ifnull(kind = ?3, TRUE)"
        " AND expires NOTNULL AND used IS NULL",
        [stamp(now), curator, kind],
    )


# Chat posts and WebSub pings. Several processes may send them at once.


def enqueue_posts(
    db: Database, edition: Edition, chats: Sequence[ChatTarget], now: datetime
) -> None:
    """Queue an edition for each chat, unless it is queued already."""
    known = "SELECT 1 FROM outbox WHERE channel = 'chat' AND key = ?"
    rows = [
        (each.post_key(edition), each.place, each.language, stamp(now), edition.date.isoformat())
        for each in chats
        if db.execute(known, [each.post_key(edition)]).fetchone() is None
    ]
    if rows:
        with transaction(db):
            db.conn.executemany(
                "INSERT INTO outbox (channel, key, edition, place, language, state, created, at,"
                " next) SELECT 'chat', ?1, id, ?2, ?3, 'due', ?4, ?4, ?4 FROM editions"
                f" WHERE date = ?5 AND number = {edition.number} AND withdrawn IS NULL"
                " ON CONFLICT DO NOTHING",
                rows,
            )


def enqueue_pings(
    db: Database, hubs: Sequence[str], topics: Mapping[str, str], empty: set[str], now: datetime
) -> None:
    """Queue a ping for each hub and topic whose content has changed since the last ping.

    `topics` has the content of each topic. Topics in `empty` are not added, only updated. Rows of
    hubs and topics that are gone are deleted.
    """
    wanted = {f"{hub} {topic}": (hub, topic) for hub in hubs for topic in sorted(topics)}
    with transaction(db):
        rows = db.execute("SELECT key, content FROM outbox WHERE channel = 'websub'")
        known = dict(rows.fetchall())
        for key in known.keys() - wanted.keys():
            db.execute("DELETE FROM outbox WHERE channel = 'websub' AND key = ?", [key])
        for key, (hub, topic) in wanted.items():
            if known.get(key, "") != topics[topic] and (key in known or topic not in empty):
                db.execute(
                    "INSERT INTO outbox (channel, key, place, content, state, created, at, next)"
                    " VALUES ('websub', ?1, ?2, ?3, 'due', ?4, ?4, ?4) ON CONFLICT DO UPDATE SET"
                    " content = ?3, state = 'due', attempts = 0, created = ?4, at = ?4, next = ?4,"
                    " reason = NULL",
                    [key, hub, topics[topic], stamp(now)],
                )


def expire(db: Database, today: date, now: datetime, lost: datetime, old: datetime) -> None:
    """End posts and pings that are not to be sent any more: withdrawn, late, or tried too long.

    What was claimed before `lost` was interrupted: a ping is due again, a post failed, as it may
    have arrived. Pings that were tried are given up if their content is from before `old`.
    """
    is_open = "FROM outbox WHERE channel IN ('chat', 'websub') AND state IN ('due', 'claimed')"
    if not db.execute(f"SELECT 1 {is_open} LIMIT 1").fetchone():
        return
    withdrawn = "EXISTS (SELECT 1 FROM editions e WHERE e.id = edition AND e.withdrawn NOTNULL)"
    todays = "EXISTS (SELECT 1 FROM editions e WHERE e.id = edition AND e.date = :today)"
    statements = (
        "UPDATE outbox SET state = 'failed', at = :now, reason = 'interrupted'"
        " WHERE channel = 'chat' AND state = 'claimed' AND at < :lost",
        "UPDATE outbox SET state = 'due', next = :now"
        " WHERE channel = 'websub' AND state = 'claimed' AND at <= :lost",
        f"UPDATE outbox SET at = :now, next = NULL,"
        f" state = iif(attempts AND NOT {withdrawn}, 'failed', 'skipped'),"
        f" reason = CASE WHEN {withdrawn} THEN 'withdrawn' WHEN attempts THEN reason"
        " ELSE 'late' END"
        f" WHERE channel = 'chat' AND state = 'due' AND ({withdrawn} OR NOT {todays})",
        "UPDATE outbox SET state = 'failed', at = :now, next = NULL"
        " WHERE channel = 'websub' AND state = 'due' AND attempts AND created < :old",
    )
    times = {"now": stamp(now), "lost": stamp(lost), "old": stamp(old)}
    with transaction(db):
        for statement in statements:
            db.execute(statement, {**times, "today": today.isoformat()})


def postpone(db: Database, hub: str, now: datetime, until: datetime, reason: str) -> None:
    """Delay the pings of a hub that are due until an instant; they count as tried."""
    with transaction(db):
        db.execute(
            "UPDATE outbox SET attempts = attempts + 1, at = :now, reason = :reason, next = :until"
            " WHERE channel = 'websub' AND place = :hub AND next <= :now",
            {"hub": hub, "reason": reason, "now": stamp(now), "until": stamp(until)},
        )


def posts_since(db: Database, first: date) -> list[dict[str, Any]]:
    """The chat posts of the editions from the date `first` on, newest first."""
    return fetch_rows(
        db,
        "SELECT e.date, e.number, o.language, o.place, o.state, o.attempts, o.at, o.reason"
        " FROM outbox o JOIN editions e ON e.id = o.edition WHERE e.date >= ?"
        " ORDER BY e.date DESC, e.number DESC, o.place, o.language, o.key",
        [first.isoformat()],
    )


def ping_summary(db: Database) -> list[dict[str, Any]]:
    """The number of pings by hub, state and reason: hub, state, reason, number, at (the last)."""
    return fetch_rows(
        db,
        "SELECT place AS hub, state, reason, count(*) AS number, max(at) AS at FROM outbox"
        " WHERE channel = 'websub' GROUP BY hub, state, reason ORDER BY hub, state, reason",
    )


def _items(
    db: Database, statement: str, parameters: Sequence[Any] | dict[str, Any]
) -> list[OutboxItem]:
    """The rows of a statement that returns `_COLUMNS`, oldest first."""
    items = [
        OutboxItem(
            **{
                **row,
                "created": datetime.fromisoformat(row["created"]),
                "expires": instant(row["expires"]),
                "used": instant(row["used"]),
            }
        )
        for row in fetch_rows(db, statement, parameters)
    ]
    return sorted(items, key=lambda item: (item.created, item.id))
