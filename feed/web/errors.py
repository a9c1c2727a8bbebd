"""Errors as pages: each class of error has one status, told in the visitor's language."""

import logging

from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError

from feed.errors import (
    ConflictError,
    DevisError,
    ForbiddenError,
    InputError,
    LinkError,
    NotFoundError,
    ParameterError,
    StoreError,
    WithdrawnError,
    gettext_noop,
)
from feed.store.connection import DriverError
from feed.web import problems
from feed.web.context import Context, language, translate
from feed.web.middleware.redact import DESK, redacted

log = logging.getLogger(__name__)

STATUS = {
    InputError: 400,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    WithdrawnError: 410,
    StoreError: 503,
}
WORDS = {
    400: (
        gettext_noop("That request could not be read"),
        gettext_noop("Something in the address is malformed."),
    ),
    403: (
        gettext_noop("That is not open to you"),
        gettext_noop("Somebody else may be able to do it."),
    ),
    404: (
        gettext_noop("There is nothing here"),
        gettext_noop("The page does not exist, or not yet."),
    ),
    405: (
        gettext_noop("That cannot be done here"),
        gettext_noop("This address only answers to reading."),
    ),
    409: (gettext_noop("Somebody was faster"), gettext_noop("It has changed since you opened it.")),
    410: (
        gettext_noop("This edition was withdrawn"),
        gettext_noop("It was published, and taken back."),
    ),
    413: (
        gettext_noop("That is too much at once"),
        gettext_noop("What was sent is larger than can be taken."),
    ),
    429: (
        gettext_noop("Too many requests"),
        gettext_noop("More was asked for than this address may have."),
    ),
    500: (
        gettext_noop("Something went wrong"),
        gettext_noop("The fault is ours, and it has been logged."),
    ),
    503: (gettext_noop("Back in a moment"), gettext_noop("The library cannot be read right now.")),
}


def init(app: Flask, context: Context) -> None:
    """Answer every error of `app` with a page."""
    nowhere: dict[str, bytes] = {}  # language to the page for an address that leads nowhere
    app.logger.addFilter(_without_tokens)  # Flask's own word, should an error page fail

    @app.errorhandler(DevisError)
    def ours(error: DevisError) -> Response:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
        if status >= 500:
            log.error("%s %s: %s", request.method, redacted(request.path), error)
        if isinstance(error, ParameterError):
            error.values["expected"] = translate().gettext(error.expected)
        return _page(status, translate().gettext(error.message, **error.values), error.values)

    @app.errorhandler(LinkError)
    def lost(error: LinkError) -> Response:
        detail = translate().gettext(error.message)
        return _finished(render_template("subscription/lost.html", detail=detail), 404)

    @app.errorhandler(DriverError)
    def damage(error: Exception) -> Response:
        log.error("%s %s: %s", request.method, redacted(request.path), error)
        return _page(503)

    @app.errorhandler(HTTPException)
    def theirs(error: HTTPException) -> Response:
        lost = request.endpoint is None and not request.path.startswith(problems.PREFIX)
        known = nowhere.get(language()) if lost else None
        if error.code == 404 and known is not None:
            return _finished(known, 404)
        response = _page(error.code or 500)
        if error.code == 404 and lost:
            nowhere[language()] = response.get_data()
        for name, value in error.get_headers(request.environ):
            if name in ("Allow", "Retry-After"):
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Response:
        log.exception("%s %s failed", request.method, redacted(request.path))
        return _page(InternalServerError.code)


def _without_tokens(record: logging.LogRecord) -> bool:
    record.msg = redacted(str(record.msg))
    return True


def _page(
    status: int, detail: str | None = None, values: dict[str, object] | None = None
) -> Response:
    title, usual = map(translate().gettext, WORDS.get(status, WORDS[400 if status < 500 else 500]))
    # A fault of the database is for the log, not for the visitor.
    shown = usual if detail is None or status >= 500 else detail
    if request.path.startswith(problems.PREFIX):
        return _finished(problems.answer(status, title, shown, values or {}), status)
    page = "desk/error.html" if request.path.startswith(DESK) else "error.html"
    return _finished(render_template(page, title=title, detail=shown), status)


def _finished(body: str | bytes | Response, status: int) -> Response:
    response = make_response(body, status)
    response.headers["Vary"] = "Accept-Language"
    if status == 503:
        response.headers["Retry-After"] = "10"
    return response
