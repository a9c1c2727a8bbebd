"""Languages: the message catalogues, and dates and names as each language writes them.

One Translator serves pages, feeds and letters alike, so that none can disagree with another.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from babel import Locale
from babel.core import UnknownLocaleError, get_global
from babel.dates import format_date, format_datetime, get_timezone_location
from babel.lists import format_list
from babel.support import NullTranslations, Translations

from feed.errors import DevisError

# Where a bare language code would give another country's habits than the text is written in.
_LOCALES = {"en": "en_GB", "sv": "sv_SE"}


def catalogues() -> Path:
    """The folder of the catalogues: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "translations"
    return inside if inside.is_dir() else package.parent / "translations"


class Translator:
    """Everything that is said or written in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale = _locale(language)
        self._messages: NullTranslations = Translations.load(catalogues(), [str(self.locale)])

    def gettext(self, message: str) -> str:
        """The message in this language."""
        return self._messages.gettext(message)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """The message in this language, in the form that goes with `number`."""
        return self._messages.ngettext(singular, plural, number)

    def say(self, message: str, **values: object) -> str:
        """The message in this language with its named values filled in."""
        return self.gettext(message) % values

    def told(self, errors: Mapping[str, DevisError]) -> dict[str, str]:
        """Errors by the field that they belong to, as sentences in this language."""
        return {name: self.say(error.message, **error.values) for name, error in errors.items()}

    def day(self, day: datetime.date) -> str:
        """`Sunday 22 November 2026`, as this language writes it."""
        pattern = "EEEE d MMMM y"
        return format_date(day, pattern, locale=self.locale)

    def date(self, day: datetime.date) -> str:
        """`22 November 2026`."""
        return format_date(day, "d MMMM y", locale=self.locale)

    def short(self, day: datetime.date) -> str:
        """`Sun 22 Nov`."""
        return format_date(day, "E d MMM", locale=self.locale)

    def moment(self, instant: datetime.datetime) -> str:
        """`22 Nov 2026, 12:00`, in the zone that the instant is given in."""
        return format_datetime(instant, "d MMM y, HH:mm", instant.tzinfo, locale=self.locale)

    def month(self, day: datetime.date) -> str:
        """`November 2026`, as it stands alone."""
        return format_date(day, "LLLL y", locale=self.locale)

    def month_name(self, day: datetime.date) -> str:
        """`November`, as it stands alone."""
        return format_date(day, "LLLL", locale=self.locale)

    def listed(self, items: Sequence[str]) -> str:
        """`a, b and c`."""
        return format_list(list(items), locale=self.locale)

    def language_name(self, code: str) -> str:
        """The name of another language in this one; its code, where it has none."""
        if not is_language(code):
            return code
        return str(self.locale.languages.get(code.partition("-")[0], code))

    def city(self, timezone: str) -> str:
        """The city that a timezone is named after: `Köpenhamn`, `Buenos Aires, Argentina`."""
        name = get_timezone_location(timezone, locale=self.locale, return_city=True)
        return ", ".join(reversed(name.split("/")))


@lru_cache
def translator(language: str) -> Translator:
    """The Translator of a language code; an unknown one speaks the catalogue's English."""
    return Translator(language)


def own_name(code: str) -> str:
    """What a language calls itself, with a capital: `Svenska`."""
    name = Locale.parse(code, sep="-").get_display_name() or code
    return name[:1].upper() + name[1:]


def negotiate(wanted: Iterable[str], available: Sequence[str]) -> str:
    """The first of `wanted` (best first) that is available, else the first available one."""
    for tag in wanted:
        found = match(tag, available)
        if found:
            return found
    return available[0]


def match(tag: str, available: Sequence[str]) -> str | None:
    """The available language for a tag such as `sv-FI`: itself, else its primary language."""
    folded = tag.replace("_", "-").casefold()
    by_fold = {code.casefold(): code for code in available}
    return by_fold.get(folded) or by_fold.get(folded.partition("-")[0])


def canonical(tag: str) -> str:
    """A language tag as it is usually written: `EN_gb` is `en-GB`."""
    first, *rest = tag.replace("_", "-").split("-")
    cased = {2: str.upper, 4: str.title}
    return "-".join([first.lower(), *(cased.get(len(part), str.lower)(part) for part in rest)])


def modern_timezone(name: str) -> str:
    """What a timezone is called today: `Asia/Kolkata` for `Asia/Calcutta`."""
    return str(get_global("zone_aliases").get(name, name))


def is_language(code: str) -> bool:
    """Whether the code names a language that has conventions of its own to write dates in."""
    try:
        Locale.parse(code, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(_LOCALES.get(language, language.replace("-", "_")))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_GB")
