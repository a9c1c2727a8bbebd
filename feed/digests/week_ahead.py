"""The e-mail to editors on Friday: what each day of the coming week shows, and what it lacks.

Its text is made when it is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlite_utils import Database

from feed.config import Config
from feed.editions import publishing
from feed.editions.publishing import UpcomingDay
from feed.errors import gettext_noop
from feed.i18n import Translator
from feed.model import Principle, Site
from feed.store import staff_notices

NOTICE = "week"
FRIDAY, HOUR = 5, 8  # when it is due, in the site's timezone
_LACKS: Mapping[str, str] = {
    "missing": gettext_noop("%(language)s: missing"),
    "draft": gettext_noop("%(language)s: a draft"),
    "review": gettext_noop("%(language)s: waiting for an editor"),
    "outdated": gettext_noop("%(language)s: outdated"),
}
_EMPTY = gettext_noop("Nothing can be shown.")
_PINNED = gettext_noop("Pinned")
_IDLE = gettext_noop("“%(title)s” is pinned, but can’t be shown")


@dataclass(frozen=True, slots=True)
class WeekDay:
    """A day of the e-mail: its date and title for people, and remarks on it."""

    day: str
    title: str
    notes: tuple[str, ...]


def notify(db: Database, site: Site, now: datetime) -> int:
    """Queue the e-mail to each editor who wants e-mails, on Friday; returns the number queued."""
    local = now.astimezone(site.timezone)
    if local.isoweekday() != FRIDAY or local.hour < HOUR:
        return 0
    return staff_notices.notify_editors(db, NOTICE, now, site.start(local.date()))


def values(
    db: Database, site: Site, config: Config, t: Translator, queued: datetime, now: datetime
) -> dict[str, object] | None:
    """The values of the e-mail's templates: the number of the week, and its days to come.

    `queued` is when the e-mail was queued. None where the week is over, or has no days.
    """
    monday = _monday_after(site.today(queued))
    week = site.days(monday, monday + timedelta(days=6))
    days = [day for day in week if day > site.today(now)]
    planned = publishing.planned_days(db, site, config, now, days)
    if not planned:
        return None
    return {"week": monday.isocalendar().week, "days": [_week_day(day, t) for day in planned]}


def _monday_after(day: date) -> date:
    return day + timedelta(days=8 - day.isoweekday())


def _week_day(day: UpcomingDay, t: Translator) -> WeekDay:
    notes = [t.gettext(_PINNED)] if day.why == "pin" else []
    notes += [
        t.gettext(_LACKS[each.state], language=t.language_name(each.language)) for each in day.lacks
    ]
    if day.idle_pin:
        notes.append(t.gettext(_IDLE, title=_title(day.idle_pin, t)))
    title = _title(day.principle, t) if day.principle else t.gettext(_EMPTY)
    return WeekDay(t.short(day.date), title, tuple(notes))


def _title(principle: Principle, t: Translator) -> str:
    text = principle.texts.get(t.language) or principle.texts[principle.original_language]
    return text.title
