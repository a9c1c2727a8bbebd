"""The scheduler: idempotent jobs in a process of its own, one active worker per installation.

The worker that holds the file lock next to the database is active; others are on stand-by. Making
editions, sending e-mail, backups and announcements are separate jobs: neither a long mail run nor a
slow chat delays an edition.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime

from apscheduler.schedulers.background import BackgroundScheduler
from filelock import FileLock, Timeout
from sqlite_utils import Database

from feed import digests, editions
from feed.accounts import sign_in
from feed.checks.machine import WORKER_LOCK
from feed.clock import Clock
from feed.config import Config
from feed.config.mail_servers import ImapFolder
from feed.digests import week_ahead
from feed.digests.bounce_folder import BounceFolder
from feed.editions import publishing
from feed.errors import DevisError, MailError, StoreError
from feed.library import drafts, exchange, scheduling, undo
from feed.model import Site
from feed.notify import announcements
from feed.store import backups, migrations
from feed.store.connection import opened
from feed.subscribers import statistics, subscriptions
from feed.workers import dispatch

log = logging.getLogger(__name__)

TICK_SECONDS = 4
SIGNAL_SECONDS = 1  # after which a signal to stop is noticed at the latest
CLEAN_UP_SECONDS = 3600
CLEAN_UP_PAUSE = 0.05  # seconds between two batches of deletions, for other writers
BACKUP_PAUSE = 900  # seconds before a failed backup is retried
REPEAT_SECONDS = 60  # before a job logs the same error again
BOUNCE_PAUSE = 180  # seconds between two looks at the folder of bounces
MAIL_PAUSE = 60  # seconds before a mail server that refuses is retried


def run(config: Config, clock: Clock, stop: threading.Event) -> None:
    """Run the jobs every few seconds until `stop` is set.

    Raises SchemaError, StoreError or SettingError at the start.
    """
    with opened(config.database) as db:
        migrations.check(db)
    lock = FileLock(config.instance / WORKER_LOCK, thread_local=False)
    scheduler = BackgroundScheduler(timezone=config.timezone)
    paused_jobs: list[Job] = [
        job(config, clock, lock, stop) for job in (EmailJob, BackupJob, AnnounceJob)
    ]
    if config.bounce_imap is not None:
        paused_jobs.append(BounceJob(config, clock, lock, stop, config.bounce_imap))
    tick(config, clock, lock)
    jobs = (
        (tick, TICK_SECONDS, (config, clock, lock)),
        *((job.tick, TICK_SECONDS, ()) for job in paused_jobs),
        (clean_up, CLEAN_UP_SECONDS, (config, clock, lock, stop)),
    )
    for job, seconds, arguments in jobs:
        # By default APScheduler drops a job that is a second late.
        scheduler.add_job(
            job,
            "interval",
            args=arguments,
            seconds=seconds,
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
    # A mail run may take longer than a tick: no warnings about skipped runs.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    scheduler.start()
    # Python runs a signal's handler in the main thread alone, and a signal that the kernel gives to
    # another thread does not wake it from a wait without end.
    while not stop.wait(SIGNAL_SECONDS):
        pass
    scheduler.shutdown(wait=True)
    lock.release()


def tick(config: Config, clock: Clock, lock: FileLock) -> None:
    """Publish the editions that are due, if this worker is active. Errors are retried next time."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return
    try:
        with opened(config.database) as db:
            now = clock()
            site = editions.settle(db, config, now)
            _publish(db, site, config, now)
            digests.start_due_runs(db, site, now)  # no digest without its edition
    except StoreError as error:
        log.error("tick: %s", error)
    except Exception:
        log.exception("tick failed")


def _publish(db: Database, site: Site, config: Config, now: datetime) -> None:
    for choice in scheduling.publish_due(db, site, config, now):
        log.info("published %s: %s (%s)", choice.date, choice.slug, choice.why)


class Job(ABC):
    """A job of the active worker; after an error of `pausing_errors` it pauses."""

    name: str
    pause: float  # seconds
    pausing_errors: tuple[type[DevisError], ...]  # after others the next tick retries

    def __init__(self, config: Config, clock: Clock, lock: FileLock, stop: threading.Event) -> None:
        self.config, self.clock, self.lock, self.stop = config, clock, lock, stop
        self._paused_until = self._muted_until = 0.0
        self._last_error = ""

    @abstractmethod
    def run(self) -> None:
        """Do what is due."""

    def tick(self) -> None:
        """Run the job, if this worker is active and the job does not pause."""
        if not self.lock.is_locked or time.monotonic() < self._paused_until:
            return
        try:
            self.run()
        except DevisError as error:
            if isinstance(error, self.pausing_errors):
                self._paused_until = time.monotonic() + self.pause
            self._log_error(str(error))
        except Exception:
            self._paused_until = time.monotonic() + self.pause
            log.exception("%s failed", self.name)

    def _log_error(self, error: str) -> None:
        """Log an error, but the same one at most once a minute."""
        now = time.monotonic()
        if error != self._last_error or now >= self._muted_until:
            self._last_error, self._muted_until = error, now + REPEAT_SECONDS
            log.error("%s: %s", self.name, error)


class EmailJob(Job):
    """Sends due e-mail, and pauses where the mail server refuses.

    With mail workers it never pauses: their outcomes are collected at every tick.
    """

    name, pause, pausing_errors = "mail", MAIL_PAUSE, (MailError,)

    def __init__(self, config: Config, clock: Clock, lock: FileLock, stop: threading.Event) -> None:
        super().__init__(config, clock, lock, stop)
        if config.broker is not None:
            self.pause = 0

    def run(self) -> None:
        config, clock = self.config, self.clock
        with opened(config.database) as db:
            now = clock()
            site = editions.settle(db, config, now)
            if digests.is_idle(db, now):
                return
            with digests.sending_lock(config) as alone:
                if alone:
                    numbers = dispatch.send(db, site, config, clock, self.stop)
                    if numbers:
                        log.info("mail: %s", _summary(numbers))


class BackupJob(Job):
    """Backs up on schedule, and pauses after a failure."""

    name, pause, pausing_errors = "backup", BACKUP_PAUSE, (DevisError,)

    def run(self) -> None:
        now = self.clock()
        with opened(self.config.database) as db:
            if not backups.is_due(self.config, backups.last(db), now):
                return
        made = backups.make(self.config, now, should_stop=self.stop.is_set)
        log.info("backed up: %s", made.path)


class AnnounceJob(Job):
    """Announces new content to WebSub hubs and chats, which have retries of their own."""

    name, pause, pausing_errors = "announcements", 0, ()

    def __init__(self, config: Config, clock: Clock, lock: FileLock, stop: threading.Event) -> None:
        super().__init__(config, clock, lock, stop)
        self._announcer = announcements.Announcer(config)

    def run(self) -> None:
        with opened(self.config.database) as db:
            site = editions.settle(db, self.config, self.clock())
            self._announcer.enqueue(db, site, self.clock())
            numbers = self._announcer.send(db, site, self.clock, self.stop)
        if numbers:
            log.info("announced: %s", _summary(numbers))


class BounceJob(Job):
    """Reads the folder of bounces every few minutes; after an error, too."""

    name, pause, pausing_errors = "bounces", BOUNCE_PAUSE, (DevisError,)

    def __init__(
        self,
        config: Config,
        clock: Clock,
        lock: FileLock,
        stop: threading.Event,
        folder: ImapFolder,
    ) -> None:
        super().__init__(config, clock, lock, stop)
        self._folder = BounceFolder(config, folder)

    def run(self) -> None:
        with opened(self.config.database) as db:
            site = editions.settle(db, self.config, self.clock())
            handled = self._folder.read(db, site, self.clock, self.stop.is_set)
        if handled:
            log.info("bounces: %s handled", handled)
        self._paused_until = time.monotonic() + self.pause


def _summary(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in numbers.items())


def clean_up(config: Config, clock: Clock, lock: FileLock, stop: threading.Event) -> None:
    """Hourly, if this worker is active: delete expired data, count subscribers, and notify editors
    of gaps in the calendar and, on Fridays, of the coming week.
    """
    if not lock.is_locked:
        return
    try:
        with opened(config.database) as db:
            now = clock()
            site = editions.settle(db, config, now)
            subscriptions.delete_expired(db, now)
            sign_in.delete_expired(db, now)
            exchange.delete_expired_uploads(db, now)
            drafts.delete_expired(db, now)
            undo.delete_expired(db, now)
            statistics.save(db, site, now)
            publishing.notify(db, site, config, now)
            week_ahead.notify(db, site, now)
            while digests.delete_old_deliveries(db, config, clock()) and not stop.wait(
                CLEAN_UP_PAUSE
            ):
                pass
    except StoreError as error:
        log.error("clean-up: %s", error)
