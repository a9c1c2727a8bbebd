"""The scheduler: idempotent jobs, in a process of its own, one at a time.

Whoever holds the lock beside the database works; another worker waits as a stand-by. Editions are
made, letters are sent and others are told in jobs of their own: neither a long mail run nor a slow
chat holds an edition up.
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
from feed.accounts import authentication
from feed.checks.worker_lock import LOCK_NAME
from feed.clock import Clock
from feed.config import Config
from feed.editions import upcoming
from feed.errors import BackupError, DevisError, MailError, StoreError
from feed.library import uploads
from feed.model import Site
from feed.notify import announcements
from feed.store import backups, migrations
from feed.store.connection import opened
from feed.subscribers import statistics, subscriptions
from feed.workers import dispatch

log = logging.getLogger(__name__)

TICK_SECONDS = 4
TIDY_SECONDS = 3600
TIDY_PAUSE = 0.05  # seconds between two batches that are forgotten: others write meanwhile
BACKUP_PAUSE = 900  # seconds before one that failed is tried again
QUIET = 60  # seconds before a job says the same error again
MAIL_PAUSE = 60  # seconds before a mail server that takes nothing is asked again


def run(config: Config, clock: Clock, stop: threading.Event) -> None:
    """Tick every few seconds until `stop` is set.

    Raises SchemaError, StoreError or SettingError at the start.
    """
    with opened(config.database) as db:
        migrations.check(db)
    lock = FileLock(config.instance / LOCK_NAME, thread_local=False)
    scheduler = BackgroundScheduler(timezone=config.timezone)
    others = [job(config, clock, lock, stop) for job in (Mail, Backup, Announcing)]
    tick(config, clock, lock)
    jobs = (
        (tick, TICK_SECONDS, (config, clock, lock)),
        *((job.tick, TICK_SECONDS, ()) for job in others),
        (tidy, TIDY_SECONDS, (config, clock, lock, stop)),
    )
    for job, seconds, arguments in jobs:
        # By default APScheduler drops a job that is a second late: late is better than never here.
        scheduler.add_job(
            job,
            "interval",
            args=arguments,
            seconds=seconds,
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
    # A mail run that takes longer than a tick is meant to, and nothing to warn of.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    scheduler.start()
    stop.wait()
    scheduler.shutdown(wait=True)
    lock.release()


def tick(config: Config, clock: Clock, lock: FileLock) -> None:
    """Do what is due, if this is the working worker. After a fault the next tick tries again."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return
    try:
        with opened(config.database) as db:
            now = clock()
            _publish(db, editions.settle(db, config, now), config, now)
    except StoreError as error:
        log.error("tick: %s", error)
    except Exception:
        log.exception("tick failed")


def _publish(db: Database, site: Site, config: Config, now: datetime) -> None:
    for choice in editions.publish_due(db, site, config, now):
        log.info("published %s: %s (%s)", choice.date, choice.slug, choice.why)


class Job(ABC):
    """What the working worker does when it is due; after a fault it rests, and goes on then."""

    name: str
    pause: float  # seconds of rest
    tiring: tuple[type[DevisError], ...]  # errors after which it is no use to try at once again

    def __init__(self, config: Config, clock: Clock, lock: FileLock, stop: threading.Event) -> None:
        self.config, self.clock, self.lock, self.stop = config, clock, lock, stop
        self._rest = self._quiet = 0.0
        self._said = ""

    @abstractmethod
    def do(self) -> None:
        """Do what is due."""

    def tick(self) -> None:
        """Do what is due, if this is the working worker, and it does not rest."""
        if not self.lock.is_locked or time.monotonic() < self._rest:
            return
        try:
            self.do()
        except DevisError as error:
            if isinstance(error, self.tiring):
                self._rest = time.monotonic() + self.pause
            self._say(str(error))
        except Exception:
            self._rest = time.monotonic() + self.pause
            log.exception("%s failed", self.name)

    def _say(self, error: str) -> None:
        """Log an error; the same again only once a minute."""
        now = time.monotonic()
        if error != self._said or now >= self._quiet:
            self._said, self._quiet = error, now + QUIET
            log.error("%s: %s", self.name, error)


class Mail(Job):
    """Sends what is due, and rests a while from a server that takes nothing.

    What mail workers tell is listened to all the time.
    """

    name, pause, tiring = "mail", MAIL_PAUSE, (MailError,)

    def __init__(self, config: Config, clock: Clock, lock: FileLock, stop: threading.Event) -> None:
        super().__init__(config, clock, lock, stop)
        if config.broker is not None:
            self.pause = 0

    def do(self) -> None:
        config, clock = self.config, self.clock
        with opened(config.database) as db:
            now = clock()
            site = editions.settle(db, config, now)
            _publish(db, site, config, now)  # no letter without its edition
            digests.begin(db, site, now)
            if digests.is_idle(db, now):
                return
            with digests.sender(config) as alone:
                if alone:
                    numbers = dispatch.send(db, site, config, clock, self.stop)
                    if numbers:
                        log.info("letters: %s", _counted(numbers))


class Backup(Job):
    """Backs up when the schedule says so, and rests a while after a failure."""

    name, pause, tiring = "backup", BACKUP_PAUSE, (DevisError,)

    def do(self) -> None:
        now = self.clock()
        with opened(self.config.database) as db:
            if not backups.is_due(self.config, backups.last(db), now):
                return
        made = backups.make(self.config, now, look=self._look)
        log.info("backed up: %s", made.path)

    def _look(self) -> None:
        if self.stop.is_set():
            raise BackupError("The backup was stopped before its end.")


class Announcing(Job):
    """Tells hubs and chats what is new; what they do not take is tried again by itself."""

    name, pause, tiring = "telling others", 0, ()

    def __init__(self, config: Config, clock: Clock, lock: FileLock, stop: threading.Event) -> None:
        super().__init__(config, clock, lock, stop)
        self._announcer = announcements.Announcer(config, editions.feed)

    def do(self) -> None:
        with opened(self.config.database) as db:
            site = editions.settle(db, self.config, self.clock())
            self._announcer.begin(db, site, self.clock())
            numbers = self._announcer.send(db, site, self.clock, self.stop)
        if numbers:
            log.info("told others: %s", _counted(numbers))


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in numbers.items())


def tidy(config: Config, clock: Clock, lock: FileLock, stop: threading.Event) -> None:
    """Once an hour, if this is the working worker: forget what is kept no longer, count who gets
    letters, and tell the editors what is missing in the calendar.
    """
    if not lock.is_locked:
        return
    try:
        with opened(config.database) as db:
            now = clock()
            site = editions.settle(db, config, now)
            subscriptions.tidy(db, now)
            authentication.forget(db, now)
            uploads.forget(db, now)
            statistics.keep(db, site, now)
            upcoming.notify(db, site, config, now)
            while digests.forget(db, config, clock()) and not stop.wait(TIDY_PAUSE):
                pass
    except StoreError as error:
        log.error("tidy: %s", error)
