"""Passkeys at the desk: sign in by one, confirm by one, and add or remove them in one's account.

A script asks `begin` for the options of the browser's dialog; its answer comes as a form field.
"""

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import passkeys
from feed.desk import account, session, sign_in
from feed.desk.permissions import requires
from feed.errors import InputError, PasskeyError
from feed.web.context import db, here, language, now, site, translate

blueprint = Blueprint("passkeys", __name__)

Page = AnyResponse | str | tuple[str, int]


@blueprint.post("/sign-in/passkey/begin")
@requires(None)
def begin() -> Response:
    """The options to sign in by a passkey, or to confirm by one of the person signed in."""
    if session.passkeys_exceeded():
        abort(429)
    current = session.session()
    curator = current.curator if current else None
    return _json(passkeys.sign_in_options(db(), here().config, session.browser(), now(), curator))


@blueprint.post("/sign-in/passkey/finish")
@requires(None)
def finish() -> Page:
    """Sign in by what a passkey has signed."""
    if session.attempts_exceeded():
        return sign_in.refused(sign_in.TOO_MANY, 429)
    given, config = request.form.get("credential", ""), here().config
    try:
        found = passkeys.prove(db(), config, given, session.browser(), session.where(), now())
    except PasskeyError as error:
        return sign_in.refused(error.message, 422)
    return session.start(found, "passkey")


@blueprint.post("/account/passkeys/begin")
@requires("translator", even_by_link=True, fresh=True)
def begin_adding() -> Response:
    """The options to add a passkey."""
    name, browser = site().name(language()), session.browser()
    return _json(passkeys.adding_options(db(), here().config, session.me(), browser, name, now()))


@blueprint.post("/account/passkeys/add")
@requires("translator", even_by_link=True, fresh=True)
def add() -> Page:
    """Add the passkey that the browser has made."""
    me, config, given = session.me(), here().config, request.form.get("credential", "")
    try:
        passkeys.add(db(), config, me, given, session.browser(), session.where(me.id), now())
    except InputError as error:
        return _account(error)
    # Its user was verified, so the session goes on as one by passkey, even if a link began it.
    return session.start(me, "passkey", url_for("desk.account.home", saved=1))


@blueprint.post("/account/passkeys/remove")
@requires("translator", fresh=True)
def remove() -> Page:
    """Remove a passkey."""
    me, given = session.me(), request.form.get("passkey", "")
    try:
        passkeys.remove(db(), here().config, me, given, session.where(me.id), now())
    except InputError as error:
        return _account(error)
    return redirect(url_for("desk.account.home", saved=1), 303)


def _account(error: InputError) -> tuple[str, int]:
    return account.page({"problem": translate().gettext(error.message, **error.values)}), 422


def _json(text: str) -> Response:
    return Response(text, mimetype="application/json")
