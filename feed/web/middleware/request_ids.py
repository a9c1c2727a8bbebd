"""Request ids (X-Request-Id), which the log has, too."""

import re
import secrets

from flask import Flask, Response, request

from feed.config.logs import REQUEST_ID
from feed.web.middleware import client_ip
from feed.web.middleware.page_cache import CACHEABLE

HEADER = "X-Request-Id"
_VALID = re.compile(r"[A-Za-z0-9-]{8,64}")


def init(app: Flask) -> None:
    """Give every request of `app` an id; call it before `headers.init`, whose hook runs later.

    An id that a trusted proxy sends is used, so that its log and ours can be matched.
    """

    @app.before_request
    def start() -> None:
        given = request.headers.get(HEADER, "")
        if not (client_ip.is_from_proxy() and _VALID.fullmatch(given)):
            given = secrets.token_hex(8)
        REQUEST_ID.set(given)

    @app.after_request
    def add_header(response: Response) -> Response:
        if CACHEABLE not in request.environ:
            response.headers[HEADER] = REQUEST_ID.get()
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        REQUEST_ID.set("")
