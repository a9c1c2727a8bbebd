"""The producer: publishes batches of what is due to mail workers, and records their reports.

Only as many batches are published as the workers can send within moments. The rest stays in the
database, where unsubscribing and withdrawing an edition still stop it.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from secrets import token_hex

from sqlite_utils import Database

from feed.clock import Clock
from feed.config import Config
from feed.digests import mime, outcomes
from feed.digests.message import OutgoingMessage
from feed.digests.queue import Progress, Queue
from feed.errors import MailError, MailUnavailableError
from feed.model import Site
from feed.store import mail_batches, meta, refusals, signing_key
from feed.store.connection import transaction
from feed.store.deliveries import Claim
from feed.workers import batch as batches
from feed.workers.celery_app import DIGEST_QUEUE, NOTICE_QUEUE, BatchPublisher
from feed.workers.redis_leases import RedisLeases

log = logging.getLogger(__name__)

BATCH_SIZE = 200
BATCHES_PER_WORKER = 10  # published at one time
OFFER_SECONDS = 3600.0  # until a batch that no worker has acquired expires
RELEASE_DELAY = timedelta(minutes=1)  # of a batch that no worker is known to have
RETRY_DELAY = timedelta(minutes=1)  # where the mail server accepted nothing
REPORT_TIMEOUT = 60.0  # seconds without a report, while no more can be published
POLL_SECONDS = 0.02
CHECK_SECONDS = 0.5


def send(
    db: Database,
    site: Site,
    config: Config,
    clock: Clock,
    stop: threading.Event,
    progress: Progress,
) -> dict[str, int]:
    """Record reports and publish what is due, until all of it is published or `stop` is set.

    Raises MailError where the broker, the workers or their mail server accept nothing.
    """
    assert config.broker is not None and config.reports is not None  # noqa: S101, PT018
    leases, publisher = RedisLeases(config.reports), BatchPublisher(config.broker)
    try:
        return _Producer(db, site, config, clock, leases, publisher).run(stop, progress)
    finally:
        leases.close()
        publisher.close()


class _Producer:
    """One run of publishing. For one thread, as its connection is."""

    def __init__(
        self,
        db: Database,
        site: Site,
        config: Config,
        clock: Clock,
        leases: RedisLeases,
        publisher: BatchPublisher,
    ) -> None:
        self._db, self._site, self._config, self._clock = db, site, config, clock
        self._leases, self._publisher = leases, publisher
        self._hostname = mime.sender(site, config).domain
        self._numbers: Counter[str] = Counter()
        self._trouble: MailError | None = None
        self._workers = 0
        self._next_check = 0.0

    def run(self, stop: threading.Event, progress: Progress) -> dict[str, int]:
        """Publish what is due; see `send`."""
        self._collect()
        self._check()
        key = signing_key.get(self._db, self._config)
        queue = Queue(self._db, self._site, self._config, key, self._clock, progress)
        last_report = time.monotonic()
        while not stop.is_set():
            if self._collect():
                last_report = time.monotonic()
                queue.put_back()
            self._check()
            self._publish(_take(queue.next_notice), NOTICE_QUEUE)
            limit = BATCH_SIZE * BATCHES_PER_WORKER * max(1, self._workers)
            if mail_batches.digest_count(self._db) >= limit:
                if time.monotonic() - last_report > REPORT_TIMEOUT:
                    break
                stop.wait(POLL_SECONDS)
                continue
            messages = _take(queue.next_digest)
            if not messages:
                break
            self._publish(messages, DIGEST_QUEUE)
            progress(len(messages))
        self._numbers.update(queue.numbers)
        self._raise_trouble()
        return self._numbers

    def _publish(self, messages: list[OutgoingMessage], queue: str) -> None:
        """Publish messages as one batch, which is recorded first: nothing is sent unrecorded."""
        if not messages:
            return
        made = batches.make(token_hex(8), self._hostname, messages)
        outcomes.save_batch(self._db, made.id, messages, self._clock())
        try:
            self._leases.offer(made.id, self._offer_seconds(messages))
        except MailError:
            outcomes.record_batch(self._db, self._config, self._clock, made.id, [], self._clock())
            raise
        try:
            self._publisher.publish(batches.to_json(made), queue)
        except MailError:
            self._release_later(made.id)  # it may have been published
            raise
        if queue == DIGEST_QUEUE:
            self._numbers.update({"handed": len(messages)})

    def _offer_seconds(self, messages: list[OutgoingMessage]) -> float:
        """How long workers may acquire a batch, so that no digest in it is sent too late."""
        dues = [each.item.due for each in messages if isinstance(each.item, Claim)]
        if not dues:
            return OFFER_SECONDS
        latest = min(dues) + self._config.mail_latest
        return min(OFFER_SECONDS, max(0.0, (latest - self._clock()).total_seconds()))

    def _collect(self) -> bool:
        """Record finished batches; whether there were any."""
        found = self._leases.done()
        for batch in found:
            self._record(batch)
            self._leases.delete(batch, done=True)
        return bool(found)

    def _record(self, batch: str) -> None:
        """Record the report of a batch, and end it; what it leaves out is sent again."""
        report = self._leases.read(batch)
        now = self._clock()
        retry = now + RETRY_DELAY if report.trouble else now
        self._trouble = report.trouble or self._trouble
        self._numbers.update(
            outcomes.record_batch(
                self._db, self._config, self._clock, batch, report.outcomes, retry
            )
        )

    def _check(self) -> None:
        """Release expired batches, and revoke those with anything that is no longer to be sent."""
        if time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + CHECK_SECONDS
        self._workers = self._leases.count_workers()
        for batch in self._leases.expired():
            self._leases.revoke(batch)
            self._release(batch)
        open_batches, now = self._leases.open_batches(), self._clock()
        version, outdated = meta.content_version(self._db), mail_batches.outdated(self._db)
        refused = refusals.newest(self._db)
        for each in mail_batches.all_open(self._db):
            if each.back is not None and each.back <= now:
                self._leases.revoke(each.id)
                self._release(each.id)
            elif each.id not in open_batches:
                self._release_later(each.id)
            elif (
                each.back is not None  # publishing it failed, so it may not have arrived
                or each.version != version
                or (refused is not None and each.at < refused)
                or each.id in outdated
            ) and self._leases.revoke(each.id):
                self._release(each.id)

    def _release_later(self, batch: str) -> None:
        with transaction(self._db):
            mail_batches.release_at(self._db, batch, self._clock() + RELEASE_DELAY)

    def _release(self, batch: str) -> None:
        """End a batch that no worker has: record its report, and send the rest again."""
        self._record(batch)
        self._leases.delete(batch)

    def _raise_trouble(self) -> None:
        """Raise an error of the workers, unless digests are being sent all the same."""
        if self._trouble is not None and not self._numbers["sent"]:
            raise self._trouble
        if not self._workers and mail_batches.all_open(self._db):
            assert self._config.broker is not None  # noqa: S101
            raise MailUnavailableError(
                (
                    "No mail worker reads from %(broker)s: start “devis mail-worker”."
                    " Emails stay queued."
                ),
                broker=self._config.broker.place,
            )


def _take(next_message: Callable[[], OutgoingMessage | None]) -> list[OutgoingMessage]:
    """The messages that are due now, as many as a batch may have."""
    return list(islice(iter(next_message, None), BATCH_SIZE))
