"""Internationalisation: gettext catalogues; dates, numbers and names as each language writes them.

English is the language of the source code and needs no catalogue. Pages, feeds and e-mails share
one Translator per language, which works outside a request, too.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from babel import Locale
from babel.core import UnknownLocaleError, get_global
from babel.dates import format_date, get_timezone_location
from babel.lists import format_list
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from feed.errors import DevisError
from feed.model.language_tags import lookup, primary

# The territory whose conventions apply to a bare language code (CLDR would assume en_US).
_LOCALES = {"en": "en_GB", "sv": "sv_SE"}
SIMPLE = "simple"  # the variant subtag of easy language, for which CLDR has no names
_SIMPLE_NAMES = {
    "da": "letlæst dansk",
    "de": "Leichte Sprache",
    "en": "easy-to-read English",
    "fi": "selkosuomi",
    "nb": "lettlest bokmål",
    "nn": "lettlesen nynorsk",
    "sv": "lättläst svenska",
}


def catalogue_folder() -> Path:
    """The folder of the gettext catalogues: in the installed package, else in the checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "translations"
    return inside if inside.is_dir() else package.parent / "translations"


class Translator:
    """Translates messages for readers of a language, with dates, numbers and names to match.

    `interface` is the language of all that: of a variant its language, and English for a language
    without a catalogue.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        locales = [str(locale(language)), primary(language)]
        self._messages: NullTranslations = Translations.load(catalogue_folder(), locales)
        has_messages = isinstance(self._messages, Translations) or primary(language) == "en"
        self.interface = _without_variants(language) if has_messages else "en"
        self.locale = locale(self.interface)

    def gettext(self, message: str, /, **values: object) -> str:
        """Translate a message; `values` fill its `%(name)s` placeholders."""
        translated = self._messages.gettext(message)
        return translated % values if values else translated

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """Translate a message in the plural form for `number`; placeholders stay unfilled."""
        return self._messages.ngettext(singular, plural, number)

    def error_messages(self, errors: Mapping[str, DevisError]) -> dict[str, str]:
        """Translate the errors of a form: field name to message."""
        return {name: self.gettext(error.message, **error.values) for name, error in errors.items()}

    def day(self, day: datetime.date) -> str:
        """Format a date with its weekday: `Sunday 22 November 2026`."""
        return format_date(day, "EEEE d MMMM y", locale=self.locale)

    def date(self, day: datetime.date) -> str:
        """Format a date: `22 November 2026`."""
        return format_date(day, "d MMMM y", locale=self.locale)

    def weekday(self, day: datetime.date) -> str:
        """The name of a date's weekday: `Sunday`."""
        return format_date(day, "EEEE", locale=self.locale)

    def weekday_short(self, day: datetime.date) -> str:
        """The short name of a date's weekday, in the stand-alone form: `Sun`."""
        return format_date(day, "ccc", locale=self.locale)

    def weekday_and_month(self, day: datetime.date) -> str:
        """A date's weekday and month, without the day of the month: `Sunday in November`."""
        weekday, month = self.weekday(day), format_date(day, "MMMM", locale=self.locale)
        return self.gettext("%(weekday)s in %(month)s", weekday=weekday, month=month)

    def short(self, day: datetime.date) -> str:
        """Format a date briefly, with its weekday: `Sun 22 Nov`."""
        return format_date(day, "E d MMM", locale=self.locale)

    def near(self, day: datetime.date, today: datetime.date) -> str:
        """Format a date briefly, with its year where that is not this year: `Sun 5 Dec 2027`."""
        pattern = "E d MMM" if day.year == today.year else "E d MMM y"
        return format_date(day, pattern, locale=self.locale)

    def moment(self, instant: datetime.datetime) -> str:
        """Format an aware datetime in its own timezone: `22 Nov 2026, 12:00`."""
        date = format_date(instant, "d MMM y", locale=self.locale)
        return self.gettext("%(date)s, %(time)s", date=date, time=f"{instant:%H:%M}")

    def weekday_names(self) -> list[str]:
        """The names of the weekdays, from Monday, in the stand-alone form."""
        monday = datetime.date(2024, 1, 1)
        days = [monday + datetime.timedelta(days=n) for n in range(7)]
        return [format_date(day, "cccc", locale=self.locale) for day in days]

    def month(self, day: datetime.date) -> str:
        """Format a month and its year, in the stand-alone form: `November 2026`."""
        return format_date(day, "LLLL y", locale=self.locale)

    def month_name(self, day: datetime.date) -> str:
        """The name of a month, in the stand-alone form: `November`."""
        return format_date(day, "LLLL", locale=self.locale)

    def number(self, number: int) -> str:
        """Format a number with its grouping: `20,000`."""
        return format_decimal(number, locale=self.locale)

    def listed(self, items: Sequence[str]) -> str:
        """Join items into a list: `a, b and c`."""
        return format_list(list(items), locale=self.locale)

    def language_name(self, code: str) -> str:
        """The name of a language in this language, its code if it has none; of `sv+en` both."""
        if "+" in code:
            return self.listed([self.language_name(part) for part in code.split("+")])
        if not is_language(code):
            return code
        plain = _without_variants(code)
        name = self.locale.languages.get(plain.replace("-", "_"))
        name = name or Locale.parse(plain, sep="-").get_display_name(self.locale) or code
        if is_simple(code):
            return self.gettext("easy-to-read %(language)s", language=name)
        return str(name)

    def place(self, timezone: str) -> str:
        """The city and country of a timezone, in this language: `New York, United States`.

        The city alone where it has the country's name, as `Singapore`; `UTC` has neither.
        """
        city = self.city(timezone)
        code = get_global("zone_territories").get(modern_timezone(timezone), "")
        country = self.locale.territories.get(code, "") if code.isalpha() and code != "ZZ" else ""
        is_said = f"{country} ".startswith(f"{city} ") or city.endswith(country)
        return city if is_said else f"{city}, {country}"

    def city(self, timezone: str) -> str:
        """The city of a timezone, in this language: `Köpenhamn`, `Buenos Aires, Argentina`."""
        name = get_timezone_location(timezone, locale=self.locale, return_city=True)
        return ", ".join(reversed(name.split("/")))


@lru_cache
def translator(language: str) -> Translator:
    """The Translator of a language code; English for a language without a catalogue."""
    return Translator(language)


def direction(language: str) -> str:
    """The direction in which a language is written, as in HTML: `ltr` or `rtl`."""
    return str(locale(language).text_direction)


def own_name(code: str) -> str:
    """The name of a language in itself, capitalised: `Svenska`, `Lättläst svenska`."""
    name = Locale.parse(_without_variants(code), sep="-").get_display_name() or code
    if is_simple(code):
        name = _SIMPLE_NAMES.get(primary(code), f"{name} ({SIMPLE})")
    return name[:1].upper() + name[1:]


def negotiate(wanted: Iterable[str], available: Sequence[str]) -> str:
    """Language negotiation: the first of `wanted` (best first) that is available, else the default.

    The default is the first of `available`.
    """
    for tag in wanted:
        found = match(tag, available)
        if found:
            return found
    return available[0]


def match(tag: str, available: Sequence[str]) -> str | None:
    """The available language for a tag: the same, else a more general one, else a sister.

    `sv` for `sv-FI` and `sv-simple`; `pt-BR` for `pt` and `pt-PT`, where there is no `pt`.
    """
    folded = tag.replace("_", "-").casefold()
    by_fold = {code.casefold(): code for code in available}
    sisters = {primary(code): by_fold[code] for code in reversed(by_fold)}
    known = (by_fold[candidate] for candidate in lookup(folded) if candidate in by_fold)
    return next(known, sisters.get(primary(folded)))


def canonical(tag: str) -> str:
    """Normalise the case and separators of a BCP 47 tag: `EN_gb` becomes `en-GB`."""
    first, *rest = tag.replace("_", "-").split("-")
    cased = {2: str.upper, 4: str.title}
    return "-".join([first.lower(), *(cased.get(len(part), str.lower)(part) for part in rest)])


def is_simple(code: str) -> bool:
    """Whether a language is one in easy words: `sv-simple` is *lättläst*."""
    return SIMPLE in code.split("-")


def _without_variants(code: str) -> str:
    """A tag without its variants: `sv` for `sv-simple`, `de-AT` for `de-AT-1996`."""
    parts = code.split("-")
    return "-".join(
        part for part in parts if len(part) < 5 and not (part[3:] and part[0].isdigit())
    )


def modern_timezone(name: str) -> str:
    """The current name of a timezone: `Asia/Kolkata` for `Asia/Calcutta`."""
    return str(get_global("zone_aliases").get(name, name))


def is_language(code: str) -> bool:
    """Whether CLDR knows the language code, and so how to format dates in it."""
    try:
        Locale.parse(code, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


@lru_cache
def language_codes() -> Mapping[str, str]:
    """The code of each language by its names in English and Swedish, in lower case."""
    names = {
        name.casefold(): code.replace("_", "-")
        for language in ("en", "sv")
        for code, name in locale(language).languages.items()
    }
    easy = {
        translator(language).language_name(f"{code}-{SIMPLE}").casefold(): f"{code}-{SIMPLE}"
        for language in ("en", "sv")
        for code in _SIMPLE_NAMES
    }
    return names | easy


def locale(language: str) -> Locale:
    """The locale of a language, with its usual territory; of an unknown one, that of English."""
    try:
        return Locale.parse(_LOCALES.get(language, language.replace("-", "_")))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_GB")
