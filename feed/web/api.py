"""The keyless JSON API: reading only, open to every origin, kept like every public answer."""

import json
from typing import TypedDict

from flask import Blueprint, Response, render_template, request

from feed import editions
from feed.editions import named
from feed.errors import NotFoundError, mark
from feed.publish import api, openapi, query
from feed.publish.reader import Reader, reader
from feed.store import library
from feed.store.library import Query
from feed.web.context import db, here, now, site
from feed.web.headers import kept, kept_whole, open_to_all

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
pages = Blueprint("api_pages", __name__)

PAGE_LENGTH = 30


class Paging(TypedDict):
    """Where in a list a page is."""

    total: int
    page: int
    pages: int
    next: str | None
    prev: str | None


@blueprint.get("/today")
@kept_whole
def today() -> Response:
    """The newest standing edition."""
    asked = _asked(query.Languages)
    view = editions.today(db(), site(), now())
    if view is None:
        raise NotFoundError(mark("There is no edition yet."))
    return _answer(api.edition(_reader(asked), view.showing))


@blueprint.get("/editions")
@kept_whole
def list_editions() -> Response:
    """The editions between two dates, newest first; 30 on a page."""
    asked = _asked(query.Editions)
    found, total = editions.listed(
        db(), site(), now(), asked.from_, asked.to, PAGE_LENGTH, (asked.page - 1) * PAGE_LENGTH
    )
    items = [api.edition(_reader(asked), showing) for showing in found]
    return _answer(api.Editions(items=items, **_paging(asked, total)))


@blueprint.get("/editions/<day>")
@kept_whole
def edition(day: str) -> Response:
    """The edition of a date."""
    asked, wanted = _asked(query.Languages), query.day(day)
    return _answer(api.edition(_reader(asked), editions.on(db(), site(), wanted, now()).showing))


@blueprint.get("/principles")
@kept_whole
def list_principles() -> Response:
    """The published principles that match; 30 on a page."""
    asked = _asked(query.Principles)
    sources = library.sources(db())
    found, total = library.search(db(), _search(asked), PAGE_LENGTH, (asked.page - 1) * PAGE_LENGTH)
    items = [api.principle(_reader(asked), item, sources[item.source]) for item in found]
    return _answer(api.Principles(items=items, **_paging(asked, total)))


@blueprint.get("/principles/<slug>")
@kept_whole
def principle(slug: str) -> Response:
    """One principle, with the dates on which it was shown."""
    asked = _asked(query.Languages)
    view = editions.principle(db(), site(), query.slug(slug), now())
    return _answer(api.detail(_reader(asked), view.principle, view.source, view.dates))


@blueprint.get("/themes")
@kept_whole
def themes() -> Response:
    """Every theme."""
    asked = _reader(_asked(query.Languages))
    return _answer(
        api.themes(asked, list(library.themes(db()).values()), library.theme_counts(db()))
    )


@blueprint.get("/sources")
@kept_whole
def sources() -> Response:
    """Every source."""
    asked = _reader(_asked(query.Languages))
    found = list(library.public_sources(db()).values())
    return _answer(api.sources(asked, found, library.source_counts(db())))


@blueprint.get("/languages")
@kept_whole
def languages() -> Response:
    """The languages of the site, and whether today's principle can be read in each."""
    _asked(query.Languages)
    view = editions.today(db(), site(), now())
    counts = library.language_counts(db())
    return _answer(api.languages(site(), view.showing if view else None, counts))


@blueprint.get("/openapi.json")
@kept
def description() -> Response:
    """The API, described for programs."""
    text = json.dumps(openapi.document(site()), ensure_ascii=False, indent=1)
    return Response(text + "\n", content_type="application/json")


@blueprint.after_request
def open_up(response: Response) -> Response:
    """Any page on the web may read it, and learn so before it asks."""
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, HEAD"
        response.headers["Access-Control-Max-Age"] = "86400"
    return open_to_all(response)


@pages.get("/<language:language>/api/")
@kept
def for_people() -> str:
    """The API, described for people, with examples that run."""
    config = here().config
    return render_template(
        "api.html",
        openapi=openapi,
        query=query,
        rate=config.api_rate,
        timezone=config.timezone.key,
    )


def _asked(kind: type[query.Asked]) -> query.Asked:
    return query.read(kind, list(request.args.items(multi=True)))


def _reader(asked: query.Languages) -> Reader:
    return reader(site(), asked.lang)


def _search(asked: query.Principles) -> Query:
    if asked.theme is not None:
        named(library.themes(db()), asked.theme)
    if asked.source is not None:
        named(library.public_sources(db()), asked.source)
    return Query(
        _reader(asked).interface,
        asked.q.strip(),
        asked.theme or "",
        asked.source or "",
        asked.kind or "",
        asked.min_length,
        asked.max_length,
    )


def _paging(asked: query.Editions | query.Principles, total: int) -> Paging:
    """Where in the list a page is. Raises NotFoundError behind the last one."""
    pages = max(1, -(-total // PAGE_LENGTH))
    if asked.page > pages:
        raise NotFoundError(mark("There is no page %(page)s."), page=asked.page)
    return {
        "total": total,
        "page": asked.page,
        "pages": pages,
        "next": _page(asked, asked.page + 1) if asked.page < pages else None,
        "prev": _page(asked, asked.page - 1) if asked.page > 1 else None,
    }


def _page(asked: query.Editions | query.Principles, number: int) -> str:
    given = asked.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"page": number}
    return site().url(f"{request.path}?{query.encode(given)}")


def _answer(answer: api.Answer) -> Response:
    return Response(answer.model_dump_json(), content_type="application/json")
