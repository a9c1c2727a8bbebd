"""Signing in and out: by password, by a one-time link, and with a second factor."""

import logging

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.curation import signing
from feed.errors import FormError, LinkError, mark
from feed.mail import addresses
from feed.model.desk import Curator
from feed.store import curators
from feed.web.context import db, here, key, language, now, translate
from feed.web.desk import kept, throttle, visit
from feed.web.desk.guard import needs
from feed.web.desk.kept import Kept

log = logging.getLogger(__name__)

blueprint = Blueprint("desk_signing", __name__, url_prefix="/desk")

_WRONG = mark("The address or the password is not right.")
_TOO_MANY = mark("Too many tries: wait ten minutes, or have a link sent to your mailbox instead.")

_TOO_LATE = mark("The code came too late, or you have signed out meanwhile: sign in again.")

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/sign-in")
@needs(None)
def ask() -> Page:
    """The form, unless somebody is signed in."""
    found = visit.session()
    if found is not None and found.is_whole:
        return redirect(kept.read().path, 303)
    return _form(kept.read())


@blueprint.post("/sign-in")
@needs(None)
def sign_in() -> Page:
    """Sign in by password, or ask for a link to be mailed."""
    address = request.form.get("address", "").strip()
    if "link" in request.form:
        return _mail_link(address)
    account = addresses.identity(address)
    known = curators.by_identity(db(), account)
    if throttle.is_too_much(account, known.id if known else None):
        log.warning("desk: too many tries for one account, or from one address")
        return _form(kept.read(), address, _TOO_MANY, 429)
    found = signing.by_password(db(), address, request.form.get("password", ""))
    if found is None:
        log.warning("desk: a password was wrong for %s", known.id if known else "nobody")
        return _form(kept.read(), address, _WRONG, 422)
    throttle.forgive(account, found.id)
    return _begin(found, "password")


@blueprint.get("/sign-in/sent")
@needs(None)
def sent() -> str:
    """What to do now, whoever it was that asked."""
    minutes = int(signing.LINK_TIME.total_seconds() // 60)
    return render_template("desk/sent.html", minutes=minutes)


@blueprint.get("/link/<token>")
@needs(None)
def ask_link(token: str) -> Page:
    """Whom a link signs in; it is followed by a button, for scanners open every link."""
    try:
        notice, name = signing.read_link(db(), key(), token, now())
    except LinkError:
        return render_template("desk/lost.html"), 404
    page = "desk/first.html" if notice.kind == "first" else "desk/link.html"
    return render_template(page, name=name, given={}, wrong={}, kept=kept.read())


@blueprint.post("/link/<token>")
@needs(None)
def follow_link(token: str) -> Page:
    """Sign in by a link; the first one makes an administrator of whoever has it."""
    try:
        notice, _ = signing.read_link(db(), key(), token, now())
        if notice.kind != "first":
            return _begin(signing.follow(db(), key(), token, now()), "link")
        given = {**request.form.to_dict(), "language": language()}
        languages = here().config.languages
        return _begin(
            signing.follow_first(db(), key(), token, given, languages, now()), "first link"
        )
    except LinkError:
        return render_template("desk/lost.html"), 404
    except FormError as error:
        wrong = translate().told(error.fields)
        page = render_template(
            "desk/first.html", given=request.form, wrong=wrong, name="", kept=kept.read()
        )
        return page, 422


@blueprint.get("/sign-in/code")
@needs(None)
def ask_factor() -> Page:
    """The form for the second factor."""
    found = visit.session()
    if found is None or found.is_whole:
        return redirect(url_for(".ask"), 303)
    return render_template("desk/factor.html", kept=kept.read(), wrong={})


@blueprint.post("/sign-in/code")
@needs(None)
def give_factor() -> Page:
    """Give the second factor, and go on."""
    found = visit.session()
    if found is None or found.is_whole:
        return _form(kept.read(), "", _TOO_LATE, 422)
    account = f"factor of {found.curator.id}"
    problem, status = "", 422
    if throttle.is_too_much(account, found.curator.id):
        problem, status = translate().gettext(_TOO_MANY), 429
    else:
        try:
            code = request.form.get("code", "")
            token = signing.complete(db(), found, visit.token(), code, now())
        except FormError as error:
            log.warning("desk: a second factor was wrong for %s", found.curator.id)
            problem = translate().told(error.fields)["code"]
        else:
            throttle.forgive(account, found.curator.id)
            visit.hold(token)
            visit.remember(found.curator)
            log.info("desk: %s gave the second factor", found.curator.id)
            return kept.go_on(kept.read())
    page = render_template("desk/factor.html", kept=kept.read(), wrong={"code": problem})
    return page, status


@blueprint.post("/sign-out")
@needs(None)
def sign_out() -> AnyResponse:
    """Sign out; the browser holds nothing that opens anything any more."""
    signing.end(db(), visit.token())
    visit.drop()
    return redirect(url_for(".ask"), 303)


def _begin(found: Curator, how: str) -> Page:
    """Sign somebody in, and go to where they were going, or ask for the second factor."""
    signing.end(db(), visit.token())
    visit.hold(signing.begin(db(), found, now()))
    log.info("desk: %s signed in by %s", found.id, how)
    held = kept.read()
    if found.has_factor:
        return render_template("desk/factor.html", kept=held, wrong={})
    visit.remember(found)
    return kept.go_on(held)


def _mail_link(address: str) -> AnyResponse:
    signing.ask_link(db(), address, now())  # which mails a few at most
    return redirect(url_for(".sent"), 303)


def _form(held: Kept, address: str = "", problem: str = "", status: int = 200) -> Page:
    wrong = {"problem": translate().gettext(problem)} if problem else {}
    page = render_template("desk/sign_in.html", kept=held, address=address, wrong=wrong)
    return page if status == 200 else (page, status)
