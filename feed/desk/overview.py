"""The desk's overview page: today's edition, the person's own texts, and their tasks."""

from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, render_template

from feed import editions
from feed.desk import session
from feed.desk.permissions import requires
from feed.desk.sending import by_day
from feed.digests import delivery_report
from feed.editions import publication_days, publishing
from feed.library import own_texts
from feed.store import desk_queries
from feed.store.desk_queries import Filter, LibraryRow, Task
from feed.web.context import db, here, language, now, site

blueprint = Blueprint("overview", __name__)

MAX_LISTED = 5  # of each kind; a link leads to the others


@dataclass(frozen=True, slots=True)
class Asked:
    """The tasks of a person: the first of each kind, and how many there are."""

    reviews: list[LibraryRow]
    review_count: int
    outdated: list[Task]
    missing: list[Task]
    translation_count: int


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
        off=site().day_off(today),
        following=site().next_day(today),
        reason=publication_days.reason,
        own=own_texts.of_person(db(), me, language()),
        asked=_asked(),
        gaps=publishing.upcoming_gaps(db(), site(), here().config, now()),
        MAX_LISTED=MAX_LISTED,
        days=by_day(deliveries),
    )


def _asked() -> Asked:
    me, codes = session.me(), site().languages
    mine = [code for code in codes if me.may_write(code)]
    reviews: list[LibraryRow] = []
    review_count = 0
    if me.may("editor"):
        waiting = Filter(is_waiting=True)
        reviews, review_count = desk_queries.search(
            db(), waiting, codes, language(), sort="-changed"
        )
    tasks, translation_count = desk_queries.translation_tasks(
        db(), mine, states=("outdated", "missing", "draft")
    )
    outdated = [task for task in tasks if task.cell.state == "outdated"]
    missing = [task for task in tasks if task.cell.state != "outdated"]
    return Asked(
        reviews[:MAX_LISTED],
        review_count,
        outdated[:MAX_LISTED],
        missing[:MAX_LISTED],
        translation_count,
    )
