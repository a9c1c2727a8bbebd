"""A mail worker: sends batches from the broker over SMTP, and reports the outcomes to Redis.

It has no database: a batch contains everything that sending needs. Each outcome is reported before
the next message is sent. A worker stops sending a batch as soon as its lease is lost.
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
from feed.model import email_addresses
from feed.smtp import Envelope, Outcome
from feed.smtp import client as smtp_client
from feed.smtp.refusal_streaks import EVERY_DOMAIN, RefusalStreaks
from feed.workers import batch as batches
from feed.workers import celery_app
from feed.workers.batch import Batch
from feed.workers.redis_leases import LEASE_SECONDS, PRESENCE_SECONDS, RedisLeases

log = logging.getLogger(__name__)

RENEW_SECONDS = 0.25  # between renewals of a lease
REST_SECONDS = 60.0  # before the next batch, where the mail server accepts nothing
REPORT_RETRY_SECONDS, REPORT_TIMEOUT = 1.0, 60.0


def run(config: Config, clock: Clock, stop: threading.Event) -> None:
    """Send batches until `stop` is set. Raises SettingError, or MailUnavailableError at the start.

    On `stop` the messages in flight are finished, and the rest of the batch is sent by another.
    """
    if config.broker is None or config.reports is None:
        raise SettingError(
            "A mail worker needs DEVIS_BROKER_URL: the broker that it receives batches from."
        )
    if config.smtp is None:
        raise SettingError(
            "A mail worker needs DEVIS_SMTP_URL: the mail server that it sends through."
        )
    leases = RedisLeases(config.reports)
    worker = MailWorker(config, clock, leases, stop)
    worker.announce_presence()
    threading.Thread(target=worker.stay_present, name="mail-presence", daemon=True).start()
    log.info("mail worker: waiting for batches from %s", config.broker.place)
    celery_app.consume(config.broker, worker.deliver, stop)
    with suppress(MailError):
        leases.leave(worker.name)


class MailWorker:
    """Sends one batch at a time, over several connections."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        leases: RedisLeases,
        stop: threading.Event,
        rest: float = REST_SECONDS,
    ) -> None:
        self.name = token_hex(8)
        self._config, self._clock, self._leases, self._stop = config, clock, leases, stop
        self._rest = rest

    def announce_presence(self) -> None:
        """Count as running, for `PRESENCE_SECONDS`. Raises MailUnavailableError."""
        self._leases.announce_presence(self.name)

    def stay_present(self) -> None:
        """Count as running until `stop` is set."""
        while not self._stop.wait(PRESENCE_SECONDS / 3):
            with suppress(MailError):  # consuming reports it
                self.announce_presence()

    def deliver(self, values: dict[str, Any]) -> None:
        """Send a batch, unless it is void or another worker has it. Errors are logged only."""
        try:
            self._deliver(batches.from_json(values))
        except MailError as error:
            log.error("mail: %s", error)
        except Exception as error:  # its message could contain an address
            log.error("mail: a batch failed with %s", type(error).__name__)

    def _deliver(self, batch: Batch) -> None:
        if self._stop.is_set() or not self._leases.acquire(batch.id, self.name):
            return
        lease = _LeasedBatch(batch, self._leases, self._clock, self._stop)
        trouble = lease.deliver(self._send)
        self._report(batch, lease.outcomes, trouble)
        sent = sum(outcome.result == "sent" for _, outcome in lease.outcomes)
        log.info("batch %s: %d of %d sent", batch.id, sent, len(batch.messages))
        if trouble is not None:
            log.error("mail: %s", trouble)
            self._stop.wait(self._rest)

    def _send(self, lease: "_LeasedBatch") -> None:
        config = self._config
        assert config.smtp is not None  # noqa: S101 – checked in `run`
        with translated_errors():
            smtp_client.deliver(
                config.smtp,
                lease.envelopes(),
                lease.record,
                connections=config.mail_connections,
                rate=config.mail_rate,
                stop=self._stop,
                hostname=lease.batch.hostname,
            )

    def _report(
        self, batch: Batch, outcomes: Sequence[tuple[str, Outcome]], trouble: MailError | None
    ) -> None:
        """Report a batch as done; while Redis cannot be reached, try for `REPORT_TIMEOUT`."""
        deadline = time.monotonic() + REPORT_TIMEOUT
        while True:
            try:
                self._leases.finish(batch.id, outcomes, trouble)
            except MailError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(REPORT_RETRY_SECONDS)
            else:
                return


class _LeasedBatch:
    """A batch that is being sent: renews its lease in a thread, and collects the outcomes."""

    def __init__(
        self, batch: Batch, leases: RedisLeases, clock: Clock, stop: threading.Event
    ) -> None:
        self.batch = batch
        self.outcomes: list[tuple[str, Outcome]] = []
        self._streaks, self._refusing = RefusalStreaks(), set[str | None]()
        self._leases, self._clock, self._stop = leases, clock, stop
        self._done = threading.Event()
        self._lost = self._report_failed = False
        self._valid_until = time.monotonic() + LEASE_SECONDS

    def deliver(self, send: "Callable[[_LeasedBatch], None]") -> MailError | None:
        """Send the batch under its lease; the mail server's error if it stopped the sending."""
        renewal = threading.Thread(target=self._renew, name="mail-lease", daemon=True)
        renewal.start()
        try:
            send(self)
        except MailError as error:
            if not self._report_failed:
                return error
            log.error("mail: %s", error)  # an error of Redis, not of the mail server
        finally:
            self._done.set()
            renewal.join()
        return None

    def envelopes(self) -> Iterator[Envelope]:
        """The envelopes of the batch, while its lease is valid and the sender is not refused."""
        for number in range(len(self.batch.messages)):
            if self._lost or time.monotonic() > self._valid_until:
                return
            if self._refusing & {self._domain(number), EVERY_DOMAIN}:
                continue
            envelope = self.batch.envelope(number, self._clock())
            if envelope is None:
                self.record([Outcome(number, "failed", 0, "malformed address")])
            else:
                yield envelope

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Report outcomes at once, so that they outlive this process. Raises MailError."""
        reported = [(self.batch.messages[outcome.key].key, outcome) for outcome in outcomes]
        self.outcomes += reported
        for outcome in outcomes:
            self._refusing.add(self._streaks.count(self._domain(outcome.key), outcome))
        try:
            self._leases.report(self.batch.id, reported)
        except MailError:
            self._report_failed = True
            raise

    def _domain(self, number: int) -> str:
        return email_addresses.domain(self.batch.messages[number].to.address)

    def _renew(self) -> None:
        while not self._done.wait(RENEW_SECONDS):
            began = time.monotonic()
            with suppress(MailError):
                if not self._leases.renew(self.batch.id):
                    self._lost = True
                    return
                self._valid_until = began + LEASE_SECONDS - RENEW_SECONDS
