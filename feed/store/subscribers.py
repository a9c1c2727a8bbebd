"""The subscribers, the proof of what they agreed to, and what came back from them.

The only place where addresses are kept.
"""

from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any

from sqlite_utils import Database

from feed.model import Preferences, Subscriber
from feed.store.timestamps import instant, stamp

Row = dict[str, Any]

# How often letters to `{}` have moved to another address.
MOVES = "(SELECT count(*) FROM consents WHERE subscriber = {} AND act = 'moved')"


def by_id(db: Database, number: int) -> Subscriber | None:
    """The subscriber of that number."""
    return _one(db, "id = ?", number)


def by_identity(db: Database, identity: str) -> Subscriber | None:
    """The subscriber whose address compares as `identity`."""
    return _one(db, "identity = ?", identity)


def add(
    db: Database, address: str, identity: str, preferences: Preferences, now: datetime
) -> Subscriber:
    """Enter somebody who has asked for letters."""
    row = {**asdict(preferences), "address": address, "identity": identity, "now": stamp(now)}
    cursor = db.execute(
        "INSERT INTO subscribers (address, identity, language, cadence, workdays, hour, timezone,"
        " status, asked, since) VALUES (:address, :identity, :language, :cadence, :workdays, :hour,"
        " :timezone, 'pending', :now, :now) RETURNING id",
        row,
    )
    found = by_id(db, cursor.fetchone()[0])
    assert found is not None  # noqa: S101
    return found


def change(db: Database, number: int, **values: Any) -> None:
    """Set some columns of a subscriber."""
    given = {name: _kept(value) for name, value in values.items()}
    changes = ", ".join(f"{name} = :{name}" for name in given)
    db.execute(f"UPDATE subscribers SET {changes} WHERE id = :number", {**given, "number": number})


def propose(db: Database, number: int, preferences: Preferences, now: datetime) -> None:
    """Keep new wishes in the name of a subscriber, in place of earlier ones, beside the present."""
    db.execute(
        "INSERT OR REPLACE INTO proposals VALUES"
        " (:number, :language, :cadence, :workdays, :hour, :timezone, :now)",
        {**asdict(preferences), "number": number, "now": stamp(now)},
    )


def proposed(db: Database, found: Subscriber) -> Subscriber:
    """A subscriber as they would be with the wishes that wait to be confirmed, if any do."""
    query = "SELECT * FROM proposals WHERE subscriber = ?"
    row = next(iter(db.query(query, [found.id])), None)
    return found if row is None else replace(found, preferences=_preferences(row))


def forget_proposal(db: Database, number: int) -> None:
    """Let no other wishes of a subscriber wait."""
    db.execute("DELETE FROM proposals WHERE subscriber = ?", [number])


def erase(db: Database, number: int) -> None:
    """Forget a subscriber with everything that hangs on the person."""
    db.execute("DELETE FROM subscribers WHERE id = ?", [number])


def forget_unconfirmed(db: Database, before: datetime) -> None:
    """Forget who, and what, was last asked for before that instant and not confirmed."""
    db.execute("DELETE FROM subscribers WHERE status = 'pending' AND asked < ?", [stamp(before)])
    db.execute("DELETE FROM proposals WHERE asked < ?", [stamp(before)])


def timezones(db: Database) -> list[str]:
    """The timezones of those who get letters: a few looks into the index, however many they are."""
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
    """Keep what somebody was shown when they did something, and when."""
    db.execute("INSERT INTO wordings (wording) VALUES (?) ON CONFLICT DO NOTHING", [wording])
    db.execute(
        "INSERT INTO consents (subscriber, at, act, language, wording, source)"
        " SELECT ?, ?, ?, ?, id, ? FROM wordings WHERE wording = ?",
        [number, stamp(now), act, language, source, wording],
    )


def consents(db: Database, number: int) -> list[Row]:
    """What somebody agreed to, oldest first: at, act, language, wording, source."""
    return list(
        db.query(
            "SELECT c.at, c.act, c.language, w.wording, c.source FROM consents c"
            " JOIN wordings w ON w.id = c.wording WHERE c.subscriber = ? ORDER BY c.id",
            [number],
        )
    )


def record_bounce(db: Database, number: int, kind: str, now: datetime) -> None:
    """Keep that a letter came back (hard, soft) or was complained about."""
    db.execute(
        "INSERT INTO bounces (subscriber, at, kind) VALUES (?, ?, ?)", [number, stamp(now), kind]
    )


def bounces(db: Database, number: int, since: datetime) -> list[tuple[datetime, str]]:
    """What came back from somebody since that instant, oldest first: (when, kind)."""
    rows = db.execute(
        "SELECT at, kind FROM bounces WHERE subscriber = ? AND at >= ? ORDER BY at",
        [number, stamp(since)],
    )
    return [(datetime.fromisoformat(at), kind) for at, kind in rows]


def bounced(db: Database) -> dict[str, int]:
    """How many bounces of each kind are remembered."""
    return dict(db.execute("SELECT kind, count(*) FROM bounces GROUP BY kind").fetchall())


def forget_bounces(db: Database, number: int) -> None:
    """Begin anew with somebody whose letters came back."""
    db.execute("DELETE FROM bounces WHERE subscriber = ?", [number])


def suspend(db: Database, number: int, now: datetime) -> bool:
    """Stop writing to somebody who gets letters; False if they do not."""
    cursor = db.execute(
        "UPDATE subscribers SET status = 'suspended', since = ? WHERE id = ? AND status = 'active'",
        [stamp(now), number],
    )
    return cursor.rowcount == 1


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
    return Preferences(
        row["language"], row["cadence"], bool(row["workdays"]), row["hour"], row["timezone"]
    )


def _kept(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    return value.isoformat() if isinstance(value, date) else value
