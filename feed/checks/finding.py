"""The result of a check: level, message and advice."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of the checked thing, and what to do unless it is good."""

    level: Level
    message: str
    advice: str = ""


def good(message: str, **values: object) -> Finding:
    """A finding that needs no action; `values` fill the placeholders of the message."""
    return Finding("good", message % values)


def warn(message: str, advice: str, **values: object) -> Finding:
    """A finding that works but needs attention."""
    return Finding("warn", message % values, advice % values)


def bad(message: str, advice: str = "", **values: object) -> Finding:
    """A finding that something does not work."""
    return Finding("bad", message % values, advice % values)
