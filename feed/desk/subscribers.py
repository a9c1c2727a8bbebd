"""Subscribers, for administrators: find one, stop, resume, export, erase; resume all suspended.

Addresses arrive by POST and appear in the body of a page only: never in a URL, a title or the log.
"""

import json
import logging
from collections.abc import Mapping
from datetime import date

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import labels, session
from feed.desk.permissions import requires
from feed.errors import FormError, InputError, gettext_noop
from feed.model import email_addresses
from feed.store import subscribers, suppressions
from feed.subscribers import administration, consent_texts
from feed.subscribers.administration import Operator, Suspension
from feed.web.context import db, here, key, now, site, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("subscribers", __name__, url_prefix="/subscribers")

Page = AnyResponse | str | tuple[str, int]
_UNKNOWN = gettext_noop("Nobody is subscribed with this address.")
_DATE = gettext_noop("Write the date like 2027-01-31.")
_CHOOSE = gettext_noop("Choose a date, a domain, or both.")
_CHANGED = gettext_noop(
    "The number has changed in the meantime. Check again before you resume them."
)


@blueprint.get("/")
@requires("administrator")
def home() -> str:
    """The search form, and how many subscribers there are by status."""
    return _home({})


@blueprint.post("/")
@requires("administrator")
def find() -> Page:
    """Find a person by address."""
    try:
        found = administration.find(db(), here().config, request.form.get("address", ""))
    except FormError as error:
        return _home(translate().error_messages(error.fields)), 422
    if found is None:
        return _home({"address": translate().gettext(_UNKNOWN)}), 422
    return redirect(url_for(".one", number=found.id), 303)


@blueprint.get("/<int:number>/")
@requires("administrator")
def one(number: int) -> str:
    """One subscriber: status, consent, deliveries, bounces, and what was done about them."""
    return _one(number)


@blueprint.post("/<int:number>/<any(stop, resume, export, erase):act>")
@requires("administrator")
def act(number: int, act: str) -> Page:
    """Stop, resume, export or erase a subscriber, with a reason."""
    try:
        by = administration.operator(request.form.get("reason", ""), session.me().id)
        response = _act(number, act, by)
    except FormError as error:
        return _one(number, translate().error_messages(error.fields), act), 422
    except InputError as error:
        return _one(number, {"act": translate().gettext(error.message, **error.values)}, act), 422
    log.info("desk: person %s: %s subscriber %s", session.me().id, act, number)
    return response


@blueprint.get("/suspended")
@requires("administrator")
def suspended() -> Page:
    """How many a date or a domain has suspended, and the form that resumes them."""
    try:
        chosen = _chosen(request.args)
    except FormError as error:
        return _suspended(None, translate().error_messages(error.fields)), 422
    return _suspended(chosen, {})


@blueprint.post("/suspended")
@requires("administrator")
def resume_suspended() -> Page:
    """Resume all whom the page counted."""
    chosen = None
    try:
        chosen = _chosen(request.form)
        by = administration.operator(request.form.get("reason", ""), session.me().id)
    except FormError as error:
        return _suspended(chosen, translate().error_messages(error.fields)), 422
    if chosen is None:
        return redirect(url_for(".suspended"), 303)
    if request.form.get("seen", type=int) != administration.suspended(db(), site(), chosen):
        return _suspended(chosen, {"problem": translate().gettext(_CHANGED)}), 409
    done = administration.resume_suspended(db(), site(), chosen, by, now())
    log.info("desk: person %s resumed %s suspended subscribers", session.me().id, done)
    return redirect(url_for(".home", resumed=done), 303)


def _act(number: int, act: str, by: Operator) -> AnyResponse:
    if act == "export":
        return _download(number, by)
    if act == "erase":
        suppress = "suppress" in request.form
        administration.erase(db(), key(), number, by, now(), suppress=suppress)
        return redirect(url_for(".home", erased=1), 303)
    if act == "stop":
        administration.stop(db(), site(), number, by, now())
        done = "stop"
    else:
        done = "resume" if administration.resume(db(), key(), number, by, now()) else "ask"
    return redirect(url_for(".one", number=number, done=done), 303)


def _download(number: int, by: Operator) -> Response:
    data = administration.export(db(), number, by, now())
    body = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    response = Response(body, content_type="application/json")
    name = f"devis-subscriber-{number}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _chosen(given: Mapping[str, str]) -> Suspension | None:
    """The choice of a form; None if nothing was chosen yet. Raises FormError."""
    day, domain = given.get("day", "").strip(), given.get("domain", "").strip()
    if not day and not domain:
        if "day" in given:
            raise FormError({"day": InputError(_CHOOSE)})
        return None
    errors: dict[str, InputError] = {}
    try:
        chosen_day = date.fromisoformat(day) if day else None
    except ValueError:
        errors["day"] = InputError(_DATE)
    try:
        domains = here().config.mail_domains
        name = email_addresses.read_domain(domain, domains).lower() if domain else None
    except InputError as error:
        errors["domain"] = error
    if errors:
        raise FormError(errors)
    return Suspension(chosen_day, name)


def _home(wrong: dict[str, str]) -> str:
    return render_template(
        "desk/subscribers.html",
        typed=request.form.get("address", ""),
        wrong=wrong,
        statuses=subscribers.count_by_status(db()),
        suppressed=suppressions.count(db()),
        STATUSES=labels.SUBSCRIBER_STATUSES,
    )


def _one(number: int, wrong: dict[str, str] | None = None, failed: str = "") -> str:
    record = administration.record(db(), key(), number)
    return render_template(
        "desk/subscriber.html",
        record=record,
        found=record.subscriber,
        preferences=consent_texts.described(translate(), record.subscriber.preferences),
        wrong=wrong or {},
        failed=failed,
        typed=request.form,
        max_reason=administration.MAX_REASON,
        sends_email=here().config.sends_email,
        labels=labels,
    )


def _suspended(chosen: Suspension | None, wrong: dict[str, str]) -> str:
    count = administration.suspended(db(), site(), chosen) if chosen else None
    return render_template(
        "desk/suspended.html",
        given=request.values,
        wrong=wrong,
        count=count,
        max_reason=administration.MAX_REASON,
    )
