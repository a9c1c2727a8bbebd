"""The proof of sending: for each letter how many were due, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlite_utils import Database

from feed.model import Cadence
from feed.store import deliveries, delivery_stats

_WAITING = ("claimed", "deferred")


@dataclass(slots=True)
class DeliveryReport:
    """What became of a letter in one language; `why` counts the reasons it was not sent."""

    date: str
    cadence: Cadence
    language: str
    due: int = 0
    sent: int = 0
    waiting: int = 0
    bounced: int = 0
    failed: int = 0
    skipped: int = 0
    why: dict[str, int] = field(default_factory=dict)


def proof(db: Database, first: date, last: date) -> list[DeliveryReport]:
    """Of the letters of the dates from `first` to `last`, newest first."""
    found: dict[tuple[str, Cadence, str], DeliveryReport] = {}
    for row in delivery_stats.summary(db, first, last):
        _add(found, row, row["state"], row["number"])
    for run in deliveries.runs(db):
        if first <= run.date <= last:
            for language, number in deliveries.counted(db, run):
                about = {"date": run.date.isoformat(), "cadence": run.cadence, "reason": None}
                _add(found, {**about, "language": language}, "waiting", number)
    return sorted(found.values(), key=lambda each: (each.date, each.cadence), reverse=True)


def _add(
    found: dict[tuple[str, Cadence, str], DeliveryReport],
    row: Mapping[str, Any],
    state: str,
    number: int,
) -> None:
    key = (row["date"], row["cadence"], row["language"])
    entry = found.setdefault(key, DeliveryReport(*key))
    name = "waiting" if state in _WAITING else state
    entry.due += number
    setattr(entry, name, getattr(entry, name) + number)
    if row["reason"]:
        entry.why[row["reason"]] = entry.why.get(row["reason"], 0) + number
