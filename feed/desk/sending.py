"""Delivery statistics: digests sent, bounced or failed by day, and the audience; no addresses."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby

from flask import Blueprint, render_template, request

from feed.desk.permissions import requires
from feed.digests import delivery_report
from feed.digests.delivery_report import DeliveryReport
from feed.subscribers import statistics
from feed.subscribers.statistics import Point
from feed.web.context import db, now, site

blueprint = Blueprint("sending", __name__, url_prefix="/sending")

WEEK = timedelta(days=6)  # from the first to the last date of a page
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
        top=top,
        line=_line(found.growth, top),
        size=(WIDTH, HEIGHT),
    )


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
