"""Timeouts and retry delays for chats and WebSub hubs."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

Value = TypeVar("Value")

SOCKET_TIMEOUT = 10.0  # seconds: to connect, and for each part of a response
TOTAL_TIMEOUT = 20.0  # seconds for everything: some chats need a login before the post
CLAIM_TIMEOUT = timedelta(minutes=2)  # the process of an older claim is dead
RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 4, 15, 30, 60))
MAX_RETRY_TIME = timedelta(days=1)


def retry_delay(attempts: int) -> timedelta:
    """How long to wait for the next try, after `attempts` earlier failures."""
    return RETRY_DELAYS[min(attempts, len(RETRY_DELAYS) - 1)]


def with_timeout(seconds: float, function: Callable[[], Value]) -> Value:
    """Call a function in a thread; its result or exception, or TimeoutError after `seconds`.

    The timeout of a socket never comes where a server sends a byte now and then. After a timeout
    the function goes on in a daemon thread.
    """
    results: list[Value] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]
