"""Sign-in by password or one-time link, with a second factor, and sign-out."""

import logging

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import authentication
from feed.config.logs import DESK
from feed.desk import session
from feed.desk.permissions import requires
from feed.errors import FormError, LinkError, gettext_noop
from feed.model import email_addresses
from feed.model.people import Curator
from feed.store import curators
from feed.web.context import db, here, key, language, now, translate
from feed.web.middleware import client_ip

log = logging.getLogger(__name__)

blueprint = Blueprint("sign_in", __name__)

_WRONG_PASSWORD = gettext_noop("The address or the password is not right.")
_TOO_MANY = gettext_noop("Too many attempts. Wait ten minutes, or get a link by email instead.")
_TOO_MANY_LINKS = gettext_noop(
    "Many links have been requested from your network. Check your inbox, or wait an hour and try"
    " again."
)
_TOO_LATE = gettext_noop(
    "The code came too late, or you have signed out in the meantime. Sign in again."
)

_DEAD_LINK = gettext_noop(
    "This link doesn’t work: it is incomplete, has expired or has already been used. Ask for a"
    " new one."
)

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/sign-in")
@requires(None)
def ask() -> Page:
    """The sign-in form; a redirect to the desk if the browser is signed in."""
    found = session.session()
    if found is not None and found.is_whole:
        return redirect(_next_path(), 303)
    return _form()


@blueprint.post("/sign-in")
@requires(None)
def sign_in() -> Page:
    """Sign in by password, or request a one-time link by e-mail."""
    address = request.form.get("address", "").strip()
    if "link" in request.form:
        return _mail_link(address)
    account = email_addresses.identity(address)
    known = curators.by_identity(db(), account)
    if session.attempts_exceeded(account, known.id if known else None):
        log.warning("desk: too many sign-in attempts, from %s", client_ip.prefix())
        return _form(address, _TOO_MANY, 429)
    found = authentication.by_password(db(), address, request.form.get("password", ""))
    if found is None:
        _log_failure("wrong password", known)
        return _form(address, _WRONG_PASSWORD, 422)
    session.reset_attempts(account, found.id)
    return _begin(found, "password")


@blueprint.get("/sign-in/sent")
@requires(None)
def sent() -> str:
    """What to do after requesting a link; the same whether or not the account exists."""
    minutes = int(authentication.LINK_TIME.total_seconds() // 60)
    return render_template("desk/sent.html", minutes=minutes, sends_email=here().config.sends_email)


@blueprint.get("/link/<token>")
@requires(None)
def ask_link(token: str) -> Page:
    """The page of a one-time link; its button signs in, as mail scanners open every link."""
    try:
        notice, name = authentication.read_link(db(), key(), token, now())
    except LinkError:
        return _dead_link()
    page = "desk/first.html" if notice.kind == "first" else "desk/link.html"
    return render_template(page, name=name, given={}, wrong={}, next=_next_path())


@blueprint.post("/link/<token>")
@requires(None)
def follow_link(token: str) -> Page:
    """Sign in by a one-time link; a new site's first link creates its administrator."""
    try:
        notice, _ = authentication.read_link(db(), key(), token, now())
        if notice.kind == "first":
            return _follow_first(token)
        return _begin(authentication.follow(db(), key(), token, now()), "link")
    except LinkError:
        return _dead_link()


def _dead_link() -> Page:
    log.warning("desk: a link that is void was opened, from %s", client_ip.prefix())
    return _form("", _DEAD_LINK, 404)


def _follow_first(token: str) -> Page:
    given = {**request.form.to_dict(), "language": language()}
    languages = here().config.languages
    try:
        found = authentication.follow_first(db(), key(), token, given, languages, now())
    except FormError as error:
        wrong = translate().error_messages(error.fields)
        page = render_template(
            "desk/first.html", given=request.form, wrong=wrong, name="", next=_next_path()
        )
        return page, 422
    return _begin(found, "first link")


@blueprint.get("/sign-in/code")
@requires(None)
def ask_factor() -> Page:
    """The form for the second factor's code."""
    found = session.session()
    if found is None or found.is_whole:
        return redirect(url_for(".ask"), 303)
    return _factor()


@blueprint.post("/sign-in/code")
@requires(None)
def give_factor() -> Page:
    """Check the second factor's code and complete the sign-in."""
    found, code = session.session(), request.form.get("code", "")
    if found is None or found.is_whole:
        return _form("", _TOO_LATE, 422)
    account = f"factor of {found.curator.id}"
    if session.attempts_exceeded(account, found.curator.id):
        return _factor(translate().gettext(_TOO_MANY)), 429
    try:
        token = authentication.complete(db(), found, session.token(), code, now())
    except FormError as error:
        _log_failure("wrong second factor", found.curator)
        return _factor(translate().error_messages(error.fields)["code"]), 422
    session.reset_attempts(account, found.curator.id)
    session.replace_token(token)
    _log_success(found.curator, "second factor")
    return _go_on(found.curator)


@blueprint.post("/sign-out")
@requires(None)
def sign_out() -> AnyResponse:
    """End the session and replace its token."""
    if found := session.session():
        log.info("desk: person %s signed out, from %s", found.curator.id, client_ip.prefix())
    authentication.end(db(), session.token())
    session.replace_token(authentication.new_token())
    return redirect(url_for(".ask"), 303)


def _begin(found: Curator, how: str) -> Page:
    """Start a session, then ask for the second factor or go on to the requested page."""
    authentication.end(db(), session.token())
    session.replace_token(authentication.begin(db(), found, now()))
    _log_success(found, how)
    return _factor() if found.has_factor else _go_on(found)


def _go_on(found: Curator) -> Page:
    session.remember_device(found)
    return redirect(_next_path(), 303)


def _factor(problem: str = "") -> str:
    wrong = {"code": problem} if problem else {}
    return render_template("desk/factor.html", next=_next_path(), wrong=wrong)


def _mail_link(address: str) -> Page:
    if session.links_exceeded():
        log.warning("desk: too many links were asked for, from %s", client_ip.prefix())
        return _form(address, _TOO_MANY_LINKS, 429)
    found = curators.by_identity(db(), email_addresses.identity(address))
    if found is not None:
        known = session.device(found.id) is not None
        authentication.ask_link(db(), found, now(), known_device=known)
    log.info(
        "desk: a link for person %s was asked for, from %s", _number(found), client_ip.prefix()
    )
    return redirect(url_for(".sent"), 303)


def _log_success(person: Curator, how: str) -> None:
    log.info("desk: person %s signed in by %s, from %s", person.id, how, client_ip.prefix())


def _log_failure(what: str, person: Curator | None) -> None:
    log.warning("desk: %s for person %s, from %s", what, _number(person), client_ip.prefix())


def _number(person: Curator | None) -> int | str:
    return person.id if person else "nobody"


def _form(address: str = "", problem: str = "", status: int = 200) -> Page:
    wrong = {"problem": translate().gettext(problem)} if problem else {}
    page = render_template("desk/sign_in.html", next=_next_path(), address=address, wrong=wrong)
    return page if status == 200 else (page, status)


def _next_path() -> str:
    """The path to go on to after sign-in, below /desk/: a guard against open redirects."""
    path = request.values.get("next", DESK)
    is_safe = path.isprintable() and "\\" not in path and ".." not in path
    return path if is_safe and path.startswith(DESK) else DESK
