"""Subscribers: addresses and preferences, proof of consent, bounces, and counts of them.

Addresses of subscribers are stored in no other table.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlite_utils import Database

from feed.model import Cadence, Preferences, Subscriber
from feed.store.connection import instant, stamp

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """The number of active subscribers of a cadence in a language."""

    language: str
    cadence: Cadence
    number: int


# The number of address changes of subscriber `{}`.
MOVES = "(SELECT count(*) FROM consents WHERE subscriber = {} AND act = 'moved')"


def by_id(db: Database, number: int) -> Subscriber | None:
    """The subscriber with an id; None if there is none."""
    return _one(db, "id = ?", number)


def by_identity(db: Database, identity: str) -> Subscriber | None:
    """The subscriber with a normalised address; None if there is none."""
    return _one(db, "identity = ?", identity)


def statuses(db: Database, identities: Sequence[str]) -> dict[str, str]:
    """The statuses of the subscribers among some normalised addresses, by address."""
    rows = db.execute(
        "SELECT identity, status FROM subscribers"
        " WHERE identity IN (SELECT value FROM json_each(?))",
        [json.dumps(identities)],
    )
    return dict(rows.fetchall())


def add(
    db: Database, address: str, identity: str, preferences: Preferences, now: datetime
) -> Subscriber:
    """Add a subscriber who has to confirm."""
    row = {**columns(preferences), "address": address, "identity": identity, "now": stamp(now)}
    cursor = db.execute(
        "INSERT INTO subscribers (address, identity, language, cadence, workdays, hour, timezone,"
        " status, asked, since) VALUES (:address, :identity, :language, :cadence, :workdays, :hour,"
        " :timezone, 'pending', :now, :now) RETURNING id",
        row,
    )
    found = by_id(db, cursor.fetchone()[0])
    assert found is not None  # noqa: S101
    return found


def columns(preferences: Preferences) -> dict[str, Any]:
    """The columns of preferences; several languages are one value, as `sv+en`."""
    values = asdict(preferences)
    del values["others"]
    return {**values, "language": preferences.languages}


def change(db: Database, number: int, **values: Any) -> None:
    """Set some columns of a subscriber."""
    row = {name: _column(value) for name, value in values.items()}
    changes = ", ".join(f"{name} = :{name}" for name in row)
    db.execute(f"UPDATE subscribers SET {changes} WHERE id = :number", {**row, "number": number})


def propose(db: Database, number: int, preferences: Preferences, now: datetime) -> None:
    """Store preferences that a subscriber has yet to confirm, in place of earlier ones."""
    db.execute(
        "INSERT OR REPLACE INTO proposals VALUES"
        " (:number, :language, :cadence, :workdays, :hour, :timezone, :now)",
        {**columns(preferences), "number": number, "now": stamp(now)},
    )


def proposed(db: Database, found: Subscriber) -> Subscriber:
    """A subscriber with the preferences that wait to be confirmed, if there are any."""
    query = "SELECT * FROM proposals WHERE subscriber = ?"
    row = next(iter(db.query(query, [found.id])), None)
    return found if row is None else replace(found, preferences=_preferences(row))


def delete_proposal(db: Database, number: int) -> None:
    """Delete the preferences that a subscriber has not confirmed."""
    db.execute("DELETE FROM proposals WHERE subscriber = ?", [number])


def erase(db: Database, number: int) -> None:
    """Delete a subscriber; consents, notices and bounces are deleted with it."""
    db.execute("DELETE FROM subscribers WHERE id = ?", [number])


def delete_unconfirmed(db: Database, before: datetime) -> None:
    """Delete subscribers and preferences that were requested before an instant, unconfirmed."""
    db.execute("DELETE FROM subscribers WHERE status = 'pending' AND asked < ?", [stamp(before)])
    db.execute("DELETE FROM proposals WHERE asked < ?", [stamp(before)])


def timezones(db: Database) -> list[str]:
    """The timezones of active subscribers: one index lookup each (a loose index scan)."""
    rows = db.execute(
        "WITH RECURSIVE zones(name) AS ("
        " SELECT min(timezone) FROM subscribers WHERE status = 'active'"
        " UNION ALL SELECT (SELECT min(timezone) FROM subscribers"
        " WHERE status = 'active' AND timezone > zones.name) FROM zones WHERE name IS NOT NULL)"
        " SELECT name FROM zones WHERE name IS NOT NULL"
    )
    return [name for (name,) in rows]


def record_consent(
    db: Database, number: int, act: str, language: str, wording: str, source: str, now: datetime
) -> None:
    """Store the wording that a subscriber agreed to, where and when."""
    db.execute("INSERT INTO wordings (wording) VALUES (?) ON CONFLICT DO NOTHING", [wording])
    db.execute(
        "INSERT INTO consents (subscriber, at, act, language, wording, source)"
        " SELECT ?, ?, ?, ?, id, ? FROM wordings WHERE wording = ?",
        [number, stamp(now), act, language, source, wording],
    )


def consents(db: Database, number: int) -> list[Row]:
    """The consents of a subscriber, oldest first: at, act, language, wording, source."""
    return list(
        db.query(
            "SELECT c.at, c.act, c.language, w.wording, c.source FROM consents c"
            " JOIN wordings w ON w.id = c.wording WHERE c.subscriber = ? ORDER BY c.id",
            [number],
        )
    )


def record_bounce(
    db: Database, number: int, kind: str, now: datetime, day: date | None = None
) -> bool:
    """Store a bounce (`hard`) or a `complaint`, with the date of the digest that it is about.

    Returns whether it is the first of its kind about that digest.
    """
    values = [number, kind, day and day.isoformat()]
    cursor = db.execute(
        "SELECT 1 FROM bounces WHERE subscriber = ? AND kind = ? AND date IS ?", values
    )
    is_first = cursor.fetchone() is None
    db.execute(
        "INSERT INTO bounces (subscriber, kind, date, at) VALUES (?, ?, ?, ?)",
        [*values, stamp(now)],
    )
    return is_first


def bounces(db: Database, number: int, since: datetime) -> list[tuple[datetime, str]]:
    """The bounces of a subscriber since an instant, oldest first: (at, kind)."""
    rows = db.execute(
        "SELECT at, kind FROM bounces WHERE subscriber = ? AND at >= ? ORDER BY at",
        [number, stamp(since)],
    )
    return [(datetime.fromisoformat(at), kind) for at, kind in rows]


def count_bounces(db: Database) -> dict[str, int]:
    """The number of stored bounces by kind."""
    return dict(db.execute("SELECT kind, count(*) FROM bounces GROUP BY kind").fetchall())


def delete_bounces(db: Database, number: int) -> None:
    """Delete the bounces of a subscriber."""
    db.execute("DELETE FROM bounces WHERE subscriber = ?", [number])


def reported_dead(db: Database, since: datetime) -> list[int]:
    """The active subscribers whose addresses were reported dead since an instant."""
    rows = db.execute(
        "SELECT DISTINCT b.subscriber FROM bounces b JOIN subscribers s ON s.id = b.subscriber"
        " WHERE b.kind = 'hard' AND b.at >= ? AND s.status = 'active' ORDER BY b.subscriber",
        [stamp(since)],
    )
    return [number for (number,) in rows]


def count_suspended(db: Database, since: datetime) -> int:
    """The number of subscribers who were suspended since an instant, and still are."""
    row = db.execute(
        "SELECT count(*) FROM subscribers WHERE status = 'suspended' AND since >= ?",
        [stamp(since)],
    ).fetchone()
    return int(row[0])


def suspend(db: Database, number: int, now: datetime) -> bool:
    """Suspend an active subscriber because of their newest bounce; False if they are not active."""
    cursor = db.execute(
        "UPDATE subscribers SET status = 'suspended', since = ? WHERE id = ? AND status = 'active'",
        [stamp(now), number],
    )
    if cursor.rowcount:
        db.execute(
            "UPDATE bounces SET suspended = 1 WHERE id ="
            " (SELECT max(id) FROM bounces WHERE subscriber = ?)",
            [number],
        )
    return cursor.rowcount == 1


def resume(db: Database, numbers: Sequence[int], now: datetime) -> None:
    """Activate suspended subscribers, and delete their bounces."""
    rows = [(stamp(now), number) for number in numbers]
    db.conn.executemany("UPDATE subscribers SET status = 'active', since = ? WHERE id = ?", rows)
    db.conn.executemany("DELETE FROM bounces WHERE subscriber = ?", [row[1:] for row in rows])


def suspended(
    db: Database, start: datetime | None, end: datetime | None, domain: str | None, limit: int = -1
) -> list[int]:
    """Ids of those who were suspended from `start` to `end` at a domain, without complaints.

    None stands for any time and any domain.
    """
    rows = db.execute(
        "SELECT id FROM subscribers s WHERE status = 'suspended'"
        " AND since >= coalesce(:start, '') AND since < coalesce(:end, '9')"
        " AND (:domain IS NULL OR substr(identity, -length(:domain) - 1) = '@' || :domain)"
        " AND NOT EXISTS"
        " (SELECT 1 FROM bounces b WHERE b.subscriber = s.id AND b.kind = 'complaint')"
        " ORDER BY id LIMIT :limit",
        {
            "start": stamp(start) if start else None,
            "end": stamp(end) if end else None,
            "domain": domain,
            "limit": limit,
        },
    )
    return [number for (number,) in rows]


def receiving(db: Database, domain: str) -> list[int]:
    """Ids of those at a domain who get digests, or may once they confirm or are resumed."""
    rows = db.execute(
        "SELECT id FROM subscribers WHERE status <> 'left'"
        " AND substr(identity, -length(:domain) - 1) = '@' || :domain",
        {"domain": domain},
    )
    return [number for (number,) in rows]


def shares(db: Database) -> list[Share]:
    """The shares now, without empty ones."""
    rows = db.execute(
        "SELECT language, cadence, count(*) FROM subscribers WHERE status = 'active'"
        " GROUP BY language, cadence ORDER BY language, cadence"
    )
    return [Share(*row) for row in rows]


def count_by_status(db: Database) -> dict[str, int]:
    """The number of subscribers by status."""
    return dict(db.execute("SELECT status, count(*) FROM subscribers GROUP BY status").fetchall())


def save_shares(db: Database, day: date, shares: Iterable[Share]) -> None:
    """Store the shares of a day, in place of those stored before."""
    db.execute("DELETE FROM audience WHERE date = ?", [day.isoformat()])
    db.conn.executemany(
        "INSERT INTO audience VALUES (?, ?, ?, ?)",
        [(day.isoformat(), each.language, each.cadence, each.number) for each in shares],
    )


def daily_totals(db: Database, first: date) -> list[tuple[date, int, int]]:
    """The stored days from `first` on: date, daily subscribers, weekly subscribers."""
    rows = db.execute(
        "SELECT date, sum(number * (cadence = 'daily')), sum(number * (cadence = 'weekly'))"
        " FROM audience WHERE date >= ? GROUP BY date ORDER BY date",
        [first.isoformat()],
    )
    return [(date.fromisoformat(day), daily, weekly) for day, daily, weekly in rows]


def _one(db: Database, condition: str, value: object) -> Subscriber | None:
    query = f"SELECT *, {MOVES.format('s.id')} AS moves FROM subscribers s WHERE {condition}"
    row = next(iter(db.query(query, [value])), None)
    return None if row is None else _subscriber(row)


def _subscriber(row: Row) -> Subscriber:
    asked, since = datetime.fromisoformat(row["asked"]), datetime.fromisoformat(row["since"])
    return Subscriber(
        id=row["id"],
        address=row["address"],
        preferences=_preferences(row),
        status=row["status"],
        asked=asked,
        confirmed=instant(row["confirmed"]),
        since=since,
        paused_until=date.fromisoformat(row["paused_until"]) if row["paused_until"] else None,
        epoch=row["epoch"],
        new_address=row["new_address"],
        old_address=row["old_address"],
        moves=row["moves"],
    )


def _preferences(row: Row) -> Preferences:
    language, *others = row["language"].split("+")
    workdays = bool(row["workdays"])
    return Preferences(
        language, row["cadence"], workdays, row["hour"], row["timezone"], tuple(others)
    )


def _column(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    return value.isoformat() if isinstance(value, date) else value
