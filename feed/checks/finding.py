"""What a check finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from feed.i18n import Translator

Level = Literal["good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, and what to do unless it is good.

    `message` and `advice` are templates of the catalogue, filled from the same `values`.
    """

    level: Level
    message: str
    values: Mapping[str, object] = field(default_factory=dict)
    advice: str = ""

    def say(self, t: Translator) -> str:
        """How it is, in the reader's language."""
        return t.gettext(self.message, **self.values)

    def advise(self, t: Translator) -> str:
        """What to do, in the reader's language; empty if nothing."""
        return t.gettext(self.advice, **self.values) if self.advice else ""


def good(message: str, **values: object) -> Finding:
    """All is well."""
    return Finding("good", message, values)


def warn(message: str, advice: str, **values: object) -> Finding:
    """It works, but somebody should do something."""
    return Finding("warn", message, values, advice)


def bad(message: str, advice: str = "", **values: object) -> Finding:
    """Something does not work."""
    return Finding("bad", message, values, advice)
