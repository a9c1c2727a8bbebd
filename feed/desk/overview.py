"""The desk's overview page: today's edition and the tasks of the person signed in."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template

from feed import editions
from feed.desk import session
from feed.desk.permissions import requires
from feed.desk.sending import by_day
from feed.digests import delivery_report
from feed.editions import publishing
from feed.store import desk_queries
from feed.store.desk_queries import Filter
from feed.web.context import db, here, now, site

blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
@requires("translator")
def home() -> str:
    """Today's edition, open tasks, and for editors the deliveries of today and yesterday."""
    me, today = session.me(), site().today(now())
    view = editions.today(db(), site(), now())
    deliveries = (
        delivery_report.reports(db(), today - timedelta(days=1), today) if me.may("editor") else []
    )
    return render_template(
        "desk/home.html",
        today=today,
        showing=view.showing if view else None,
        tasks=_open_tasks(),
        days=by_day(deliveries),
    )


def _open_tasks() -> dict[str, Any]:
    """Numbers of open tasks: reviews, texts to write in one's own languages, days with gaps."""
    languages = [code for code in site().languages if session.me().may_write(code)]
    waiting = desk_queries.slugs(db(), Filter(is_waiting=True), site().languages)
    return {
        "reviews": len(waiting),
        "texts": desk_queries.translation_task_counts(db(), languages),
        "gaps": len(publishing.upcoming_gaps(db(), site(), here().config, now())),
    }
