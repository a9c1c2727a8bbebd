"""The brain's side: batches of what is due are handed to mail workers, and what they report is
kept in the ledger.

Only so much is handed over as the workers can send within moments; the rest stays in the ledger,
where whoever leaves, and whatever is withdrawn, stops it.
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

from feed import digests
from feed.clock import Clock
from feed.config import Config, signing_key
from feed.digests import handover, mime
from feed.digests.message import OutgoingMessage
from feed.digests.queue import Progress, Queue
from feed.errors import MailError, MailUnavailableError
from feed.model import Site
from feed.store import mail_batches, meta
from feed.store.connection import transaction
from feed.store.deliveries import Claim
from feed.workers import batch as batches
from feed.workers.celery_app import LETTERS, NOTICES, BatchPublisher
from feed.workers.redis_leases import RedisLeases

log = logging.getLogger(__name__)

BATCH = 200
AHEAD = 10  # batches handed over for each worker that is there
WAIT = 3600.0  # seconds until a batch that nobody has begun is void
DOUBT = timedelta(minutes=1)  # from when nobody is known to have a batch until it is taken back
PAUSE = timedelta(minutes=1)  # before what a mail server did not take is tried again
PATIENCE = 60.0  # seconds without a word from any worker, while no more can be handed over
TURN = 0.02
LOOK = 0.5


def send(
    db: Database,
    site: Site,
    config: Config,
    clock: Clock,
    stop: threading.Event,
    progress: Progress,
) -> dict[str, int]:
    """Keep what workers report, and hand over what is due, until all of it is or `stop` is set.

    Raises MailError where the broker or the workers take nothing, or can send nothing.
    """
    assert config.broker is not None and config.reports is not None  # noqa: S101, PT018
    digests.begin(db, site, clock())
    reports, carrier = RedisLeases(config.reports), BatchPublisher(config.broker)
    try:
        return _Dispatch(db, site, config, clock, reports, carrier).run(stop, progress)
    finally:
        reports.close()
        carrier.close()


class _Dispatch:
    """One time of handing over. Belongs to one thread, as its database does."""

    def __init__(
        self,
        db: Database,
        site: Site,
        config: Config,
        clock: Clock,
        reports: RedisLeases,
        carrier: BatchPublisher,
    ) -> None:
        self._db, self._site, self._config, self._clock = db, site, config, clock
        self._reports, self._carrier = reports, carrier
        self._hostname = mime.sender(site, config).domain
        self._numbers: Counter[str] = Counter()
        self._trouble: MailError | None = None
        self._workers = 0
        self._next_look = 0.0

    def run(self, stop: threading.Event, progress: Progress) -> dict[str, int]:
        """Hand over what is due; as `send`."""
        self._collect()
        self._look()
        key = signing_key.key(self._config)
        queue = Queue(self._db, self._site, self._config, key, self._clock, progress)
        heard = time.monotonic()
        while not stop.is_set():
            if self._collect():
                heard = time.monotonic()
            self._look()
            self._hand_over(_take(queue.notice), NOTICES)
            if mail_batches.number(self._db) >= BATCH * AHEAD * max(1, self._workers):
                if time.monotonic() - heard > PATIENCE:
                    break
                stop.wait(TURN)
                continue
            letters = _take(queue.letter)
            if not letters:
                break
            self._hand_over(letters, LETTERS)
            progress(len(letters))
        self._numbers.update(queue.numbers)
        self._complain()
        return self._numbers

    def _hand_over(self, copies: list[OutgoingMessage], queue: str) -> None:
        """Hand some over as one batch. The ledger is told first: nothing is sent without it."""
        if not copies:
            return
        made = batches.made(token_hex(8), self._hostname, copies)
        handover.hand_over(self._db, made.id, copies, self._clock())
        try:
            self._reports.expect(made.id, self._seconds(copies))
        except MailError:
            handover.settle(self._db, self._config, self._clock, made.id, [], self._clock())
            raise
        try:
            self._carrier.hand_over(batches.packed(made), queue)
        except MailError:
            self._doubt(made.id)  # it may have got there
            raise
        if queue == LETTERS:
            self._numbers.update({"handed": len(copies)})

    def _seconds(self, copies: list[OutgoingMessage]) -> float:
        """How long a batch may wait to be begun, so that no letter in it is late."""
        dues = [copy.about.due for copy in copies if isinstance(copy.about, Claim)]
        if not dues:
            return WAIT
        latest = min(dues) + self._config.mail_latest
        return min(WAIT, max(0.0, (latest - self._clock()).total_seconds()))

    def _collect(self) -> bool:
        """Keep what workers report; whether there was anything."""
        found = self._reports.done()
        for batch in found:
            self._settle(batch)
            self._reports.forget(batch, done=True)
        return bool(found)

    def _settle(self, batch: str) -> None:
        """Keep what is known of a batch; what is not is sent again."""
        report = self._reports.read(batch)
        now = self._clock()
        retry = now + PAUSE if report.trouble else now
        self._trouble = report.trouble or self._trouble
        self._numbers.update(
            handover.settle(self._db, self._config, self._clock, batch, report.outcomes, retry)
        )

    def _look(self) -> None:
        """Take back what workers have lost, and what is not to be sent any more."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK
        self._workers = self._reports.workers()
        for batch in self._reports.missed():
            self._reports.recall(batch)
            self._take_back(batch)
        expected, now = self._reports.expected(), self._clock()
        version, void = meta.content_version(self._db), mail_batches.void(self._db)
        for each in mail_batches.batches(self._db):
            if each.back is not None and each.back <= now:
                self._reports.recall(each.id)
                self._take_back(each.id)
            elif each.id not in expected:
                self._doubt(each.id)
            elif (
                each.back is not None  # handing it over failed, so it may not have got there
                or each.version != version
                or each.id in void
            ) and self._reports.recall(each.id):
                self._take_back(each.id)

    def _doubt(self, batch: str) -> None:
        with transaction(self._db):
            mail_batches.doubt(self._db, batch, self._clock() + DOUBT)

    def _take_back(self, batch: str) -> None:
        """Nobody works on this batch any more: settle what was reported, and send the rest."""
        self._settle(batch)
        self._reports.forget(batch)

    def _complain(self) -> None:
        """Raise what the operator should know, unless letters are being sent all the same."""
        if self._trouble is not None and not self._numbers["sent"]:
            raise self._trouble
        if not self._workers and mail_batches.batches(self._db):
            assert self._config.broker is not None  # noqa: S101
            raise MailUnavailableError(
                (
                    "No mail worker takes letters from %(broker)s: start “devis mail-worker”."
                    " They wait."
                ),
                broker=self._config.broker.place,
            )


def _take(following: Callable[[], OutgoingMessage | None]) -> list[OutgoingMessage]:
    """What is due now, as much of it as a batch holds."""
    return list(islice(iter(following, None), BATCH))
