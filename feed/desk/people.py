"""Staff accounts, for administrators: invite, change roles, disable, reset."""

import logging
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import links, people, ways_in
from feed.desk import session
from feed.desk.permissions import requires
from feed.errors import FormError, InputError
from feed.model.people import Curator
from feed.store import curators, outbox
from feed.web.context import db, here, key, language, now, site, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("people", __name__, url_prefix="/people")

Page = AnyResponse | str | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that is open until `expires`; `link` is empty if it is sent by e-mail."""

    person: Curator
    expires: datetime
    link: str


@blueprint.get("/")
@requires("administrator")
def everybody() -> str:
    """All accounts, disabled ones included, and the invitation form."""
    return _page({}, {})


@blueprint.post("/")
@requires("administrator", fresh=True)
def invite() -> Page:
    """Create an account and e-mail its invitation."""
    given = _given({"language": request.form.get("language", language())})
    codes, me, mailed = here().config.languages, session.me(), _ways().is_secure
    try:
        notice = people.invite(db(), given, codes, now(), by=me, mailed=mailed)
    except FormError as error:
        return _page(given, translate().error_messages(error.fields)), 422
    log.info("desk: person %s invited person %s", me.id, notice.curator)
    return redirect(url_for(".everybody", invited=notice.curator), 303)


@blueprint.post("/strong")
@requires("administrator", fresh=True)
def require_strong() -> AnyResponse:
    """Switch on or off that editors and administrators need a stronger way than a link."""
    required = "required" in request.form
    ways_in.require_strong(db(), required)
    log.info("desk: person %s: a link is enough: %s", session.me().id, not required)
    return redirect(url_for(".everybody"), 303)


@blueprint.get("/<int:number>/")
@requires("administrator")
def one(number: int) -> str:
    """One account, with the form to change it."""
    return _one(number)


@blueprint.post("/<int:number>/")
@requires("administrator", fresh=True)
def change(number: int) -> Page:
    """Change an account's name, role or languages."""
    try:
        people.change(db(), number, _given({}), here().config.languages)
    except FormError as error:
        return _one(number, translate().error_messages(error.fields)), 422
    except InputError as error:
        return _one(number, {"role": translate().gettext(error.message, **error.values)}), 422
    log.info("desk: person %s changed person %s", session.me().id, number)
    return redirect(url_for(".one", number=number, saved=1), 303)


@blueprint.post("/<int:number>/<any(disable, enable, reset):act>")
@requires("administrator", fresh=True)
def act(number: int, act: str) -> Page:
    """Disable, enable or reset an account; a reset e-mails a new invitation."""
    try:
        if act == "reset":
            me, mailed = session.me(), _ways().is_secure
            people.reset(db(), number, now(), session.where(), by=me, mailed=mailed)
        else:
            getattr(people, act)(db(), number, now(), session.where())
    except InputError as error:
        return _one(number, {"act": translate().gettext(error.message, **error.values)}), 422
    log.info("desk: person %s: %s person %s", session.me().id, act, number)
    return redirect(url_for(".one", number=number, done=act), 303)


def _given(more: dict[str, str]) -> dict[str, str]:
    codes = " ".join(request.form.getlist("languages"))
    return {**request.form.to_dict(), "languages": codes, **more}


def _page(given: dict[str, str], wrong: dict[str, str]) -> str:
    return render_template(
        "desk/people.html",
        everybody=curators.list_all(db()),
        is_switched_on=ways_in.is_switched_on(db()),
        is_automatic=here().config.is_public,
        invitation=_invitation(request.args.get("invited", 0, type=int)),
        given=given,
        wrong=wrong,
    )


def _one(number: int, wrong: dict[str, str] | None = None) -> str:
    found = people.get(db(), number)
    given = _given({}) if wrong else None
    invitation = _invitation(number) if request.args.get("done") == "reset" else None
    return render_template(
        "desk/person.html", found=found, given=given, wrong=wrong or {}, invitation=invitation
    )


def _ways() -> ways_in.WaysIn:
    return ways_in.available(here().config)


def _invitation(number: int) -> Invitation | None:
    """The newest invitation of a person; None if it is used or has expired."""
    if number >= 2**63:  # SQLite has none
        return None
    found, notice = curators.by_id(db(), number), outbox.newest(db(), "invitation", number)
    if found is None or notice is None or notice.used or (notice.expires or now()) <= now():
        return None
    is_mailed = here().config.sends_email and _ways().is_secure
    link = "" if is_mailed else site().url(links.path(key(), notice))
    return Invitation(found, notice.expires or now(), link)
