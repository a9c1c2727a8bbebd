"""Staff accounts, for administrators: invite, change roles, disable, reset."""

import logging

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import people, totp
from feed.desk import session
from feed.desk.permissions import requires
from feed.errors import FormError, InputError
from feed.store import curators
from feed.web.context import db, here, language, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("people", __name__, url_prefix="/people")

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/")
@requires("administrator")
def everybody() -> str:
    """All accounts, disabled ones included, and the invitation form."""
    return _page({}, {})


@blueprint.post("/")
@requires("administrator")
def invite() -> Page:
    """Create an account and e-mail its invitation."""
    given = _given({"language": request.form.get("language", language())})
    try:
        notice = people.invite(db(), given, here().config.languages, now(), by=session.me())
    except FormError as error:
        return _page(given, translate().error_messages(error.fields)), 422
    log.info("desk: person %s invited person %s", session.me().id, notice.curator)
    return redirect(url_for(".everybody", invited=notice.curator), 303)


@blueprint.post("/factor")
@requires("administrator")
def require_factor() -> AnyResponse:
    """Switch on or off that everybody needs a second factor."""
    totp.require(db(), "required" in request.form)
    log.info("desk: person %s changed whether a second factor is required", session.me().id)
    return redirect(url_for(".everybody"), 303)


@blueprint.get("/<int:number>/")
@requires("administrator")
def one(number: int) -> str:
    """One account, with the form to change it."""
    return _one(number)


@blueprint.post("/<int:number>/")
@requires("administrator")
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
@requires("administrator")
def act(number: int, act: str) -> Page:
    """Disable, enable or reset an account; a reset e-mails a new invitation."""
    try:
        if act == "reset":
            people.reset(db(), number, now(), by=session.me())
        else:
            getattr(people, act)(db(), number, now())
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
        is_required=totp.is_required(db()),
        given=given,
        wrong=wrong,
    )


def _one(number: int, wrong: dict[str, str] | None = None) -> str:
    found = people.get(db(), number)
    given = _given({}) if wrong else None
    return render_template("desk/person.html", found=found, given=given, wrong=wrong or {})
