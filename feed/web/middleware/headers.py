"""The headers that every answer carries, and which answers may be kept."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, abort, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from feed.web.context import Context
from feed.web.middleware.page_cache import KEEP
from feed.web.middleware.redact import DESK, SUBSCRIPTION

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; object-src 'none';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PUBLIC = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Server": "Devis",  # in place of the name and version of what it is built on
}
OPENER = "same-origin"  # no other page holds the window of one
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
# What is between the site and one person: nobody keeps it, and nobody is told its address.
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
PRIVATE_PATHS = re.compile(rf"{SUBSCRIPTION}|{DESK}|/[^/]+/subscribe/")
LONGEST_ADDRESS = 8000
LARGEST_BODY = 8 * 1024 * 1024
_DAY_SECONDS = 86_400
_MARK = "devis_kept"
_MOVED = Markup('<!doctype html>\n<title>Devis</title>\n<p><a href="{0}">{0}</a></p>\n')

View = TypeVar("View", bound=Callable[..., Any])


def cacheable(view: View) -> View:
    """Mark a view whose answers are the same for everybody until the content changes."""
    return cacheable_by()(view)


def cacheable_by(*names: str) -> Callable[[View], View]:
    """The same for a view that knows these parameters of a query."""

    def mark(view: View) -> View:
        setattr(view, _MARK, names)
        return view

    return mark


def cacheable_with_query(view: View) -> View:
    """The same for a view that refuses every parameter it does not know, or one given twice."""
    setattr(view, _MARK, None)
    return view


def cacheable_endpoints(app: Flask) -> set[str]:
    """The endpoints of the views that are kept."""
    return {name for name, view in app.view_functions.items() if hasattr(view, _MARK)}


def known_query(app: Flask) -> Callable[[str], tuple[str, ...] | None]:
    """A function from a path to the parameters its view knows; None if it sees all of them."""
    routes = app.url_map.bind("")

    def known(path: str) -> tuple[str, ...] | None:
        try:
            endpoint, _ = routes.match(path, method="GET")
        except HTTPException:  # a redirect to be, too
            return None
        names: tuple[str, ...] | None = getattr(app.view_functions[endpoint], _MARK, None)
        return () if endpoint == "static" else names

    return known


def allow_any_origin(response: Response) -> Response:
    """Let any page on the web read it."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def init(app: Flask, context: Context) -> None:
    """Set the headers of every response of `app`."""
    https = context.config.base_url.startswith("https://")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY

    @app.before_request
    def limit() -> None:
        if len(request.path) + len(request.query_string) > LONGEST_ADDRESS:
            abort(414)
        if (request.content_length or 0) > LARGEST_BODY:
            abort(413)
        if not request.path.isprintable():
            abort(404)

    @app.after_request
    def finish(response: Response) -> Response:
        for name, value in PUBLIC.items():
            response.headers.setdefault(name, value)
        if response.mimetype == "text/html":  # nothing else has a window that could be held
            response.headers["Cross-Origin-Opener-Policy"] = OPENER
        if https:
            response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
        if "Location" in response.headers:
            location = _relative(response.headers["Location"])
            response.headers["Location"] = location
            response.set_data(_MOVED.format(location))  # the usual text names the request's host
        view = app.view_functions.get(request.endpoint or "")
        if response.status_code == 200 and hasattr(view, _MARK):
            request.environ[KEEP] = 0
        elif response.status_code == 200 and request.endpoint == "static":
            request.environ[KEEP] = _DAY_SECONDS
        elif response.status_code == 308:  # a slash was missing, and will be again
            response.headers["Cache-Control"] = f"max-age={_DAY_SECONDS}"
        else:
            response.headers.setdefault("Cache-Control", "no-cache")
        if PRIVATE_PATHS.match(request.path):
            response.headers.update(PRIVATE)
        if request.path.startswith((SUBSCRIPTION, DESK)):
            response.headers["X-Robots-Tag"] = "noindex"
        return response


def _relative(location: str) -> str:
    """A redirect without scheme and host: those of the request may be forged."""
    prefix = request.host_url.rstrip("/")
    return location.removeprefix(prefix) if location.startswith(prefix + "/") else location
