"""A mail worker: it sends the batches that it is handed, and reports what became of them.

It holds no database: what it needs to know comes with the batch, and what it has sent is in the
store of reports before the next body is said. A batch that it loses its hold of, it lets go.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import Any

from feed.clock import Clock
from feed.config import Config
from feed.digests.smtp_errors import translated_errors
from feed.errors import MailError, SettingError
from feed.smtp import Envelope, Outcome
from feed.smtp import client as smtp_client
from feed.workers import batch as batches
from feed.workers import celery_app
from feed.workers.batch import Batch
from feed.workers.redis_leases import LEASE, PRESENT, RedisLeases

log = logging.getLogger(__name__)

BEAT = 0.25  # seconds between looks at whether a batch is still ours
REST = 60.0  # seconds before a mail server that takes nothing is asked again
AGAIN, LONGEST = 1.0, 60.0  # seconds: how often, and for how long, a report is tried


def run(config: Config, clock: Clock, stop: threading.Event) -> None:
    """Take batches until `stop` is set. Raises SettingError, or MailUnavailableError at the start.

    On `stop` the letters in flight are finished, and the rest of the batch goes back.
    """
    if config.broker is None or config.reports is None:
        raise SettingError(
            "A mail worker needs DEVIS_BROKER_URL: where batches of letters are handed over."
        )
    if config.smtp is None:
        raise SettingError(
            "A mail worker needs DEVIS_SMTP_URL: the mail server that it sends through."
        )
    reports = RedisLeases(config.reports)
    worker = MailWorker(config, clock, reports, stop)
    worker.attend()
    threading.Thread(target=worker.stay, name="mail-presence", daemon=True).start()
    log.info("mail worker: waiting for letters from %s", config.broker.place)
    celery_app.work(config.broker, worker.take, stop)
    with suppress(MailError):
        reports.leave(worker.name)


class MailWorker:
    """Sends one batch at a time, over several connections."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        reports: RedisLeases,
        stop: threading.Event,
        rest: float = REST,
    ) -> None:
        self.name = token_hex(8)
        self._config, self._clock, self._reports, self._stop = config, clock, reports, stop
        self._rest = rest

    def attend(self) -> None:
        """Be counted as there. Raises MailUnavailableError."""
        self._reports.attend(self.name)

    def stay(self) -> None:
        """Be counted as there, until the end."""
        while not self._stop.wait(PRESENT / 3):
            with suppress(MailError):  # whoever waits for batches says so
                self.attend()

    def take(self, values: dict[str, Any]) -> None:
        """Send a batch, unless another does, or it is void; a fault is told, and never fatal."""
        try:
            self._take(batches.unpacked(values))
        except MailError as error:
            log.error("mail: %s", error)
        except Exception as error:  # its text may hold what a log must not
            log.error("mail: a batch failed with %s", type(error).__name__)

    def _take(self, batch: Batch) -> None:
        if self._stop.is_set() or not self._reports.begin(batch.id, self.name):
            return
        hold = _Hold(batch, self._reports, self._clock, self._stop)
        trouble = hold.deliver(self._send)
        self._finish(batch, hold.told, trouble)
        sent = sum(outcome.result == "sent" for _, outcome in hold.told)
        log.info("batch %s: %d of %d sent", batch.id, sent, len(batch.letters))
        if trouble is not None:
            log.error("mail: %s", trouble)
            self._stop.wait(self._rest)

    def _send(self, hold: "_Hold") -> None:
        config = self._config
        assert config.smtp is not None  # noqa: S101 – `run` has seen to it
        with translated_errors():
            smtp_client.deliver(
                config.smtp,
                hold.envelopes(),
                hold.record,
                connections=config.mail_connections,
                rate=config.mail_rate,
                stop=self._stop,
                hostname=hold.batch.hostname,
            )

    def _finish(
        self, batch: Batch, told: Sequence[tuple[str, Outcome]], trouble: MailError | None
    ) -> None:
        """Report; where the store is away for a moment, until it is there again."""
        deadline = time.monotonic() + LONGEST
        while True:
            try:
                self._reports.finish(batch.id, told, trouble)
            except MailError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(AGAIN)
            else:
                return


class _Hold:
    """A batch in work: what is left of it, what was said to the rest, and if it is still ours."""

    def __init__(
        self, batch: Batch, reports: RedisLeases, clock: Clock, stop: threading.Event
    ) -> None:
        self.batch = batch
        self.told: list[tuple[str, Outcome]] = []
        self._reports, self._clock, self._stop = reports, clock, stop
        self._over = threading.Event()
        self._lost = self._unheard = False
        self._until = time.monotonic() + LEASE

    def deliver(self, send: "Callable[[_Hold], None]") -> MailError | None:
        """Send it, holding on to it meanwhile; why not all of it could be sent, if so."""
        holder = threading.Thread(target=self._hold, name="mail-hold", daemon=True)
        holder.start()
        try:
            send(self)
        except MailError as error:
            if not self._unheard:
                return error
            log.error("mail: %s", error)  # of the store, and no fault of the mail server's
        finally:
            self._over.set()
            holder.join()
        return None

    def envelopes(self) -> Iterator[Envelope]:
        """The letters, as long as the batch is ours."""
        for number in range(len(self.batch.letters)):
            if self._lost or time.monotonic() > self._until:
                return
            envelope = self.batch.envelope(number, self._clock())
            if envelope is None:
                self.record([Outcome(number, "failed", 0, "malformed address")])
            else:
                yield envelope

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what became of some letters, where it outlives this process."""
        told = [(self.batch.letters[outcome.key].name, outcome) for outcome in outcomes]
        self.told += told
        try:
            self._reports.note(self.batch.id, told)
        except MailError:
            self._unheard = True
            raise

    def _hold(self) -> None:
        while not self._over.wait(BEAT):
            began = time.monotonic()
            with suppress(MailError):
                if not self._reports.hold(self.batch.id):
                    self._lost = True
                    return
                self._until = began + LEASE - BEAT
