"""Which principles somebody looks at, as the address of a page says it."""

from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from feed.model import STATES, STATUSES
from feed.store.desk_queries import SORTS, Filter
from feed.web.context import here

LONGEST_WORDS = 200
NAMES = ("q", "status", "theme", "source", "language", "state", "waiting", "sort", "page")


def read(given: MultiDict[str, str]) -> Filter:
    """The filter of an address; what makes no sense is as if it were not there."""
    words = "".join(sign if sign.isprintable() else " " for sign in given.get("q", ""))
    return Filter(
        words=words[:LONGEST_WORDS].strip(),
        status=_one_of(given.get("status"), STATUSES),
        theme=given.get("theme", ""),
        source=given.get("source", ""),
        language=_one_of(given.get("language"), here().config.languages),
        state=_one_of(given.get("state"), (*STATES, "missing")),
        is_waiting="waiting" in given,
    )


def sort(given: MultiDict[str, str]) -> str:
    """The column to sort by, with a hyphen in front where it is backwards."""
    wanted = given.get("sort", "")
    return wanted if wanted.removeprefix("-") in SORTS else "title"


def arguments(query: Filter) -> dict[str, str]:
    """The parts of an address that stand for a filter."""
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


def back() -> dict[str, Any]:
    """The parts of the address that a form was sent from, as its hidden fields have them."""
    return {name: request.form[name] for name in NAMES if request.form.get(name)}


def page(given: MultiDict[str, str]) -> int:
    """The number of the page, from 1."""
    number = given.get("page", 1, type=int)
    return number if 1 <= number < 100_000 else 1


def _one_of(value: str | None, choices: tuple[str, ...]) -> str:
    return value if value in choices else ""
