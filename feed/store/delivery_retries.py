"""Deferred deliveries: tried again at a time of their own, or when a domain accepts the sender."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.store.connection import stamp
from feed.store.deliveries import PAUSED, RETURNING, Claim, as_claim, written


def claim_retries(db: Database, now: datetime, limit: int) -> list[Claim]:
    """Claim deferred deliveries whose next try is due, the oldest first.

    Those of subscribers who left or paused meanwhile become skipped, and are not returned.
    """
    return _claim_deferred(
        db, "state = 'deferred' AND next <= :now ORDER BY next", {"limit": limit}, now
    )


def claim_waiting(db: Database, domain: str, now: datetime) -> list[Claim]:
    """Claim one delivery that waits for a refusing domain: of the least tried, the first.

    Those of subscribers who left or paused meanwhile become skipped, and are not returned.
    """
    values = {"domain": domain, "limit": 1}
    where = "waits_for = :domain ORDER BY attempts, due, letter, subscriber"
    while not (claims := _claim_deferred(db, where, values, now)):
        if not is_waiting(db, domain):
            return []
    return claims


def _claim_deferred(db: Database, where: str, values: dict[str, Any], now: datetime) -> list[Claim]:
    wanted = (
        "EXISTS (SELECT 1 FROM subscribers s WHERE s.id = subscriber AND s.status = 'active'"
        f" AND NOT {PAUSED.format(due='due')})"
    )
    rows = written(
        db,
        "UPDATE deliveries SET next = NULL, waits_for = NULL, at = :now,"
        f" state = CASE WHEN {wanted} THEN 'claimed' ELSE 'skipped' END,"
        f" reason = CASE WHEN {wanted} THEN NULL ELSE 'left' END"
        " WHERE (letter, subscriber) IN (SELECT letter, subscriber FROM deliveries"
        f" WHERE {where} LIMIT :limit){RETURNING}",
        {**values, "now": stamp(now)},
    )
    return [as_claim(row) for row in rows if row["state"] == "claimed"]


def is_waiting(db: Database, domain: str) -> bool:
    """Whether a delivery waits for a refusing domain."""
    row = db.execute("SELECT 1 FROM deliveries WHERE waits_for = ? LIMIT 1", [domain]).fetchone()
    return row is not None


def defer(db: Database, claims: Iterable[Claim], next_try: datetime) -> None:
    """Defer claimed deliveries that were not tried."""
    db.conn.executemany(
        "UPDATE deliveries SET state = 'deferred', next = ? WHERE letter = ? AND subscriber = ?",
        [(stamp(next_try), each.digest_id, each.subscriber) for each in claims],
    )


def wait_for_domain(db: Database, claims: Iterable[Claim]) -> None:
    """Defer claimed deliveries until their domains no longer refuse the sender."""
    db.conn.executemany(
        "UPDATE deliveries SET state = 'deferred', next = NULL, waits_for = ?"
        " WHERE letter = ? AND subscriber = ?",
        [(each.domain, each.digest_id, each.subscriber) for each in claims],
    )


def resume_domain(db: Database, domain: str, now: datetime) -> None:
    """Let what waits for a domain be tried now."""
    db.execute(
        "UPDATE deliveries SET next = ?, waits_for = NULL WHERE waits_for = ?",
        [stamp(now), domain],
    )


def release_claims(db: Database, now: datetime) -> int:
    """Defer what a sender left claimed when it ended; the number of deliveries.

    Those in a batch of a mail worker stay claimed: the worker reports what became of them.
    """
    cursor = db.execute(
        "UPDATE deliveries SET state = 'deferred', next = ? WHERE state = 'claimed'"
        " AND batch IS NULL",
        [stamp(now)],
    )
    return cursor.rowcount


def expire_deferred(db: Database, due_before: datetime, now: datetime) -> int:
    """End deferred deliveries that were due before an instant; the number of them.

    They become failed, or skipped as `late` if they were never tried.
    """
    cursor = db.execute(
        "UPDATE deliveries SET next = NULL, waits_for = NULL, at = :now,"
        " state = CASE attempts WHEN 0 THEN 'skipped' ELSE 'failed' END,"
        " reason = CASE attempts WHEN 0 THEN 'late' ELSE reason END"
        " WHERE state = 'deferred' AND due < :before",
        {"before": stamp(due_before), "now": stamp(now)},
    )
    return cursor.rowcount
