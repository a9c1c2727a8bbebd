"""The timezones to choose from: by region, under the names that their cities have today."""

from collections import defaultdict
from functools import lru_cache
from typing import NamedTuple

from feed.errors import gettext_noop
from feed.i18n import modern_timezone, translator
from feed.subscribers import forms

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


class Zone(NamedTuple):
    """A timezone, the city it is named after, and its older names with blanks between."""

    name: str
    city: str
    also: str


@lru_cache
def grouped(language: str) -> tuple[tuple[str, tuple[Zone, ...]], ...]:
    """The regions in a language, each with its timezones; in the order of their names."""
    t, older = translator(language), _older()
    found = defaultdict(list)
    for name in forms.timezones():
        region = REGIONS.get(name.partition("/")[0])
        if region is not None and name not in older:
            also = " ".join(old for old, new in older.items() if new == name)
            found[t.gettext(region)].append(Zone(name, t.city(name), also))
    return tuple(
        (region, tuple(sorted(found[region], key=lambda zone: zone.city)))
        for region in sorted(found)
    )


def nearest(name: str) -> str:
    """The one to choose from that stands for any timezone."""
    modern = modern_timezone(name)
    return modern if modern in forms.timezones() else UTC


@lru_cache(maxsize=1)
def _older() -> dict[str, str]:
    """The names that have another one today, with that."""
    names = set(forms.timezones())
    modern = {name: modern_timezone(name) for name in forms.timezones()}
    return {old: new for old, new in modern.items() if old != new and new in names}
