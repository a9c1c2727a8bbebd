"""Filters, sorting and page numbers of the library's lists, from and to query strings."""

from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from feed.model import STATES, STATUSES
from feed.store.desk_queries import SORTS, Filter
from feed.web.context import here

MAX_QUERY_LENGTH = 200
NAMES = ("q", "status", "theme", "source", "language", "state", "waiting", "sort", "page")


def read(given: MultiDict[str, str]) -> Filter:
    """The filter of a query string; invalid values are ignored."""
    words = "".join(
        character if character.isprintable() else " " for character in given.get("q", "")
    )
    return Filter(
        words=words[:MAX_QUERY_LENGTH].strip(),
        status=_one_of(given.get("status"), STATUSES),
        theme=given.get("theme", ""),
        source=given.get("source", ""),
        language=_one_of(given.get("language"), here().config.languages),
        state=_one_of(given.get("state"), (*STATES, "missing")),
        is_waiting="waiting" in given,
    )


def sort(given: MultiDict[str, str]) -> str:
    """The column to sort by, with a hyphen in front for descending order."""
    wanted = given.get("sort", "")
    return wanted if wanted.removeprefix("-") in SORTS else "title"


def arguments(query: Filter) -> dict[str, str]:
    """The query parameters that stand for a filter."""
    parts = {
        "q": query.words,
        "status": query.status,
        "theme": query.theme,
        "source": query.source,
        "language": query.language,
        "state": query.state,
        "waiting": "1" if query.is_waiting else "",
    }
    return {name: value for name, value in parts.items() if value}


def of_form() -> dict[str, Any]:
    """The query parameters of the list that a form was sent from, from its hidden fields."""
    return {name: request.form[name] for name in NAMES if request.form.get(name)}


def page(given: MultiDict[str, str]) -> int:
    """The page number, from 1; invalid values are 1."""
    number = given.get("page", 1, type=int)
    return number if 1 <= number < 100_000 else 1


def _one_of(value: str | None, choices: tuple[str, ...]) -> str:
    return value if value in choices else ""
