"""How long others may keep us waiting, and when we come again."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

Value = TypeVar("Value")

ANSWER_SECONDS = 10.0  # for a connection, and for each part of an answer
WHOLE_SECONDS = 20.0  # for everything: a login into a chat may come before a post
CLAIM = timedelta(minutes=2)  # who claimed something longer ago than this has died over it
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 4, 15, 30, 60))
LONGEST = timedelta(days=1)


def pause(attempts: int) -> timedelta:
    """How long to wait after so many attempts that failed before this one."""
    return PAUSES[min(attempts, len(PAUSES) - 1)]


def within(seconds: float, act: Callable[[], Value]) -> Value:
    """What `act` returns or raises. Raises TimeoutError if it is not done in time.

    A server that sends a byte now and then keeps a socket's own timeout from ever coming. What is
    not done goes on in a thread that keeps nobody from ending.
    """
    results: list[Value] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(act())
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
