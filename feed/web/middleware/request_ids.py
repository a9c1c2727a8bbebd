"""A request's id: in each line that is logged meanwhile, and in the answer, to tell us of.

What is answered from memory has none: nothing is logged there, and the answer is for everybody.
"""

import re
import secrets

from flask import Flask, Response, request

from feed.config.logs import REQUEST_ID
from feed.web.middleware import client_ip
from feed.web.middleware.page_cache import KEEP

HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")


def init(app: Flask) -> None:
    """Number every request of `app`. To be called before whatever decides which answers are kept.

    A trusted proxy may bring an id of its own, so that its log and ours can be read together.
    """

    @app.before_request
    def begin() -> None:
        given = request.headers.get(HEADER, "")
        if not (client_ip.by_proxy() and _GIVEN.fullmatch(given)):
            given = secrets.token_hex(8)
        REQUEST_ID.set(given)

    @app.after_request
    def tell(response: Response) -> Response:
        if KEEP not in request.environ:
            response.headers[HEADER] = REQUEST_ID.get()
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        REQUEST_ID.set("")
