"""Telling a WebSub hub that a feed has new content: one POST, with the standard library alone.

A form of two fields to an address of the operator's own needs no HTTP client of its own.
"""

import http.client
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

from feed.notify.retry import ANSWER_SECONDS, WHOLE_SECONDS, within

LONGEST_ANSWER = 4096
NO_ANSWER, NO_CONNECTION = "no answer in time", "no connection"


class HubSilentError(Exception):
    """The hub did not answer: nothing else needs to be tried there for a while."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: whoever set the address is to know that it has changed."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


def ping(hub: str, topic: str) -> str | None:
    """Tell a hub that the feed at `topic` has changed; None if it took that, else its answer.

    Raises HubSilentError, which says why there was none.
    """
    try:
        status = within(WHOLE_SECONDS, lambda: _post(hub, topic))
    except TimeoutError:
        raise HubSilentError(NO_ANSWER) from None
    except (OSError, http.client.HTTPException) as error:
        late = isinstance(getattr(error, "reason", error), TimeoutError)
        raise HubSilentError(NO_ANSWER if late else NO_CONNECTION) from None
    return None if 200 <= status < 300 else str(status)


def _post(hub: str, topic: str) -> int:
    """Both names of the topic, for hubs of either kind."""
    form = urlencode({"hub.mode": "publish", "hub.url": topic, "hub.topic": topic}).encode()
    request = urllib.request.Request(hub, form, {"User-Agent": "Devis"})  # noqa: S310 – a setting
    opener = urllib.request.build_opener(_Stay)
    try:
        with opener.open(request, timeout=ANSWER_SECONDS) as answer:
            answer.read(LONGEST_ANSWER)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
