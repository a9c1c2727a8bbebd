"""Pages of the editions and of the library; the day as plain text, calendar and card image."""

from datetime import date
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, render_template, request

from feed import editions
from feed.editions import EditionView, surroundings
from feed.editions import archive as archive_view
from feed.errors import NotFoundError, gettext_noop
from feed.publish import markup
from feed.store import ledger, library
from feed.store.library import Query, Vocabulary
from feed.web.context import FROZEN, db, here, language, now, site, translate
from feed.web.middleware.headers import SCRIPT_POLICY, cacheable, cacheable_by

if TYPE_CHECKING:
    from feed.publish.card import Subject

blueprint = Blueprint("pages", __name__)
library_blueprint = Blueprint("library", __name__)

CALENDAR_LENGTH = 366
PAGE_LENGTH = 40
FROZEN_LENGTH = 1_000_000  # a static site has no page parameter
MAX_QUERY_LENGTH = 200


@blueprint.get("/<language:language>/")
@cacheable
def today() -> Response:
    """Today's edition, else the newest; a page of its own while there is none.

    Its script keeps it current while it is left open.
    """
    view = editions.today(db(), site(), now())
    page = _edition(view, front=True) if view else render_template("empty.html")
    return Response(page, headers={"Content-Security-Policy": SCRIPT_POLICY})


@blueprint.get("/<language:language>/<date:day>/")
@cacheable
def edition(day: date) -> str:
    """The edition of a date."""
    return _edition(editions.on(db(), site(), day, now()), front=False)


def _edition(view: EditionView, *, front: bool) -> str:
    day, around = view.showing.edition.date, surroundings.around(db(), site(), view, now())
    return render_template(
        "edition.html",
        view=view,
        around=around,
        front=front,
        is_today=front and day == site().today(now()),
        next_note=markup.next_note(translate(), day, around.following) if front else "",
    )


@blueprint.get("/<language:language>/archive/")
@cacheable
def archive() -> str:
    """The newest year with editions, as months of linked days."""
    return _archive()


@blueprint.get("/<language:language>/archive/<year:number>/")
@cacheable
def year(number: int) -> str:
    """A year, as months of linked days."""
    return _archive(number)


def _archive(number: int | None = None) -> str:
    view = archive_view.year(db(), site(), now(), number)
    return render_template("archive.html", view=view, today=site().today(now()))


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
    body = markup.plain_text(site(), language(), view.showing)
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
@cacheable_by("format")
def card(day: date) -> Response:
    """The edition of a date as a picture, for link previews, slides and phones."""
    from feed.publish.card import Subject  # slow to import, and needed here only

    showing = editions.on(db(), site(), day, now()).showing
    return _card(Subject.of(language(), showing))


def _card(subject: "Subject") -> Response:
    from feed.publish import card as publisher

    form = publisher.FORMATS.get(request.args.get("format", ""), publisher.FORMATS["wide"])
    body = publisher.render(site(), language(), subject, here().config.card_fonts, form)
    return Response(body, content_type="image/png")


@library_blueprint.get("/<language:language>/principles/")
@cacheable_by("q", "theme", "source", "page")
def principles() -> str:
    """The published principles, by title or by relevance to a search, 40 on a page."""
    query, page, length = _query(), request.args.get("page", 1, type=int), _page_length()
    if not 1 <= page < 10_000:
        abort(404)
    found, total = library.search(db(), query, length, (page - 1) * length)
    if not found and page > 1:
        abort(404)
    return render_template(
        "principles.html",
        query=query,
        found=found,
        total=total,
        page=page,
        pages=-(-total // length),
        themes=library.public_themes(db()),
        sources=library.public_sources(db()),
    )


def _query() -> Query:
    words = _printable(request.args.get("q", ""))[:MAX_QUERY_LENGTH].strip()
    return Query(language(), words, _current("themes", "theme"), _current("sources", "source"))


def _current(kind: Vocabulary, parameter: str) -> str:
    """The slug in a parameter; of a merged theme or source, that of the other one."""
    slug = request.args.get(parameter, "")
    return library.current_slug(db(), kind, slug) if slug else ""


def _page_length() -> int:
    return FROZEN_LENGTH if FROZEN in request.environ else PAGE_LENGTH


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


@library_blueprint.get("/<language:language>/principles/<slug:slug>/")
@cacheable
def principle(slug: str) -> str:
    """One principle, with the dates of its editions."""
    return render_template("principle.html", view=editions.principle(db(), site(), slug, now()))


@library_blueprint.get("/<language:language>/principles/<slug:slug>/card.png")
@cacheable_by("format")
def principle_card(slug: str) -> Response:
    """One principle as a picture, without a date."""
    from feed.publish.card import Subject

    view = editions.principle(db(), site(), slug, now())
    path = markup.principle_path(language(), slug)
    return _card(Subject(view.principle, view.source, view.themes, path))


@library_blueprint.get("/<language:language>/themes/")
@cacheable
def themes() -> str:
    """All themes, with the number of their principles."""
    counts = library.theme_counts(db())
    return render_template(
        "themes.html", themes=library.public_themes(db()).values(), counts=counts
    )


@library_blueprint.get("/<language:language>/themes/<slug:slug>/")
@cacheable
def theme(slug: str) -> str:
    """One theme, with its principles."""
    found = editions.theme(db(), slug)
    items, total = library.search(db(), Query(language(), theme=slug), _page_length(), 0)
    return render_template("theme.html", theme=found, found=items, total=total)


@library_blueprint.get("/<language:language>/sources/")
@cacheable
def sources() -> str:
    """All sources, with the number of their principles."""
    return render_template(
        "sources.html",
        sources=library.public_sources(db()).values(),
        counts=library.source_counts(db()),
    )


@library_blueprint.get("/<language:language>/sources/<slug:slug>/")
@cacheable
def source(slug: str) -> str:
    """One source, with its principles."""
    found = editions.source(db(), slug)
    items, total = library.search(db(), Query(language(), source=slug), _page_length(), 0)
    return render_template("source.html", source=found, found=items, total=total)
