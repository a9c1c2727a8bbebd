"""Sending: by this machine, or with a broker by mail workers on any number of machines."""

import threading

from sqlite_utils import Database

from feed import digests
from feed.clock import Clock
from feed.config import Config
from feed.config.brokers import Broker
from feed.digests.queue import Progress
from feed.model import Site


def send(
    db: Database,
    site: Site,
    config: Config,
    clock: Clock,
    stop: threading.Event,
    progress: Progress = lambda number: None,
) -> dict[str, int]:
    """Send what is due, or hand it to the mail workers; only within `digests.sender`.

    Returns how many letters were handed over, and how many sent, bounced and so on, as far as that
    is known by now. Raises MailError where nothing can be sent: what is left waits.
    """
    if config.broker is None:
        return digests.send(db, site, config, clock, stop, progress)
    from feed.workers import producer  # Celery takes its time to import

    return producer.send(db, site, config, clock, stop, progress)


def workers(broker: Broker, reports: Broker) -> int:
    """How many mail workers are there. Raises MailUnavailableError where one cannot be asked."""
    from feed.workers import celery_app
    from feed.workers.redis_leases import RedisLeases

    celery_app.reach(broker)
    store = RedisLeases(reports)
    try:
        return store.workers()
    finally:
        store.close()
