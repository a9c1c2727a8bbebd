"""The calendar: what is planned and what is missing, pins, and stopping the press."""

import logging
from collections.abc import Mapping
from datetime import date, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import session
from feed.desk.permissions import requires
from feed.digests import delivery_report
from feed.editions import pins, upcoming, withdrawals
from feed.editions.withdrawals import WithdrawalRequest
from feed.errors import FormError, NotFoundError, WithdrawnError
from feed.store import ledger, library
from feed.web.context import db, here, language, now, site, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("desk_calendar", __name__, url_prefix="/desk/calendar")

LOOK_BACK = timedelta(days=14)
MOST_WITHDRAWN = 50

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/")
@requires("translator")
def board() -> str:
    """What is planned, what is missing, and what was taken back."""
    today = site().today(now())
    days = upcoming.days(db(), site(), here().config, now())
    past = ledger.between(db(), today - LOOK_BACK, today)
    withdrawn = ledger.withdrawn(db(), MOST_WITHDRAWN)
    used = {each.principle for each in (*past, *(edition for edition, _ in withdrawn))}
    return render_template(
        "desk/calendar.html",
        today=today,
        days=days,
        urgent=upcoming.urgent(days, site(), now()),
        near=upcoming.URGENT_DAYS,
        past=past[::-1],
        withdrawn=withdrawn,
        principles=library.principles(db(), used),
        done=_iso(request.args.get("done", "")),
    )


@blueprint.get("/pin")
@requires("editor")
def ask_pin() -> str:
    """The form to pin a principle to a date, or to move, change or take away a pin."""
    day = _iso(request.args.get("date", ""))
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
    """Pin a principle to a date, or move its pin there."""
    try:
        day = pins.pin_from_form(db(), site(), request.form, language(), now())
    except FormError as error:
        return _pin(request.form, translate().error_messages(error.fields)), 422
    log.info("desk: %s pinned a principle to %s", session.me().id, day)
    return redirect(url_for(".board", done=day.isoformat(), _anchor=f"d{day.isoformat()}"), 303)


@blueprint.post("/unpin")
@requires("editor")
def unpin() -> AnyResponse:
    """Take the pin of a date away."""
    day = _iso(request.form.get("pinned", ""))
    if day is None:
        return redirect(url_for(".board"), 303)
    pins.remove(db(), day)
    log.info("desk: %s took away the pin of %s", session.me().id, day)
    return redirect(url_for(".board", done=day.isoformat(), _anchor=f"d{day.isoformat()}"), 303)


@blueprint.get("/withdraw")
@requires("editor")
def ask_withdraw() -> Page:
    """The form to take back the edition of a date, today's if none is given."""
    text = request.args.get("date", "")
    try:
        day = _iso(text) if text else site().today(now())
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
    """Tell what would happen, and do it once that was confirmed."""
    given, config = request.form, here().config
    try:
        wanted = withdrawals.parse_form(db(), site(), config, given, language(), now())
        if "sure" not in given:
            return _confirm(wanted)
        withdrawals.carry_out(db(), site(), config, session.me(), wanted, now())
    except FormError as error:
        return _withdraw(given, translate().error_messages(error.fields)), 422
    except WithdrawnError:  # sent twice: what was wanted is done
        return redirect(url_for(".board", _anchor="withdrawn"), 303)
    log.info("desk: %s withdrew the edition %s", session.me().id, wanted.edition.key)
    return redirect(url_for(".board", stopped=wanted.edition.key, _anchor="withdrawn"), 303)


def _pin(given: Mapping[str, str], wrong: dict[str, str]) -> str:
    return render_template("desk/pin.html", given=given, wrong=wrong, found=_found(given, wrong))


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
    slug = withdrawals.replacement(db(), here().config, wanted)
    letters = [each for each in delivery_report.reports(db(), day, day) if each.cadence == "daily"]
    return render_template(
        "desk/withdraw_sure.html",
        wanted=wanted,
        showing=withdrawals.withdrawable(db(), site(), day, now()),
        instead=library.principle(db(), slug) if slug else None,
        is_today=day == site().today(now()),
        sent=sum(each.sent for each in letters),
        waiting=sum(each.waiting for each in letters),
    )


def _found(given: Mapping[str, str], wrong: dict[str, str]) -> list[object]:
    """The principles to choose from, where what was written means several."""
    if "principle" not in wrong:
        return []
    return [*pins.search(db(), given.get("principle", ""), language())]


def _iso(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
