"""Rate limits of the desk: sign-in attempts per account and per network, and previews per person.

Nobody is locked out by others' guesses: a browser with the account's device cookie is counted
apart from all others (as OWASP recommends), and one-time links by e-mail always work.
"""

import hashlib

from feed.desk import session
from feed.store.rate_counters import RateCounters
from feed.web.context import here
from feed.web.middleware import client_ip
from feed.web.middleware.rate_limits import FILE

WINDOW_SECONDS = 600
MAX_BY_ACCOUNT, MAX_BY_NETWORK = 10, 60
PREVIEW_SECONDS, MAX_PREVIEWS = 60, 120


def is_exceeded(account: str, curator_id: int | None = None) -> bool:
    """Count an attempt at an account and return whether it exceeds the limit.

    The limit per network does not apply to a browser with the account's device cookie.
    """
    device, counters = _device(curator_id), _counters()
    network, _ = counters.add(f"desk-network {client_ip.network()}", WINDOW_SECONDS)
    attempts, _ = counters.add(_key(account, device), WINDOW_SECONDS)
    return attempts > MAX_BY_ACCOUNT or (network > MAX_BY_NETWORK and device is None)


def previews_exceeded() -> bool:
    """Count a preview and return whether this person exceeds the limit per minute."""
    asked, _ = _counters().add(f"desk-preview {session.me().id}", PREVIEW_SECONDS)
    return asked > MAX_PREVIEWS


def reset(account: str, curator_id: int | None = None) -> None:
    """Reset the counter of attempts from this browser after a successful one."""
    _counters().clear(_key(account, _device(curator_id)))


def _device(curator_id: int | None) -> str | None:
    """The device cookie's name, if the account's owner has signed in with this browser before."""
    return None if curator_id is None else session.device(curator_id)


def _key(account: str, device: str | None) -> str:
    name = hashlib.sha256(f"{account}\0{device or ''}".encode()).hexdigest()
    return f"desk-account {name}"


def _counters() -> RateCounters:
    return RateCounters(here().config.instance / FILE)
