"""Deliveries: one row for each digest and subscriber, and the runs that create them.

The table `letters` has the digests (a cadence and a date). A row of `runs` sends one digest to the
subscribers of one timezone and hour, in the order of their ids; its progress (`reached`) is written
in the same transaction as the deliveries it creates. A row of `deliveries` is created as `claimed`
(about to be sent) or `skipped`; sending turns it into `sent`, `deferred`, `bounced` or `failed`.
`delivery_retries` has what becomes of deferred ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlite_utils import Database

from feed.model import Cadence, Day, email_addresses
from feed.store.connection import stamp
from feed.store.subscribers import MOVES

# accepted by the mail server; later: may pass, or is the recipient's fault; dead: there is no such
# mailbox or domain; us: the sender is refused.
Verdict = Literal["accepted", "later", "dead", "us"]


@dataclass(frozen=True, slots=True)
class DigestRun:
    """Sending one digest to the subscribers of one timezone and hour, whose local date is `day`."""

    id: int
    digest_id: int
    cadence: Cadence
    date: date
    timezone: str
    hour: int
    day: Day
    due: datetime
    reached: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process is about to send.

    `moves` counts changes of address so far, `timezone` is the subscriber's, and `verdict` is the
    answer to the attempt before.
    """

    digest_id: int
    subscriber: int
    cadence: Cadence
    date: date
    language: str
    address: str
    timezone: str
    moves: int
    due: datetime
    attempts: int
    verdict: Verdict | None

    @property
    def domain(self) -> str:
        """The domain of the recipient."""
        return email_addresses.domain(self.address)


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """The new state of a claimed delivery; `retry` is the time of the next try if deferred.

    `verdict` is None where it was not tried.
    """

    claim: Claim
    state: str
    reason: str | None = None
    retry: datetime | None = None
    verdict: Verdict | None = None


# When the first run of this digest, timezone and hour was due. A second one, on Monday, is for
# those who chose Monday to Friday and were subscribers by then.
_FIRST = (
    "(SELECT min(due) FROM runs WHERE letter = :letter AND timezone = :timezone AND hour = :hour)"
)
# The subscribers of a run, in a range of ids, who are to get its digest.
_ELIGIBLE = (
    " FROM subscribers WHERE status = 'active' AND timezone = :timezone AND hour = :hour"
    f" AND cadence = :cadence AND id > :reached AND id <= :last AND since <= {_FIRST}"
    " AND (paused_until IS NULL OR paused_until <= :day) AND NOT (workdays AND :weekend)"
    f" AND (workdays OR :due = {_FIRST})"
)
# Whether subscriber `s` is paused on the local date of a delivery that is due at `{due}`.
PAUSED = "(s.paused_until IS NOT NULL AND s.paused_until > local_date({due}, s.timezone))"
# The columns of a Claim, for `as_claim`.
CLAIM = (
    "SELECT d.letter, d.subscriber, l.cadence, l.date, d.language, s.address, s.timezone,"
    " d.due, d.attempts, d.verdict,"
    f" {MOVES.format('s.id')} AS moves"
    " FROM deliveries d JOIN letters l ON l.id = d.letter JOIN subscribers s ON s.id = d.subscriber"
)
# The same columns, of rows that a statement has just written, and their state.
RETURNING = (
    " RETURNING letter, subscriber, language, due, attempts, state, verdict,"
    " (SELECT cadence FROM letters WHERE id = deliveries.letter) AS cadence,"
    " (SELECT date FROM letters WHERE id = deliveries.letter) AS date,"
    " (SELECT address FROM subscribers WHERE id = deliveries.subscriber) AS address,"
    " (SELECT timezone FROM subscribers WHERE id = deliveries.subscriber) AS timezone,"
    f" {MOVES.format('deliveries.subscriber')} AS moves"
)


def start_run(
    db: Database,
    cadence: Cadence,
    day: date,
    timezone: str,
    hour: int,
    local: date,
    due: datetime,
) -> None:
    """Start the run of the digest of `day`, unless it exists or has no subscribers."""
    wanted = db.execute(
        "SELECT EXISTS (SELECT 1 FROM subscribers WHERE status = 'active' AND timezone = ?"
        " AND hour = ? AND cadence = ?)",
        [timezone, hour, cadence],
    ).fetchone()[0]
    if not wanted:
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


def open_runs(db: Database) -> list[DigestRun]:
    """The runs that are not finished, by due time."""
    rows = db.query(
        "SELECT r.id, r.letter AS digest_id, l.cadence, l.date, r.timezone, r.hour, r.day, r.due,"
        " r.reached FROM runs r JOIN letters l ON l.id = r.letter WHERE r.finished IS NULL"
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


def remaining(db: Database, run: DigestRun, domain: str = "") -> list[tuple[str, int]]:
    """The number of subscribers that a run has still to reach, by language; `domain` narrows it."""
    there = " AND address LIKE '%@' || :domain" if domain else ""
    rows = db.execute(
        f"SELECT language, count(*) {_ELIGIBLE}{there} GROUP BY language",
        {**_parameters(run), "last": 2**62, "domain": domain},
    )
    return [tuple(row) for row in rows]


def claim(db: Database, run: DigestRun, limit: int, now: datetime) -> list[Claim]:
    """Claim the next deliveries of a run, `limit` at most, by subscriber id.

    A digest that a subscriber has already is not claimed again, whatever they changed meanwhile.
    At the end of its subscribers the run is finished. An empty list does not mean the end.
    """
    rows = _advance(db, run, limit, now, "claimed")
    return sorted(map(as_claim, rows), key=lambda each: each.subscriber)


def skip(db: Database, run: DigestRun, limit: int, now: datetime, reason: str) -> int:
    """Record the next deliveries of a run as skipped, as `claim`; the number of them."""
    return len(_advance(db, run, limit, now, "skipped", reason))


def _advance(
    db: Database, run: DigestRun, limit: int, now: datetime, state: str, reason: str | None = None
) -> list[dict[str, Any]]:
    (last,) = db.execute(
        "SELECT max(id) FROM (SELECT id FROM subscribers WHERE status = 'active'"
        " AND timezone = :timezone AND hour = :hour AND cadence = :cadence AND id > :reached"
        " ORDER BY id LIMIT :limit)",
        {**_parameters(run), "limit": limit},
    ).fetchone()
    if last is None:
        db.execute("UPDATE runs SET finished = ? WHERE id = ?", [stamp(now), run.id])
        return []
    rows = written(
        db,
        "INSERT INTO deliveries (letter, subscriber, language, state, due, at, reason)"
        f" SELECT :letter, id, language, :state, :due, :now, :reason {_ELIGIBLE}"
        f" ON CONFLICT DO NOTHING{RETURNING}",
        {**_parameters(run), "last": last, "state": state, "now": stamp(now), "reason": reason},
    )
    db.execute("UPDATE runs SET reached = ? WHERE id = ?", [last, run.id])
    return rows


def still_wanted(db: Database, claims: Sequence[Claim]) -> dict[tuple[int, int], Claim]:
    """The claims of active, unpaused subscribers, read again, by digest and subscriber."""
    found: dict[tuple[int, int], Claim] = {}
    for each in claims:
        rows = db.query(
            f"{CLAIM} WHERE d.letter = ? AND d.subscriber = ? AND s.status = 'active'"
            f" AND NOT {PAUSED.format(due='d.due')}",
            [each.digest_id, each.subscriber],
        )
        for row in rows:
            found[each.digest_id, each.subscriber] = as_claim(row)
    return found


def delete_future(db: Database, now: datetime) -> None:
    """Delete runs and deliveries that are due after `now`: a clock that was ahead made them."""
    for table in ("runs", "deliveries"):
        db.execute(f"DELETE FROM {table} WHERE due > ?", [stamp(now)])


def record(db: Database, results: Iterable[DeliveryResult], now: datetime) -> None:
    """Write the results of claimed deliveries; each but a skip counts as an attempt."""
    at = stamp(now)
    db.conn.executemany(
        "UPDATE deliveries SET state = ?, at = ?, attempts = attempts + ?, next = ?, reason = ?,"
        " verdict = ifnull(?, verdict), batch = NULL WHERE letter = ? AND subscriber = ?",
        [
            (
                each.state,
                at,
                each.state != "skipped",
                stamp(each.retry) if each.retry else None,
                each.reason,
                each.verdict,
                each.claim.digest_id,
                each.claim.subscriber,
            )
            for each in results
        ],
    )


def delete_old(db: Database, before: date, limit: int) -> bool:
    """Delete deliveries of digests from before a date, `limit` at most; whether any may be left.

    A digest and its runs are deleted with the last of its deliveries.
    """
    row = db.execute(
        "SELECT id FROM letters WHERE date < ? ORDER BY date, id LIMIT 1", [before.isoformat()]
    ).fetchone()
    if row is None:
        return False
    deleted = db.execute(
        "DELETE FROM deliveries WHERE letter = ?1 AND subscriber IN"
        " (SELECT subscriber FROM deliveries WHERE letter = ?1 ORDER BY subscriber LIMIT ?2)",
        [row[0], limit],
    ).rowcount
    if deleted < limit:
        db.execute("DELETE FROM runs WHERE letter = ?", row)
        db.execute("DELETE FROM letters WHERE id = ?", row)
    return True


def is_any_waiting(db: Database, now: datetime) -> bool:
    """Whether a delivery is claimed, or deferred until `now` or earlier."""
    row = db.execute(
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'claimed')"
        " OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'deferred' AND next <= ?)",
        [stamp(now)],
    ).fetchone()
    return bool(row[0])


def as_claim(row: dict[str, Any]) -> Claim:
    """A Claim from a row with the columns of CLAIM."""
    return Claim(
        digest_id=row["letter"],
        subscriber=row["subscriber"],
        cadence=row["cadence"],
        date=date.fromisoformat(row["date"]),
        language=row["language"],
        address=row["address"],
        timezone=row["timezone"],
        moves=row["moves"],
        due=datetime.fromisoformat(row["due"]),
        attempts=row["attempts"],
        verdict=row["verdict"],
    )


def written(db: Database, statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Execute a statement with RETURNING; the rows that it wrote, by column."""
    cursor = db.execute(statement, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _parameters(run: DigestRun) -> dict[str, Any]:
    return {
        "letter": run.digest_id,
        "timezone": run.timezone,
        "hour": run.hour,
        "cadence": run.cadence,
        "reached": run.reached,
        "due": stamp(run.due),
        "day": run.day.isoformat(),
        "weekend": run.cadence == "daily" and run.day.isoweekday() > 5,
    }
