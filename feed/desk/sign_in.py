"""Sign-in by one-time link, the confirmation that it is still the same person, and sign-out."""

import logging

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import links, sign_in, ways_in
from feed.accounts.sign_in_events import record
from feed.desk import session
from feed.desk.permissions import requires
from feed.errors import FormError, LinkError, gettext_noop
from feed.model import email_addresses
from feed.model.people import Curator
from feed.store import curators
from feed.store.connection import transaction
from feed.store.outbox import OutboxItem
from feed.web.context import db, here, key, language, now, translate
from feed.web.middleware import client_ip

log = logging.getLogger(__name__)

blueprint = Blueprint("sign_in", __name__)

TOO_MANY = gettext_noop("Too many attempts from your network. Wait ten minutes.")
_TOO_MANY_LINKS = gettext_noop(
    "Many links have been requested from your network. Check your inbox, or wait an hour and try"
    " again."
)
_NO_LINKS = gettext_noop("This site can’t email sign-in links.")
_DEAD_LINK = gettext_noop(
    "This link doesn’t work: it is incomplete, has expired or has already been used. Ask for a"
    " new one."
)

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/sign-in")
@requires(None)
def ask() -> Page:
    """The sign-in page; a redirect to the desk if the browser is signed in."""
    if session.session() is not None:
        return redirect(session.next_path(), 303)
    return _form()


@blueprint.post("/sign-in")
@requires(None)
def mail_link() -> Page:
    """E-mail a one-time link to the person with the address, if there is one."""
    address = request.form.get("address", "").strip()
    found = curators.by_identity(db(), email_addresses.identity(address))
    return _mail_link(found, address)


@blueprint.get("/sign-in/sent")
@requires(None)
def sent() -> str:
    """What to do after asking for a link; the same whether or not the account exists."""
    return _sent({})


@blueprint.post("/sign-in/code")
@requires(None)
def give_code() -> Page:
    """Sign in by the code that a link shows in another browser than the one that asked."""
    if session.attempts_exceeded():
        return _sent({"code": translate().gettext(TOO_MANY)}), 429
    typed = request.form.get("code", "")
    try:
        found, path = links.follow_code(
            db(), key(), typed, session.browser(), session.where(), now()
        )
    except FormError as error:
        return _sent(translate().error_messages(error.fields)), 422
    return session.start(found, "link", path)


@blueprint.get("/link/<token>")
@requires(None)
def ask_link(token: str) -> Page:
    """The page of a one-time link; its button signs in, as mail scanners open every link."""
    try:
        notice, name = links.read(db(), key(), token, now())
        challenge = links.challenge(db(), notice, now())
    except LinkError:
        return _dead_link()
    if challenge is not None and challenge.browser != session.browser():
        code = links.code(key(), notice) if "code" in request.args else None
        data = challenge.data
        return render_template("desk/link_elsewhere.html", notice=notice, data=data, code=code)
    return _link(notice, name, {})


@blueprint.post("/link/<token>")
@requires(None)
def follow_link(token: str) -> Page:
    """Sign in by a one-time link; a new site's first link creates its administrator."""
    if session.attempts_exceeded():
        return _form(problem=TOO_MANY, status=429)
    try:
        notice, _ = links.read(db(), key(), token, now())
        if notice.kind == "first":
            return _follow_first(token, notice)
        found, path = links.follow(db(), key(), token, session.browser(), now())
    except LinkError:
        with transaction(db()):
            record(
                db(),
                "refused",
                session.where(),
                now(),
                curator=None,
                method="link",
                outcome="void",
            )
        return _dead_link()
    return session.start(found, "link", path)


@blueprint.get("/sign-in/confirm")
@requires("translator", even_by_link=True)
def confirm() -> str:
    """Ask for a new proof before a change of how one signs in."""
    return _confirm({})


@blueprint.post("/sign-in/confirm")
@requires("translator", even_by_link=True)
def confirm_by_link() -> Page:
    """E-mail a link to the person signed in, as the new proof."""
    return _mail_link(session.me())


@blueprint.post("/sign-out")
@requires(None)
def sign_out() -> AnyResponse:
    """End the session and replace its token."""
    sign_in.end(db(), session.token(), session.where(), now())
    session.replace_token(sign_in.new_token())
    return redirect(url_for(".ask"), 303)


def refused(problem: str, status: int) -> Page:
    """The page that asked for a proof, with what is wrong with that: to sign in, or to confirm."""
    if session.session() is None:
        return _form(problem=problem, status=status)
    return _confirm({"problem": translate().gettext(problem)}), status


def _confirm(wrong: dict[str, str]) -> str:
    return render_template("desk/confirm.html", next=session.next_path(), wrong=wrong)


def _follow_first(token: str, notice: OutboxItem) -> Page:
    given = {**request.form.to_dict(), "language": language()}
    languages = here().config.languages
    try:
        found = links.follow_first(db(), key(), token, given, languages, now())
    except FormError as error:
        return _link(notice, "", translate().error_messages(error.fields)), 422
    return session.start(found, "link")


def _mail_link(found: Curator | None, address: str = "") -> Page:
    if not ways_in.available(here().config).mailed_link:
        return _form(address, _NO_LINKS, 422)
    if session.links_exceeded():
        log.warning("desk: too many links were asked for, from %s", client_ip.prefix())
        return _form(address, _TOO_MANY_LINKS, 429)
    where = session.where(found.id if found else None)
    links.ask(db(), found, session.browser(), session.next_path(), where, now())
    return redirect(url_for(".sent"), 303)


def _link(notice: OutboxItem, name: str, wrong: dict[str, str]) -> str:
    page = "desk/first.html" if notice.kind == "first" else "desk/link.html"
    return render_template(
        page, name=name, given=request.form, wrong=wrong, next=session.next_path()
    )


def _sent(wrong: dict[str, str]) -> str:
    minutes = int(links.LINK_TIME.total_seconds() // 60)
    sends_email = here().config.sends_email
    return render_template("desk/sent.html", minutes=minutes, sends_email=sends_email, wrong=wrong)


def _dead_link() -> Page:
    log.warning("desk: a link that is void was opened, from %s", client_ip.prefix())
    return _form(problem=_DEAD_LINK, status=404)


def _form(address: str = "", problem: str = "", status: int = 200) -> Page:
    wrong = {"problem": translate().gettext(problem)} if problem else {}
    next_path = session.next_path()
    page = render_template("desk/sign_in.html", next=next_path, address=address, wrong=wrong)
    return page if status == 200 else (page, status)
