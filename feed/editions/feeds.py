"""Building each feed of the site as a channel."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from sqlite_utils import Database

from feed.editions.views import FEED_LENGTH, month, named, weeks
from feed.errors import NotFoundError, gettext_noop
from feed.model import Edition, Site
from feed.publish import channel
from feed.publish.channel import Channel
from feed.store import ledger, library


def feed(
    db: Database,
    site: Site,
    language: str,
    now: datetime,
    *,
    kind: Literal["all", "theme", "source", "weekly"] = "all",
    slug: str = "",
) -> Channel:
    """One of the feeds, as a channel. Raises NotFoundError for an unknown theme or source."""
    if kind == "weekly":
        return channel.weekly(site, language, weeks(db, site, now))
    theme = named(library.themes(db), slug) if kind == "theme" else None
    source = named(library.public_sources(db), slug) if kind == "source" else None
    recent = ledger.recent(
        db,
        site.today(now),
        FEED_LENGTH,
        theme=theme.slug if theme else None,
        source=source.slug if source else None,
    )
    showings = ledger.showings(db, recent)
    if source:
        return channel.by_source(site, language, showings, slug, source.title)
    if theme:
        return channel.daily(
            site,
            language,
            showings,
            path=f"themes/{slug}/feed",
            home=f"themes/{slug}/",
            about=theme.text(language)[1].name,
        )
    return channel.daily(site, language, showings, older=_older(db, recent))


def archived(db: Database, site: Site, language: str, first: date, now: datetime) -> Channel:
    """The feed of the month that begins on `first`, once it is over. Raises NotFoundError.

    On the last day of a month that is longer than the feed, it is there a day early.
    """
    view = month(db, site, first, now)
    today = site.today(now)
    if first == today.replace(day=1) != _older(db, ledger.recent(db, today, FEED_LENGTH)):
        raise NotFoundError(
            gettext_noop("There are no editions in %(month)s."), month=f"{first:%Y-%m}"
        )
    showings = [showing for week in view.weeks for showing in reversed(week.showings)]
    return channel.month(site, language, showings, first, view.before)


def _older(db: Database, recent: Sequence[Edition]) -> date | None:
    """The first day of the month in which the ledger goes on where a feed of `recent` ends."""
    before = ledger.before(db, recent[-1].date) if recent else None
    return before.date.replace(day=1) if before else None
