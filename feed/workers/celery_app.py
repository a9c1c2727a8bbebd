"""The Celery application: publish batches to the broker, and consume them in a mail worker."""

import threading
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.worker import state
from kombu.exceptions import OperationalError

from feed.config.brokers import Broker
from feed.errors import MailUnavailableError

NOTICE_QUEUE, DIGEST_QUEUE = "devis.notices", "devis.letters"
TASK = "devis.deliver"
_REDACTED = "…"  # what Celery logs in place of a task's arguments
_TIMEOUT_SECONDS = 5

BatchValues = dict[str, Any]


def unavailable(broker: Broker, error: Exception) -> MailUnavailableError:
    """The error that a broker cannot be used, with the cause but without the broker's password."""
    reason = str(getattr(error, "__cause__", None) or error)
    return MailUnavailableError(
        "The broker %(broker)s cannot be used: %(reason)s. Emails stay queued.",
        broker=broker.place,
        reason=reason.replace(broker.url, broker.place).rstrip("."),
    )


class BatchPublisher:
    """Publishes batches to the broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._app = app(broker)

    def publish(self, batch: BatchValues, queue: str) -> None:
        """Publish a batch to a queue. Raises MailUnavailableError."""
        try:
            self._app.send_task(
                TASK,
                (batch,),
                queue=queue,
                compression="zlib",
                argsrepr=_REDACTED,
                kwargsrepr=_REDACTED,
                retry=False,
            )
        except _broker_errors(self._app) as error:
            raise unavailable(self._broker, error) from None

    def close(self) -> None:
        """Close the connection."""
        self._app.close()


def check_connection(broker: Broker) -> None:
    """Connect to the broker and sign in. Raises MailUnavailableError."""
    celery = app(broker)
    try:
        with celery.connection_for_read() as connection:
            connection.connect()
    except _broker_errors(celery) as error:
        raise unavailable(broker, error) from None
    finally:
        celery.close()


def consume(broker: Broker, deliver: Callable[[BatchValues], None], stop: threading.Event) -> None:
    """Consume batches, one at a time, until `stop` is set; the current one is finished first.

    A batch is acknowledged when `deliver` returns. A lost connection is made again. Raises
    MailUnavailableError where the broker cannot be reached at the start, or refuses this worker.
    """
    check_connection(broker)
    celery = app(broker)

    @celery.task(name=TASK)  # type: ignore[untyped-decorator]
    def _deliver(batch: BatchValues) -> None:
        deliver(batch)

    state.should_stop = None
    threading.Thread(target=_stop_celery, args=(stop,), name="mail-stop", daemon=True).start()
    # Not the worker of Celery's command, which takes over signals, logging and the terminal.
    worker = celery.WorkController(
        pool_cls="solo",
        concurrency=1,
        queues=[NOTICE_QUEUE, DIGEST_QUEUE],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    if not stop.is_set():
        raise unavailable(broker, OSError("the broker refuses this worker"))


def _broker_errors(celery: Celery) -> tuple[type[Exception], ...]:
    """The exceptions of a broker: each transport has its own."""
    connection = celery.connection_for_read()
    return (
        OperationalError,
        OSError,
        *connection.connection_errors,
        *connection.channel_errors,
    )


def _stop_celery(stop: threading.Event) -> None:
    stop.wait()
    state.should_stop = 0


def app(broker: Broker) -> Celery:
    """The Celery application: late acknowledgement, no prefetching, JSON only, no results."""
    made = Celery("devis", broker=broker.url, set_as_current=False)
    made.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_create_missing_queues=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=_TIMEOUT_SECONDS,
        # A worker that is sending answers no heartbeat; its lease shows whether it is alive.
        broker_heartbeat=0,
        broker_transport_options=_transport_options(broker),
    )
    return made


def _transport_options(broker: Broker) -> dict[str, Any]:
    if not broker.keeps_reports:
        return {"confirm_publish": True}
    return {
        "queue_order_strategy": "priority",
        "socket_connect_timeout": _TIMEOUT_SECONDS,
        "socket_timeout": 4 * _TIMEOUT_SECONDS,
        # A batch that a worker received but did not begin is redelivered soon; one that it has
        # begun cannot be begun again.
        "visibility_timeout": 30,
        "unacked_restore_interval": _TIMEOUT_SECONDS,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 10,
    }
