"""A person's own account: name, language, e-mails, ways to sign in, and sessions."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import people, sign_in
from feed.desk import session
from feed.desk.permissions import requires
from feed.errors import FormError
from feed.i18n import match
from feed.store import sign_in_events
from feed.web.context import db, here, now, translate

blueprint = Blueprint("account", __name__, url_prefix="/account")

EVENTS = 10  # of sign-in, on the page

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/")
@requires("translator", even_by_link=True)
def home() -> str:
    """The account page."""
    return page({})


@blueprint.post("/name")
@requires("translator", even_by_link=True)
def rename() -> Page:
    """Change one's name."""
    try:
        people.set_name(db(), session.me(), request.form.get("name", ""))
    except FormError as error:
        return page(translate().error_messages(error.fields), request.form.get("name", "")), 422
    return _saved()


@blueprint.post("/language")
@requires("translator", even_by_link=True)
def speak() -> AnyResponse:
    """Change the language of the desk's pages and e-mails."""
    code = match(request.form.get("lang", ""), here().config.languages)
    if code is not None:
        people.set_language(db(), session.me(), code)
    return redirect(url_for(".home"), 303)


@blueprint.post("/emails")
@requires("translator", even_by_link=True)
def choose_emails() -> AnyResponse:
    """Switch the e-mails about what happens at the desk on or off."""
    people.set_emails(db(), session.me(), "wanted" in request.form)
    return _saved()


@blueprint.post("/sessions/end")
@requires("translator", even_by_link=True)
def end_session() -> AnyResponse:
    """End one of one's sessions; this browser's is signed out."""
    chosen = request.form.get("session", "")
    sign_in.end_one(db(), session.me(), chosen, session.where(), now())
    return redirect(url_for(".home", saved=1, _anchor="sessions"), 303)


@blueprint.post("/sessions/end-others")
@requires("translator", even_by_link=True)
def end_other_sessions() -> AnyResponse:
    """End all other sessions."""
    sign_in.end_others(db(), session.me(), session.token(), session.where(), now())
    return redirect(url_for(".home", saved=1, _anchor="sessions"), 303)


def page(wrong: dict[str, str], name: str | None = None) -> str:
    """The account page, with what is wrong with a form."""
    me = session.me()
    return render_template(
        "desk/account.html",
        wrong=wrong,
        name=me.name if name is None else name,
        sessions=sign_in.sessions_of(db(), me, now()),
        events=sign_in_events.of_curator(db(), me.id, EVENTS),
        saved="saved" in request.args,
    )


def _saved() -> AnyResponse:
    return redirect(url_for(".home", saved=1), 303)
