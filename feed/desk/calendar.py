"""The calendar, a month at a time: why each day has what it has, pins, and withdrawals."""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import session
from feed.desk.permissions import requires
from feed.digests import delivery_report
from feed.editions import calendar_month, pins, publication_days, publishing, withdrawals
from feed.editions.calendar_month import Month
from feed.editions.withdrawals import WithdrawalRequest
from feed.errors import FormError, NotFoundError, WithdrawnError
from feed.library import scheduling, undo
from feed.store import ledger, library
from feed.web.context import db, here, language, now, site, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("calendar", __name__, url_prefix="/calendar")

MAX_WITHDRAWN = 50

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/")
@requires("translator")
def board() -> str:
    """The month of a date, today's if none is given, and what is missing in the coming days."""
    today, given = site().today(now()), request.args
    done, day = _date(given.get("done", "")), _date(given.get("date", ""))
    month = Month((day or done or today).replace(day=1))
    current, withdrawn = ledger.on(db(), today), ledger.withdrawn(db(), MAX_WITHDRAWN)
    used = {each.principle for each in (current, *(each for each, _ in withdrawn)) if each}
    return render_template(
        "desk/calendar.html",
        view=calendar_month.view(db(), site(), here().config, now(), month),
        today=today,
        current=current,
        off=None if current else site().day_off(today),
        following=site().next_day(today),
        reason=publication_days.reason,
        began=site().today(site().since),
        near=publishing.URGENT_DAYS,
        planned=publishing.PLANNED_DAYS,
        withdrawn=withdrawn,
        principles=library.principles(db(), used),
        done=done,
    )


@blueprint.get("/pin")
@requires("editor")
def ask_pin() -> str:
    """The form to add, move, change or remove a pin."""
    day = _date(request.args.get("date", ""))
    slug = ledger.pins(db()).get(day) if day else None
    given = {
        "date": request.args.get("date", ""),
        "principle": request.args.get("principle", "") or slug or "",
        "pinned": day.isoformat() if day and slug else "",
    }
    return _pin(given, {})


@blueprint.post("/pin")
@requires("editor")
def pin() -> Page:
    """Pin a principle to a date, and publish it on it if asked; or move its pin to another."""
    given = request.form.to_dict()
    given["date"] = given.pop("offered", "") or given.get("date", "")
    save = scheduling.publish_on if "publishes" in given else pins.pin_from_form
    try:
        day = save(db(), site(), session.me(), given, language(), now())
    except FormError as error:
        return _pin(given, translate().error_messages(error.fields)), 422
    log.info("desk: person %s pinned a principle to %s", session.me().id, day)
    return redirect(url_for(".board", done=day.isoformat(), _anchor=f"d{day.isoformat()}"), 303)


@blueprint.post("/unpin")
@requires("editor")
def unpin() -> AnyResponse:
    """Remove the pin of a date."""
    day = _date(request.form.get("pinned", ""))
    if day is None:
        return redirect(url_for(".board"), 303)
    there: dict[str, Any] = {"done": day.isoformat(), "_anchor": f"d{day.isoformat()}"}
    number = undo.remove_pin(db(), session.me(), day, url_for(".board", **there), now())
    log.info("desk: person %s removed the pin of %s", session.me().id, day)
    return redirect(url_for(".board", **there, undo=number or None), 303)


@blueprint.get("/withdraw")
@requires("editor")
def ask_withdraw() -> Page:
    """The form to withdraw the edition of a date, today's if none is given."""
    text = request.args.get("date", "")
    try:
        day = _date(text) if text else site().today(now())
        if day is None:
            raise NotFoundError(withdrawals.NO_EDITION, key=text)
        showing = withdrawals.withdrawable(db(), site(), day, now())
    except (NotFoundError, WithdrawnError) as error:
        wrong = {"date": translate().gettext(error.message, **error.values)}
        return render_template("desk/withdraw_date.html", date=text, wrong=wrong), 404
    return _withdraw({"edition": showing.edition.key, "instead": "rotation"}, {})


@blueprint.post("/withdraw")
@requires("editor")
def withdraw() -> Page:
    """Withdraw an edition; asks for confirmation first, with the consequences."""
    given, config = request.form, here().config
    try:
        wanted = withdrawals.parse_form(db(), site(), config, given, language(), now())
        if "sure" not in given:
            return _confirm(wanted)
        withdrawals.carry_out(db(), site(), config, session.me(), wanted, now())
    except FormError as error:
        return _withdraw(given, translate().error_messages(error.fields)), 422
    except WithdrawnError:  # the form was sent twice
        return redirect(url_for(".board", _anchor="withdrawn"), 303)
    log.info("desk: person %s withdrew the edition %s", session.me().id, wanted.edition.key)
    return redirect(url_for(".board", stopped=wanted.edition.key, _anchor="withdrawn"), 303)


def _pin(given: Mapping[str, str], wrong: dict[str, str]) -> str:
    day = _date(given["date"]) if "date" in wrong else None
    return render_template(
        "desk/pin.html",
        given=given,
        wrong=wrong,
        found=_found(given, wrong),
        offered=site().next_day(day) if day and site().day_off(day) else None,
    )


def _withdraw(given: Mapping[str, str], wrong: dict[str, str]) -> str:
    day = date.fromisoformat(given["edition"][:10])
    return render_template(
        "desk/withdraw.html",
        given=given,
        wrong=wrong,
        found=_found(given, wrong),
        showing=withdrawals.withdrawable(db(), site(), day, now()),
        is_today=day == site().today(now()),
        longest=withdrawals.LONGEST_REASON,
    )


def _confirm(wanted: WithdrawalRequest) -> str:
    day = wanted.edition.date
    slug = withdrawals.replacement(db(), site(), here().config, wanted)
    reports = [each for each in delivery_report.reports(db(), day, day) if each.cadence == "daily"]
    return render_template(
        "desk/withdraw_sure.html",
        wanted=wanted,
        showing=withdrawals.withdrawable(db(), site(), day, now()),
        instead=library.principle(db(), slug) if slug else None,
        is_today=day == site().today(now()),
        following=site().next_day(day),
        sent=sum(each.sent for each in reports),
        waiting=sum(each.waiting for each in reports),
    )


def _found(given: Mapping[str, str], wrong: dict[str, str]) -> list[object]:
    """The principles to choose from, where the words typed match several."""
    if "principle" not in wrong:
        return []
    return [*pins.search(db(), given.get("principle", ""), language())]


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
