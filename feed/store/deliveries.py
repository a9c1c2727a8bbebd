"""The ledger of letters: one row for each letter to each subscriber.

A *run* hands a letter out to those of one timezone and hour, in the order of their numbers; how far
it has come is kept with what it hands out, in one transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlite_utils import Database

from feed.model import Cadence, Day
from feed.store.subscribers import MOVES
from feed.store.timestamps import stamp


@dataclass(frozen=True, slots=True)
class DigestRun:
    """A letter to those of one timezone and hour, for whom it is the date `day`."""

    id: int
    letter: int
    cadence: Cadence
    date: date
    timezone: str
    hour: int
    day: Day
    due: datetime
    reached: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A letter to one subscriber, who moved so many times, that this process is about to send."""

    letter: int
    subscriber: int
    cadence: Cadence
    date: date
    language: str
    address: str
    moves: int
    due: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a claim; `retry` is when a deferred one is tried again."""

    claim: Claim
    state: str
    reason: str | None = None
    retry: datetime | None = None


# Those of a run who are to get its letter, of a stretch of numbers.
_ELIGIBLE = (
    " FROM subscribers WHERE status = 'active' AND timezone = :timezone AND hour = :hour"
    " AND cadence = :cadence AND id > :reached AND id <= :last AND since <= :due"
    " AND (paused_until IS NULL OR paused_until <= :day) AND NOT (workdays AND :weekend)"
)
# Whether a subscriber `s` is paused on their own date of a letter that is due at `{due}`.
PAUSED = "(s.paused_until IS NOT NULL AND s.paused_until > local_date({due}, s.timezone))"
CLAIM = (
    "SELECT d.letter, d.subscriber, l.cadence, l.date, d.language, s.address, d.due, d.attempts,"
    f" {MOVES.format('s.id')} AS moves"
    " FROM deliveries d JOIN letters l ON l.id = d.letter JOIN subscribers s ON s.id = d.subscriber"
)


def open_run(
    db: Database,
    cadence: Cadence,
    day: date,
    timezone: str,
    hour: int,
    local: date,
    due: datetime,
) -> None:
    """Begin to hand out a letter of the date `day`, if that has not begun and somebody gets it."""
    somebody = db.execute(
        "SELECT EXISTS (SELECT 1 FROM subscribers WHERE status = 'active' AND timezone = ?"
        " AND hour = ? AND cadence = ?)",
        [timezone, hour, cadence],
    ).fetchone()[0]
    if not somebody:
        return
    db.execute(
        "INSERT INTO letters (cadence, date) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [cadence, day.isoformat()],
    )
    db.execute(
        "INSERT INTO runs (letter, timezone, hour, day, due)"
        " SELECT id, ?, ?, ?, ? FROM letters WHERE cadence = ? AND date = ?"
        " ON CONFLICT DO NOTHING",
        [timezone, hour, local.isoformat(), stamp(due), cadence, day.isoformat()],
    )


def runs(db: Database) -> list[DigestRun]:
    """The runs that are not finished, in the order in which they became due."""
    rows = db.query(
        "SELECT r.id, r.letter, l.cadence, l.date, r.timezone, r.hour, r.day, r.due, r.reached"
        " FROM runs r JOIN letters l ON l.id = r.letter WHERE r.finished IS NULL"
        " ORDER BY r.due, r.id"
    )
    return [
        DigestRun(
            **{
                **row,
                "date": date.fromisoformat(row["date"]),
                "day": date.fromisoformat(row["day"]),
                "due": datetime.fromisoformat(row["due"]),
            }
        )
        for row in rows
    ]


def counted(db: Database, run: DigestRun) -> list[tuple[str, int]]:
    """How many are still to get the letter of a run, by language."""
    rows = db.execute(
        f"SELECT language, count(*) {_ELIGIBLE} GROUP BY language", {**_given(run), "last": 2**62}
    )
    return [tuple(row) for row in rows]


def hand_out(
    db: Database, run: DigestRun, limit: int, now: datetime, state: str, reason: str | None = None
) -> list[int]:
    """Enter the next of a run, `limit` numbers at most, as claimed or skipped; who they are.

    Nobody gets a letter twice, whatever they changed meanwhile. At its end the run is finished.
    """
    (last,) = db.execute(
        "SELECT max(id) FROM (SELECT id FROM subscribers WHERE status = 'active'"
        " AND timezone = :timezone AND hour = :hour AND cadence = :cadence AND id > :reached"
        " ORDER BY id LIMIT :limit)",
        {**_given(run), "limit": limit},
    ).fetchone()
    if last is None:
        db.execute("UPDATE runs SET finished = ? WHERE id = ?", [stamp(now), run.id])
        return []
    rows = db.execute(
        "INSERT INTO deliveries (letter, subscriber, language, state, due, at, reason)"
        f" SELECT :letter, id, language, :state, :due, :now, :reason {_ELIGIBLE}"
        " ON CONFLICT DO NOTHING RETURNING subscriber",
        {**_given(run), "last": last, "state": state, "now": stamp(now), "reason": reason},
    ).fetchall()
    db.execute("UPDATE runs SET reached = ? WHERE id = ?", [last, run.id])
    return [number for (number,) in rows]


def claims(db: Database, letter: int, numbers: Sequence[int]) -> list[Claim]:
    """What was claimed just now of a letter, in the order of the numbers."""
    if not numbers:
        return []
    rows = db.query(
        f"{CLAIM} WHERE d.letter = ? AND d.subscriber BETWEEN ? AND ? AND d.state = 'claimed'"
        " AND s.status = 'active' ORDER BY d.subscriber",
        [letter, min(numbers), max(numbers)],
    )
    wanted = set(numbers)
    return [as_claim(row) for row in rows if row["subscriber"] in wanted]


def still(db: Database, given: Sequence[Claim]) -> dict[tuple[int, int], Claim]:
    """Those of some claims whose subscriber still gets letters, by letter and subscriber."""
    found: dict[tuple[int, int], Claim] = {}
    for claim in given:
        rows = db.query(
            f"{CLAIM} WHERE d.letter = ? AND d.subscriber = ? AND s.status = 'active'"
            f" AND NOT {PAUSED.format(due='d.due')}",
            [claim.letter, claim.subscriber],
        )
        for row in rows:
            found[claim.letter, claim.subscriber] = as_claim(row)
    return found


def release(db: Database, now: datetime) -> int:
    """Have what a sender left claimed when it ended tried again; how many these are.

    What is handed to mail workers is not: of that they report.
    """
    cursor = db.execute(
        "UPDATE deliveries SET state = 'deferred', next = ? WHERE state = 'claimed'"
        " AND batch IS NULL",
        [stamp(now)],
    )
    return cursor.rowcount


def take_back(db: Database, now: datetime) -> None:
    """Undo what was done about letters that are not due yet, by a clock that was ahead."""
    for table in ("runs", "deliveries"):
        db.execute(f"DELETE FROM {table} WHERE due > ?", [stamp(now)])


def give_up(db: Database, due_before: datetime, now: datetime) -> int:
    """End what is still deferred of letters that were due before that instant; how many."""
    cursor = db.execute(
        "UPDATE deliveries SET next = NULL, at = :now,"
        " state = CASE attempts WHEN 0 THEN 'skipped' ELSE 'failed' END,"
        " reason = CASE attempts WHEN 0 THEN 'late' ELSE reason END"
        " WHERE state = 'deferred' AND due < :before",
        {"before": stamp(due_before), "now": stamp(now)},
    )
    return cursor.rowcount


def retries(db: Database, now: datetime, limit: int) -> list[Claim]:
    """Claim what is to be tried again now. Who gets no letters any more is skipped."""
    stays = (
        "EXISTS (SELECT 1 FROM subscribers s WHERE s.id = subscriber AND s.status = 'active'"
        f" AND NOT {PAUSED.format(due='due')})"
    )
    rows = db.execute(
        "UPDATE deliveries SET next = NULL, at = :now,"
        f" state = CASE WHEN {stays} THEN 'claimed' ELSE 'skipped' END,"
        f" reason = CASE WHEN {stays} THEN NULL ELSE 'left' END"
        " WHERE (letter, subscriber) IN (SELECT letter, subscriber FROM deliveries"
        " WHERE state = 'deferred' AND next <= :now ORDER BY next LIMIT :limit)"
        " RETURNING letter, subscriber",
        {"now": stamp(now), "limit": limit},
    ).fetchall()
    found = []
    for letter, number in rows:
        found += claims(db, letter, [number])
    return found


def record(db: Database, records: Iterable[Record], now: datetime) -> None:
    """Keep what became of some claims."""
    at = stamp(now)
    db.conn.executemany(
        "UPDATE deliveries SET state = ?, at = ?, attempts = attempts + ?, next = ?, reason = ?,"
        " batch = NULL WHERE letter = ? AND subscriber = ?",
        [
            (
                each.state,
                at,
                each.state != "skipped",
                stamp(each.retry) if each.retry else None,
                each.reason,
                each.claim.letter,
                each.claim.subscriber,
            )
            for each in records
        ],
    )


def forget(db: Database, before: date, limit: int) -> bool:
    """Forget deliveries of letters from before a date, `limit` at most; whether any may be left.

    A letter goes with the last of them, and its runs with it: it is long past being handed out.
    """
    row = db.execute(
        "SELECT id FROM letters WHERE date < ? ORDER BY date, id LIMIT 1", [before.isoformat()]
    ).fetchone()
    if row is None:
        return False
    gone = db.execute(
        "DELETE FROM deliveries WHERE letter = ?1 AND subscriber IN"
        " (SELECT subscriber FROM deliveries WHERE letter = ?1 ORDER BY subscriber LIMIT ?2)",
        [row[0], limit],
    ).rowcount
    if gone < limit:
        db.execute("DELETE FROM runs WHERE letter = ?", row)
        db.execute("DELETE FROM letters WHERE id = ?", row)
    return True


def waiting(db: Database, now: datetime) -> bool:
    """Whether a letter was left claimed, or is to be tried again by now."""
    row = db.execute(
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'claimed')"
        " OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'deferred' AND next <= ?)",
        [stamp(now)],
    ).fetchone()
    return bool(row[0])


def _given(run: DigestRun) -> dict[str, Any]:
    return {
        "letter": run.letter,
        "timezone": run.timezone,
        "hour": run.hour,
        "cadence": run.cadence,
        "reached": run.reached,
        "due": stamp(run.due),
        "day": run.day.isoformat(),
        "weekend": run.cadence == "daily" and run.day.isoweekday() > 5,
    }


def as_claim(row: dict[str, Any]) -> Claim:
    """A row of the columns of CLAIM as a claim."""
    return Claim(
        letter=row["letter"],
        subscriber=row["subscriber"],
        cadence=row["cadence"],
        date=date.fromisoformat(row["date"]),
        language=row["language"],
        address=row["address"],
        moves=row["moves"],
        due=datetime.fromisoformat(row["due"]),
        attempts=row["attempts"],
    )
