"""How many get letters, by language and cadence: now, and at the end of each day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlite_utils import Database

from feed.model import Cadence


@dataclass(frozen=True, slots=True)
class Share:
    """How many get letters of a cadence in a language."""

    language: str
    cadence: Cadence
    number: int


def now(db: Database) -> list[Share]:
    """The shares at this moment; those that nobody belongs to are left out."""
    rows = db.execute(
        "SELECT language, cadence, count(*) FROM subscribers WHERE status = 'active'"
        " GROUP BY language, cadence ORDER BY language, cadence"
    )
    return [Share(*row) for row in rows]


def statuses(db: Database) -> dict[str, int]:
    """How many subscribers there are of each status."""
    return dict(db.execute("SELECT status, count(*) FROM subscribers GROUP BY status").fetchall())


def keep(db: Database, day: date, shares: Iterable[Share]) -> None:
    """Keep the shares of a day in the place of those that were kept of it before."""
    db.execute("DELETE FROM audience WHERE date = ?", [day.isoformat()])
    db.conn.executemany(
        "INSERT INTO audience VALUES (?, ?, ?, ?)",
        [(day.isoformat(), each.language, each.cadence, each.number) for each in shares],
    )


def totals(db: Database, first: date) -> list[tuple[date, int, int]]:
    """The days from `first` that were kept: date, how many got daily letters, how many weekly."""
    rows = db.execute(
        "SELECT date, sum(number * (cadence = 'daily')), sum(number * (cadence = 'weekly'))"
        " FROM audience WHERE date >= ? GROUP BY date ORDER BY date",
        [first.isoformat()],
    )
    return [(date.fromisoformat(day), daily, weekly) for day, daily, weekly in rows]
