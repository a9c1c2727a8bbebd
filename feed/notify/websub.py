"""Ping a WebSub hub that a feed has new content: one POST, with the standard library alone."""

import http.client
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

from feed.notify.timeouts import SOCKET_TIMEOUT, TOTAL_TIMEOUT, with_timeout

MAX_RESPONSE_BYTES = 4096
NO_ANSWER, NO_CONNECTION = "no answer in time", "no connection"


class HubSilentError(Exception):
    """The hub did not answer: other pings to it would fail as well."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the operator should see that the address has changed."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


def ping(hub: str, topic: str) -> str | None:
    """Ping a hub that the feed at `topic` has changed; None if accepted, else the HTTP status.

    Raises HubSilentError, with the reason, if there is no response.
    """
    try:
        status = with_timeout(TOTAL_TIMEOUT, lambda: _post(hub, topic))
    except TimeoutError:
        raise HubSilentError(NO_ANSWER) from None
    except (OSError, http.client.HTTPException) as error:
        late = isinstance(getattr(error, "reason", error), TimeoutError)
        raise HubSilentError(NO_ANSWER if late else NO_CONNECTION) from None
    return None if 200 <= status < 300 else str(status)


def _post(hub: str, topic: str) -> int:
    """Send the topic under both of its names: hubs differ in which they read."""
    form = urlencode({"hub.mode": "publish", "hub.url": topic, "hub.topic": topic}).encode()
    request = urllib.request.Request(hub, form, {"User-Agent": "Devis"})  # noqa: S310 – a setting
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=SOCKET_TIMEOUT) as answer:
            answer.read(MAX_RESPONSE_BYTES)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
