"""Send what is due: from this machine, or through a broker to mail workers on other machines."""

import threading

from sqlite_utils import Database

from feed import digests
from feed.clock import Clock
from feed.config import Config
from feed.config.brokers import Broker
from feed.digests import refusals
from feed.digests.queue import Progress
from feed.errors import MailRefusedError
from feed.model import Site


def send(
    db: Database,
    site: Site,
    config: Config,
    clock: Clock,
    stop: threading.Event,
    progress: Progress = lambda number: None,
) -> dict[str, int]:
    """Send what is due, or publish it to the mail workers; within `digests.sending_lock`.

    Returns how many digests were sent, bounced and so on, and how many were published (`handed`).
    Raises MailError where nothing can be sent: it is sent by a later call. A mail server that
    refuses the login or the sender is also an alarm.
    """
    try:
        return _send(db, site, config, clock, stop, progress)
    except MailRefusedError as error:
        refusals.save_server_refusal(db, error, clock())
        raise


def _send(
    db: Database,
    site: Site,
    config: Config,
    clock: Clock,
    stop: threading.Event,
    progress: Progress,
) -> dict[str, int]:
    if config.broker is None:
        return digests.send(db, site, config, clock, stop, progress)
    from feed.workers import producer  # importing Celery is slow

    return producer.send(db, site, config, clock, stop, progress)


def count_workers(broker: Broker, reports: Broker) -> int:
    """The number of mail workers that are running. Raises MailUnavailableError."""
    from feed.workers import celery_app
    from feed.workers.redis_leases import RedisLeases

    celery_app.check_connection(broker)
    leases = RedisLeases(reports)
    try:
        return leases.count_workers()
    finally:
        leases.close()
