"""What stands around an edition on its page: its week, the day before it, and other years."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlite_utils import Database

from feed.editions import views
from feed.editions.views import EditionView
from feed.model import Edition, Showing, Site
from feed.store import ledger


@dataclass(frozen=True, slots=True)
class StripDay:
    """A date in the strip of a week; `showing` is None where its edition is still to come."""

    date: date
    showing: Showing | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The ISO week of an edition, the edition before it, the one a year ago, and its other dates.

    The week of the newest edition ends with the date of the next one, even if that is outside it.
    `following` is the date of the edition after this one, made or still to come.
    `others` are the other dates of the same principle, newest first.
    """

    week: tuple[StripDay, ...]
    before: Showing | None
    year_ago: Showing | None
    following: date | None
    others: tuple[date, ...]


def around(db: Database, site: Site, view: EditionView, now: datetime) -> Surroundings:
    """The surroundings of a standing edition."""
    day, today = view.showing.edition.date, site.today(now)
    monday = day - timedelta(days=day.weekday())
    week = ledger.between(db, monday, min(monday + timedelta(days=6), today))
    before, year_ago = view.before, _year_ago(db, day)
    beside = [each for each in (before, year_ago) if each]
    found = {each.edition.date: each for each in ledger.showings(db, [*week, *beside])}
    strip = [StripDay(each.date, found[each.date]) for each in week]
    following = views.following(db, site, day, now)
    if following and view.after is None:
        strip.append(StripDay(following, None))
    others = ledger.dates_of(db, view.showing.principle.slug, today)
    return Surroundings(
        tuple(strip),
        found[before.date] if before else None,
        found[year_ago.date] if year_ago else None,
        following,
        tuple(each for each in others if each != day),
    )


def _year_ago(db: Database, day: date) -> Edition | None:
    """The standing edition of the same date a year before; of 29 February, none."""
    try:
        then = day.replace(year=day.year - 1)
    except ValueError:
        return None
    return next(iter(ledger.between(db, then, then)), None)
