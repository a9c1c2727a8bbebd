"""Celery: the task that carries a batch to a mail worker, and the worker that waits for it."""

import threading
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.worker import state
from kombu.exceptions import OperationalError

from feed.config.brokers import Broker
from feed.errors import MailUnavailableError

NOTICES, LETTERS = "devis.notices", "devis.letters"
TASK = "devis.deliver"
_NOTHING = "…"  # what stands for the arguments of a task, wherever Celery would show them
_SECONDS = 5

Batch = dict[str, Any]


def unavailable(broker: Broker, error: Exception) -> MailUnavailableError:
    """That the broker cannot be used now; why, without what its address keeps secret."""
    reason = str(getattr(error, "__cause__", None) or error)
    return MailUnavailableError(
        "The broker %(broker)s cannot be used: %(reason)s. Letters wait in the ledger.",
        broker=broker.place,
        reason=reason.replace(broker.url, broker.place).rstrip("."),
    )


class BatchPublisher:
    """Hands batches over. Raises MailUnavailableError where the broker takes none."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._app = app(broker)

    def hand_over(self, batch: Batch, queue: str) -> None:
        """Put a batch where a worker will find it; notices come before letters."""
        try:
            self._app.send_task(
                TASK,
                (batch,),
                queue=queue,
                compression="zlib",
                argsrepr=_NOTHING,
                kwargsrepr=_NOTHING,
                retry=False,
            )
        except _faults(self._app) as error:
            raise unavailable(self._broker, error) from None

    def close(self) -> None:
        """Part from the broker."""
        self._app.close()


def reach(broker: Broker) -> None:
    """Look whether a broker lets us in. Raises MailUnavailableError."""
    hands = app(broker)
    try:
        with hands.connection_for_read() as line:
            line.connect()
    except _faults(hands) as error:
        raise unavailable(broker, error) from None
    finally:
        hands.close()


def work(broker: Broker, deliver: Callable[[Batch], None], stop: threading.Event) -> None:
    """Take batches, one at a time, until `stop` is set; the one in work is finished first.

    A batch leaves the broker once `deliver` has returned. A broker that goes away is waited for.
    Raises MailUnavailableError where there is none at the start, or it refuses us later.
    """
    reach(broker)
    hands = app(broker)

    @hands.task(name=TASK)  # type: ignore[untyped-decorator]
    def _deliver(batch: Batch) -> None:
        deliver(batch)

    state.should_stop = None
    threading.Thread(target=_end, args=(stop,), name="mail-stop", daemon=True).start()
    # Not the command's worker, which would take over the signals, the log, and the terminal.
    worker = hands.WorkController(
        pool_cls="solo",
        concurrency=1,
        queues=[NOTICES, LETTERS],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    if not stop.is_set():
        raise unavailable(broker, OSError("it refuses this worker"))


def _faults(hands: Celery) -> tuple[type[Exception], ...]:
    """What a broker can raise: each kind has its own."""
    line = hands.connection_for_read()
    return (OperationalError, OSError, *line.connection_errors, *line.channel_errors)


def _end(stop: threading.Event) -> None:
    stop.wait()
    state.should_stop = 0


def app(broker: Broker) -> Celery:
    """Celery with its settings: acknowledged late, one at a time, JSON only, nothing kept."""
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
        broker_connection_timeout=_SECONDS,
        # A worker busy with a batch answers no heartbeat; its lease tells whether it lives.
        broker_heartbeat=0,
        broker_transport_options=_options(broker),
    )
    return made


def _options(broker: Broker) -> dict[str, Any]:
    if not broker.keeps_reports:
        return {"confirm_publish": True}
    return {
        "queue_order_strategy": "priority",
        "socket_connect_timeout": _SECONDS,
        "socket_timeout": 4 * _SECONDS,
        # What a worker took and did not begin comes back soon; what it has begun, nobody else can.
        "visibility_timeout": 30,
        "unacked_restore_interval": _SECONDS,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 10,
    }
