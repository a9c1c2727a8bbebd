"""What one address may have: of the API, what is not answered from memory; of signing up, a few.

The numbers lie in a file that all web processes share. What the page cache answers never comes
here.
"""

import logging
import math

from flask import Blueprint, Flask, Response, abort, g, request

from feed.errors import StoreError
from feed.store.rate_counters import Failure, RateCounters
from feed.web.context import Context
from feed.web.middleware import client_ip

log = logging.getLogger(__name__)

FILE = "limits.sqlite3"
WINDOW_SECONDS = 60


def init(app: Flask, context: Context, api: Blueprint, sign_up: Blueprint) -> None:
    """Limit what one address may ask of the API, and how often it may send the form to sign up.

    While counting fails, nobody is stopped.
    """
    rates = {api.name: context.config.api_rate, sign_up.name: context.config.signup_rate}
    counters = RateCounters(context.config.instance / FILE)

    @app.before_request
    def count() -> None:
        name = request.blueprint or ""
        if name not in rates or (name == sign_up.name and request.method != "POST"):
            return
        try:
            number, left = counters.add(f"{name} {client_ip.network()}", WINDOW_SECONDS)
        except (StoreError, Failure) as error:
            log.error("nobody is limited while counting fails: %s", error)
            return
        g.window = (max(0, rates[name] - number), max(1, math.ceil(left)))
        if number > rates[name]:
            abort(429)

    @app.after_request
    def tell(response: Response) -> Response:
        """Tell what is left (draft-ietf-httpapi-ratelimit-headers), but not in a kept answer."""
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
