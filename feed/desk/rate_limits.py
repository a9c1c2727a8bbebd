"""A brake on guessing: for each account and each network address, without locking its owner out.

A browser that somebody has signed in with before is counted apart from all others (as OWASP's
device cookies are), and a link by mail always works.
"""

import hashlib

from feed.desk import session
from feed.store.rate_counters import RateCounters
from feed.web.context import here
from feed.web.middleware import client_ip
from feed.web.middleware.rate_limits import FILE

SECONDS = 600
MOST_BY_ACCOUNT, MOST_BY_ADDRESS = 10, 60
PREVIEW_SECONDS, MOST_PREVIEWS = 60, 120


def is_too_much(account: str, curator_id: int | None = None) -> bool:
    """Count a guess at an account, and tell whether it is one too many.

    What others guess in the same network stops no browser that is known.
    """
    device, counters = _device(curator_id), _counters()
    network, _ = counters.add(f"desk-network {client_ip.network()}", SECONDS)
    guesses, _ = counters.add(_key(account, device), SECONDS)
    return guesses > MOST_BY_ACCOUNT or (network > MOST_BY_ADDRESS and device is None)


def too_many_previews() -> bool:
    """Count a preview, and tell whether this person has asked for too many in a minute."""
    asked, _ = _counters().add(f"desk-preview {session.me().id}", PREVIEW_SECONDS)
    return asked > MOST_PREVIEWS


def forgive(account: str, curator_id: int | None = None) -> None:
    """Forget the guesses at an account that came the same way: the last one was right."""
    _counters().clear(_key(account, _device(curator_id)))


def _device(curator_id: int | None) -> str | None:
    """This browser's name, if the owner of the account has signed in with it before."""
    return None if curator_id is None else session.device(curator_id)


def _key(account: str, device: str | None) -> str:
    name = hashlib.sha256(f"{account}\0{device or ''}".encode()).hexdigest()
    return f"desk-account {name}"


def _counters() -> RateCounters:
    return RateCounters(here().config.instance / FILE)
