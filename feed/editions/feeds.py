"""Building each feed of the site as a channel."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from sqlite_utils import Database

from feed.editions.views import FEED_LENGTH, month, named, weeks
from feed.errors import NotFoundError, gettext_noop
from feed.model import Edition, Site
from feed.publish import channel
from feed.publish.channel import Channel
from feed.store import ledger, library


def daily_feed(db: Database, site: Site, language: str, now: datetime) -> Channel:
    """The feed of the newest editions."""
    recent = ledger.recent(db, site.today(now), FEED_LENGTH)
    showings = ledger.showings(db, recent)
    return channel.daily(site, language, showings, older=_older(db, recent))


def weekly_feed(db: Database, site: Site, language: str, now: datetime) -> Channel:
    """The feed of the newest complete weeks."""
    return channel.weekly(site, language, weeks(db, site, now))


def theme_feed(db: Database, site: Site, language: str, slug: str, now: datetime) -> Channel:
    """The feed of the newest editions of a theme. Raises NotFoundError."""
    theme = named(library.themes(db), slug)
    recent = ledger.recent(db, site.today(now), FEED_LENGTH, theme=slug)
    return channel.daily(
        site,
        language,
        ledger.showings(db, recent),
        path=f"themes/{slug}/feed",
        home=f"themes/{slug}/",
        about=theme.text(language)[1].name,
    )


def source_feed(db: Database, site: Site, language: str, slug: str, now: datetime) -> Channel:
    """The feed of the newest editions from a source. Raises NotFoundError."""
    source = named(library.public_sources(db), slug)
    recent = ledger.recent(db, site.today(now), FEED_LENGTH, source=slug)
    return channel.by_source(site, language, ledger.showings(db, recent), slug, source.title)


def changing_feeds(db: Database, site: Site, now: datetime) -> Iterator[Channel]:
    """Every feed of the site but the month archives, in each language."""
    themes, sources = library.themes(db), library.public_sources(db)
    for language in site.languages:
        yield daily_feed(db, site, language, now)
        yield weekly_feed(db, site, language, now)
        for slug in themes:
            yield theme_feed(db, site, language, slug, now)
        for slug in sources:
            yield source_feed(db, site, language, slug, now)


def month_feed(db: Database, site: Site, language: str, first: date, now: datetime) -> Channel:
    """The archived feed of the month that begins on `first`. Raises NotFoundError before its end.

    A month longer than FEED_LENGTH has its feed a day early, on its last day.
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
    """The first day of the month of the edition before `recent`; None without such."""
    before = ledger.before(db, recent[-1].date) if recent else None
    return before.date.replace(day=1) if before else None
