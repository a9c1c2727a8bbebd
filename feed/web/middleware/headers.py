"""Security headers, cacheability and size limits of responses."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, abort, request
from markupsafe import Markup

from feed.config.logs import DESK, SUBSCRIPTION
from feed.web.context import Context
from feed.web.middleware.page_cache import CACHEABLE, Cacheable
from feed.web.middleware.request_limits import excess

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; object-src 'none';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SCRIPT_POLICY = (
    f"{CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'; frame-src 'self'"
)
PUBLIC = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Server": "Devis",  # hides the server software's name and version
}
# Everything public is readable by scripts of any origin (CORS), errors included.
CROSS_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, Retry-After",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
# The wildcard does not cover this header, which many programs send with every request; no answer
# depends on it.
UNCOVERED = "Authorization"
OPENER = "same-origin"  # Cross-Origin-Opener-Policy
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
# For pages of one person: never stored, and their address is sent to no other site.
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
PRIVATE_PATHS = re.compile(rf"{SUBSCRIPTION}|{DESK}|/[^/]+/subscribe/")
UNSHARED_PATHS = re.compile(rf"{PRIVATE_PATHS.pattern}|/metrics")
MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_FORM_BYTES = 64 * 1024  # of a body outside the desk
_DAY_SECONDS = 86_400
_QUERY_NAMES = "devis_query_names"  # attribute of a cacheable view
_REDIRECT_PAGE = Markup('<!doctype html>\n<title>Devis</title>\n<p><a href="{0}">{0}</a></p>\n')

View = TypeVar("View", bound=Callable[..., Any])


def cacheable(view: View) -> View:
    """View decorator: its responses are the same for everybody until the content changes."""
    return cacheable_by()(view)


def cacheable_by(*names: str) -> Callable[[View], View]:
    """The same for a view that reads these query parameters and ignores all others."""

    def add_names(view: View) -> View:
        setattr(view, _QUERY_NAMES, names)
        return view

    return add_names


def cacheable_endpoints(app: Flask) -> set[str]:
    """The endpoints of all cacheable views."""
    return {name for name, view in app.view_functions.items() if hasattr(view, _QUERY_NAMES)}


def init(app: Flask, context: Context) -> None:
    """Add the headers and limits to every response of `app`."""
    https = context.config.base_url.startswith("https://")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @app.before_request
    def check_size() -> None:
        if status := excess(request.environ):
            abort(status)
        if not request.path.startswith(DESK):
            request.max_content_length = MAX_FORM_BYTES
        if (request.content_length or 0) > MAX_BODY_BYTES:
            abort(413)
        if not request.path.isprintable():
            abort(404)

    @app.before_request
    def answer_preflight() -> Response | None:
        if request.method == "OPTIONS" and not UNSHARED_PATHS.match(request.path):
            return Response(status=204, headers=_preflight())
        return None

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in PUBLIC.items():
            response.headers.setdefault(name, value)
        if response.mimetype == "text/html":  # nothing else is opened in a window
            response.headers["Cross-Origin-Opener-Policy"] = OPENER
        if https:
            response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
        if "Location" in response.headers:
            location = _relative(response.headers["Location"])
            response.headers["Location"] = location
            response.set_data(
                _REDIRECT_PAGE.format(location)
            )  # Werkzeug's own text names the request's host
        view = app.view_functions.get(request.endpoint or "")
        if response.status_code == 200 and hasattr(view, _QUERY_NAMES):
            request.environ[CACHEABLE] = Cacheable(getattr(view, _QUERY_NAMES))
        elif response.status_code == 200 and request.endpoint == "static":
            request.environ[CACHEABLE] = Cacheable((), _DAY_SECONDS)
        elif response.status_code == 308:  # to the same path with a slash
            response.headers["Cache-Control"] = f"max-age={_DAY_SECONDS}"
        else:
            response.headers.setdefault("Cache-Control", "no-cache")
        if PRIVATE_PATHS.match(request.path):
            response.headers.update(PRIVATE)
        response.headers.update(cross_origin(request.path))
        if request.path.startswith((SUBSCRIPTION, DESK)):
            response.headers["X-Robots-Tag"] = "noindex"
        return response


def _preflight() -> dict[str, str]:
    asked = request.headers.get("Access-Control-Request-Headers", "").lower()
    if UNCOVERED.lower() not in asked:
        return PREFLIGHT
    return {**PREFLIGHT, "Access-Control-Allow-Headers": f"*, {UNCOVERED}"}


def cross_origin(path: str) -> dict[str, str]:
    """The headers with which scripts of any origin may read a response; none for private paths."""
    return {} if UNSHARED_PATHS.match(path) else CROSS_ORIGIN


def _relative(location: str) -> str:
    """The path of a redirect to the request's own host, which may be forged."""
    prefix = request.host_url.rstrip("/")
    return location.removeprefix(prefix) if location.startswith(prefix + "/") else location
