"""Comments of the people at the desk on principles."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.store.connection import fetch_rows, stamp

_SELECT = "SELECT m.*, c.name AS by FROM comments m JOIN curators c ON c.id = m.curator"


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on the text in a language, or on the whole principle (empty).

    `revision` is the id of the newest revision at that time, None where there was none; `by` is the
    author's name.
    """

    id: int
    principle: str
    revision: int | None
    language: str
    curator: int
    by: str
    at: datetime
    body: str


def add(
    db: Database,
    principle: str,
    revision: int | None,
    language: str,
    curator: int,
    body: str,
    now: datetime,
) -> int:
    """Add a comment; returns its id."""
    cursor = db.execute(
        "INSERT INTO comments (principle, revision, language, curator, at, body)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [principle, revision, language, curator, stamp(now), body],
    )
    assert cursor.lastrowid is not None  # noqa: S101 – an INSERT has one
    return cursor.lastrowid


def of_principle(db: Database, principle: str) -> list[Comment]:
    """The comments on a principle, oldest first."""
    rows = fetch_rows(db, f"{_SELECT} WHERE m.principle = ? ORDER BY m.id", [principle])
    return [Comment(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows]


def by_revision(db: Database, principle: str) -> dict[int, list[Comment]]:
    """The comments on a principle by the revision that was the newest then; empty lists, too."""
    found = defaultdict[int, list[Comment]](list)
    for each in of_principle(db, principle):
        found[each.revision or 0].append(each)
    return found


def authors(found: Collection[Comment]) -> frozenset[int]:
    """The ids of those who wrote some comments."""
    return frozenset(each.curator for each in found)
