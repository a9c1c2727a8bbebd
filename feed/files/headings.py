"""The columns of tables of principles: their headings and fixed values, in English and Swedish."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache

from feed.files.entries import COLUMNS, LANGUAGE
from feed.i18n import canonical, language_codes

# By column: the headings in English, and those in Swedish; the first is that of the desk.
_HEADINGS: Mapping[str, tuple[str, str]] = {
    "slug": (
        "slug|web address slug|name in addresses|id",
        "kortnamn i webbadressen|kortnamn i adresser|kortnamn|adressnamn",
    ),
    "kind": ("kind|type", "typ|slag|sort"),
    "source": ("source|book|reference|from", "källa|källan|bok|hämtat från"),
    "locator": (
        "place in the source|place|page|pages|chapter",
        "ställe i källan|plats i källan|sida|sidor|kapitel|ställe",
    ),
    "themes": ("themes|theme|topic|topics|tags", "teman|tema|ämne|ämnen|taggar"),
    "status": ("status|published", "status|publicering"),
    "original_language": ("original language", "originalspråk"),
    "notes": (
        "notes for translators|notes|note",
        "anteckningar till översättare|anteckningar för översättare|anteckningar|anteckning",
    ),
    "language": ("language|lang", "språk"),
    "title": ("title|heading|headline", "rubrik|titel|överskrift"),
    "short": ("in short|short|summary", "i korthet|kort|sammanfattning"),
    "statement": ("main text|statement|text|body", "huvudtext|text|brödtext"),
    "reflection": (
        "to think about|think about|reflection|question",
        "att fundera på|fundera på|reflektion|fråga",
    ),
    "practice": (
        "to do today|do today|practice|exercise|action",
        "att göra i dag|att göra idag|gör i dag|gör idag|övning|handling",
    ),
    "team": ("with your team|team", "i arbetslaget|arbetslaget"),
    "commentary": (
        "why it matters|commentary|background|comment",
        "varför det spelar roll|därför spelar det roll|kommentar|bakgrund",
    ),
    "state": ("state|state of the text", "textens status|läge|tillstånd|textens läge"),
}
# Headings that some people use for the one, some for the other.
_EITHER: Mapping[str, tuple[str, ...]] = {
    "principle": ("statement", "title"),
    "princip": ("statement", "title"),
}
_VALUES: Mapping[str, Mapping[str, str]] = {
    "kind": {"principle": "principle|princip", "quote": "quote|quotation|citat"},
    "status": {
        "draft": "draft|utkast",
        "published": "published|publicerad|publicerat|yes|ja",
        "retired": "retired|tagen ur bruk",
    },
    "state": {
        "draft": "draft|utkast",
        "review": "review|in review|under granskning|granskas",
        "approved": "approved|godkänd|godkänt",
        "outdated": "outdated|inaktuell",
    },
}
_LANGUAGES = ("language", "original_language")
# Frequent words that only one of the two languages has.
_FREQUENT = {
    "sv": "och att det som är inte på för med du ett av till den vad när hur",
    "en": "and the to of is that you what with it not are when how your this",
}


def key(text: str) -> str:
    """A name in the form in which names are compared: lower case, words only, single spaces."""
    plain = unicodedata.normalize("NFC", text).casefold()
    return " ".join(re.findall(r"[^\W_]+", plain))


_COLUMNS: Mapping[str, str] = {
    heading: column
    for column in COLUMNS
    for names in (column.replace("_", " "), *_HEADINGS.get(column, ()))
    for heading in map(key, names.split("|"))
}
_SWEDISH = frozenset(
    key(heading) for _, swedish in _HEADINGS.values() for heading in swedish.split("|")
)
_FIXED: Mapping[str, Mapping[str, str]] = {
    column: {key(word): value for value, words in values.items() for word in words.split("|")}
    for column, values in _VALUES.items()
}


def recognise(headings: list[str]) -> int:
    """How many of the cells of a row are headings."""
    return sum(key(cell) in _COLUMNS or key(cell) in _EITHER for cell in headings)


def columns(headings: list[str]) -> list[str]:
    """The column of each heading; empty for an unknown one."""
    found = [_COLUMNS.get(key(heading), "") for heading in headings]
    for place, heading in enumerate(headings):
        free = [name for name in _EITHER.get(key(heading), ()) if name not in found]
        if free:
            found[place] = free[0]
    return found


def language_of(headings: list[str], texts: Iterable[str]) -> str:
    """Guess the language of a table by the frequent words of its texts, then by its headings."""
    words = [word for text in texts for word in key(text).split()]
    counts = {
        code: sum(map(frozenset(known.split()).__contains__, words))
        for code, known in _FREQUENT.items()
    }
    if counts["sv"] != counts["en"]:
        return max(counts, key=lambda code: counts[code])
    return "sv" if any(key(heading) in _SWEDISH for heading in headings) else "en"


@cache
def _language_codes() -> Mapping[str, str]:
    """The code of each language by its names, as names are compared."""
    return {key(name): code for name, code in language_codes().items()}


def value(column: str, cell: str) -> str:
    """A cell’s fixed value or language code: `draft` for `Utkast`; the cell itself if unknown."""
    name = key(cell)
    if column in _LANGUAGES:
        code = canonical(cell.strip())
        return _language_codes().get(name) or (code if LANGUAGE.fullmatch(code) else cell.strip())
    return _FIXED.get(column, {}).get(name, cell)
