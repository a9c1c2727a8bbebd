"""What one address may have: of the API, what is not answered from memory; of signing up, a few.

Flask-Limiter counts; the numbers lie in a file that all web processes share. What the page cache
answers never comes here.
"""

import math
from pathlib import Path

from flask import Blueprint, Flask, Response, request
from flask_limiter import Limiter
from limits.storage import Storage

from feed.errors import StoreError
from feed.store.counters import Counters, Failure
from feed.web.context import Context

FILE = "limits.sqlite3"
WINDOW_SECONDS = 60


class SharedStorage(Storage):
    """Counters in a file, for `limits`; named by `devis:` and the path of the file."""

    STORAGE_SCHEME = ["devis"]  # noqa: RUF012

    def __init__(self, uri: str, wrap_exceptions: bool = False, **options: float | str | bool):
        super().__init__(uri, wrap_exceptions, **options)
        self._counters = Counters(Path(uri.removeprefix("devis:")))

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return (StoreError, Failure)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self._counters.add(key, expiry, amount)

    def get(self, key: str) -> int:
        return self._counters.number(key)

    def get_expiry(self, key: str) -> float:
        return self._counters.expires(key) or 0.0

    def check(self) -> bool:
        return True

    def reset(self) -> None:
        self._counters.clear()

    def clear(self, key: str) -> None:
        self._counters.clear(key)


def init(app: Flask, context: Context, api: Blueprint, sign_up: Blueprint) -> None:
    """Limit what one address may ask of the API, and how often it may send the form to sign up.

    While counting fails, nobody is stopped.
    """
    rate = context.config.api_rate
    limiter = Limiter(
        lambda: request.remote_addr or "nowhere",
        storage_uri=f"devis:{context.config.instance / FILE}",
        strategy="fixed-window",
        swallow_errors=True,
    )
    limiter.init_app(app)
    limiter.limit(f"{rate} per minute")(api)
    limiter.limit(f"{context.config.signup_rate} per minute", methods=["POST"])(sign_up)
    counters = Counters(context.config.instance / FILE)

    @app.after_request
    def tell(response: Response) -> Response:
        """Tell what is left (draft-ietf-httpapi-ratelimit-headers), but not in a kept answer."""
        window = limiter.current_limit
        if window is None or response.status_code == 200:
            return response
        left = max(1, math.ceil(counters.left(window.key)))
        if request.blueprint == api.name:
            response.headers["RateLimit-Policy"] = f'"api";q={rate};w={WINDOW_SECONDS}'
            response.headers["RateLimit"] = f'"api";r={window.remaining};t={left}'
        if response.status_code == 429:
            response.headers["Retry-After"] = str(left)
        return response
