"""The form to subscribe or to change preferences: values, errors, and the choice of timezones."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from feed.errors import InputError, gettext_noop
from feed.i18n import Translator, modern_timezone, translator
from feed.subscribers import forms

FIELDS = ("address", "language", "also", "cadence", "days", "hour", "timezone", "paused_until")
MAX_LENGTH = 1000  # of a submitted value that is shown again
UTC = "UTC"
REGIONS = {
    "Africa": gettext_noop("Africa"),
    "America": gettext_noop("The Americas"),
    "Antarctica": gettext_noop("Antarctica"),
    "Arctic": gettext_noop("The Arctic"),
    "Asia": gettext_noop("Asia"),
    "Atlantic": gettext_noop("The Atlantic"),
    "Australia": gettext_noop("Australia"),
    "Europe": gettext_noop("Europe"),
    "Indian": gettext_noop("The Indian Ocean"),
    "Pacific": gettext_noop("The Pacific"),
}


@dataclass(frozen=True, slots=True)
class FormState:
    """Field values and translated errors; `problem` is about the form as a whole."""

    given: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether there is any error."""
        return bool(self.errors or self.problem)


class Timezone(NamedTuple):
    """A timezone to choose: IANA name, city in the page's language, older names to search by."""

    name: str
    city: str
    also: str


def with_errors(
    t: Translator,
    given: Mapping[str, str],
    errors: Mapping[str, InputError] | None = None,
    problem: str = "",
) -> FormState:
    """A submitted form to show again, with its errors in the order of the fields."""
    faulty = {name: (errors or {})[name] for name in FIELDS if name in (errors or {})}
    typed = {name: _printable(given.get(name, "")) for name in FIELDS}
    return FormState(
        {**typed, "paused_until": _date(typed["paused_until"])},
        t.error_messages(faulty),
        problem and t.gettext(problem),
    )


@lru_cache
def timezones(language: str) -> tuple[tuple[str, tuple[Timezone, ...]], ...]:
    """Regions in a language, each with its timezones, sorted by name."""
    t, older = translator(language), _older_names()
    found = defaultdict(list)
    for name in forms.timezones():
        region = REGIONS.get(name.partition("/")[0])
        if region is not None and name not in older:
            also = " ".join(old for old, new in older.items() if new == name)
            found[t.gettext(region)].append(Timezone(name, t.city(name), also))
    return tuple(
        (region, tuple(sorted(found[region], key=lambda zone: zone.city)))
        for region in sorted(found)
    )


def nearest_timezone(name: str) -> str:
    """The timezone of the list that stands for any IANA name; UTC if there is none."""
    modern = modern_timezone(name)
    return modern if modern in forms.timezones() else UTC


@lru_cache(maxsize=1)
def _older_names() -> dict[str, str]:
    """Older IANA names to their present ones."""
    names = set(forms.timezones())
    modern = {name: modern_timezone(name) for name in forms.timezones()}
    return {old: new for old, new in modern.items() if old != new and new in names}


def _printable(text: str) -> str:
    return "".join(character for character in text[:MAX_LENGTH] if character.isprintable())


def _date(text: str) -> str:
    """The text if it is an ISO date, else nothing: a date field cannot show it."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""
