"""The desk's session: cookies, CSRF tokens, remembered devices, and rate limits of sign-in.

The session token is in a cookie; signing in replaces it. CSRF tokens are derived from it, with or
without a signed-in session. Nobody is locked out by others' guesses: a browser with the account's
device cookie is counted apart from all others (as OWASP recommends), and one-time links by e-mail
always work.
"""

import hashlib
import secrets

from flask import Response, g, request
from itsdangerous import BadSignature, Signer

from feed.accounts import authentication
from feed.model.people import Curator, Session
from feed.store.counters import RATES_FILE, RateCounters
from feed.web.context import db, here, key, now
from feed.web.middleware import client_ip

CSRF_FIELD = "mark"  # name of the form field that carries the CSRF token
_DEVICE_SECONDS = 400 * 86_400  # the longest that browsers keep a cookie
WINDOW_SECONDS = 600
MAX_BY_ACCOUNT, MAX_BY_NETWORK = 10, 60
LINK_SECONDS, MAX_LINKS = 3600, 30
PREVIEW_SECONDS, MAX_PREVIEWS = 60, 120


def token() -> str:
    """The session token of this browser; a new one where it sent none that could be ours."""
    if "desk_token" not in g:
        given = request.cookies.get(_cookie_name("desk"), "")
        is_usable = 20 <= len(given) <= 100 and given.isascii()
        g.desk_token = given if is_usable else authentication.new_token()
        g.desk_token_is_new = not is_usable
    current: str = g.desk_token
    return current


def replace_token(new: str) -> None:
    """Give the browser another session token, with this response."""
    g.desk_token = new
    g.desk_token_is_new = True
    g.pop("desk_session", None)


def session() -> Session | None:
    """The session of this browser, from the database; None if there is none."""
    if "desk_session" not in g:
        g.desk_session = authentication.session(db(), token(), now()) if _was_sent() else None
    current: Session | None = g.desk_session
    return current


def me() -> Curator:
    """The person signed in; only for views behind `permissions.check`."""
    current = session()
    assert current is not None  # noqa: S101 – permissions.check has refused everybody else
    return current.curator


def csrf_token() -> str:
    """The CSRF token of this session."""
    return authentication.csrf_token(key(), token())


def csrf_token_is_valid() -> bool:
    """Whether the submitted CSRF token belongs to this session."""
    return _was_sent() and authentication.csrf_token_is_valid(
        key(), token(), request.form.get(CSRF_FIELD, "")
    )


def remember_device(curator: Curator) -> None:
    """Set a signed cookie that names this browser as one where this person has signed in."""
    name = f"{secrets.token_hex(8)}.{curator.id}.{int(now().timestamp())}"
    g.desk_device = _signer().sign(name).decode()


def device(curator_id: int) -> str | None:
    """The name from the device cookie; None if it is missing, expired or another person's."""
    try:
        name = _signer().unsign(request.cookies.get(_cookie_name("device"), "")).decode()
        _, owner, since = name.split(".")
    except (BadSignature, ValueError):
        return None
    is_theirs = owner == str(curator_id)
    return name if is_theirs and now().timestamp() - int(since) <= _DEVICE_SECONDS else None


def set_cookies(response: Response) -> None:
    """Add the new session and device cookies, if any, to the response."""
    if g.get("desk_token_is_new"):
        _set_cookie(response, "desk", g.desk_token, None)
    if "desk_device" in g:
        _set_cookie(response, "device", g.desk_device, _DEVICE_SECONDS)


def _was_sent() -> bool:
    """Whether the session token came with this request."""
    return bool(token()) and not g.desk_token_is_new


def _set_cookie(response: Response, name: str, value: str, seconds: int | None) -> None:
    response.set_cookie(
        _cookie_name(name),
        value,
        max_age=seconds,
        path="/",
        secure=_is_secure(),
        httponly=True,
        samesite="Lax",
    )


def _cookie_name(name: str) -> str:
    return f"__Host-devis-{name}" if _is_secure() else f"devis-{name}"


def _is_secure() -> bool:
    return here().config.base_url.startswith("https://")


def _signer() -> Signer:
    return Signer(key(), salt="desk device", key_derivation="hmac", digest_method=hashlib.sha256)


def attempts_exceeded(account: str, curator_id: int | None = None) -> bool:
    """Count an attempt at an account and return whether it exceeds the limit.

    The limit per network does not apply to a browser with the account's device cookie.
    """
    device, counters = _known_device(curator_id), _counters()
    network, _ = counters.add(f"desk-network {client_ip.network()}", WINDOW_SECONDS)
    attempts, _ = counters.add(_attempts_key(account, device), WINDOW_SECONDS)
    return attempts > MAX_BY_ACCOUNT or (network > MAX_BY_NETWORK and device is None)


def links_exceeded() -> bool:
    """Count a request for a sign-in link and return whether this network exceeds the limit."""
    asked, _ = _counters().add(f"desk-link {client_ip.network()}", LINK_SECONDS)
    return asked > MAX_LINKS


def previews_exceeded() -> bool:
    """Count a preview and return whether this person exceeds the limit per minute."""
    asked, _ = _counters().add(f"desk-preview {me().id}", PREVIEW_SECONDS)
    return asked > MAX_PREVIEWS


def reset_attempts(account: str, curator_id: int | None = None) -> None:
    """Reset the counter of attempts from this browser after a successful one."""
    _counters().clear(_attempts_key(account, _known_device(curator_id)))


def _known_device(curator_id: int | None) -> str | None:
    """The device cookie's name, if the account's owner has signed in with this browser before."""
    return None if curator_id is None else device(curator_id)


def _attempts_key(account: str, device: str | None) -> str:
    name = hashlib.sha256(f"{account}\0{device or ''}".encode()).hexdigest()
    return f"desk-account {name}"


def _counters() -> RateCounters:
    return RateCounters(here().config.instance / RATES_FILE)
