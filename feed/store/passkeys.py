"""Passkeys (WebAuthn credentials) of people at the desk."""

import json
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.model.people import Passkey
from feed.store.connection import fetch_rows, instant, stamp

_SELECT = (
    "SELECT id, curator, handle, public_key, counter, name, transports, synced, made, used"
    " FROM passkeys"
)


def add(db: Database, found: Passkey) -> bool:
    """Add a passkey; False if its credential is known already."""
    done = db.execute(
        "INSERT INTO passkeys (id, curator, handle, public_key, counter, name, transports, synced,"
        " made) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            *(found.id, found.curator, found.handle, found.public_key, found.counter, found.name),
            *(json.dumps(found.transports), int(found.synced), stamp(found.made)),
        ],
    )
    return done.rowcount == 1


def of(db: Database, curator: int) -> list[Passkey]:
    """The passkeys of a person, oldest first."""
    rows = fetch_rows(db, f"{_SELECT} WHERE curator = ? ORDER BY made, id", [curator])
    return [_passkey(row) for row in rows]


def by_id(db: Database, credential: str) -> Passkey | None:
    """The passkey with that credential id; None if there is none."""
    row = next(iter(fetch_rows(db, f"{_SELECT} WHERE id = ?", [credential])), None)
    return _passkey(row) if row else None


def record_use(db: Database, credential: str, counter: int, now: datetime, *, synced: bool) -> None:
    """Record a sign-in by a passkey. The stored counter is the highest that was seen."""
    db.execute(
        "UPDATE passkeys SET used = ?, counter = max(counter, ?), synced = ? WHERE id = ?",
        [stamp(now), counter, int(synced), credential],
    )


def remove(db: Database, curator: int, credential: str) -> bool:
    """Delete a passkey of a person; False if they have no such passkey."""
    done = db.execute("DELETE FROM passkeys WHERE id = ? AND curator = ?", [credential, curator])
    return done.rowcount == 1


def _passkey(row: dict[str, Any]) -> Passkey:
    values = {
        "transports": tuple(json.loads(row["transports"])),
        "synced": bool(row["synced"]),
        "made": datetime.fromisoformat(row["made"]),
        "used": instant(row["used"]),
    }
    return Passkey(**{**row, **values})
