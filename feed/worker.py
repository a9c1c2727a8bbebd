"""The scheduler: one idempotent tick, in a process of its own, one at a time.

Whoever holds the lock beside the database works; another worker waits as a stand-by.
"""

import logging
import threading

from apscheduler.schedulers.background import BackgroundScheduler
from filelock import FileLock, Timeout

from feed import editions, schema
from feed.clock import Clock
from feed.config import Config
from feed.errors import StoreError
from feed.store.connection import opened

log = logging.getLogger(__name__)

TICK_SECONDS = 4
LOCK_NAME = "worker.lock"


def run(config: Config, clock: Clock, stop: threading.Event) -> None:
    """Tick every few seconds until `stop` is set. Raises SchemaError or StoreError at the start."""
    with opened(config.database) as db:
        schema.check(db)
    lock = FileLock(config.instance / LOCK_NAME, thread_local=False)
    scheduler = BackgroundScheduler(timezone=config.timezone)
    tick(config, clock, lock)
    # By default APScheduler drops a job that is a second late: late is better than never here.
    scheduler.add_job(
        tick,
        "interval",
        args=(config, clock, lock),
        seconds=TICK_SECONDS,
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
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
            site = editions.settle(db, config, now)
            for choice in editions.publish_due(db, site, config, now):
                log.info("published %s: %s (%s)", choice.date, choice.slug, choice.why)
    except StoreError as error:
        log.error("tick: %s", error)
    except Exception:
        log.exception("tick failed")
