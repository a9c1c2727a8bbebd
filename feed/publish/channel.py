"""Feeds as values, independent of their format: channels and items, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from markupsafe import Markup

from feed.i18n import Translator, translator
from feed.model import Showing, Site, Week
from feed.publish import markup


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An item (entry) of a feed. `html` has absolute URLs only; `summary` is plain text."""

    id: str
    url: str
    title: str
    language: str
    published: datetime
    updated: datetime
    html: str
    summary: str
    author: str
    source_title: str | None = None
    source_url: str | None = None
    categories: tuple[tuple[str, str], ...] = ()
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A feed. To `url`, `older` and `current` a renderer appends the format: `…/feed.` + `rss`.

    `older` is the archive that continues this feed (RFC 5005), None for the oldest; `current` is
    the subscription feed of an archive, None for any other feed. `hubs` are the WebSub hubs; an
    archive never changes and has none.
    """

    id: str
    url: str
    home_url: str
    icon_url: str
    title: str
    description: str
    language: str
    author: str
    updated: datetime
    items: tuple[FeedItem, ...]
    older: str | None = None
    current: str | None = None
    hubs: tuple[str, ...] = ()


def daily(
    site: Site,
    language: str,
    showings: Sequence[Showing],
    changed: datetime | None,
    *,
    path: str = "feed",
    home: str = "",
    about: str | None = None,
    older: date | None = None,
) -> Channel:
    """A feed of editions, newest first. `path` and `home` are relative to `/{language}/`.

    `changed` is when something last left it, None for never; so in the other functions.
    `about` is the theme that the editions share, if any; `older` is the first day of the month
    whose archive continues this feed.
    """
    t = translator(language)
    description = t.gettext("One leadership principle a day.")
    if about:
        description = t.gettext("Leadership principles about %(theme)s.", theme=about)
    items = tuple(_edition_item(site, showing, t) for showing in showings)
    channel = _channel(site, language, items, changed, path, home, about, description)
    return replace(channel, older=_archive_url(site, language, older))


def month(
    site: Site,
    language: str,
    showings: Sequence[Showing],
    changed: datetime | None,
    first: date,
    older: date | None,
) -> Channel:
    """The archive feed of a past month, newest first.

    It has no link to newer archives, so that its bytes change only with its editions.
    """
    feed = daily(site, language, showings, changed, older=older)
    return replace(feed, url=_archive_url(site, language, first) or "", current=feed.url, hubs=())


def _archive_url(site: Site, language: str, first: date | None) -> str | None:
    return site.url(f"/{language}/archive/{first:%Y/%m}/feed.") if first else None


def by_source(
    site: Site,
    language: str,
    showings: Sequence[Showing],
    changed: datetime | None,
    slug: str,
    title: str,
) -> Channel:
    """A feed of the editions from one source."""
    t = translator(language)
    items = tuple(_edition_item(site, showing, t) for showing in showings)
    description = t.gettext("Leadership principles after “%(title)s”.", title=title)
    path = f"sources/{slug}/"
    return _channel(site, language, items, changed, f"{path}feed", path, title, description)


def weekly(site: Site, language: str, weeks: Sequence[Week], changed: datetime | None) -> Channel:
    """A feed with one item for each complete ISO week, newest first."""
    t = translator(language)
    items = tuple(_week_item(site, week, t) for week in weeks)
    about = t.gettext("Week by week")
    description = t.gettext("The week’s leadership principles, every Monday.")
    return _channel(site, language, items, changed, "weekly", "archive/", about, description)


def _channel(
    site: Site,
    language: str,
    items: tuple[FeedItem, ...],
    changed: datetime | None,
    path: str,
    home: str,
    about: str | None,
    description: str,
) -> Channel:
    name = site.name(language)
    changes = [changed] if changed else []
    return Channel(
        id=site.tag(site.since.year, f"{language}/{path}"),
        url=site.url(f"/{language}/{path}."),
        home_url=site.url(f"/{language}/{home}"),
        icon_url=site.url("/static/icon.png"),
        title=f"{name} – {about}" if about else name,
        description=description,
        language=language,
        author=name,
        updated=max([*changes, *(item.updated for item in items)], default=site.since),
        items=items,
        hubs=site.hubs,
    )


def _edition_item(site: Site, showing: Showing, t: Translator) -> FeedItem:
    edition, text = showing.edition, showing.text(t.language)
    is_quote = showing.principle.kind == "quote"
    return FeedItem(
        id=site.tag(edition.date.year, f"{t.language}/{edition.key}"),
        url=site.url(markup.edition_path(t.language, showing)),
        title=text.title,
        language=text.language,
        published=edition.published,
        updated=showing.updated(t.language),
        html=str(markup.showing_html(site, showing, t)),
        summary=text.statement,
        author=(showing.source.author if is_quote else None) or site.name(t.language),
        source_title=markup.credit(t, showing.source, showing.principle),
        source_url=showing.source.url,
        categories=tuple((theme.slug, theme.text(t.language)[1].name) for theme in showing.themes),
        image=site.url(markup.card_path(t.language, showing)),
    )


def _week_item(site: Site, week: Week, t: Translator) -> FeedItem:
    # A week is there from Monday on, or from its first edition, where that was made later.
    first = min(showing.edition.published for showing in week.showings)
    published = max(site.start(week.monday + timedelta(days=7)), first)
    changes = [published, *(showing.updated(t.language) for showing in week.showings)]
    thursday = week.monday + timedelta(days=3)
    entries = [
        Markup("<h2{}>{}</h2><p{}>{}</p><p{}>{}</p>").format(
            markup.marks(showing.text(t.language).language, t.language),
            Markup('<a href="{}">{}</a>').format(
                site.url(markup.edition_path(t.language, showing)), showing.text(t.language).title
            ),
            markup.marks(t.interface, t.language),
            t.day(showing.edition.date),
            markup.marks(showing.text(t.language).language),
            showing.text(t.language).statement,
        )
        for showing in week.showings
    ]
    titles = [showing.text(t.language).title for showing in week.showings]
    return FeedItem(
        id=site.tag(week.year, f"{t.language}/{week.key}"),
        url=site.url(f"/{t.language}/archive/{thursday:%Y/%m}/#{week.key}"),
        title=t.gettext("Week %(number)s, %(year)s", number=week.number, year=week.year),
        language=t.language,
        published=published,
        updated=max([*changes, *([week.withdrawn] if week.withdrawn else [])]),
        html=str(Markup("").join(entries)),
        summary=" · ".join(titles),
        author=site.name(t.language),
    )
