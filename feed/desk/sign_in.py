"""Signing in and out: by password, by a one-time link, and with a second factor."""

import logging

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import authentication
from feed.desk import rate_limits, resume, session
from feed.desk.permissions import requires
from feed.desk.resume import ResumedForm
from feed.errors import FormError, LinkError, gettext_noop
from feed.model import email_addresses
from feed.model.people import Curator
from feed.store import curators
from feed.web.context import db, here, key, language, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("desk_signing", __name__, url_prefix="/desk")

_WRONG = gettext_noop("The address or the password is not right.")
_TOO_MANY = gettext_noop(
    "Too many tries: wait ten minutes, or have a link sent to your mailbox instead."
)

_TOO_LATE = gettext_noop("The code came too late, or you have signed out meanwhile: sign in again.")

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/sign-in")
@requires(None)
def ask() -> Page:
    """The form, unless somebody is signed in."""
    found = session.session()
    if found is not None and found.is_whole:
        return redirect(resume.read().path, 303)
    return _form(resume.read())


@blueprint.post("/sign-in")
@requires(None)
def sign_in() -> Page:
    """Sign in by password, or ask for a link to be mailed."""
    address = request.form.get("address", "").strip()
    if "link" in request.form:
        return _mail_link(address)
    account = email_addresses.identity(address)
    known = curators.by_identity(db(), account)
    if rate_limits.is_too_much(account, known.id if known else None):
        log.warning("desk: too many tries for one account, or from one address")
        return _form(resume.read(), address, _TOO_MANY, 429)
    found = authentication.by_password(db(), address, request.form.get("password", ""))
    if found is None:
        log.warning("desk: a password was wrong for %s", known.id if known else "nobody")
        return _form(resume.read(), address, _WRONG, 422)
    rate_limits.forgive(account, found.id)
    return _begin(found, "password")


@blueprint.get("/sign-in/sent")
@requires(None)
def sent() -> str:
    """What to do now, whoever it was that asked."""
    minutes = int(authentication.LINK_TIME.total_seconds() // 60)
    return render_template("desk/sent.html", minutes=minutes)


@blueprint.get("/link/<token>")
@requires(None)
def ask_link(token: str) -> Page:
    """Whom a link signs in; it is followed by a button, for scanners open every link."""
    try:
        notice, name = authentication.read_link(db(), key(), token, now())
    except LinkError:
        return render_template("desk/lost.html"), 404
    page = "desk/first.html" if notice.kind == "first" else "desk/link.html"
    return render_template(page, name=name, given={}, wrong={}, kept=resume.read())


@blueprint.post("/link/<token>")
@requires(None)
def follow_link(token: str) -> Page:
    """Sign in by a link; the first one makes an administrator of whoever has it."""
    try:
        notice, _ = authentication.read_link(db(), key(), token, now())
        if notice.kind != "first":
            return _begin(authentication.follow(db(), key(), token, now()), "link")
        given = {**request.form.to_dict(), "language": language()}
        languages = here().config.languages
        return _begin(
            authentication.follow_first(db(), key(), token, given, languages, now()), "first link"
        )
    except LinkError:
        return render_template("desk/lost.html"), 404
    except FormError as error:
        wrong = translate().error_messages(error.fields)
        page = render_template(
            "desk/first.html", given=request.form, wrong=wrong, name="", kept=resume.read()
        )
        return page, 422


@blueprint.get("/sign-in/code")
@requires(None)
def ask_factor() -> Page:
    """The form for the second factor."""
    found = session.session()
    if found is None or found.is_whole:
        return redirect(url_for(".ask"), 303)
    return render_template("desk/factor.html", kept=resume.read(), wrong={})


@blueprint.post("/sign-in/code")
@requires(None)
def give_factor() -> Page:
    """Give the second factor, and go on."""
    found = session.session()
    if found is None or found.is_whole:
        return _form(resume.read(), "", _TOO_LATE, 422)
    account = f"factor of {found.curator.id}"
    problem, status = "", 422
    if rate_limits.is_too_much(account, found.curator.id):
        problem, status = translate().gettext(_TOO_MANY), 429
    else:
        try:
            code = request.form.get("code", "")
            token = authentication.complete(db(), found, session.token(), code, now())
        except FormError as error:
            log.warning("desk: a second factor was wrong for %s", found.curator.id)
            problem = translate().error_messages(error.fields)["code"]
        else:
            rate_limits.forgive(account, found.curator.id)
            session.hold(token)
            session.remember(found.curator)
            log.info("desk: %s gave the second factor", found.curator.id)
            return resume.go_on(resume.read())
    page = render_template("desk/factor.html", kept=resume.read(), wrong={"code": problem})
    return page, status


@blueprint.post("/sign-out")
@requires(None)
def sign_out() -> AnyResponse:
    """Sign out; the browser holds nothing that opens anything any more."""
    authentication.end(db(), session.token())
    session.drop()
    return redirect(url_for(".ask"), 303)


def _begin(found: Curator, how: str) -> Page:
    """Sign somebody in, and go to where they were going, or ask for the second factor."""
    authentication.end(db(), session.token())
    session.hold(authentication.begin(db(), found, now()))
    log.info("desk: %s signed in by %s", found.id, how)
    held = resume.read()
    if found.has_factor:
        return render_template("desk/factor.html", kept=held, wrong={})
    session.remember(found)
    return resume.go_on(held)


def _mail_link(address: str) -> AnyResponse:
    authentication.ask_link(db(), address, now())  # which mails a few at most
    return redirect(url_for(".sent"), 303)


def _form(held: ResumedForm, address: str = "", problem: str = "", status: int = 200) -> Page:
    wrong = {"problem": translate().gettext(problem)} if problem else {}
    page = render_template("desk/sign_in.html", kept=held, address=address, wrong=wrong)
    return page if status == 200 else (page, status)
