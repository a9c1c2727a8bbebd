"""Query parameters of the API as pydantic models: they validate requests, and describe them."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.json_schema import SkipJsonSchema

from feed.errors import ParameterError, gettext_noop
from feed.model import Kind

MOST_PAGES = 10_000
LONGEST_WORDS = 200
LONGEST_TAG = 35
TAG = r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$"
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"

# The expected value of each parameter, for error messages, OpenAPI and the API page.
EXPECTED: Mapping[str, str] = {
    "lang": gettext_noop("a language tag such as sv or en-GB"),
    "from": gettext_noop("a date such as 2026-11-22"),
    "to": gettext_noop("a date such as 2026-11-22"),
    "date": gettext_noop("a date such as 2026-11-22"),
    "page": gettext_noop("a whole number from 1"),
    "theme": gettext_noop("the slug of a theme"),
    "source": gettext_noop("the slug of a source"),
    "slug": gettext_noop("the slug of a principle"),
    "kind": gettext_noop("principle or quote"),
    "q": gettext_noop("words to search for, 200 characters at most"),
    "min_length": gettext_noop("a whole number of characters"),
    "max_length": gettext_noop("a whole number of characters"),
}
_TWICE = gettext_noop("each parameter once")

AnyQuery = TypeVar("AnyQuery", bound="LanguagesQuery")


def _digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("not a whole number")
    return value


def _day(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("not a date")
    return value


# Bounds come before the validator: after it, pydantic leaves them out of the JSON schema.
PageNumber = Annotated[int, Field(ge=1, le=MOST_PAGES), BeforeValidator(_digits)]
Length = Annotated[int, Field(ge=0, le=100_000), BeforeValidator(_digits)]
Day = Annotated[date, BeforeValidator(_day)]
Slug = Annotated[str, Field(pattern=SLUG, max_length=100)]
Absent = SkipJsonSchema[None]


class LanguagesQuery(BaseModel):
    """The query parameters of every address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lang: Annotated[str, Field(pattern=TAG, max_length=LONGEST_TAG)] | Absent = None


class EditionsQuery(LanguagesQuery):
    """The query parameters of the list of editions."""

    from_: Day | Absent = Field(None, alias="from")
    to: Day | Absent = None
    page: PageNumber = 1


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
