"""The desk's overview page: today's edition and the tasks of the person signed in."""

from datetime import timedelta

from flask import Blueprint, render_template

from feed import editions
from feed.desk import session
from feed.desk.permissions import requires
from feed.desk.sending import by_day
from feed.digests import delivery_report
from feed.library import todo
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
        tasks=todo.counts(db(), site(), here().config, me, now()),
        days=by_day(deliveries),
    )
