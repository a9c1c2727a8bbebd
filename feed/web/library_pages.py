"""The public library: principles with search, themes and sources."""

from flask import Blueprint, abort, render_template, request

from feed import editions
from feed.editions import named
from feed.store import library
from feed.store.library import Query
from feed.web.context import FROZEN, db, language, now, site
from feed.web.middleware.headers import cacheable, cacheable_by

blueprint = Blueprint("library", __name__)

PAGE_LENGTH = 40
FROZEN_LENGTH = 1_000_000  # a static site has no page parameter
MAX_QUERY_LENGTH = 200


@blueprint.get("/<language:language>/principles/")
@cacheable_by("q", "theme", "source", "page")
def principles() -> str:
    """The published principles, by title or by relevance to a search, 40 on a page."""
    given = request.args
    query = Query(
        language(),
        _printable(given.get("q", ""))[:MAX_QUERY_LENGTH].strip(),
        given.get("theme", ""),
        given.get("source", ""),
    )
    page = given.get("page", 1, type=int)
    if not 1 <= page < 10_000:
        abort(404)
    length = _page_length()
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
        themes=library.themes(db()),
        sources=library.public_sources(db()),
    )


def _page_length() -> int:
    return FROZEN_LENGTH if FROZEN in request.environ else PAGE_LENGTH


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


@blueprint.get("/<language:language>/principles/<slug:slug>/")
@cacheable
def principle(slug: str) -> str:
    """One principle, with the dates of its editions."""
    return render_template("principle.html", view=editions.principle(db(), site(), slug, now()))


@blueprint.get("/<language:language>/themes/")
@cacheable
def themes() -> str:
    """All themes, with the number of their principles."""
    counts = library.theme_counts(db())
    return render_template("themes.html", themes=library.themes(db()).values(), counts=counts)


@blueprint.get("/<language:language>/themes/<slug:slug>/")
@cacheable
def theme(slug: str) -> str:
    """One theme, with its principles."""
    found = named(library.themes(db()), slug)
    items, total = library.search(db(), Query(language(), theme=slug), _page_length(), 0)
    return render_template("theme.html", theme=found, found=items, total=total)


@blueprint.get("/<language:language>/sources/")
@cacheable
def sources() -> str:
    """All sources, with the number of their principles."""
    return render_template(
        "sources.html",
        sources=library.public_sources(db()).values(),
        counts=library.source_counts(db()),
    )


@blueprint.get("/<language:language>/sources/<slug:slug>/")
@cacheable
def source(slug: str) -> str:
    """One source, with its principles."""
    found = named(library.public_sources(db()), slug)
    items, total = library.search(db(), Query(language(), source=slug), _page_length(), 0)
    return render_template("source.html", source=found, found=items, total=total)
