"""The public JSON API: read-only, without keys, readable from any origin, cached."""

import json
from typing import TypedDict

from flask import Blueprint, Response, render_template, request

from feed import editions
from feed.editions import changes
from feed.errors import NotFoundError, gettext_noop
from feed.model import Showing
from feed.publish import api_changes, api_languages, api_models, api_query, openapi
from feed.publish.api_query import RequestLocale, request_locales
from feed.store import library
from feed.store.library import Query
from feed.web.context import FROZEN, db, here, now, site
from feed.web.middleware.headers import cacheable, cacheable_by
from feed.web.pages import FROZEN_LENGTH

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
pages = Blueprint("api_pages", __name__)

PAGE_LENGTH = 30


class Paging(TypedDict):
    """The paging fields of a list."""

    total: int
    page: int
    pages: int
    next: str | None
    prev: str | None


@blueprint.get("/today")
@cacheable_by(*api_query.parameters(api_query.LanguagesQuery))
def today() -> Response:
    """Today's edition, else the newest."""
    query = _query(api_query.LanguagesQuery)
    view = editions.today(db(), site(), now())
    if view is None:
        raise NotFoundError(gettext_noop("There is no edition yet."))
    return _answer(_edition(query, view.showing))


@blueprint.get("/editions")
@cacheable_by(*api_query.parameters(api_query.EditionsQuery))
def list_editions() -> Response:
    """The editions between two dates, newest first, 30 on a page."""
    query = _query(api_query.EditionsQuery)
    found, total = editions.listed(
        db(), site(), now(), query.from_, query.to, _length(), (query.page - 1) * PAGE_LENGTH
    )
    items = [_edition(query, showing) for showing in found]
    return _answer(api_models.Editions(items=items, **_paging(query, total)))


@blueprint.get("/editions/<day>")
@cacheable_by(*api_query.parameters(api_query.LanguagesQuery))
def edition(day: str) -> Response:
    """The edition of a date."""
    query, wanted = _query(api_query.LanguagesQuery), api_query.day(day)
    return _answer(_edition(query, editions.on(db(), site(), wanted, now()).showing))


@blueprint.get("/changes")
@cacheable_by(*api_query.parameters(api_query.ChangesQuery))
def list_changes() -> Response:
    """What happened to editions, oldest first."""
    query = _query(api_query.ChangesQuery)
    limit = _length(query.limit)
    found, more = changes.listed(db(), site(), now(), query.after, query.since, limit)
    items = [
        api_changes.change(item, _edition(query, item.showing) if item.showing else None)
        for item in found
    ]
    later = _address(query, {"after": found[-1].id, "since": None} if found else {})
    return _answer(api_changes.Changes(items=items, next=later if more else None, later=later))


@blueprint.get("/principles")
@cacheable_by(*api_query.parameters(api_query.PrinciplesQuery))
def list_principles() -> Response:
    """The published principles that match the query, 30 on a page."""
    query = _query(api_query.PrinciplesQuery)
    sources = library.sources(db())
    found, total = library.search(db(), _search(query), _length(), (query.page - 1) * PAGE_LENGTH)
    items = [api_models.principle(_locales(query), item, sources[item.source]) for item in found]
    return _answer(api_models.Principles(items=items, **_paging(query, total)))


@blueprint.get("/principles/<slug>")
@cacheable_by(*api_query.parameters(api_query.LanguagesQuery))
def principle(slug: str) -> Response:
    """One principle, with the dates on which it was shown."""
    query = _query(api_query.LanguagesQuery)
    view = editions.principle(db(), site(), api_query.slug(slug), now())
    return _answer(api_models.detail(_locales(query), view.principle, view.source, view.dates))


@blueprint.get("/themes")
@cacheable_by(*api_query.parameters(api_query.LanguagesQuery))
def themes() -> Response:
    """Every theme."""
    query = _locales(_query(api_query.LanguagesQuery))[0]
    return _answer(
        api_models.themes(
            query, list(library.public_themes(db()).values()), library.theme_counts(db())
        )
    )


@blueprint.get("/sources")
@cacheable_by(*api_query.parameters(api_query.LanguagesQuery))
def sources() -> Response:
    """Every source."""
    query = _locales(_query(api_query.LanguagesQuery))[0]
    found = list(library.public_sources(db()).values())
    return _answer(api_models.sources(query, found, library.source_counts(db())))


@blueprint.get("/languages")
@cacheable_by(*api_query.parameters(api_query.LanguagesQuery))
def languages() -> Response:
    """The site's languages, and whether today's principle is available in each."""
    _query(api_query.LanguagesQuery)
    view = editions.today(db(), site(), now())
    counts = library.language_counts(db())
    return _answer(api_languages.languages(site(), view.showing if view else None, counts))


@blueprint.get("/openapi.json")
@cacheable
def description() -> Response:
    """The OpenAPI document."""
    text = json.dumps(openapi.document(site()), ensure_ascii=False, indent=1)
    return Response(text + "\n", content_type="application/json")


@pages.get("/<language:language>/api/")
@cacheable
def for_people() -> str:
    """The API's documentation page, with examples that run."""
    config = here().config
    return render_template(
        "api.html",
        openapi=openapi,
        query=api_query,
        rate=config.api_rate,
        timezone=config.timezone.key,
    )


def _query(kind: type[api_query.AnyQuery]) -> api_query.AnyQuery:
    return api_query.read(kind, list(request.args.items(multi=True)))


def _locales(query: api_query.LanguagesQuery) -> tuple[RequestLocale, ...]:
    return request_locales(site(), query.lang)


def _edition(query: api_query.LanguagesQuery, showing: Showing) -> api_models.EditionModel:
    following = editions.following(db(), site(), showing.edition.date, now())
    return api_models.edition(_locales(query), showing, following)


def _search(query: api_query.PrinciplesQuery) -> Query:
    theme, source = query.theme, query.source
    if theme is not None:
        theme = editions.theme(db(), library.current_slug(db(), "themes", theme)).slug
    if source is not None:
        source = editions.source(db(), library.current_slug(db(), "sources", source)).slug
    return Query(
        _locales(query)[0].interface,
        query.q.strip(),
        theme or "",
        source or "",
        query.kind or "",
        query.min_length,
        query.max_length,
    )


def _length(wanted: int = PAGE_LENGTH) -> int:
    """The length of a page: everything on a static site, which has no parameters."""
    return FROZEN_LENGTH if FROZEN in request.environ else wanted


def _paging(query: api_query.EditionsQuery | api_query.PrinciplesQuery, total: int) -> Paging:
    """The paging fields. Raises NotFoundError behind the last page."""
    pages = max(1, -(-total // _length()))
    if query.page > pages:
        raise NotFoundError(gettext_noop("There is no page %(page)s."), page=query.page)
    return {
        "total": total,
        "page": query.page,
        "pages": pages,
        "next": _address(query, {"page": query.page + 1}) if query.page < pages else None,
        "prev": _address(query, {"page": query.page - 1}) if query.page > 1 else None,
    }


def _address(query: api_query.LanguagesQuery, changed: dict[str, int | None]) -> str:
    """The address of this list with some parameters changed; None leaves one out."""
    given = query.model_dump(mode="json", by_alias=True, exclude_unset=True) | changed
    kept = {name: value for name, value in given.items() if value is not None}
    return site().url(request.path + (f"?{api_query.encode(kept)}" if kept else ""))


def _answer(answer: api_models.ApiModel) -> Response:
    return Response(answer.model_dump_json(), content_type="application/json")
