"""The staff of the desk: accounts, password hashes, second factors and recovery codes."""

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
    " c.made AS curator_made, c.disabled, c.password IS NOT NULL AS has_password,"
    " c.factor IS NOT NULL AS has_factor, c.emails"
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
        has_password=bool(row["has_password"]),
        has_factor=bool(row["has_factor"]),
        wants_emails=bool(row["emails"]),
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


def password(db: Database, number: int) -> str | None:
    """The password hash of an account; None without a password."""
    row = db.execute("SELECT password FROM curators WHERE id = ?", [number]).fetchone()
    return row[0] if row else None


def factor(db: Database, number: int) -> str | None:
    """The TOTP secret of an account; None without a second factor."""
    row = db.execute("SELECT factor FROM curators WHERE id = ?", [number]).fetchone()
    return row[0] if row else None


def take_step(db: Database, number: int, step: int) -> bool:
    """Use up the TOTP code of a time step; False if it or a later one was used already."""
    done = db.execute(
        "UPDATE curators SET factor_step = ? WHERE id = ? AND factor_step < ?", [step, number, step]
    )
    return done.rowcount == 1


def put_recovery_codes(db: Database, number: int, hashes: list[str]) -> None:
    """Replace an account's recovery codes, given as hashes."""
    db.execute("DELETE FROM recovery_codes WHERE curator = ?", [number])
    db.conn.executemany(
        "INSERT INTO recovery_codes VALUES (?, ?)", [(number, each) for each in hashes]
    )


def recovery_codes(db: Database, number: int) -> int:
    """The number of unused recovery codes of an account."""
    query = "SELECT count(*) FROM recovery_codes WHERE curator = ?"
    return int(db.execute(query, [number]).fetchone()[0])


def use_recovery_code(db: Database, number: int, digest: str) -> bool:
    """Use up a recovery code, given as its hash; False if there is no such code."""
    done = db.execute("DELETE FROM recovery_codes WHERE curator = ? AND code = ?", [number, digest])
    return done.rowcount == 1


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
