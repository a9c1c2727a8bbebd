"""Timeouts for chats and WebSub hubs."""

import threading
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

SOCKET_TIMEOUT = 10.0  # seconds: to connect, and for each part of a response
TOTAL_TIMEOUT = 20.0  # seconds for everything: some chats need a login before the post


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
