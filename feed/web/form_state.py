"""A form as it is shown again: what was typed, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from feed.errors import InputError
from feed.i18n import Translator

FIELDS = ("address", "language", "cadence", "days", "hour", "timezone", "paused_until")
LONGEST = 1000  # of what is shown again


@dataclass(frozen=True, slots=True)
class FormState:
    """What stands in the fields of a form; `errors` and `problem` are sentences for people."""

    given: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether there is anything to be put right."""
        return bool(self.errors or self.problem)


def again(
    t: Translator,
    given: Mapping[str, str],
    errors: Mapping[str, InputError] | None = None,
    problem: str = "",
) -> FormState:
    """A form with what was typed into it, and its errors in the order of the fields."""
    faulty = {name: (errors or {})[name] for name in FIELDS if name in (errors or {})}
    typed = {name: _shown(given.get(name, "")) for name in FIELDS}
    return FormState(
        {**typed, "paused_until": _date(typed["paused_until"])},
        t.error_messages(faulty),
        problem and t.gettext(problem),
    )


def _shown(text: str) -> str:
    """What was typed, without what no page may contain."""
    return "".join(sign for sign in text[:LONGEST] if sign.isprintable())


def _date(text: str) -> str:
    """What was typed, unless no field for a date can show it."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""
