"""The OpenAPI 3.1 document, from the models that check the questions and the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic.json_schema import models_json_schema

from feed.errors import gettext_noop
from feed.model import Site
from feed.publish import api_models, api_query

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Operation:
    """One address of the API. `path` has parameters in braces; `known` are the schemas of those."""

    path: str
    name: str
    summary: str
    asked: type[api_query.LanguagesQuery]
    answer: type[api_models.Answer]
    known: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing: bool = False  # whether it may be 404
    withdrawn: bool = False  # whether it may be 410


_DAY = {"date": {"type": "string", "format": "date", "examples": ["2026-11-22"]}}
_SLUG = {"slug": {"type": "string", "pattern": api_query.SLUG, "examples": ["leave-a-space"]}}

OPERATIONS = (
    Operation(
        "/today",
        "today",
        gettext_noop("Today’s principle: the newest standing edition."),
        api_query.LanguagesQuery,
        api_models.Edition,
        missing=True,
    ),
    Operation(
        "/editions",
        "editions",
        gettext_noop("The editions between two dates, newest first."),
        api_query.EditionsQuery,
        api_models.Editions,
        missing=True,
    ),
    Operation(
        "/editions/{date}",
        "edition",
        gettext_noop("The edition of a date; 410 if it was withdrawn."),
        api_query.LanguagesQuery,
        api_models.Edition,
        _DAY,
        missing=True,
        withdrawn=True,
    ),
    Operation(
        "/principles",
        "principles",
        gettext_noop("The published principles: by theme, source, kind, words or length."),
        api_query.PrinciplesQuery,
        api_models.Principles,
        missing=True,
    ),
    Operation(
        "/principles/{slug}",
        "principle",
        gettext_noop("One principle, with the dates on which it was shown."),
        api_query.LanguagesQuery,
        api_models.PrincipleDetail,
        _SLUG,
        missing=True,
    ),
    Operation(
        "/themes",
        "themes",
        gettext_noop("Every theme."),
        api_query.LanguagesQuery,
        api_models.Themes,
    ),
    Operation(
        "/sources",
        "sources",
        gettext_noop("Every source."),
        api_query.LanguagesQuery,
        api_models.Sources,
    ),
    Operation(
        "/languages",
        "languages",
        gettext_noop("The languages of the site, and whether today’s principle is there in each."),
        api_query.LanguagesQuery,
        api_models.Languages,
    ),
)

_DESCRIPTION = (
    "One leadership principle a day. No key is needed, any origin may ask, and everything is read"
    " only. Dates are calendar dates in {timezone}; instants are RFC 3339. Within v1, answers only"
    " gain fields."
)
_PROBLEMS = {
    "400": "A parameter is malformed or unknown; the problem names it.",
    "404": "There is nothing of that name, or not yet.",
    "410": "It was published, and withdrawn.",
    "429": "Too many requests that could not be answered from memory.",
    "503": "The library cannot be read right now.",
}


def document(site: Site) -> dict[str, Any]:
    """The description of the API of `site`, as OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": site.name(site.languages[0]),
            "version": api_models.VERSION,
            "description": _DESCRIPTION.format(timezone=site.timezone.key),
            "license": {"name": "CC BY 4.0", "identifier": "CC-BY-4.0"},
            "contact": {"name": site.name(site.languages[0]), "url": site.url("/")},
        },
        "servers": [{"url": site.base_url}],
        "externalDocs": {"url": site.url(f"/{site.languages[0]}/api/")},
        "security": [],
        "tags": [{"name": "reading", "description": "Everything there is."}],
        "paths": {PREFIX + item.path: {"get": _operation(item)} for item in OPERATIONS},
        "components": {
            "schemas": _schemas(),
            "responses": {f"Problem{code}": _problem(code) for code in _PROBLEMS},
        },
    }


def _operation(item: Operation) -> dict[str, Any]:
    answers = {
        "200": {
            "description": item.summary,
            "content": {"application/json": {"schema": _reference("schemas", item.answer)}},
        }
    }
    codes = ["400", *(["404"] * item.missing), *(["410"] * item.withdrawn), "429", "503"]
    answers |= {code: {"$ref": f"#/components/responses/Problem{code}"} for code in codes}
    return {
        "operationId": item.name,
        "summary": item.summary,
        "tags": ["reading"],
        "parameters": [*_path(item), *_query(item)],
        "responses": answers,
    }


def _path(item: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": api_query.EXPECTED[name],
            "schema": dict(schema),
        }
        for name, schema in item.known.items()
    ]


def _query(item: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "description": api_query.EXPECTED[name],
            "schema": {
                key: value
                for key, value in schema.items()
                if key != "title" and not (key == "default" and value is None)
            },
        }
        for name, schema in api_query.parameters(item.asked).items()
    ]


def _problem(code: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": _PROBLEMS[code],
        "content": {
            "application/problem+json": {"schema": _reference("schemas", api_models.Problem)}
        },
    }
    if code in ("429", "503"):
        seconds = {"type": "string", "pattern": "^[0-9]+$"}
        answer["headers"] = {"Retry-After": {"description": "In seconds.", "schema": seconds}}
    return answer


def _schemas() -> dict[str, Any]:
    models = {item.answer for item in OPERATIONS} | {api_models.Problem}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, found = models_json_schema(
        [(model, "serialization") for model in ordered],
        ref_template="#/components/schemas/{model}",
    )
    return dict(found["$defs"])


def _reference(place: str, model: type[api_models.Answer]) -> dict[str, str]:
    return {"$ref": f"#/components/{place}/{model.__name__}"}
