"""The audit log of sign-in: one row a step, without addresses and secrets."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlite_utils import Database

from feed.model.people import Method, Where
from feed.store.connection import fetch_rows, instant, stamp

Action = Literal[
    "asked",
    "proved",
    "elevated",
    "refused",
    "signed-out",
    "session-ended",
    "way-added",
    "way-removed",
    "reset",
    "disabled",
    "enabled",
]

NOTICE = "way-in"  # the kind of the e-mails in the outbox
RETENTION = timedelta(days=90)

_SELECT = "SELECT at, action, outcome, method, network, device FROM sign_in_events"


@dataclass(frozen=True, slots=True)
class SignInEvent:
    """A step of sign-in; `outcome` is why it was refused, in a word, empty otherwise."""

    at: datetime
    action: Action
    outcome: str
    method: Method | None
    network: str
    device: str


def add(
    db: Database,
    action: Action,
    where: Where,
    now: datetime,
    *,
    curator: int | None,
    method: Method | None,
    outcome: str,
    notice: int | None,
) -> None:
    """Add an event; `curator` is None where nobody has the address, `notice` is its e-mail."""
    db.execute(
        "INSERT INTO sign_in_events (at, action, outcome, curator, method, network, device, notice)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(stamp(now), action, outcome, curator, method),
            *(where.network, where.device, notice),
        ],
    )


def of_curator(db: Database, curator: int, limit: int) -> list[SignInEvent]:
    """The newest events of an account, newest first."""
    query = f"{_SELECT} WHERE curator = ? ORDER BY id DESC LIMIT ?"
    return [_event(row) for row in fetch_rows(db, query, [curator, limit])]


def last_reset(db: Database, curator: int) -> datetime | None:
    """When an account was last reset; None if it was not, or longer ago than RETENTION."""
    query = "SELECT max(at) FROM sign_in_events WHERE curator = ? AND action = 'reset'"
    return instant(db.execute(query, [curator]).fetchone()[0])


def of_notice(db: Database, notice: int) -> SignInEvent | None:
    """The event that an e-mail is about; None if it is deleted."""
    rows = fetch_rows(db, f"{_SELECT} WHERE notice = ?", [notice])
    return _event(rows[0]) if rows else None


def delete_old(db: Database, now: datetime) -> None:
    """Delete the events that are older than RETENTION."""
    db.execute("DELETE FROM sign_in_events WHERE at < ?", [stamp(now - RETENTION)])


def _event(row: dict[str, Any]) -> SignInEvent:
    return SignInEvent(**{**row, "at": datetime.fromisoformat(row["at"])})
