"""Making editions, and finding what to show of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, TypeVar

from sqlite_utils import Database

from feed import rotation
from feed.config import Config, identity
from feed.errors import InputError, NotFoundError, WithdrawnError, gettext_noop
from feed.model import Edition, Principle, Showing, Site, Source, Theme, Week, Why
from feed.publish import channel
from feed.publish.channel import Channel
from feed.rotation import Candidate, Choice
from feed.store import ledger, library, meta
from feed.store.connection import transaction

FEED_LENGTH = 30

LONGEST_PLAN = timedelta(days=36_600)

_Named = TypeVar("_Named", Theme, Source)


def settle(db: Database, config: Config, now: datetime) -> Site:
    """The site under its identity, which the database remembers.

    At the first start the database gets an identity and `since`, and remembers whether the clock
    was rehearsed. A trial has a random authority; the first public base address replaces it.
    """
    kept = meta.get(db, "authority")
    if kept is None or kept != identity.settled(kept, config.base_url):
        with transaction(db):
            if config.rehearsal and meta.get(db, "since") is None:
                meta.put(db, meta.REHEARSAL, "1")
            meta.remember(db, "since", now.isoformat(timespec="seconds"))
            meta.put(db, "authority", identity.settled(meta.get(db, "authority"), config.base_url))
    return site(db, config, now)


def site(db: Database, config: Config, now: datetime) -> Site:
    """The site as `settle` gives it, without writing: for a database that may be read-only."""
    since = meta.get(db, "since")
    authority = identity.settled(meta.get(db, "authority"), config.base_url)
    return config.site(authority, datetime.fromisoformat(since) if since else now)


def new_ids(db: Database, config: Config) -> str:
    """Take the authority of ids from the base address; returns it. Raises InputError on a trial."""
    if not config.is_public:
        raise InputError(
            gettext_noop(
                "%(url)s is for this machine only: set DEVIS_BASE_URL to the public address."
            ),
            url=config.base_url,
        )
    authority = identity.authority(config.base_url)
    with transaction(db):
        meta.put(db, "authority", authority)
    return authority


def publish_due(db: Database, site: Site, config: Config, now: datetime) -> list[Choice]:
    """Make every edition that is due: today's, and those of days missed. Idempotent.

    On an empty ledger the last `backfill_days` before today are due, too.
    """
    if not _due(db, site, config, site.today(now)):
        return []
    with transaction(db):
        # Read again under the write lock: another process may have been faster.
        choices = list(_choices(db, config, _due(db, site, config, site.today(now))))
        for choice in choices:
            ledger.add(db, choice, site.start(choice.date), now)
    return choices


def withdraw(
    db: Database,
    site: Site,
    config: Config,
    day: date,
    reason: str,
    now: datetime,
    slug: str | None = None,
    *,
    replace: bool = True,
    by: int | None = None,
    number: int | None = None,
) -> Choice | None:
    """Withdraw the standing edition of a date, in one act with what takes its place.

    Only today's is replaced: by `slug`, else by the next in the rotation, unless `replace` is
    False. `by` is who does it, `number` the edition that is meant, where another may stand by now.
    Returns what took its place. Raises NotFoundError, or InputError without a reason.
    """
    if not reason.strip():
        raise InputError(gettext_noop("A withdrawal needs a reason."))
    if slug is not None and day != site.today(now):
        raise InputError(gettext_noop("Only today’s edition can be replaced."))
    with transaction(db):
        if not ledger.withdraw(db, day, reason.strip(), now, by, number):
            raise NotFoundError(
                gettext_noop("There is no edition on %(date)s."), date=day.isoformat()
            )
        if not replace or day != site.today(now):
            return None
        pins = {} if slug is None else {day: slug}
        choice = next(iter(_choices(db, config, [day], pins)), None)
        if slug is not None and (choice is None or choice.slug != slug):
            raise InputError(gettext_noop("“%(slug)s” cannot be shown today."), slug=slug)
        if choice is not None:
            ledger.add(db, choice, site.start(day), now)
        return choice


@dataclass(frozen=True, slots=True)
class Planned:
    """A date of the plan with its principle's slug, and why that one."""

    date: date
    principle: str
    why: Why


def plan(
    db: Database, site: Site, config: Config, now: datetime, days: int, first: date | None = None
) -> list[Planned]:
    """What `days` dates from `first` (tomorrow if not given) show, as far as that is decided.

    Dates of the ledger are told as they were; later ones by running the rotation forward.
    """
    today = site.today(now)
    start = first or today + timedelta(days=1)
    if start - today > LONGEST_PLAN - timedelta(days=days - 1):
        raise InputError(gettext_noop("The plan would end more than a hundred years from now."))
    end = start + timedelta(days=days - 1)
    past = [
        Planned(edition.date, edition.principle, edition.why)
        for edition in ledger.between(db, start, end)
    ]
    coming = [
        Planned(choice.date, choice.slug, choice.why)
        for choice in _choices(db, config, _due(db, site, config, end, today))
        if choice.date >= start
    ]
    return past + coming


def eligible(db: Database, config: Config) -> list[Candidate]:
    """What the rotation chooses from: without a fallback, only what every language has."""
    return library.candidates(db, () if config.fallback else config.languages)


def _due(
    db: Database, site: Site, config: Config, until: date, today: date | None = None
) -> list[date]:
    last = ledger.last_date(db)
    if last is None:
        return site.days((today or until) - timedelta(days=config.backfill_days), until)
    return site.days(last + timedelta(days=1), until)


def _choices(
    db: Database, config: Config, days: Sequence[date], pins: Mapping[date, str] | None = None
) -> list[Choice]:
    if not days:
        return []
    pinned = ledger.pins(db) if pins is None else pins
    return list(rotation.plan(eligible(db, config), ledger.shown(db), pinned, days))


@dataclass(frozen=True, slots=True)
class EditionView:
    """An edition's page: what it shows, and the standing editions beside it."""

    showing: Showing
    before: Edition | None
    after: Edition | None


def today(db: Database, site: Site, now: datetime) -> EditionView | None:
    """The newest standing edition not after today; None while there is none."""
    found = ledger.latest(db, site.today(now))
    return None if found is None else _view(db, site, found, now)


def on(db: Database, site: Site, day: date, now: datetime) -> EditionView:
    """The edition of a date, none yet to come. Raises NotFoundError or WithdrawnError."""
    found = ledger.on(db, day) if day <= site.today(now) else None
    if found is None:
        raise NotFoundError(gettext_noop("There is no edition on %(date)s."), date=day.isoformat())
    if found.withdrawn:
        raise WithdrawnError(
            gettext_noop("The edition of %(date)s was withdrawn."), date=day.isoformat()
        )
    return _view(db, site, found, now)


def listed(
    db: Database,
    site: Site,
    now: datetime,
    first: date | None,
    last: date | None,
    limit: int,
    offset: int,
) -> tuple[list[Showing], int]:
    """A page of the standing editions from `first` to `last`, newest first, and their number."""
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
    """A month of the archive: its weeks, newest first, and the months beside it."""

    first: date
    weeks: tuple[Week, ...]
    before: date | None
    after: date | None


def months(db: Database, site: Site, now: datetime) -> list[tuple[date, int]]:
    """The first day of every month with editions, newest first, and how many it has."""
    return ledger.months(db, site.today(now))


def month(db: Database, site: Site, first: date, now: datetime) -> MonthView:
    """The archive of the month that begins on `first`. Raises NotFoundError."""
    known = [day for day, _ in months(db, site, now)]
    if first not in known:
        raise NotFoundError(
            gettext_noop("There are no editions in %(month)s."), month=f"{first:%Y-%m}"
        )
    place = known.index(first)
    last = min((first + timedelta(days=32)).replace(day=1) - timedelta(days=1), site.today(now))
    return MonthView(
        first,
        _weeks(ledger.showings(db, ledger.between(db, first, last))),
        known[place + 1] if place + 1 < len(known) else None,
        known[place - 1] if place else None,
    )


def weeks(db: Database, site: Site, now: datetime) -> tuple[Week, ...]:
    """The last whole ISO weeks that had editions, newest first, as many as a feed holds."""
    day = site.today(now)
    sunday = day - timedelta(days=day.isoweekday())
    first = sunday - timedelta(days=7 * FEED_LENGTH - 1)
    return _weeks(ledger.showings(db, ledger.between(db, first, sunday)))


def _weeks(showings: Sequence[Showing]) -> tuple[Week, ...]:
    groups: dict[tuple[int, int], list[Showing]] = {}
    for showing in showings:
        year, number, _ = showing.edition.date.isocalendar()
        groups.setdefault((year, number), []).append(showing)
    found = [Week(year, number, tuple(group)) for (year, number), group in groups.items()]
    return tuple(reversed(found))


@dataclass(frozen=True, slots=True)
class PrincipleView:
    """A principle's page: the principle, where it comes from, and when it was shown."""

    principle: Principle
    source: Source
    themes: tuple[Theme, ...]
    dates: tuple[date, ...]


def principle(db: Database, site: Site, slug: str, now: datetime) -> PrincipleView:
    """A principle that is, or was, published. Raises NotFoundError."""
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


def named(items: dict[str, _Named], slug: str) -> _Named:
    """The theme or source of that slug. Raises NotFoundError."""
    if slug not in items:
        raise NotFoundError(gettext_noop("There is nothing called “%(slug)s”."), slug=slug)
    return items[slug]
