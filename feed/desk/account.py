"""A person's own account: name, language, password, second factor, other sessions."""

import logging

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import authentication, people, totp
from feed.desk import session
from feed.desk.permissions import requires
from feed.errors import FormError, gettext_noop
from feed.i18n import match
from feed.store import curators, sessions
from feed.web.context import db, here, language, now, site, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("account", __name__, url_prefix="/account")

_TOO_MANY = gettext_noop("Too many attempts. Wait ten minutes.")

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/")
@requires("translator", even_without_factor=True)
def home() -> str:
    """The account page."""
    return _home({})


@blueprint.post("/name")
@requires("translator", even_without_factor=True)
def rename() -> Page:
    """Change one's name."""
    try:
        people.set_name(db(), session.me(), request.form.get("name", ""))
    except FormError as error:
        return _home(translate().error_messages(error.fields), request.form.get("name", "")), 422
    return _saved()


@blueprint.post("/language")
@requires("translator", even_without_factor=True)
def speak() -> AnyResponse:
    """Change the language of the desk's pages and e-mails."""
    code = match(request.form.get("lang", ""), here().config.languages)
    if code is not None:
        people.set_language(db(), session.me(), code)
    return redirect(url_for(".home"), 303)


@blueprint.post("/emails")
@requires("translator", even_without_factor=True)
def choose_emails() -> AnyResponse:
    """Switch the e-mails about what happens at the desk on or off."""
    people.set_emails(db(), session.me(), "wanted" in request.form)
    return _saved()


@blueprint.post("/password")
@requires("translator", even_without_factor=True)
def choose_password() -> Page:
    """Set a new password; ends all other sessions."""
    name = site().name(language())
    if session.me().has_password and _is_limited("password"):
        return _home({"current": translate().gettext(_TOO_MANY)}), 429
    try:
        authentication.choose_password(db(), session.me(), request.form, session.token(), name)
    except FormError as error:
        return _home(translate().error_messages(error.fields)), 422
    log.info("desk: person %s set a password", session.me().id)
    return _saved()


@blueprint.post("/sign-out-elsewhere")
@requires("translator", even_without_factor=True)
def sign_out_elsewhere() -> AnyResponse:
    """End all other sessions."""
    authentication.end_others(db(), session.me(), session.token())
    log.info("desk: person %s ended all other sessions", session.me().id)
    return _saved()


@blueprint.get("/factor")
@requires("translator", even_without_factor=True)
def factor() -> str:
    """The page to set up or manage the second factor (TOTP)."""
    return _factor()


@blueprint.post("/factor")
@requires("translator", even_without_factor=True)
def begin_factor() -> Page:
    """Enable the second factor; shows the recovery codes, this once."""
    given = request.form
    secret = given.get("secret", "")
    try:
        codes = totp.begin(db(), session.me(), secret, given.get("code", ""), now())
    except FormError as error:
        return _factor(secret, translate().error_messages(error.fields)), 422
    authentication.end_others(db(), session.me(), session.token())
    log.info("desk: person %s enabled the second factor", session.me().id)
    return render_template("desk/codes.html", codes=codes)


@blueprint.post("/factor/codes")
@requires("translator")
def renew_codes() -> Page:
    """Replace the recovery codes, after checking a code."""
    if wrong := _wrong_code():
        return wrong
    return render_template("desk/codes.html", codes=totp.renew_codes(db(), session.me()))


@blueprint.post("/factor/end")
@requires("translator")
def end_factor() -> Page:
    """Disable the second factor, after checking a code."""
    if wrong := _wrong_code():
        return wrong
    totp.end(db(), session.me())
    log.info("desk: person %s disabled the second factor", session.me().id)
    return redirect(url_for(".factor"), 303) if totp.is_required(db()) else _saved()


def _wrong_code() -> tuple[str, int] | None:
    """An error page for a wrong code or too many attempts; None where the code is right."""
    if _is_limited("code"):
        return _factor(wrong={"code": translate().gettext(_TOO_MANY)}), 429
    if not totp.is_right(db(), session.me(), request.form.get("code", ""), now()):
        return _factor(wrong={"code": translate().gettext(totp.WRONG)}), 422
    return None


def _is_limited(what: str) -> bool:
    """Whether attempts in this account exceed the limit: the browser may be unattended."""
    me = session.me()
    return session.attempts_exceeded(f"{what} in the account of {me.id}", me.id)


def _home(wrong: dict[str, str], name: str | None = None) -> str:
    me = session.me()
    return render_template(
        "desk/account.html",
        wrong=wrong,
        name=me.name if name is None else name,
        others=sessions.count(db(), me.id) - 1,
        saved="saved" in request.args,
    )


def _factor(secret: str | None = None, wrong: dict[str, str] | None = None) -> str:
    me = session.me()
    return render_template(
        "desk/account_factor.html",
        wrong=wrong or {},
        offer=None if me.has_factor else totp.offer(me, site().name(language()), secret),
        left=curators.recovery_codes(db(), me.id),
        is_required=totp.is_required(db()),
    )


def _saved() -> AnyResponse:
    return redirect(url_for(".home", saved=1), 303)
