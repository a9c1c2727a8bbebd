"""Per-IP rate limits for uncached API calls, searches and pictures, and for the sign-up form.

The counters are in a file that all web processes share. Responses from the page cache are not
counted.
"""

import logging
import math

from flask import Blueprint, Flask, Response, abort, g, request

from feed.errors import StoreError
from feed.store.counters import RATES_FILE, Failure, RateCounters
from feed.web.context import Context
from feed.web.middleware import client_ip

log = logging.getLogger(__name__)

MINUTE, HOUR = 60, 3600  # windows in seconds


def init(app: Flask, context: Context, api: Blueprint, sign_up: Blueprint) -> None:
    """Limit each IP address to DEVIS_API_RATE and DEVIS_SIGNUP_RATE requests per minute.

    And to half of DEVIS_SIGNUP_LIMIT per hour: one address cannot use up the sign-ups of the site.
    If the counters fail, requests pass.
    """
    config = context.config
    windows = {
        api.name: {MINUTE: config.api_rate},
        sign_up.name: {MINUTE: config.signup_rate, HOUR: (config.signup_limit + 1) // 2},
    }
    counters = RateCounters(config.instance / RATES_FILE)

    @app.before_request
    def check() -> None:
        name = api.name if _is_costly() else request.blueprint or ""
        if name not in windows or (name == sign_up.name and request.method != "POST"):
            return
        for seconds, limit in windows[name].items():
            try:
                key = f"{name} {seconds} {client_ip.network()}"
                number, left = counters.add(key, seconds)
            except (StoreError, Failure) as error:
                log.error("rate limits are off while counting fails: %s", error)
                return
            g.window = (max(0, limit - number), left)
            if number > limit:
                abort(429)

    @app.after_request
    def add_headers(response: Response) -> Response:
        """Add RateLimit headers (draft-ietf-httpapi-ratelimit-headers), but not where cacheable."""
        if "window" not in g or response.status_code == 200:
            return response
        remaining, left = g.window[0], max(1, math.ceil(g.window[1]))
        if request.blueprint == api.name:
            response.headers["RateLimit-Policy"] = f'"api";q={config.api_rate};w={MINUTE}'
            response.headers["RateLimit"] = f'"api";r={remaining};t={left}'
        if response.status_code == 429:
            response.headers["Retry-After"] = str(left)
        return response


def _is_costly() -> bool:
    """Whether it is a search or a picture, which counts like a call of the API."""
    is_search = request.endpoint == "library.principles" and request.args.get("q", "") != ""
    return is_search or (request.path.endswith(".png") and request.endpoint != "static")


def delay(seconds: float) -> None:
    """Refuse a request with 429, to be repeated after some seconds."""
    g.window = (0, seconds)
    abort(429)
