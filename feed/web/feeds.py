"""The feeds (RSS, Atom, JSON Feed), the page that lists them, and their OPML."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, url_for

from feed import editions
from feed.i18n import own_name, translator
from feed.publish import FORMATS, feeds
from feed.publish.channel import Channel
from feed.store import library
from feed.web.context import db, here, language, now, site
from feed.web.middleware.headers import cacheable

blueprint = Blueprint("feeds", __name__)

FORM = "<any(rss, atom, json):form>"


@blueprint.get(f"/<language:language>/feed.{FORM}")
@cacheable
def everything(form: str) -> Response:
    """The daily feed: the newest editions."""
    return _answer(form, editions.daily_feed(db(), site(), language(), now()))


@blueprint.get(f"/<language:language>/archive/<month:first>/feed.{FORM}")
@cacheable
def archived(first: date, form: str) -> Response:
    """The archive feed of a past month (RFC 5005)."""
    return _answer(form, editions.month_feed(db(), site(), language(), first, now()))


@blueprint.get(f"/<language:language>/weekly.{FORM}")
@cacheable
def weekly(form: str) -> Response:
    """The weekly feed: the newest weeks."""
    return _answer(form, editions.weekly_feed(db(), site(), language(), now()))


@blueprint.get(f"/<language:language>/themes/<slug:slug>/feed.{FORM}")
@cacheable
def theme(slug: str, form: str) -> Response:
    """The feed of one theme."""
    return _answer(form, editions.theme_feed(db(), site(), language(), slug, now()))


@blueprint.get(f"/<language:language>/sources/<slug:slug>/feed.{FORM}")
@cacheable
def source(slug: str, form: str) -> Response:
    """The feed of one source."""
    return _answer(form, editions.source_feed(db(), site(), language(), slug, now()))


@blueprint.get("/<language:language>/feeds/")
@cacheable
def for_people() -> str:
    """The page that lists the feeds and explains them."""
    return render_template(
        "feeds.html",
        themes=library.public_themes(db()).values(),
        sources=library.public_sources(db()).values(),
    )


@blueprint.get("/feeds.opml")
@cacheable
def as_opml() -> Response:
    """All feeds in all languages, as OPML for feed readers."""
    groups = [(own_name(code), list(_outlines(code))) for code in here().config.languages]
    title = site().name(here().config.languages[0])
    # The list itself has no date; the site's is stable.
    body = feeds.opml(title, site().since, groups)
    return Response(body, mimetype="text/x-opml")


def _outlines(code: str) -> Iterator[feeds.Outline]:
    t, name = translator(code), site().name(code)

    def outline(about: str, home: str, address: str) -> feeds.Outline:
        title = f"{name} – {about}" if about else name
        return feeds.Outline(title, code, site().url(home), site().url(address))

    def url(endpoint: str, **values: Any) -> str:
        return url_for(endpoint, language=code, **values)

    yield outline("", url("pages.today"), url("feeds.everything", form="atom"))
    weekly_url = url("feeds.weekly", form="atom")
    yield outline(t.gettext("Week by week"), url("pages.archive"), weekly_url)
    for slug, item in library.public_themes(db()).items():
        home = url("library.theme", slug=slug)
        yield outline(item.text(code)[1].name, home, url("feeds.theme", slug=slug, form="atom"))
    for slug, origin in library.public_sources(db()).items():
        home = url("library.source", slug=slug)
        yield outline(origin.title, home, url("feeds.source", slug=slug, form="atom"))


def _answer(form: str, channel: Channel) -> Response:
    chosen = FORMATS[form]
    response = Response(chosen.render(channel), content_type=f"{chosen.media_type}; charset=utf-8")
    if channel.hubs and form == "json":
        # WebSub subscribers find hubs inside XML, but not inside JSON: these need a Link header.
        links = [("hub", hub) for hub in channel.hubs] + [("self", channel.url + form)]
        response.headers["Link"] = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links)
    return response
