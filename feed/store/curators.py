"""The staff of the desk: their accounts."""

import json
import unicodedata
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.model.people import Curator
from feed.store.connection import fetch_rows, instant, stamp

Row = dict[str, Any]

_COLUMNS = (
    "c.id AS curator_id, c.address, c.name, c.role, c.languages, c.language,"
    " c.made AS curator_made, c.disabled, c.emails,"
    " (SELECT count(*) FROM passkeys WHERE curator = c.id) AS passkeys,"
    " (SELECT count(*) FROM sign_ons WHERE curator = c.id) AS sign_ons"
)
SELECT = f"SELECT {_COLUMNS}"


def curator(row: Row) -> Curator:
    """A curator from a row of SELECT."""
    return Curator(
        id=row["curator_id"],
        address=row["address"],
        name=row["name"],
        role=row["role"],
        languages=tuple(json.loads(row["languages"])),
        language=row["language"],
        made=datetime.fromisoformat(row["curator_made"]),
        disabled=instant(row["disabled"]),
        wants_emails=bool(row["emails"]),
        passkeys=row["passkeys"],
        sign_ons=row["sign_ons"],
    )


def list_all(db: Database) -> list[Curator]:
    """All accounts, disabled ones included, by name."""
    rows = fetch_rows(db, f"{SELECT} FROM curators c ORDER BY c.name COLLATE NOCASE, c.id")
    return [curator(row) for row in rows]


def named(db: Database, words: str) -> list[int]:
    """The ids of the people with every word at the start of a part of their name.

    Case and accents do not matter; a word of one or two letters must be a whole part.
    """
    wanted = _folded(words).split()
    return [
        number
        for number, name in db.execute("SELECT id, name FROM curators")
        if wanted and all(_is_part(word, _folded(name).split()) for word in wanted)
    ]


def by_id(db: Database, number: int) -> Curator | None:
    """An account by its id."""
    return _one(db, "c.id = ?", number)


def by_identity(db: Database, identity: str) -> Curator | None:
    """An account by its e-mail address in the form of `email_addresses.identity`."""
    return _one(db, "c.identity = ?", identity)


def is_empty(db: Database) -> bool:
    """Whether there are no accounts."""
    return db.execute("SELECT 1 FROM curators LIMIT 1").fetchone() is None


def administrators(db: Database) -> int:
    """The number of enabled administrators."""
    query = "SELECT count(*) FROM curators WHERE role = 'administrator' AND disabled IS NULL"
    return int(db.execute(query).fetchone()[0])


def add(db: Database, found: Curator, identity: str) -> int:
    """Add an account; returns its id (that of `found` is ignored)."""
    cursor = db.execute(
        "INSERT INTO curators (address, identity, name, role, languages, language, made)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            *(found.address, identity, found.name, found.role),
            *(json.dumps(found.languages), found.language, stamp(found.made)),
        ],
    )
    assert cursor.lastrowid is not None  # noqa: S101 – an INSERT has one
    return cursor.lastrowid


def change(db: Database, number: int, **values: object) -> None:
    """Update columns of an account; tuples are stored as JSON, instants as text."""
    stored = {name: _stored(value) for name, value in values.items()}
    settings = ", ".join(f"{name} = :{name}" for name in stored)
    db.execute(f"UPDATE curators SET {settings} WHERE id = :id", {**stored, "id": number})


def has_strong_administrator(db: Database) -> bool:
    """Whether an enabled administrator has a passkey or a sign-on."""
    query = (
        "SELECT EXISTS (SELECT 1 FROM curators c WHERE role = 'administrator' AND disabled IS NULL"
        " AND (EXISTS (SELECT 1 FROM passkeys WHERE curator = c.id)"
        " OR EXISTS (SELECT 1 FROM sign_ons WHERE curator = c.id)))"
    )
    return bool(db.execute(query).fetchone()[0])


def delete_ways_in(db: Database, number: int) -> None:
    """Delete the passkeys and sign-ons of an account."""
    db.execute("DELETE FROM passkeys WHERE curator = ?", [number])
    db.execute("DELETE FROM sign_ons WHERE curator = ?", [number])


def _folded(text: str) -> str:
    """The text in lower case, without accents."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _is_part(word: str, parts: list[str]) -> bool:
    return word in parts or (len(word) > 2 and any(part.startswith(word) for part in parts))


def _stored(value: object) -> object:
    if isinstance(value, tuple):
        return json.dumps(value)
    return stamp(value) if isinstance(value, datetime) else value


def _one(db: Database, where: str, value: object) -> Curator | None:
    row = next(iter(fetch_rows(db, f"{SELECT} FROM curators c WHERE {where}", [value])), None)
    return curator(row) if row else None
