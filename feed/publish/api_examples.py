"""Example answers for the OpenAPI document, made by the functions that make the real ones."""

from datetime import UTC, date, datetime
from typing import Any

from pydantic import BaseModel

from feed.model import Edition, Principle, Showing, Site, Source, SourceText, Text, Theme, ThemeText
from feed.model.changes import Change
from feed.publish import api_changes, api_languages, api_models
from feed.publish.api_query import request_locale

_MORNING = datetime(2026, 11, 21, 23, tzinfo=UTC)
_THEME = Theme("trust", {"en": ThemeText("Trust", "What grows when promises are kept.")})
_SOURCE = Source(
    "small-things",
    "On Small Things",
    "en",
    author="Ann Author",
    year=2019,
    texts={"en": SourceText("A short text on small things.", "It belongs to its author.")},
)
_TEXT = Text(
    "en",
    "Keep the small promise",
    "A small promise kept is worth more than a great one made.",
    reflection="Which small promise did you keep?",
    practice="Keep one before lunch.",
    state="approved",
)
_PRINCIPLE = Principle(
    "keep-the-small-promise",
    "principle",
    _SOURCE.slug,
    (_THEME.slug,),
    "en",
    status="published",
    texts={"en": _TEXT},
)
_EDITION = Edition(date(2026, 11, 22), 1, _PRINCIPLE.slug, 1, "rotation", _MORNING)
_SHOWING = Showing(_EDITION, _PRINCIPLE, _SOURCE, (_THEME,))


def answer(operation: str, site: Site) -> dict[str, Any]:
    """The example answer of an operation, by its name."""
    locales = (request_locale(site, "en"),)
    edition = api_models.edition(locales, _SHOWING)
    principle = api_models.principle(locales, _PRINCIPLE, _SOURCE)
    paging: dict[str, Any] = {"total": 1, "page": 1, "pages": 1, "next": None, "prev": None}
    change = api_changes.change(Change(1, _MORNING, "published", _EDITION), edition)
    later = site.url("/api/v1/changes?after=1")
    made: dict[str, BaseModel] = {
        "today": edition,
        "edition": edition,
        "editions": api_models.Editions(items=[edition], **paging),
        "changes": api_changes.Changes(items=[change], next=None, later=later),
        "principle": api_models.detail(locales, _PRINCIPLE, _SOURCE, [_EDITION.date]),
        "principles": api_models.Principles(items=[principle], **paging),
        "themes": api_models.themes(locales[0], [_THEME], {_THEME.slug: 1}),
        "sources": api_models.sources(locales[0], [_SOURCE], {_SOURCE.slug: 1}),
        "languages": api_languages.languages(site, _SHOWING, dict.fromkeys(site.languages, 1)),
    }
    return made[operation].model_dump(mode="json")
