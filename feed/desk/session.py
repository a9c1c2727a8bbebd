"""The desk's session: cookies, CSRF tokens, remembered devices, and rate limits of sign-in.

The session token is in a cookie; signing in replaces it. CSRF tokens are derived from it, with or
without a signed-in session. A browser in which a person has signed in before has a device cookie:
others who ask for links do not lock it out, and no e-mail is sent about its sign-ins.
"""

import hashlib
import secrets
from datetime import datetime

from flask import Response, g, redirect, request
from itsdangerous import BadSignature, Signer
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import sign_in
from feed.config.logs import DESK
from feed.desk import devices
from feed.model.people import Curator, Method, Session, Where
from feed.store import sign_in_events
from feed.store.counters import RATES_FILE, RateCounters
from feed.web.context import db, here, key, now
from feed.web.middleware import client_ip

CSRF_FIELD = "mark"  # name of the form field that carries the CSRF token
_DEVICE_SECONDS = int(sign_in_events.RETENTION.total_seconds())  # later, a reset is not known
WINDOW_SECONDS, MAX_BY_NETWORK = 600, 60
LONGEST_NEXT = 2000  # characters of a path: it is stored with a link or a sign-on
LINK_SECONDS, MAX_LINKS = 3600, 30
PASSKEY_SECONDS, MAX_PASSKEYS = 600, 300
PREVIEW_SECONDS, MAX_PREVIEWS = 60, 120


def token() -> str:
    """The session token of this browser; a new one where it sent none that could be ours."""
    if "desk_token" not in g:
        given = request.cookies.get(_cookie_name("desk"), "")
        is_usable = 20 <= len(given) <= 100 and given.isascii()
        g.desk_token = given if is_usable else sign_in.new_token()
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
        config = here().config
        g.desk_session = sign_in.session(db(), config, token(), now()) if _was_sent() else None
    current: Session | None = g.desk_session
    return current


def me() -> Curator:
    """The person signed in; only for views behind `permissions.check`."""
    current = session()
    assert current is not None  # noqa: S101 – permissions.check has refused everybody else
    return current.curator


def browser() -> str:
    """The hash of this browser's token, which challenges are bound to."""
    return sign_in.digest(token())


def where(curator_id: int | None = None) -> Where:
    """Where this request comes from; a known device is one of that person's."""
    device_name = devices.describe(request.user_agent.string)
    known = curator_id is not None and device(curator_id) is not None
    return Where(client_ip.prefix(), device_name, known)


def start(
    curator: Curator, method: Method, path: str | None = None, *, proved: datetime | None = None
) -> AnyResponse:
    """Begin or renew a session after an accepted proof, and go on to `path` or the next page."""
    seen = where(curator.id)
    new = sign_in.complete(db(), curator, method, token(), seen, now(), proved=proved)
    replace_token(new)
    remember_device(curator)
    return redirect(next_path() if path is None else path, 303)


def next_path() -> str:
    """The path to go on to after sign-in, below /desk/: a guard against open redirects."""
    path = request.values.get("next", DESK)
    is_safe = path.isprintable() and "\\" not in path and ".." not in path
    is_ours = path.startswith(DESK) and len(path) <= LONGEST_NEXT
    return path if is_safe and is_ours else DESK


def csrf_token() -> str:
    """The CSRF token of this session."""
    return sign_in.csrf_token(key(), token())


def csrf_token_is_valid() -> bool:
    """Whether the submitted CSRF token belongs to this session."""
    return _was_sent() and sign_in.csrf_token_is_valid(
        key(), token(), request.form.get(CSRF_FIELD, "")
    )


def remember_device(curator: Curator) -> None:
    """Set a signed cookie that names this browser as one where this person has signed in."""
    name = f"{secrets.token_hex(8)}.{curator.id}.{int(now().timestamp())}"
    g.desk_device = _signer().sign(name).decode()


def device(curator_id: int) -> str | None:
    """The name from the device cookie.

    None if it is missing, expired, another person's, or from before their account was reset.
    """
    try:
        name = _signer().unsign(request.cookies.get(_cookie_name("device"), "")).decode()
        _, owner, since = name.split(".")
    except (BadSignature, ValueError):
        return None
    if owner != str(curator_id) or now().timestamp() - int(since) > _DEVICE_SECONDS:
        return None
    reset = sign_in_events.last_reset(db(), curator_id)
    return name if reset is None or reset.timestamp() <= int(since) else None


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


def attempts_exceeded() -> bool:
    """Count an attempt to sign in and return whether this network exceeds the limit."""
    attempts, _ = _counters().add(f"desk-network {client_ip.network()}", WINDOW_SECONDS)
    return attempts > MAX_BY_NETWORK


def responses_exceeded() -> bool:
    """Count a refused sign-on and return whether this network exceeds the limit.

    Apart from attempts: a page of another site can make any browser send such a request.
    """
    refused, _ = _counters().add(f"desk-sign-on {client_ip.network()}", WINDOW_SECONDS)
    return refused > MAX_BY_NETWORK


def links_exceeded() -> bool:
    """Count a request for a sign-in link and return whether this network exceeds the limit."""
    asked, _ = _counters().add(f"desk-link {client_ip.network()}", LINK_SECONDS)
    return asked > MAX_LINKS


def passkeys_exceeded() -> bool:
    """Count a request for a passkey and return whether this network exceeds the limit.

    A page that suggests passkeys asks when it is opened, so there are more of them than attempts.
    """
    asked, _ = _counters().add(f"desk-passkey {client_ip.network()}", PASSKEY_SECONDS)
    return asked > MAX_PASSKEYS


def previews_exceeded() -> bool:
    """Count a preview and return whether this person exceeds the limit per minute."""
    asked, _ = _counters().add(f"desk-preview {me().id}", PREVIEW_SECONDS)
    return asked > MAX_PREVIEWS


def _counters() -> RateCounters:
    return RateCounters(here().config.instance / RATES_FILE)
