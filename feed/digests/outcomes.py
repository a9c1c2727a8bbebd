"""Record what mail servers answered: sent, deferred until the next try, bounced or failed.

The outcomes come from this process, one group of messages after another, or from mail workers, as
the report of a batch. A batch is a group of messages whose rows name it until they are recorded.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlite_utils import Database

from feed.clock import Clock
from feed.config import Config
from feed.digests import bounce_breaker, bounces
from feed.digests.bounces import DeadReport
from feed.digests.message import OutgoingMessage, QueueItem
from feed.digests.refusals import RefusalTracker
from feed.model.retry_delays import retry_time
from feed.smtp import Outcome
from feed.store import deliveries, domain_answers, mail_batches, meta, outbox, subscribers
from feed.store.connection import transaction
from feed.store.deliveries import Claim, DeliveryResult, Verdict
from feed.store.outbox import OutboxItem

NOTICE_ATTEMPTS = 12

BatchOutcomes = Iterable[tuple[str, Outcome]]  # by `message_key`


class DeliveryRecorder:
    """Records outcomes within the caller's transaction; `numbers` counts digests by result.

    Notices are counted as `notices sent` and so on.
    """

    def __init__(self, db: Database, config: Config, clock: Clock) -> None:
        self._db, self._config, self._clock = db, config, clock
        self.numbers: dict[str, int] = {}
        self.refusals = RefusalTracker(db)
        self._answers: Counter[tuple[date, str, Verdict]] = Counter()
        self._dead: dict[tuple[date, str], str] = {}

    def record(self, outcomes: Sequence[tuple[QueueItem, Outcome]]) -> int:
        """Record the outcomes of some messages; how many of them are digests."""
        results = []
        for item, outcome in outcomes:
            if isinstance(item, Claim):
                results.append(self._delivery_result(item, outcome))
            else:
                self._record_notice(item, outcome)
        self._write(results)
        return len(results)

    def skip(self, claims: Sequence[Claim], reason: str) -> None:
        """Record that claimed deliveries are not sent."""
        self._write([DeliveryResult(claim, "skipped", reason) for claim in claims])
        self.count("skipped", len(claims))

    def count(self, result: str, number: int) -> None:
        """Add to the number of digests with a result."""
        if number:
            self.numbers[result] = self.numbers.get(result, 0) + number

    def _delivery_result(self, claim: Claim, outcome: Outcome) -> DeliveryResult:
        self.count(outcome.result, 1)
        reason = f"{outcome.code} {outcome.detail}".strip() if outcome.result != "sent" else None
        verdict = _verdict(outcome)
        self._answers[claim.date, claim.domain, verdict] += 1
        if claim.verdict is not None:
            self._answers[claim.date, claim.domain, claim.verdict] -= 1
        self.refusals.count(claim, outcome, self._clock())
        if outcome.result == "bounced":
            self._dead[claim.date, claim.domain] = reason or ""
            report = DeadReport(claim.subscriber, claim.date, claim.domain, reason or "")
            bounces.record_dead(self._db, self._config, report, self._clock())
        retry = None
        if outcome.result == "deferred":
            retry = retry_time(self._clock(), claim.attempts + 1)
        return DeliveryResult(claim, outcome.result, reason, retry, verdict)

    def _record_notice(self, notice: OutboxItem, outcome: Outcome) -> None:
        self.count(f"notices {outcome.result}", 1)
        state = "sent" if outcome.result == "sent" else "failed"
        if outcome.result == "deferred" and notice.attempts < NOTICE_ATTEMPTS:
            state = "due"
        outbox.settle(self._db, notice, state, self._clock())
        if notice.kind == "moved" and notice.subscriber is not None and state != "due":
            subscribers.change(self._db, notice.subscriber, old_address=None)

    def _write(self, results: Sequence[DeliveryResult]) -> None:
        if results:
            deliveries.record(self._db, results, self._clock())
        if self._answers:
            domain_answers.add(self._db, self._answers)
            self._answers.clear()
        if self._dead:
            bounce_breaker.check(self._db, self._dead, self._clock())
            self._dead.clear()


def _verdict(outcome: Outcome) -> Verdict:
    if outcome.result == "sent":
        return "accepted"
    if outcome.result == "bounced":
        return "dead"
    return "us" if outcome.blames_sender and outcome.result == "deferred" else "later"


def message_key(item: QueueItem) -> str:
    """The id of a message in batches and reports; it does not reveal the recipient."""
    return f"{item.digest_id}.{item.subscriber}" if isinstance(item, Claim) else item.key


def save_batch(
    db: Database, batch: str, messages: Sequence[OutgoingMessage], now: datetime
) -> None:
    """Record messages as one batch, before it is published to the mail workers."""
    with transaction(db):
        version = meta.content_version(db)
        mail_batches.add(db, batch, version, [each.item for each in messages], now)


def record_batch(
    db: Database, config: Config, clock: Clock, batch: str, report: BatchOutcomes, retry: datetime
) -> dict[str, int]:
    """Record a worker's report of a batch and end the batch; the number of digests by result.

    Idempotent. Messages that the report leaves out are sent again from `retry` on. For messages
    that have left the batch meanwhile only the outcome `sent` counts.
    """
    recorder = DeliveryRecorder(db, config, clock)
    with transaction(db):
        unreported = {message_key(item): item for item in mail_batches.items(db, batch)}
        outcomes: list[tuple[QueueItem, Outcome]] = []
        for key, outcome in report:
            if key in unreported:
                outcomes.append((unreported.pop(key), outcome))
            elif outcome.result == "sent" and (claim := _late(db, key, clock())):
                outcomes.append((claim, outcome))
        recorder.record(outcomes)
        mail_batches.release(db, batch, retry, clock())
        if not mail_batches.all_open(db):
            recorder.refusals.end_run(clock())
    return recorder.numbers


def release_old_batches(db: Database, before: datetime, now: datetime) -> None:
    """Send again what is in batches from before an instant: for when no workers are used now."""
    with transaction(db):
        for each in mail_batches.all_open(db):
            if each.at < before:
                mail_batches.release(db, each.id, now, now)


def _late(db: Database, key: str, now: datetime) -> Claim | None:
    """The open delivery that was sent after its batch had ended; notices are settled here."""
    head, _, number = key.partition(".")
    if head in ("notice", "desk"):
        mail_batches.record_notice_sent(db, key, now)
        return None
    return mail_batches.open_claim(db, int(head), int(number))
