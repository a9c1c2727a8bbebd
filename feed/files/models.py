"""The fields of the entries of exchange files, as types that pydantic validates one by one.

The desk's forms validate with the same types, and so with the same messages.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, TypedDict, get_type_hints

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from feed.errors import gettext_noop
from feed.files.entries import LANGUAGE, Entry, ExpectedError, find_control_character
from feed.i18n import canonical
from feed.model import KINDS, STATES, STATUSES
from feed.model.shapeless import is_blank

_LINE_BREAK = re.compile("\r\n|[\r\u2028\u2029]")
_SHOWN_LENGTH = 80  # characters of a refused value in a message


def _text(value: Any) -> str:
    """Text in NFC, with LF line ends and without blanks around it; "" if nothing can be seen."""
    if not isinstance(value, str):
        raise ExpectedError(gettext_noop("should be text, not %(kind)s"), kind=_kind_of(value))
    if character := find_control_character(value):
        raise ExpectedError(
            gettext_noop("should be text without the control character %(code)s"),
            code=f"U+{ord(character):04X}",
        )
    text = unicodedata.normalize("NFC", _LINE_BREAK.sub("\n", value)).strip()
    return "" if is_blank(text) else text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ExpectedError(gettext_noop("should be one line, without a line break"))
    return text


def _web_address(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s<>\"]+", text):
        raise ExpectedError(
            gettext_noop(
                "should be an address that begins with https:// or http://, like https://example.org"
            )
        )
    return text


def _not_zero(year: int) -> int:
    if year == 0:
        raise ValueError(year)
    return year


def _one_of(choices: tuple[str, ...]) -> BeforeValidator:
    # A Literal would do, but pydantic has no message of its own for a lone surrogate.
    def validate(value: Any) -> Any:
        if value not in choices:
            message = gettext_noop("should be one of %(choices)s, not “%(value)s”")
            raise ExpectedError(message, choices=", ".join(choices), value=_shown(value))
        return value

    return BeforeValidator(validate)


def _message(message: str) -> WrapValidator:
    """Refuse with this message in place of pydantic's."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ExpectedError(message, value=_shown(value)) from None

    return WrapValidator(validate)


Prose = Annotated[str, BeforeValidator(_text)]
Line = Annotated[Prose, AfterValidator(_one_line)]
Slug = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80),
    _message(gettext_noop("should be a name in lower-case a–z, 0–9 and hyphens, not “%(value)s”")),
]
Slugs = Annotated[list[Slug], AfterValidator(lambda slugs: list(dict.fromkeys(slugs)))]
LanguageCode = Annotated[
    str,
    Field(pattern=f"^{LANGUAGE.pattern}$"),
    AfterValidator(canonical),
    _message(gettext_noop("should be a language code such as sv, not “%(value)s”")),
]
Year = Annotated[
    int,
    Field(ge=-3000, le=3000),
    AfterValidator(_not_zero),
    _message(gettext_noop("should be a year such as 2019, not “%(value)s”")),
]


Flag = Annotated[bool, _message(gettext_noop("should be true or false, not “%(value)s”"))]


class ThemeEntryText(TypedDict):
    """A theme in one language."""

    name: Annotated[Line, Field(min_length=1, max_length=80)]
    description: Annotated[Prose, Field(max_length=2000)]


class ThemeEntry(TypedDict):
    """A theme."""

    slug: Slug
    retired: Flag


class SourceEntryText(TypedDict):
    """A source's texts in one language."""

    introduction: Annotated[Prose, Field(max_length=2000)]
    rights: Annotated[Prose, Field(max_length=2000)]


class SourceEntry(TypedDict):
    """A source."""

    slug: Slug
    title: Annotated[Line, Field(min_length=1, max_length=300)]
    author: Annotated[Line, Field(max_length=200)]
    publisher: Annotated[Line, Field(max_length=200)]
    year: Year
    language: LanguageCode
    url: Annotated[Line, Field(max_length=500), AfterValidator(_web_address)]
    retired: Flag


class PrincipleEntryText(TypedDict):
    """A principle in one language."""

    title: Annotated[Line, Field(min_length=1, max_length=200)]
    short: Annotated[Line, Field(max_length=90)]
    statement: Annotated[Prose, Field(min_length=1, max_length=2000)]
    reflection: Annotated[Prose, Field(max_length=2000)]
    practice: Annotated[Prose, Field(max_length=2000)]
    team: Annotated[Prose, Field(max_length=300)]
    commentary: Annotated[Prose, Field(max_length=10_000)]
    state: Annotated[str, _one_of(STATES)]


class PrincipleEntry(TypedDict):
    """A principle."""

    slug: Slug
    kind: Annotated[str, _one_of(KINDS)]
    source: Slug
    locator: Annotated[Line, Field(max_length=200)]
    themes: Slugs
    status: Annotated[str, _one_of(STATUSES)]
    original_language: LanguageCode
    notes: Annotated[Prose, Field(max_length=2000)]


# The types of an entry and of its texts, by the list that it stands in.
ENTRIES: dict[str, tuple[type, type]] = {
    "themes": (ThemeEntry, ThemeEntryText),
    "sources": (SourceEntry, SourceEntryText),
    "principles": (PrincipleEntry, PrincipleEntryText),
}


@cache
def adapters(model: type) -> dict[str, TypeAdapter[Any]]:
    """The validator of each field of a type above."""
    fields = get_type_hints(model, include_extras=True)
    return {name: TypeAdapter(field) for name, field in fields.items()}


def validated(
    model: type, given: Mapping[str, Any], ignored: tuple[str, ...] = ()
) -> tuple[Entry, dict[str, ExpectedError]]:
    """The valid fields of a dict, cleaned, and the errors of the others, by name.

    A field that is None counts as missing; names in `ignored` are allowed.
    """
    fields = adapters(model)
    known = (*fields, *ignored)
    entry: Entry = {}
    errors = {name: unknown(known) for name in given if name not in known}
    for name, adapter in fields.items():
        value = given.get(name)
        if value is None:
            continue
        try:
            entry[name] = adapter.validate_python(value, strict=True)
        except ValidationError as error:
            errors[name] = _expected(error, value)
    return entry, errors


def _expected(error: ValidationError, value: Any) -> ExpectedError:
    """The first error of pydantic, or of a validator above, as a message of the catalogue."""
    details = error.errors(include_url=False)[0]
    context = details.get("ctx", {})
    match details["type"]:
        case "too_long":
            most, count = context["max_length"], context["actual_length"]
            message = gettext_noop("should have at most %(most)s characters, not %(count)s")
            return ExpectedError(message, most=most, count=count)
        case "too_short":
            return ExpectedError(gettext_noop("Fill this in."))
        case "list_type":
            return expected_list(value)
        case _:
            expected: ExpectedError = context["error"]
            return expected


def unknown(known: Iterable[str]) -> ExpectedError:
    """The error for an unknown name."""
    message = gettext_noop("isn’t a field here; should be one of %(known)s")
    return ExpectedError(message, known=", ".join(known))


def expected_table(value: Any) -> ExpectedError:
    """The error for a value that is not a dict."""
    return ExpectedError(gettext_noop("should be a table, not %(kind)s"), kind=_kind_of(value))


def expected_list(value: Any) -> ExpectedError:
    """The error for a value that is not a list."""
    return ExpectedError(gettext_noop("should be a list, not %(kind)s"), kind=_kind_of(value))


def _shown(value: Any) -> str:
    """A refused value as an error message shows it, shortened."""
    try:
        return str(value)[:_SHOWN_LENGTH]
    except (ValueError, RecursionError):
        return "…"


def _kind_of(value: Any) -> str:
    names = {
        dict: gettext_noop("a table"),
        list: gettext_noop("a list"),
        str: gettext_noop("text"),
        bool: gettext_noop("true or false"),
        type(None): gettext_noop("nothing"),
    }
    is_number = isinstance(value, int | float)
    return names.get(type(value), gettext_noop("a number") if is_number else gettext_noop("a date"))
