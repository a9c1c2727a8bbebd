"""The result of a check: level, message and advice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from feed.i18n import Translator

Level = Literal["good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of the checked thing, and what to do unless it is good.

    `message` and `advice` are message ids of the catalogue, both filled from `values`.
    """

    level: Level
    message: str
    values: Mapping[str, object] = field(default_factory=dict)
    advice: str = ""

    def render_message(self, t: Translator) -> str:
        """The message in the language of `t`."""
        return t.gettext(self.message, **self.values)

    def render_advice(self, t: Translator) -> str:
        """The advice in the language of `t`; empty if there is none."""
        return t.gettext(self.advice, **self.values) if self.advice else ""


def good(message: str, **values: object) -> Finding:
    """A finding that needs no action."""
    return Finding("good", message, values)


def warn(message: str, advice: str, **values: object) -> Finding:
    """A finding that works but needs attention."""
    return Finding("warn", message, values, advice)


def bad(message: str, advice: str = "", **values: object) -> Finding:
    """A finding that something does not work."""
    return Finding("bad", message, values, advice)
