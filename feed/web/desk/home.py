"""The desk's first page: what waits for whoever has signed in."""

from datetime import timedelta

from flask import Blueprint, render_template

from feed import editions
from feed.curation import waiting
from feed.digests import proof
from feed.web.context import db, here, now, site
from feed.web.desk import visit
from feed.web.desk.guard import needs
from feed.web.desk.sending import by_day

blueprint = Blueprint("desk", __name__, url_prefix="/desk")


@blueprint.get("/")
@needs("translator")
def home() -> str:
    """What waits for somebody, and where to go."""
    me, today = visit.me(), site().today(now())
    view = editions.today(db(), site(), now())
    letters = proof.proof(db(), today - timedelta(days=1), today) if me.may("editor") else []
    return render_template(
        "desk/home.html",
        today=today,
        showing=view.showing if view else None,
        waiting=waiting.read(db(), site(), here().config, me, now()),
        days=by_day(letters),
    )
