"""The day for calendars, screens and link previews."""

from datetime import date

from flask import Blueprint, Response

from feed import editions
from feed.errors import NotFoundError, gettext_noop
from feed.publish import plain_text
from feed.store import ledger
from feed.web.context import db, language, now, site
from feed.web.middleware.headers import allow_any_origin, cacheable

blueprint = Blueprint("formats", __name__)

CALENDAR_LENGTH = 366


@blueprint.get("/<language:language>/calendar.ics")
@cacheable
def calendar() -> Response:
    """The editions of the last year, as events."""
    from feed.publish import calendar as publisher  # slow to load, and not asked for at once

    recent = ledger.recent(db(), site().today(now()), CALENDAR_LENGTH)
    body = publisher.render(site(), language(), ledger.showings(db(), recent))
    return allow_any_origin(Response(body, content_type="text/calendar; charset=utf-8"))


@blueprint.get("/<language:language>/card/<date:day>.png")
@cacheable
def card(day: date) -> Response:
    """An edition as a picture."""
    from feed.publish import card as publisher  # the same

    view = editions.on(db(), site(), day, now())
    body = publisher.render(site(), language(), view.showing)
    return allow_any_origin(Response(body, content_type="image/png"))


@blueprint.get("/<language:language>/today.txt")
@cacheable
def text() -> Response:
    """Today as plain text."""
    view = editions.today(db(), site(), now())
    if view is None:
        raise NotFoundError(gettext_noop("The page does not exist, or not yet."))
    body = plain_text.render(site(), language(), view.showing)
    return allow_any_origin(Response(body, content_type="text/plain; charset=utf-8"))
