"""The headers that every answer carries, and which answers may be kept."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, request

from feed.web.cache import KEEP
from feed.web.context import Context

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; object-src 'none';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PUBLIC = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_STATIC_SECONDS = 86_400
_MARK = "devis_kept"

View = TypeVar("View", bound=Callable[..., Any])


def kept(view: View) -> View:
    """Mark a view whose answers are the same for everybody until the content changes."""
    setattr(view, _MARK, True)
    return view


def init(app: Flask, context: Context) -> None:
    """Set the headers of every response of `app`."""
    https = context.config.base_url.startswith("https://")

    @app.after_request
    def finish(response: Response) -> Response:
        for name, value in PUBLIC.items():
            response.headers.setdefault(name, value)
        if https:
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        if "Location" in response.headers:
            response.headers["Location"] = _relative(response.headers["Location"])
        view = app.view_functions.get(request.endpoint or "")
        if response.status_code == 200 and hasattr(view, _MARK):
            request.environ[KEEP] = 0
        elif response.status_code == 200 and request.endpoint == "static":
            request.environ[KEEP] = _STATIC_SECONDS
        else:
            response.headers.setdefault("Cache-Control", "no-cache")
        return response


def _relative(location: str) -> str:
    """A redirect without scheme and host: those of the request may be forged."""
    prefix = request.host_url.rstrip("/")
    return location.removeprefix(prefix) if location.startswith(prefix + "/") else location
