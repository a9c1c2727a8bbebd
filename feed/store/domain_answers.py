"""Answers of mail servers by date of the digest and domain of the recipients.

A delivery counts once, with its last answer. A report that comes after a delivery was accepted
counts in addition.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlite_utils import Database

from feed.store.deliveries import Verdict

ALL_DOMAINS = ""


@dataclass(frozen=True, slots=True)
class DomainAnswers:
    """The number of deliveries to a domain by their last answer, and of later reports."""

    domain: str
    accepted: int
    later: int
    dead: int
    us: int

    def __sub__(self, other: "DomainAnswers") -> "DomainAnswers":
        return DomainAnswers(
            self.domain,
            self.accepted - other.accepted,
            self.later - other.later,
            self.dead - other.dead,
            self.us - other.us,
        )


def add(db: Database, changes: Mapping[tuple[date, str, Verdict], int]) -> None:
    """Add to the numbers, each also to the total of its date."""
    totals: dict[tuple[str, str], dict[str, int]] = {}
    for (day, domain, verdict), number in changes.items():
        for name in (domain, ALL_DOMAINS):
            row = totals.setdefault((day.isoformat(), name), {})
            row[verdict] = row.get(verdict, 0) + number
    db.conn.executemany(
        "INSERT INTO domain_answers VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " accepted = accepted + excluded.accepted, later = later + excluded.later,"
        " dead = dead + excluded.dead, us = us + excluded.us",
        [
            (*key, *(row.get(verdict, 0) for verdict in ("accepted", "later", "dead", "us")))
            for key, row in totals.items()
        ],
    )


def by_domain(db: Database, first: date, last: date, limit: int) -> list[DomainAnswers]:
    """The numbers of the dates from `first` to `last`: those of ALL_DOMAINS first.

    Then those of `limit` domains at most, the most refused first.
    """
    columns = "sum(accepted), sum(later), sum(dead), sum(us)"
    rows = db.execute(
        f"SELECT domain, {columns} FROM domain_answers WHERE date BETWEEN ? AND ? GROUP BY domain"
        " ORDER BY domain <> '', sum(later + dead + us) DESC, sum(accepted) DESC, domain LIMIT ?",
        [first.isoformat(), last.isoformat(), limit + 1],
    )
    return [DomainAnswers(*row) for row in rows]


def of_domain(db: Database, day: date, domain: str) -> DomainAnswers:
    """The numbers of a domain on a date, or of ALL_DOMAINS."""
    row = db.execute(
        "SELECT accepted, later, dead, us FROM domain_answers WHERE date = ? AND domain = ?",
        [day.isoformat(), domain],
    ).fetchone()
    return DomainAnswers(domain, *(row or (0, 0, 0, 0)))
