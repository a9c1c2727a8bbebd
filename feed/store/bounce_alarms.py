"""Alarms about many addresses that were reported dead at once: nobody is suspended meanwhile."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlite_utils import Database

from feed.store import deliveries
from feed.store.connection import stamp

Decision = Literal["accepted", "discarded"]

# The subscribers whose reports about the digests of a date, and of a domain, are meant.
_OF_DOMAIN = "(:domain = '' OR address LIKE '%@' || :domain)"


@dataclass(frozen=True, slots=True)
class BounceAlarm:
    """So many of the recipients of a digest date, in one domain or in all (""), reported dead."""

    date: date
    domain: str
    at: datetime
    dead: int
    recipients: int
    reply: str


def undecided(db: Database) -> list[BounceAlarm]:
    """The alarms that no administrator has decided, oldest first."""
    rows = db.execute(
        "SELECT date, domain, at, dead, recipients, reply FROM bounce_alarms"
        " WHERE decision IS NULL ORDER BY date, domain"
    )
    return [
        BounceAlarm(date.fromisoformat(day), domain, datetime.fromisoformat(at), *rest)
        for day, domain, at, *rest in rows
    ]


def exists(db: Database, day: date, domain: str) -> bool:
    """Whether there was an alarm about a domain on a date, decided or not."""
    query = "SELECT 1 FROM bounce_alarms WHERE date = ? AND domain = ?"
    return db.execute(query, [day.isoformat(), domain]).fetchone() is not None


def is_discarded(db: Database, day: date, domain: str) -> bool:
    """Whether an administrator has discarded the reports about a domain on a date."""
    row = db.execute(
        "SELECT 1 FROM bounce_alarms WHERE date = ? AND domain IN ('', ?)"
        " AND decision = 'discarded'",
        [day.isoformat(), domain],
    ).fetchone()
    return row is not None


def add(db: Database, alarm: BounceAlarm) -> None:
    """Add an alarm, and resume the subscriptions that its reports have suspended."""
    values = {
        "date": alarm.date.isoformat(),
        "domain": alarm.domain,
        "at": stamp(alarm.at),
        "dead": alarm.dead,
        "recipients": alarm.recipients,
        "reply": alarm.reply,
    }
    db.execute(
        "INSERT INTO bounce_alarms (date, domain, at, dead, recipients, reply)"
        " VALUES (:date, :domain, :at, :dead, :recipients, :reply)",
        values,
    )
    db.execute(
        "UPDATE subscribers SET status = 'active' WHERE status = 'suspended' AND id IN"
        f" (SELECT subscriber FROM bounces WHERE date = :date AND suspended) AND {_OF_DOMAIN}",
        values,
    )
    db.execute(
        "UPDATE bounces SET suspended = 0 WHERE date = :date AND suspended AND subscriber IN"
        f" (SELECT id FROM subscribers WHERE status = 'active' AND {_OF_DOMAIN})",
        values,
    )


def update(db: Database, day: date, domain: str, dead: int, reply: str) -> None:
    """Set the number of addresses of an undecided alarm, and the last reply."""
    db.execute(
        "UPDATE bounce_alarms SET dead = ?, reply = ? WHERE date = ? AND domain = ?"
        " AND decision IS NULL",
        [dead, reply, day.isoformat(), domain],
    )


def decide(db: Database, decision: Decision) -> int:
    """Decide all alarms; discarding deletes their reports. Returns the number of alarms."""
    if decision == "discarded":
        for alarm in undecided(db):
            db.execute(
                "DELETE FROM bounces WHERE date = :date AND kind = 'hard' AND subscriber IN"
                f" (SELECT id FROM subscribers WHERE {_OF_DOMAIN})",
                {"date": alarm.date.isoformat(), "domain": alarm.domain},
            )
    cursor = db.execute("UPDATE bounce_alarms SET decision = ? WHERE decision IS NULL", [decision])
    return cursor.rowcount


def recipients(db: Database, day: date, domain: str) -> int:
    """The number of recipients of the digests of a date: in a domain, or all ("").

    Those whom a run has still to reach are counted too.
    """
    values: dict[str, Any] = {"date": day.isoformat(), "domain": domain}
    join = "JOIN subscribers s ON s.id = d.subscriber" if domain else ""
    where = f" AND {_OF_DOMAIN}" if domain else ""
    (number,) = db.execute(
        "SELECT count(*) FROM letters l CROSS JOIN deliveries d ON d.letter = l.id"
        f" {join} WHERE l.date = :date AND d.state <> 'skipped'{where}",
        values,
    ).fetchone()
    runs = [run for run in deliveries.open_runs(db) if run.date == day]
    left = (count for run in runs for _, count in deliveries.remaining(db, run, domain))
    return int(number) + sum(left)


def delete_old(db: Database, before: date) -> None:
    """Delete alarms and numbers by domain of digests from before a date."""
    for table in ("bounce_alarms", "domain_answers"):
        db.execute(f"DELETE FROM {table} WHERE date < ?", [before.isoformat()])
