"""Delivery statistics: digests sent, bounced or failed by day, and the audience; no addresses."""

import functools
import logging
import operator
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import session
from feed.desk.permissions import requires
from feed.digests import alarms, bounces, delivery_report
from feed.digests.delivery_report import DeliveryReport
from feed.store import domain_answers
from feed.store.bounce_alarms import Decision
from feed.store.domain_answers import DomainAnswers
from feed.subscribers import statistics
from feed.subscribers.statistics import Point
from feed.web.context import db, here, now, site

log = logging.getLogger(__name__)
blueprint = Blueprint("sending", __name__, url_prefix="/sending")

WEEK = timedelta(days=6)  # from the first to the last date of a page
DECISIONS: dict[str, Decision] = {"accepted": "accepted", "discarded": "discarded"}
MAX_DOMAINS = 20  # that the page lists; the others are summed up
WIDTH, HEIGHT = 600, 160  # of the chart, in units of its own


@blueprint.get("/")
@requires("editor")
def board() -> str:
    """The delivery report of a week, the audience, and its growth."""
    today = site().today(now())
    last = _until(request.args.get("until", ""), today)
    reports = delivery_report.reports(db(), last - WEEK, last)
    found = statistics.read(db(), site(), now())
    top = max(1, *(point.total for point in found.growth))
    return render_template(
        "desk/sending.html",
        days=by_day(reports),
        first=last - WEEK,
        last=last,
        earlier=last - WEEK - timedelta(days=1),
        later=min(last + WEEK + timedelta(days=1), today) if last < today else None,
        audience=found,
        alarms=alarms.current(db(), now()),
        domains=domain_rows(domain_answers.by_domain(db(), last - WEEK, last, MAX_DOMAINS)),
        top=top,
        line=_line(found.growth, top),
        size=(WIDTH, HEIGHT),
    )


@blueprint.post("/bounces")
@requires("administrator")
def decide() -> AnyResponse:
    """Decide the alarms about many dead addresses at once."""
    decision = DECISIONS.get(request.form.get("decision", ""))
    if decision is None:
        return redirect(url_for(".board"), 303)
    number = bounces.decide(db(), here().config, decision, now())
    log.info("desk: person %s: bounces %s, %s suspended", session.me().id, decision, number)
    return redirect(url_for(".board", decided=decision), 303)


def domain_rows(found: Sequence[DomainAnswers]) -> list[DomainAnswers]:
    """The numbers of each domain; at the end those of all others together, with an empty name."""
    if not found:
        return []
    total, *domains = found
    others = functools.reduce(operator.sub, domains, total)
    return [*domains, others] if others.accepted or others.later or others.us else domains


def by_day(reports: Iterable[DeliveryReport]) -> list[tuple[date, list[DeliveryReport]]]:
    """Rows of a delivery report, newest first, grouped by date."""
    groups = groupby(reports, lambda report: report.date)
    return [(date.fromisoformat(day), list(each)) for day, each in groups]


def _line(points: Sequence[Point], top: int) -> str:
    """The chart's points for SVG `polyline`; a single point becomes a level line."""
    first, span = points[0].date, max(1, (points[-1].date - points[0].date).days)
    places = [
        ((point.date - first).days * WIDTH / span, HEIGHT - point.total * HEIGHT / top)
        for point in points
    ]
    if len(places) == 1:
        places.append((WIDTH, places[0][1]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _until(text: str, today: date) -> date:
    """The last date of the page: the requested one, but today at the latest."""
    try:
        return max(date.min + 2 * WEEK, min(date.fromisoformat(text), today))
    except ValueError:
        return today
