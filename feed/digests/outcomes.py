"""What the ledger keeps of a letter or a notice once a mail server has said something to it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.clock import Clock
from feed.config import Config
from feed.digests import bounces
from feed.digests.message import About
from feed.smtp import Outcome
from feed.store import deliveries, notices, staff_notices, subscribers
from feed.store.deliveries import Claim, Record
from feed.store.notices import Notice
from feed.store.staff_notices import DeskNotice

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 4, 15, 30, 60))
NOTICE_ATTEMPTS = 12
_STATES = {"sent": "sent", "bounced": "bounced", "failed": "failed"}


class DeliveryRecorder:
    """Settles outcomes, within the caller's transaction; `numbers` counts what was what."""

    def __init__(self, db: Database, config: Config, clock: Clock) -> None:
        self._db, self._config, self._clock = db, config, clock
        self.numbers: dict[str, int] = {}

    def settle(self, told: Sequence[tuple[About, Outcome]]) -> int:
        """Keep what became of some; how many of them are letters."""
        letters = []
        for about, outcome in told:
            if isinstance(about, Claim):
                letters.append(self._letter(about, outcome))
            else:
                self._notice(about, outcome)
        self._keep(letters)
        return len(letters)

    def skip(self, claims: Sequence[Claim], reason: str) -> None:
        """Keep that these are not sent, and why."""
        self._keep([Record(claim, "skipped", reason) for claim in claims])
        self.count("skipped", len(claims))

    def count(self, what: str, number: int) -> None:
        """Count so many letters of which that became."""
        if number:
            self.numbers[what] = self.numbers.get(what, 0) + number

    def _letter(self, claim: Claim, outcome: Outcome) -> Record:
        self.count(outcome.result, 1)
        reason = f"{outcome.code} {outcome.detail}".strip() if outcome.result != "sent" else None
        if outcome.result == "bounced":
            bounces.record(self._db, self._config, claim.subscriber, "dead", self._clock())
        if outcome.result != "deferred":
            return Record(claim, _STATES[outcome.result], reason)
        return Record(claim, "deferred", reason, self._after(claim.attempts))

    def _notice(self, notice: Notice | DeskNotice, outcome: Outcome) -> None:
        self.count(f"notices {outcome.result}", 1)
        state = "sent" if outcome.result == "sent" else "failed"
        if outcome.result == "deferred" and notice.attempts + 1 < NOTICE_ATTEMPTS:
            state = "due"
        retry = self._after(notice.attempts)
        if isinstance(notice, DeskNotice):
            staff_notices.record(self._db, notice.id, state, retry)
            return
        notices.record(self._db, notice.id, state, retry)
        if notice.kind == "moved" and state != "due":
            subscribers.change(self._db, notice.subscriber, old_address=None)

    def _after(self, attempts: int) -> datetime:
        """When to try again, after so many attempts that came to nothing before this one."""
        return self._clock() + PAUSES[min(attempts, len(PAUSES) - 1)]

    def _keep(self, records: Sequence[Record]) -> None:
        if records:
            deliveries.record(self._db, records, self._clock())
