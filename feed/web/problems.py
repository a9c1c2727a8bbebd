"""Errors of the API as problem documents (RFC 9457)."""

from collections.abc import Mapping

from flask import Response

from feed.publish.api_models import ProblemModel
from feed.web.context import here, language
from feed.web.middleware.headers import allow_any_origin

PREFIX = "/api/"


def answer(status: int, title: str, detail: str, values: Mapping[str, object]) -> Response:
    """A problem document; `values` may name a `parameter` and what was `expected` of it."""
    problem = ProblemModel(
        type=f"{here().config.base_url}/{language()}/api/#errors",
        title=title,
        status=status,
        detail=detail,
        parameter=_text(values.get("parameter")),
        expected=_text(values.get("expected")),
    )
    response = Response(
        problem.model_dump_json(exclude_none=True), status, content_type="application/problem+json"
    )
    response.headers["Content-Language"] = language()
    return allow_any_origin(response)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
