"""Error handlers: each class of error has one HTTP status; the API gets problem documents."""

import logging
from collections.abc import Mapping

from flask import Flask, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response as AnyResponse

from feed.config.logs import DESK, redacted
from feed.errors import (
    ConflictError,
    DevisError,
    ForbiddenError,
    InputError,
    LinkError,
    MovedError,
    NotFoundError,
    ParameterError,
    StoreError,
    WithdrawnError,
    gettext_noop,
)
from feed.i18n import match
from feed.publish.api_models import ProblemModel
from feed.store.connection import DriverError
from feed.web.context import Context, here, language, translate

API = "/api/"
log = logging.getLogger(__name__)

STATUS = {
    InputError: 400,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    WithdrawnError: 410,
    StoreError: 503,
}
MERGED = gettext_noop(
    "It was merged into another one since you opened it. Go back to copy what you wrote."
)
# Title and usual detail by status.
TEXTS = {
    400: (
        gettext_noop("That request could not be read"),
        gettext_noop("Something in the address is malformed."),
    ),
    403: (
        gettext_noop("You don’t have access"),
        gettext_noop("Someone else may be able to do it."),
    ),
    404: (
        gettext_noop("There is nothing here"),
        gettext_noop("The page does not exist, or not yet."),
    ),
    405: (
        gettext_noop("That cannot be done here"),
        gettext_noop("This address can only be read."),
    ),
    409: (gettext_noop("Someone was faster"), gettext_noop("It has changed since you opened it.")),
    410: (
        gettext_noop("This edition was withdrawn"),
        gettext_noop("It was published, and taken back."),
    ),
    413: (
        gettext_noop("That is too much at once"),
        gettext_noop("What was sent is too large."),
    ),
    414: (
        gettext_noop("That address is too long"),
        gettext_noop("Shorten it, or start from the front page."),
    ),
    429: (
        gettext_noop("Too many requests"),
        gettext_noop("This address has made more requests than it may."),
    ),
    431: (
        gettext_noop("Your browser sent too much"),
        gettext_noop("Delete this site’s cookies, and try again."),
    ),
    500: (
        gettext_noop("Something went wrong"),
        gettext_noop("The fault is ours, and it has been logged."),
    ),
    503: (gettext_noop("Back in a moment"), gettext_noop("The library cannot be read right now.")),
}


def init(app: Flask, context: Context) -> None:
    """Register the error handlers of `app`."""
    # Language to the rendered page for unknown addresses: scanners ask for thousands of them.
    not_found_pages: dict[str, bytes] = {}
    app.logger.addFilter(_redact)  # for Flask's own message, should an error page fail

    @app.errorhandler(DevisError)
    def handle_own(error: DevisError) -> Response:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
        if status >= 500:
            log.error("%s %s: %s", request.method, redacted(request.path), error)
        if isinstance(error, ParameterError):
            error.values["expected"] = translate().gettext(error.expected)
        return _page(status, translate().gettext(error.message, **error.values), error.values)

    @app.errorhandler(MovedError)
    def handle_moved(error: MovedError) -> AnyResponse:
        if request.method == "POST":
            return _page(409, translate().gettext(MERGED))
        # 301, as some feed readers do not know 308.
        values = {**(request.view_args or {}), "slug": error.target}
        return redirect(url_for(request.endpoint or "", **values), 301)

    @app.errorhandler(LinkError)
    def handle_link(error: LinkError) -> Response:
        detail = translate().gettext(error.message)
        return _response(render_template("subscription/lost.html", detail=detail), 404)

    @app.errorhandler(DriverError)
    def handle_database(error: Exception) -> Response:
        log.error("%s %s: %s", request.method, redacted(request.path), error)
        return _page(503)

    @app.errorhandler(HTTPException)
    def handle_http(error: HTTPException) -> Response:
        is_unknown = request.endpoint is None and not request.path.startswith(API)
        if error.code == 404 and is_unknown and (address := _in_site_language()):
            return redirect(address, 308)  # type: ignore[return-value]
        page = not_found_pages.get(language()) if is_unknown else None
        if error.code == 404 and page is not None:
            return _response(page, 404)
        response = _page(error.code or 500)
        if error.code == 404 and is_unknown:
            not_found_pages[language()] = response.get_data()
        for name, value in error.get_headers(request.environ):
            if name in ("Allow", "Retry-After"):
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def handle_unexpected(error: Exception) -> Response:
        log.exception("%s %s failed", request.method, redacted(request.path))
        return _page(InternalServerError.code)


def _in_site_language() -> str | None:
    """The address with the site's language for its language tag: /sv/ for /sv-SE/ and /SV/."""
    tag, slash, rest = request.full_path.removesuffix("?")[1:].partition("/")
    code = match(tag, here().config.languages)
    return f"/{code}{slash}{rest}" if code not in (None, tag) else None


def _redact(record: logging.LogRecord) -> bool:
    record.msg = redacted(str(record.msg))
    return True


def _page(
    status: int, detail: str | None = None, values: dict[str, object] | None = None
) -> Response:
    texts = TEXTS.get(status, TEXTS[400 if status < 500 else 500])
    title, usual_detail = map(translate().gettext, texts)
    # A fault of the database is for the log, not for the visitor.
    shown = usual_detail if detail is None or status >= 500 else detail
    if request.path.startswith(API):
        return _response(_problem(status, title, shown, values or {}), status)
    page = "desk/error.html" if request.path.startswith(DESK) else "error.html"
    return _response(render_template(page, title=title, detail=shown), status)


def _problem(status: int, title: str, detail: str, values: Mapping[str, object]) -> Response:
    """A problem document (RFC 9457); `values` may name a `parameter` and what was `expected`."""
    parameter, expected = values.get("parameter"), values.get("expected")
    problem = ProblemModel(
        type=f"{here().config.base_url}/{language()}/api/#errors",
        title=title,
        status=status,
        detail=detail,
        parameter=None if parameter is None else str(parameter),
        expected=None if expected is None else str(expected),
    )
    body = problem.model_dump_json(exclude_none=True)
    response = Response(body, status, content_type="application/problem+json")
    response.headers["Content-Language"] = language()
    return response


def _response(body: str | bytes | Response, status: int) -> Response:
    response = make_response(body, status)
    response.headers["Vary"] = "Accept-Language"
    if status == 503:
        response.headers["Retry-After"] = "10"
    return response
