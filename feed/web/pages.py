"""Today, the editions and their archive."""

from datetime import date
from itertools import groupby

from flask import Blueprint, render_template

from feed import editions
from feed.web.context import db, now, site
from feed.web.middleware.headers import cacheable

blueprint = Blueprint("pages", __name__)


@blueprint.get("/<language:language>/")
@cacheable
def today() -> str:
    """The newest standing edition; a friendly page while there is none."""
    view = editions.today(db(), site(), now())
    if view is None:
        return render_template("empty.html")
    is_today = view.showing.edition.date == site().today(now())
    return render_template("edition.html", view=view, front=True, is_today=is_today)


@blueprint.get("/<language:language>/<date:day>/")
@cacheable
def edition(day: date) -> str:
    """One edition."""
    view = editions.on(db(), site(), day, now())
    return render_template("edition.html", view=view, front=False, is_today=False)


@blueprint.get("/<language:language>/archive/")
@cacheable
def archive() -> str:
    """Every month that has editions, by year."""
    found = editions.months(db(), site(), now())
    years = [(year, list(group)) for year, group in groupby(found, key=lambda m: m[0].year)]
    return render_template("archive.html", years=years)


@blueprint.get("/<language:language>/archive/<month:first>/")
@cacheable
def month(first: date) -> str:
    """The editions of one month, week by week."""
    return render_template("month.html", view=editions.month(db(), site(), first, now()))
