"""The browser at the desk: the token it holds, who is signed in with it, and its forms.

The token is in a cookie. Signed in or not, forms carry a mark made from it; signing in gives the
browser a new one.
"""

import hashlib
import secrets

from flask import Response, g, request
from itsdangerous import BadSignature, Signer

from feed.accounts import authentication
from feed.model.people import Curator, Session
from feed.web.context import db, here, key, now

MARK = "mark"  # the field of a form
_DEVICE_SECONDS = 400 * 86_400  # the longest that browsers keep a cookie


def token() -> str:
    """What this browser holds, or will hold after this answer."""
    if "desk_token" not in g:
        given = request.cookies.get(_name("desk"), "")
        g.desk_token = given if 20 <= len(given) <= 100 and given.isascii() else _fresh()
    held: str = g.desk_token
    return held


def hold(made: str) -> None:
    """Give this browser another token."""
    g.desk_token = made
    g.desk_token_is_new = True
    g.pop("desk_session", None)


def drop() -> None:
    """Take the token away from this browser."""
    hold(authentication.new_token())


def session() -> Session | None:
    """Who is signed in with this browser; None if nobody is."""
    if "desk_session" not in g:
        g.desk_session = authentication.session(db(), token(), now()) if _was_given() else None
    found: Session | None = g.desk_session
    return found


def me() -> Curator:
    """Who is signed in; only for a view that somebody signed in can reach."""
    found = session()
    assert found is not None  # noqa: S101 – the guard let nobody else pass
    return found.curator


def csrf_token() -> str:
    """What forms of this browser carry."""
    return authentication.csrf_token(key(), token())


def csrf_token_is_valid() -> bool:
    """Whether the form that was sent came from a page of ours in this browser."""
    return _was_given() and authentication.csrf_token_is_valid(
        key(), token(), request.form.get(MARK, "")
    )


def remember(curator: Curator) -> None:
    """Know this browser again as one that somebody has signed in with."""
    name = f"{secrets.token_hex(8)}.{curator.id}.{int(now().timestamp())}"
    g.desk_device = _signer().sign(name).decode()


def device(curator_id: int) -> str | None:
    """This browser's name, if somebody has signed in with it in the time that its cookie lasts."""
    try:
        name = _signer().unsign(request.cookies.get(_name("device"), "")).decode()
        _, owner, since = name.split(".")
    except (BadSignature, ValueError):
        return None
    is_theirs = owner == str(curator_id)
    return name if is_theirs and now().timestamp() - int(since) <= _DEVICE_SECONDS else None


def finish(response: Response) -> Response:
    """Set the cookies that this answer brings."""
    if g.get("desk_token_is_new"):
        _set(response, "desk", g.desk_token, None)
    if "desk_device" in g:
        _set(response, "device", g.desk_device, _DEVICE_SECONDS)
    return response


def _was_given() -> bool:
    return bool(token()) and "desk_token_is_new" not in g


def _fresh() -> str:
    g.desk_token_is_new = True
    return authentication.new_token()


def _set(response: Response, name: str, value: str, seconds: int | None) -> None:
    response.set_cookie(
        _name(name),
        value,
        max_age=seconds,
        path="/",
        secure=_is_secure(),
        httponly=True,
        samesite="Lax",
    )


def _name(name: str) -> str:
    return f"__Host-devis-{name}" if _is_secure() else f"devis-{name}"


def _is_secure() -> bool:
    return here().config.base_url.startswith("https://")


def _signer() -> Signer:
    return Signer(key(), salt="desk device", key_derivation="hmac", digest_method=hashlib.sha256)
