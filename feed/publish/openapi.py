"""The OpenAPI 3.1 document of the API, generated from the request and response models."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic.json_schema import models_json_schema

from feed.errors import gettext_noop
from feed.model import Site
from feed.publish import api_changes, api_examples, api_languages, api_models, api_query

PREFIX = "/api/v1"
_CLASS_REFERENCE = re.compile(r'("#/components/schemas/\w+?)Model"')


@dataclass(frozen=True, slots=True)
class Operation:
    """A GET operation of the API.

    `path` has its parameters in braces; `path_schemas` are their JSON schemas, by name. `summary`
    is shown to people, too, and so translated.
    """

    path: str
    name: str
    tag: str
    summary: str
    description: str
    query: type[api_query.LanguagesQuery]
    response: type[api_models.ApiModel]
    path_schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    may_be_missing: bool = False  # 404
    may_be_withdrawn: bool = False  # 410


_DAY = {"date": {"type": "string", "format": "date", "examples": ["2026-11-22"]}}
_SLUG = {"slug": {"type": "string", "pattern": api_query.SLUG, "examples": ["leave-a-space"]}}

OPERATIONS = (
    Operation(
        "/today",
        "today",
        "days",
        gettext_noop("Today’s principle: the newest edition that has not been withdrawn."),
        "The standing edition of today, else the newest one before it. Ask as often as "
        "the Cache-Control of the answer says, with its ETag as If-None-Match.",
        api_query.LanguagesQuery,
        api_models.EditionModel,
        may_be_missing=True,
    ),
    Operation(
        "/editions",
        "editions",
        "days",
        gettext_noop("The editions between two dates, newest first."),
        "Thirty on a page; withdrawn ones are left out. Without dates, all of them.",
        api_query.EditionsQuery,
        api_models.Editions,
        may_be_missing=True,
    ),
    Operation(
        "/editions/{date}",
        "edition",
        "days",
        gettext_noop("The edition of a date; 410 if it was withdrawn."),
        "A date that is still to come is 404. What replaced a withdrawn edition has a "
        "higher version.",
        api_query.LanguagesQuery,
        api_models.EditionModel,
        _DAY,
        may_be_missing=True,
        may_be_withdrawn=True,
    ),
    Operation(
        "/changes",
        "changes",
        "days",
        gettext_noop("What happened to editions since an instant, oldest first, for mirrors."),
        "Each act on an edition: published, replaced, corrected, withdrawn. Apply them in "
        "this order, and ask the address in `later` again from time to time: nothing is "
        "missed, and nothing comes twice. `since` is for the first time.",
        api_query.ChangesQuery,
        api_changes.Changes,
    ),
    Operation(
        "/principles",
        "principles",
        "library",
        gettext_noop("The published principles: by theme, source, kind, words or length."),
        "Thirty on a page, by title; with `q`, the best match first.",
        api_query.PrinciplesQuery,
        api_models.Principles,
        may_be_missing=True,
    ),
    Operation(
        "/principles/{slug}",
        "principle",
        "library",
        gettext_noop("One principle, with the dates on which it was shown."),
        "Retired principles, and those that were shown once, can still be read.",
        api_query.LanguagesQuery,
        api_models.PrincipleDetailModel,
        _SLUG,
        may_be_missing=True,
    ),
    Operation(
        "/themes",
        "themes",
        "library",
        gettext_noop("Every theme."),
        "The vocabulary of the library, in the order of the slugs.",
        api_query.LanguagesQuery,
        api_models.Themes,
    ),
    Operation(
        "/sources",
        "sources",
        "library",
        gettext_noop("Every source."),
        "The texts that the principles come from, in the order of the slugs.",
        api_query.LanguagesQuery,
        api_models.Sources,
    ),
    Operation(
        "/languages",
        "languages",
        "site",
        gettext_noop("The languages of the site, and whether today’s principle is there in each."),
        "In the order of the site, the first choice first, with the time zone of its dates.",
        api_query.LanguagesQuery,
        api_languages.Languages,
    ),
)

_TAGS = {
    "days": "What was, and is, the principle of a day.",
    "library": "The principles, the texts they come from, and their themes.",
    "site": "The site itself.",
}
_PARAMETERS = {
    "lang": "The language to answer in, a BCP 47 tag; several, with commas between, are answered in"
    " that order. Without it, the site’s first language.",
    "from": "The first date; without it, from the first edition.",
    "to": "The last date; without it, until today.",
    "date": "The date of the edition, in the time zone of the site.",
    "page": "The number of the page.",
    "since": "Only what happened at this instant (RFC 3339) or later.",
    "after": "Only what comes after the change of this id.",
    "limit": "The most changes on a page.",
    "theme": "Only those of this theme, by its slug.",
    "source": "Only those from this source, by its slug.",
    "slug": "The slug of the principle.",
    "kind": "Only those of this kind.",
    "q": "Words to search for, in any form of the word.",
    "min_length": "The fewest characters of the statement.",
    "max_length": "The most characters of the statement.",
}
_EXAMPLES = {
    "lang": "sv",
    "from": "2026-11-01",
    "to": "2026-11-30",
    "since": "2026-11-22T10:00:00Z",
    "theme": "change",
    "source": "leaderful",
    "kind": "quote",
    "q": "trust",
}
_DESCRIPTION = (
    "One leadership principle a day. No key is needed, any origin may ask, and everything is read"
    " only. Dates are calendar dates in {timezone}; instants are RFC 3339. Within v1, answers only"
    " gain fields."
)
_PROBLEMS = {
    "400": "A parameter is malformed, or given twice; the problem names it.",
    "404": "There is nothing of that name, or not yet.",
    "410": "It was published, and withdrawn.",
    "429": "Too many requests that could not be answered from memory.",
    "503": "The library cannot be read right now.",
}


def document(site: Site) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the API of `site`, ready for JSON."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": site.name(site.languages[0]),
            "version": api_models.VERSION,
            "description": _DESCRIPTION.format(timezone=site.timezone.key),
            "license": {"name": "CC BY 4.0", "identifier": "CC-BY-4.0"},
            "contact": {"name": site.name(site.languages[0]), "url": site.url("/")},
        },
        "servers": [{"url": site.base_url, "description": "This site."}],
        "externalDocs": {
            "url": site.url(f"/{site.languages[0]}/api/"),
            "description": "The same for people, with examples.",
        },
        "security": [],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": {PREFIX + item.path: {"get": _operation(item, site)} for item in OPERATIONS},
        "components": {
            "schemas": _schemas(),
            "responses": {f"Problem{code}": _problem_response(code) for code in _PROBLEMS},
        },
    }


def _operation(item: Operation, site: Site) -> dict[str, Any]:
    answer = {
        "schema": _reference("schemas", item.response),
        "example": api_examples.answer(item.name, site),
    }
    content = {"application/json": answer}
    responses: dict[str, Any] = {"200": {"description": item.summary, "content": content}}
    codes = [
        "400",
        *(["404"] * item.may_be_missing),
        *(["410"] * item.may_be_withdrawn),
        "429",
        "503",
    ]
    responses |= {code: {"$ref": f"#/components/responses/Problem{code}"} for code in codes}
    return {
        "operationId": item.name,
        "summary": item.summary,
        "description": item.description,
        "tags": [item.tag],
        "parameters": [*_path_parameters(item), *_query_parameters(item)],
        "responses": responses,
    }


def _path_parameters(item: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARAMETERS[name],
            "schema": dict(schema),
        }
        for name, schema in item.path_schemas.items()
    ]


def _query_parameters(item: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "description": _PARAMETERS[name],
            "schema": {
                key: value
                for key, value in schema.items()
                if key != "title" and not (key == "default" and value is None)
            },
            **({"example": _EXAMPLES[name]} if name in _EXAMPLES else {}),
        }
        for name, schema in api_query.parameters(item.query).items()
    ]


def _problem_response(code: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": _PROBLEMS[code],
        "content": {
            "application/problem+json": {"schema": _reference("schemas", api_models.ProblemModel)}
        },
    }
    if code in ("429", "503"):
        seconds = {"type": "string", "pattern": "^[0-9]+$"}
        response["headers"] = {"Retry-After": {"description": "In seconds.", "schema": seconds}}
    return response


def _schemas() -> dict[str, Any]:
    models = {item.response for item in OPERATIONS} | {api_models.ProblemModel}
    ordered = sorted(models, key=api_models.schema_name)
    _, found = models_json_schema(
        [(model, "serialization") for model in ordered],
        ref_template="#/components/schemas/{model}",
    )
    # pydantic names schemas after classes; the public names lack `Model`.
    public = json.loads(_CLASS_REFERENCE.sub(r'\1"', json.dumps(found["$defs"])))
    return dict(sorted((name.removesuffix("Model"), schema) for name, schema in public.items()))


def _reference(section: str, model: type[api_models.ApiModel]) -> dict[str, str]:
    return {"$ref": f"#/components/{section}/{api_models.schema_name(model)}"}
