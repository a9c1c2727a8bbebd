"""Delivery report: for each digest and language, how many were due and how they ended."""

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
    """Deliveries of a digest in one language, by state; `why` counts reasons of failure."""

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


def reports(db: Database, first: date, last: date) -> list[DeliveryReport]:
    """The reports of the digests of the dates from `first` to `last`, newest first."""
    found: dict[tuple[str, Cadence, str], DeliveryReport] = {}
    for row in delivery_stats.summary(db, first, last):
        _add(found, row, row["state"], row["number"])
    for run in deliveries.open_runs(db):
        if first <= run.date <= last:
            for language, number in deliveries.remaining(db, run):
                digest = {"date": run.date.isoformat(), "cadence": run.cadence, "reason": None}
                _add(found, {**digest, "language": language}, "waiting", number)
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
