"""Per-IP rate limits for uncached API calls and for the sign-up form.

The counters are in a file that all web processes share. Responses from the page cache are not
counted.
"""

import logging
import math

from flask import Blueprint, Flask, Response, abort, g, request

from feed.errors import StoreError
from feed.store.counters import Failure, RateCounters
from feed.web.context import Context
from feed.web.middleware import client_ip

log = logging.getLogger(__name__)

FILE = "limits.sqlite3"
WINDOW_SECONDS = 60


def init(app: Flask, context: Context, api: Blueprint, sign_up: Blueprint) -> None:
    """Limit each IP address to DEVIS_API_RATE and DEVIS_SIGNUP_RATE requests per minute.

    If the counters fail, requests pass.
    """
    rates = {api.name: context.config.api_rate, sign_up.name: context.config.signup_rate}
    counters = RateCounters(context.config.instance / FILE)

    @app.before_request
    def check() -> None:
        name = request.blueprint or ""
        if name not in rates or (name == sign_up.name and request.method != "POST"):
            return
        try:
            count, left = counters.add(f"{name} {client_ip.network()}", WINDOW_SECONDS)
        except (StoreError, Failure) as error:
            log.error("rate limits are off while counting fails: %s", error)
            return
        g.window = (max(0, rates[name] - count), max(1, math.ceil(left)))
        if count > rates[name]:
            abort(429)

    @app.after_request
    def add_headers(response: Response) -> Response:
        """Add RateLimit headers (draft-ietf-httpapi-ratelimit-headers), but not where cacheable."""
        if "window" not in g or response.status_code == 200:
            return response
        remaining, left = g.window
        if request.blueprint == api.name:
            rate = rates[api.name]
            response.headers["RateLimit-Policy"] = f'"api";q={rate};w={WINDOW_SECONDS}'
            response.headers["RateLimit"] = f'"api";r={remaining};t={left}'
        if response.status_code == 429:
            response.headers["Retry-After"] = str(left)
        return response
