"""The editions as pages: today, single dates and archive; plain text, calendar and card image."""

from datetime import date
from itertools import groupby

from flask import Blueprint, Response, render_template

from feed import editions
from feed.errors import NotFoundError, gettext_noop
from feed.publish import plain_text
from feed.store import ledger
from feed.web.context import db, language, now, site
from feed.web.middleware.headers import cacheable

blueprint = Blueprint("pages", __name__)

CALENDAR_LENGTH = 366


@blueprint.get("/<language:language>/")
@cacheable
def today() -> str:
    """Today's edition, else the newest; a page of its own while there is none."""
    view = editions.today(db(), site(), now())
    if view is None:
        return render_template("empty.html")
    is_today = view.showing.edition.date == site().today(now())
    return render_template("edition.html", view=view, front=True, is_today=is_today)


@blueprint.get("/<language:language>/<date:day>/")
@cacheable
def edition(day: date) -> str:
    """The edition of a date."""
    view = editions.on(db(), site(), day, now())
    return render_template("edition.html", view=view, front=False, is_today=False)


@blueprint.get("/<language:language>/archive/")
@cacheable
def archive() -> str:
    """The months that have editions, by year."""
    found = editions.months(db(), site(), now())
    years = [(year, list(group)) for year, group in groupby(found, key=lambda m: m[0].year)]
    return render_template("archive.html", years=years)


@blueprint.get("/<language:language>/archive/<month:first>/")
@cacheable
def month(first: date) -> str:
    """The editions of one month, by week."""
    return render_template("month.html", view=editions.month(db(), site(), first, now()))


@blueprint.get("/<language:language>/today.txt")
@cacheable
def text() -> Response:
    """Today's edition as plain text."""
    view = editions.today(db(), site(), now())
    if view is None:
        raise NotFoundError(gettext_noop("The page does not exist, or not yet."))
    body = plain_text.render(site(), language(), view.showing)
    return Response(body, content_type="text/plain; charset=utf-8")


@blueprint.get("/<language:language>/calendar.ics")
@cacheable
def calendar() -> Response:
    """The editions of the last year as an iCalendar file (RFC 5545)."""
    from feed.publish import calendar as publisher  # slow to import, and needed here only

    recent = ledger.recent(db(), site().today(now()), CALENDAR_LENGTH)
    body = publisher.render(site(), language(), ledger.showings(db(), recent))
    return Response(body, content_type="text/calendar; charset=utf-8")


@blueprint.get("/<language:language>/card/<date:day>.png")
@cacheable
def card(day: date) -> Response:
    """The edition of a date as an image, for link previews and screens."""
    from feed.publish import card as publisher  # slow to import, and needed here only

    view = editions.on(db(), site(), day, now())
    body = publisher.render(site(), language(), view.showing)
    return Response(body, content_type="image/png")
