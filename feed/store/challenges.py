"""Single-use challenges of sign-in: each is for one browser and one purpose, until it expires.

Only the hash of the random value is stored.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlite_utils import Database

from feed.store.connection import fetch_rows, stamp

Purpose = Literal["link", "passkey-add", "passkey-sign-in", "sign-on"]

_COLUMNS = "id, browser, curator, data, tries"


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge: `browser` is the hash of the token of the browser that it is for.

    `curator` is None where nobody is known yet. `tries` counts the attempts to answer it.
    """

    id: str
    browser: str
    curator: int | None
    data: dict[str, Any]
    tries: int


def add(
    db: Database,
    digest: str,
    purpose: Purpose,
    browser: str,
    data: dict[str, Any],
    expires: datetime,
    *,
    curator: int | None = None,
) -> None:
    """Add a challenge; it replaces the browser's earlier ones with the same purpose."""
    db.execute("DELETE FROM challenges WHERE browser = ? AND purpose = ?", [browser, purpose])
    db.execute(
        "INSERT INTO challenges (id, purpose, browser, curator, data, expires)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [digest, purpose, browser, curator, json.dumps(data), stamp(expires)],
    )


def take(
    db: Database, digest: str, purpose: Purpose, browser: str, now: datetime
) -> Challenge | None:
    """Use up a challenge; None if it is used, expired, or another purpose's or browser's."""
    return _one(
        db,
        "DELETE FROM challenges WHERE id = ? AND purpose = ? AND browser = ? AND expires > ?",
        [digest, purpose, browser, stamp(now)],
    )


def find(db: Database, digest: str, purpose: Purpose, now: datetime) -> Challenge | None:
    """A challenge that is open, whatever browser it is for; None if there is none."""
    where = "WHERE id = ? AND purpose = ? AND expires > ?"
    parameters = [digest, purpose, stamp(now)]
    rows = fetch_rows(db, f"SELECT {_COLUMNS} FROM challenges {where}", parameters)
    return _challenge(rows[0]) if rows else None


def attempt(db: Database, purpose: Purpose, browser: str, now: datetime) -> Challenge | None:
    """Count an attempt at the browser's challenge with that purpose; None if there is none."""
    return _one(
        db,
        "UPDATE challenges SET tries = tries + 1 WHERE purpose = ? AND browser = ? AND expires > ?",
        [purpose, browser, stamp(now)],
    )


def delete_of_browser(db: Database, browser: str) -> None:
    """Delete a browser's challenges."""
    db.execute("DELETE FROM challenges WHERE browser = ?", [browser])


def delete_of_curator(db: Database, curator: int) -> None:
    """Delete the challenges of an account."""
    db.execute("DELETE FROM challenges WHERE curator = ?", [curator])


def delete_expired(db: Database, now: datetime) -> None:
    """Delete the challenges that have expired."""
    db.execute("DELETE FROM challenges WHERE expires <= ?", [stamp(now)])


def _one(db: Database, statement: str, parameters: list[str]) -> Challenge | None:
    rows = fetch_rows(db, f"{statement} RETURNING {_COLUMNS}", parameters)
    return _challenge(rows[0]) if rows else None


def _challenge(row: dict[str, Any]) -> Challenge:
    return Challenge(**{**row, "data": json.loads(row["data"])})
