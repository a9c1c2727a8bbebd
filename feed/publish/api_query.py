"""Requests of the API: query parameters as pydantic models, and the language asked for.

The models validate requests, and describe them in the OpenAPI document.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.json_schema import SkipJsonSchema

from feed.errors import ParameterError, gettext_noop
from feed.i18n import Translator, canonical, match, translator
from feed.model import Kind, Principle, Showing, Site, Text
from feed.publish import markup

MOST_PAGES = 10_000
MOST_CHANGES = 100  # on a page
LONGEST_WORDS = 200
LONGEST_TAG = 35
LONGEST_TAGS = 140
_TAG = r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*"
TAG = rf"^{_TAG}$"
TAGS = rf"^{_TAG}(,{_TAG})*$"
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
# The expected value of each parameter, for error messages, OpenAPI and the API page.
EXPECTED: Mapping[str, str] = {
    "lang": gettext_noop("a language tag such as sv or en-GB, or several such as sv,en"),
    "from": gettext_noop("a date such as 2026-11-22"),
    "to": gettext_noop("a date such as 2026-11-22"),
    "date": gettext_noop("a date such as 2026-11-22"),
    "page": gettext_noop("a whole number from 1"),
    "since": gettext_noop("an instant such as 2026-11-22T10:00:00Z"),
    "after": gettext_noop("the id of a change"),
    "limit": gettext_noop("a whole number from 1 to 100"),
    "theme": gettext_noop("the slug of a theme"),
    "source": gettext_noop("the slug of a source"),
    "slug": gettext_noop("the slug of a principle"),
    "kind": gettext_noop("principle or quote"),
    "q": gettext_noop("words to search for, 200 characters at most"),
    "min_length": gettext_noop("a whole number of characters"),
    "max_length": gettext_noop("a whole number of characters"),
}
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]{8,26})(Z|[-+ ]\d\d:\d\d)", re.ASCII)
_TWICE = gettext_noop("each parameter once")
AnyQuery = TypeVar("AnyQuery", bound="LanguagesQuery")
Slug = Annotated[str, Field(pattern=SLUG, max_length=100)]
Absent = SkipJsonSchema[None]


@dataclass(frozen=True, slots=True)
class RequestLocale:
    """The requested language `tag`, and the site's language for it (None if it has none)."""

    site: Site
    tag: str
    language: str | None

    @property
    def interface(self) -> str:
        """The language of notes and labels: the requested one, else the site's first."""
        return self.language or self.site.languages[0]

    @property
    def translator(self) -> Translator:
        """The translator of notes and labels."""
        return translator(self.interface)

    def text(self, principle: Principle) -> Text:
        """The principle's text in the requested language, else the original."""
        return principle.text(self.language or principle.original_language)

    def falls_back(self, text: Text) -> bool:
        """Whether the text is in another language than the requested one."""
        return text.language != self.language

    def note(self, text: Text) -> str | None:
        """The fallback note of a text in another language; None for the requested language."""
        if not self.falls_back(text):
            return None
        return markup.fallback_note(self.translator, text.language, self.language or self.tag)

    def page_language(self, text: Text) -> str:
        """The language of linked pages: the requested one, the text's, or the site's first."""
        return self.language or match(text.language, self.site.languages) or self.interface

    def updated(self, showing: Showing) -> datetime:
        """The time of the last change that its reader can see."""
        return showing.updated(self.language or self.text(showing.principle).language)

    def edition_url(self, showing: Showing) -> str:
        """The absolute address of an edition's page."""
        language = self.page_language(self.text(showing.principle))
        return self.site.url(markup.edition_path(language, showing))


def request_locale(site: Site, tag: str | None) -> RequestLocale:
    """The locale of a BCP 47 tag such as `sv-FI`; without a tag, of the site's first language."""
    requested = canonical(tag) if tag else site.languages[0]
    return RequestLocale(site, requested, match(requested, site.languages))


def request_locales(site: Site, tags: str | None) -> tuple[RequestLocale, ...]:
    """The locales of tags with commas between, best first, each language once."""
    found: dict[str, RequestLocale] = {}
    for tag in tags.split(",") if tags else [None]:
        locale = request_locale(site, tag)
        found.setdefault(locale.language or locale.tag, locale)
    return tuple(found.values())


def shown_once(
    locales: Iterable[RequestLocale], principle: Principle
) -> list[tuple[RequestLocale, Text]]:
    """The text for each locale, less those in a language that is shown already.

    What stands in for a missing language may be among the others.
    """
    found: dict[str, tuple[RequestLocale, Text]] = {}
    for locale in locales:
        text = locale.text(principle)
        found.setdefault(text.language, (locale, text))
    return list(found.values())


def _digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("not a whole number")
    return value


def _day(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("not a date")
    return value


def _instant(value: Any) -> Any:
    """An RFC 3339 instant in UTC; a plus sign that was sent unencoded arrives as a blank."""
    if isinstance(value, str):
        found = _INSTANT.fullmatch(value.upper())
        if found is None:
            raise ValueError("not an instant")
        try:
            value = datetime.fromisoformat(f"{found[1]}{found[2].replace(' ', '+')}")
            return value.astimezone(UTC)
        except OverflowError as error:
            raise ValueError("out of range") from error
    return value


# Bounds come before the validator: after it, pydantic leaves them out of the JSON schema.
PageNumber = Annotated[int, Field(ge=1, le=MOST_PAGES), BeforeValidator(_digits)]
Length = Annotated[int, Field(ge=0, le=100_000), BeforeValidator(_digits)]
Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[datetime, BeforeValidator(_instant)]


class LanguagesQuery(BaseModel):
    """The query parameters of every address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lang: Annotated[str, Field(pattern=TAGS, max_length=LONGEST_TAGS)] | Absent = None


class EditionsQuery(LanguagesQuery):
    """The query parameters of the list of editions."""

    from_: Day | Absent = Field(None, alias="from")
    to: Day | Absent = None
    page: PageNumber = 1


class ChangesQuery(LanguagesQuery):
    """The query parameters of the list of changes."""

    since: Instant | Absent = None
    after: Annotated[int, Field(ge=0, le=999_999_999), BeforeValidator(_digits)] = 0
    limit: Annotated[int, Field(ge=1, le=MOST_CHANGES), BeforeValidator(_digits)] = 30


class PrinciplesQuery(LanguagesQuery):
    """The query parameters of the list of principles."""

    theme: Slug | Absent = None
    source: Slug | Absent = None
    kind: Kind | Absent = None
    q: Annotated[str, Field(max_length=LONGEST_WORDS)] = ""
    min_length: Length = 0
    max_length: Length | Absent = None
    page: PageNumber = 1


def read(model: type[AnyQuery], given: Sequence[tuple[str, str]]) -> AnyQuery:
    """Validate the known pairs of a query string, and ignore the others.

    Raises ParameterError for the first invalid one.
    """
    known: dict[str, str] = {}
    for name, value in given:
        if name in known:
            raise ParameterError(name, value, _TWICE)
        if name in parameters(model):
            known[name] = value
    try:
        return model.model_validate(known)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise ParameterError(name, known[name], EXPECTED[name]) from None


def day(text: str) -> date:
    """Parse the date in a path. Raises ParameterError."""
    try:
        return date.fromisoformat(_day(text))
    except ValueError:
        raise ParameterError("date", text, EXPECTED["date"]) from None


def slug(text: str) -> str:
    """Validate the slug in a path. Raises ParameterError."""
    if not re.fullmatch(SLUG, text):
        raise ParameterError("slug", text, EXPECTED["slug"])
    return text


def parameters(model: type[LanguagesQuery]) -> dict[str, Any]:
    """The JSON schema of each parameter of a query model, by name."""
    return dict(model.model_json_schema()["properties"])


def encode(given: Mapping[str, object]) -> str:
    """Encode parameters as a query string."""
    return urlencode({name: str(value) for name, value in given.items()})
