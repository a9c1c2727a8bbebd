"""Reading editions: for pages, and as the channel of each feed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

from sqlite_utils import Database

from feed.errors import MovedError, NotFoundError, WithdrawnError, gettext_noop
from feed.model import Edition, Principle, Showing, Site, Source, Theme, Week
from feed.publish import channel
from feed.publish.channel import Channel
from feed.store import edition_times, ledger, library

FEED_LENGTH = 30

_Named = TypeVar("_Named", Theme, Source)


@dataclass(frozen=True, slots=True)
class EditionView:
    """The page of an edition: its content, and the standing editions before and after it."""

    showing: Showing
    before: Edition | None
    after: Edition | None


def today(db: Database, site: Site, now: datetime) -> EditionView | None:
    """The newest standing edition not after today; None if there is none."""
    found = ledger.latest(db, site.today(now))
    return None if found is None else _view(db, site, found, now)


def on(db: Database, site: Site, day: date, now: datetime) -> EditionView:
    """The edition of a date not after today. Raises NotFoundError or WithdrawnError."""
    found = ledger.on(db, day) if day <= site.today(now) else None
    if found is None:
        raise NotFoundError(gettext_noop("There is no edition on %(date)s."), date=day.isoformat())
    if found.withdrawn:
        raise WithdrawnError(
            gettext_noop("The edition of %(date)s was withdrawn."), date=day.isoformat()
        )
    return _view(db, site, found, now)


def following(db: Database, site: Site, day: date, now: datetime) -> date | None:
    """The date of the edition after a date; of the newest, that on which the next one comes."""
    today = site.today(now)
    after = ledger.after(db, day, date.max)  # also one made already, on a clock that was ahead
    if after is not None:
        return after.date
    had_one = ledger.on(db, today) is not None  # withdrawn, perhaps: then none comes on it
    return site.next_day(today if had_one else today - timedelta(days=1))


def listed(
    db: Database,
    site: Site,
    now: datetime,
    first: date | None,
    last: date | None,
    limit: int,
    offset: int,
) -> tuple[list[Showing], int]:
    """A page of the standing editions from `first` to `last`, newest first, and the total."""
    until = min(last or date.max, site.today(now))
    found, total = ledger.page(db, first or date.min, until, limit, offset)
    return ledger.showings(db, found), total


def _view(db: Database, site: Site, edition: Edition, now: datetime) -> EditionView:
    (showing,) = ledger.showings(db, [edition])
    return EditionView(
        showing,
        ledger.before(db, edition.date),
        ledger.after(db, edition.date, site.today(now)),
    )


@dataclass(frozen=True, slots=True)
class MonthView:
    """A month of the archive: its weeks, newest first, and the months before and after it.

    `last` is its last day, or today.
    """

    first: date
    last: date
    weeks: tuple[Week, ...]
    before: date | None
    after: date | None


def month(db: Database, site: Site, first: date, now: datetime) -> MonthView:
    """The archive of the month that begins on `first`. Raises NotFoundError."""
    known = [day for day, _ in ledger.months(db, site.today(now))]
    if first not in known:
        raise NotFoundError(
            gettext_noop("There are no editions in %(month)s."), month=f"{first:%Y-%m}"
        )
    index = known.index(first)
    last = min((first + timedelta(days=32)).replace(day=1) - timedelta(days=1), site.today(now))
    return MonthView(
        first,
        last,
        _weeks(db, first, last),
        known[index + 1] if index + 1 < len(known) else None,
        known[index - 1] if index else None,
    )


def weeks(db: Database, site: Site, now: datetime) -> tuple[Week, ...]:
    """The last complete ISO weeks with editions, newest first, at most FEED_LENGTH."""
    day = site.today(now)
    sunday = day - timedelta(days=day.isoweekday())
    first = sunday - timedelta(days=7 * FEED_LENGTH - 1)
    return _weeks(db, first, sunday)


def _weeks(db: Database, first: date, last: date) -> tuple[Week, ...]:
    """The ISO weeks with editions from `first` to `last`, newest first."""
    groups: dict[tuple[int, int], list[Showing]] = {}
    for showing in ledger.showings(db, ledger.between(db, first, last)):
        groups.setdefault(showing.edition.date.isocalendar()[:2], []).append(showing)
    withdrawn: dict[tuple[int, int], datetime] = {}
    for day, moment in edition_times.withdrawn_dates(db, first, last).items():
        week = day.isocalendar()[:2]
        withdrawn[week] = max(moment, withdrawn.get(week, moment))
    found = [Week(*week, tuple(group), withdrawn.get(week)) for week, group in groups.items()]
    return tuple(reversed(found))


@dataclass(frozen=True, slots=True)
class PrincipleView:
    """The page of a principle: the principle, its source and themes, and its edition dates."""

    principle: Principle
    source: Source
    themes: tuple[Theme, ...]
    dates: tuple[date, ...]


def principle(db: Database, site: Site, slug: str, now: datetime) -> PrincipleView:
    """The page of a principle that is, or was, published. Raises NotFoundError."""
    found = library.principle(db, slug)
    if found is None or not found.is_public:
        raise NotFoundError(gettext_noop("There is no principle “%(slug)s”."), slug=slug)
    themes = library.themes(db, found.themes)
    return PrincipleView(
        found,
        library.sources(db, [found.source])[found.source],
        tuple(themes[theme] for theme in found.themes),
        tuple(ledger.dates_of(db, slug, site.today(now))),
    )


def theme(db: Database, slug: str) -> Theme:
    """The theme with that slug. Raises NotFoundError; MovedError where it was merged."""
    return _named(library.themes(db, [slug]), library.current_slug(db, "themes", slug), slug)


def source(db: Database, slug: str) -> Source:
    """The public source with that slug. Raises NotFoundError; MovedError where it was merged."""
    return _named(library.public_sources(db), library.current_slug(db, "sources", slug), slug)


def _named(items: dict[str, _Named], current: str, slug: str) -> _Named:
    if current != slug:
        raise MovedError(current)
    if slug not in items:
        raise NotFoundError(gettext_noop("There is nothing called “%(slug)s”."), slug=slug)
    return items[slug]


def daily_feed(db: Database, site: Site, language: str, now: datetime) -> Channel:
    """The feed of the newest editions."""
    recent = ledger.recent(db, site.today(now), FEED_LENGTH)
    showings = ledger.showings(db, recent)
    changed = edition_times.last_departure(db)
    return channel.daily(site, language, showings, changed, older=_older(db, recent))


def weekly_feed(db: Database, site: Site, language: str, now: datetime) -> Channel:
    """The feed of the newest complete weeks."""
    return channel.weekly(site, language, weeks(db, site, now), edition_times.last_departure(db))


def theme_feed(db: Database, site: Site, language: str, slug: str, now: datetime) -> Channel:
    """The feed of the newest editions of a theme. Raises NotFoundError."""
    name = theme(db, slug).text(language)[1].name
    recent = ledger.recent(db, site.today(now), FEED_LENGTH, theme=slug)
    return channel.daily(
        site,
        language,
        ledger.showings(db, recent),
        edition_times.last_departure(db, theme=slug),
        path=f"themes/{slug}/feed",
        home=f"themes/{slug}/",
        about=name,
    )


def source_feed(db: Database, site: Site, language: str, slug: str, now: datetime) -> Channel:
    """The feed of the newest editions from a source. Raises NotFoundError."""
    title = source(db, slug).title
    recent = ledger.recent(db, site.today(now), FEED_LENGTH, source=slug)
    showings, changed = ledger.showings(db, recent), edition_times.last_departure(db, source=slug)
    return channel.by_source(site, language, showings, changed, slug, title)


def changing_feeds(db: Database, site: Site, now: datetime) -> Iterator[Channel]:
    """Every feed of the site but the month archives, in each language."""
    themes, sources = library.public_themes(db), library.public_sources(db)
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
    changed = max(edition_times.withdrawn_dates(db, first, view.last).values(), default=None)
    return channel.month(site, language, showings, changed, first, view.before)


def _older(db: Database, recent: Sequence[Edition]) -> date | None:
    """The first day of the month of the edition before `recent`; None without such."""
    before = ledger.before(db, recent[-1].date) if recent else None
    return before.date.replace(day=1) if before else None
