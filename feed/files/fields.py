"""What each field of an entry takes: checks that clean a value, or say what was expected."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from feed.errors import gettext_noop
from feed.model import KINDS, STATES, STATUSES

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# What XML 1.0 cannot carry, the C1 controls that nobody types on purpose, and what turns the
# direction of the text after it: a page could be made to show something else than it says.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)


class ExpectedError(Exception):
    """A value is not what the field takes: a template of the catalogue and its values."""

    def __init__(self, message: str, **values: object) -> None:
        self.message, self.values = message, values
        super().__init__(message)


Check = Callable[[Any], Any]


def without_controls(text: str) -> str:
    """A text without the characters that no field takes."""
    return _CONTROL.sub("", text)


def _line(longest: int) -> Check:
    def check(value: Any) -> str:
        text = _prose(longest)(value)
        if "\n" in text:
            raise ExpectedError(gettext_noop("expected one line, without a line break"))
        return str(text)

    return check


def _prose(longest: int) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ExpectedError(gettext_noop("expected text, not %(kind)s"), kind=kind_of(value))
        found = _CONTROL.search(value)
        if found:
            code = f"U+{ord(found[0]):04X}"
            raise ExpectedError(
                gettext_noop("expected text without the control character %(code)s"), code=code
            )
        text = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
        if len(text) > longest:
            raise ExpectedError(
                gettext_noop("expected at most %(most)s characters, not %(count)s"),
                most=longest,
                count=len(text),
            )
        return text

    return check


def _filled(longest: int, lines: bool = False) -> Check:
    def check(value: Any) -> str:
        text = (_prose if lines else _line)(longest)(value)
        if not text:
            raise ExpectedError(gettext_noop("expected some text, but it is empty"))
        return str(text)

    return check


def _one_of(choices: tuple[str, ...]) -> Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise ExpectedError(
                gettext_noop("expected one of %(choices)s, not “%(value)s”"),
                choices=", ".join(choices),
                value=_shown(value),
            )
        return str(value)

    return check


def _slug(value: Any) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value) or len(value) > 80:
        raise ExpectedError(
            gettext_noop("expected a name in lower-case a–z, 0–9 and hyphens, not “%(value)s”"),
            value=_shown(value),
        )
    return value


def _slugs(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ExpectedError(gettext_noop("expected a list, not %(kind)s"), kind=kind_of(value))
    return list(dict.fromkeys(map(_slug, value)))


def _language(value: Any) -> str:
    if not isinstance(value, str) or not LANGUAGE.fullmatch(value):
        raise ExpectedError(
            gettext_noop("expected a language code such as sv, not “%(value)s”"),
            value=_shown(value),
        )
    return value


def _year(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < abs(value) <= 3000:
        message = gettext_noop("expected a year such as 2019, not “%(value)s”")
        raise ExpectedError(message, value=_shown(value))
    return value


def _address(value: Any) -> str:
    text = str(_line(500)(value))
    if text and not re.fullmatch(r"https?://[^\s<>\"]+", text):
        raise ExpectedError(
            gettext_noop("expected an address that begins with https:// or http://")
        )
    return text


TEXT = {
    "title": _filled(200),
    "statement": _filled(2000, lines=True),
    "reflection": _prose(2000),
    "practice": _prose(2000),
    "commentary": _prose(10_000),
    "state": _one_of(STATES),
}
PRINCIPLE = {
    "slug": _slug,
    "kind": _one_of(KINDS),
    "source": _slug,
    "locator": _line(200),
    "themes": _slugs,
    "status": _one_of(STATUSES),
    "original_language": _language,
    "notes": _prose(2000),
}
SOURCE = {
    "slug": _slug,
    "title": _filled(300),
    "author": _line(200),
    "publisher": _line(200),
    "year": _year,
    "language": _language,
    "url": _address,
}
SOURCE_TEXT = {"introduction": _prose(2000), "rights": _prose(2000)}
THEME = {"slug": _slug}
THEME_TEXT = {"name": _filled(80), "description": _prose(2000)}
KINDS_OF_ENTRY: dict[str, tuple[Mapping[str, Check], Mapping[str, Check]]] = {
    "themes": (THEME, THEME_TEXT),
    "sources": (SOURCE, SOURCE_TEXT),
    "principles": (PRINCIPLE, TEXT),
}


def _shown(value: Any) -> str:
    """A refused value as it can stand in a message, however long or deep it is."""
    try:
        return str(value)[:80]
    except (ValueError, RecursionError):
        return "…"


def kind_of(value: Any) -> str:
    names = {
        dict: "a table",
        list: "a list",
        str: "text",
        bool: "true or false",
        type(None): "nothing",
    }
    return names.get(type(value), "a number" if isinstance(value, int | float) else "a date")
