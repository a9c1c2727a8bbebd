"""The OpenAPI 3.1 document, from the models that check the questions and the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic.json_schema import models_json_schema

from feed.errors import mark
from feed.model import Site
from feed.publish import api, query

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Operation:
    """One address of the API. `path` has parameters in braces; `known` are the schemas of those."""

    path: str
    name: str
    summary: str
    asked: type[query.Languages]
    answer: type[api.Answer]
    known: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing: bool = False  # whether it may be 404
    withdrawn: bool = False  # whether it may be 410


_DAY = {"date": {"type": "string", "format": "date", "examples": ["2026-11-22"]}}
_SLUG = {"slug": {"type": "string", "pattern": query.SLUG, "examples": ["leave-a-space"]}}

OPERATIONS = (
    Operation(
        "/today",
        "today",
        mark("Today’s principle: the newest standing edition."),
        query.Languages,
        api.Edition,
        missing=True,
    ),
    Operation(
        "/editions",
        "editions",
        mark("The editions between two dates, newest first."),
        query.Editions,
        api.Editions,
        missing=True,
    ),
    Operation(
        "/editions/{date}",
        "edition",
        mark("The edition of a date; 410 if it was withdrawn."),
        query.Languages,
        api.Edition,
        _DAY,
        missing=True,
        withdrawn=True,
    ),
    Operation(
        "/principles",
        "principles",
        mark("The published principles: by theme, source, kind, words or length."),
        query.Principles,
        api.Principles,
        missing=True,
    ),
    Operation(
        "/principles/{slug}",
        "principle",
        mark("One principle, with the dates on which it was shown."),
        query.Languages,
        api.PrincipleDetail,
        _SLUG,
        missing=True,
    ),
    Operation("/themes", "themes", mark("Every theme."), query.Languages, api.Themes),
    Operation("/sources", "sources", mark("Every source."), query.Languages, api.Sources),
    Operation(
        "/languages",
        "languages",
        mark("The languages of the site, and whether today’s principle is there in each."),
        query.Languages,
        api.Languages,
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
            "version": api.VERSION,
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
            "description": query.EXPECTED[name],
            "schema": dict(schema),
        }
        for name, schema in item.known.items()
    ]


def _query(item: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "description": query.EXPECTED[name],
            "schema": {
                key: value
                for key, value in schema.items()
                if key != "title" and not (key == "default" and value is None)
            },
        }
        for name, schema in query.parameters(item.asked).items()
    ]


def _problem(code: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": _PROBLEMS[code],
        "content": {"application/problem+json": {"schema": _reference("schemas", api.Problem)}},
    }
    if code in ("429", "503"):
        seconds = {"type": "string", "pattern": "^[0-9]+$"}
        answer["headers"] = {"Retry-After": {"description": "In seconds.", "schema": seconds}}
    return answer


def _schemas() -> dict[str, Any]:
    models = {item.answer for item in OPERATIONS} | {api.Problem}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, found = models_json_schema(
        [(model, "serialization") for model in ordered],
        ref_template="#/components/schemas/{model}",
    )
    return dict(found["$defs"])


def _reference(place: str, model: type[api.Answer]) -> dict[str, str]:
    return {"$ref": f"#/components/{place}/{model.__name__}"}
