"""When editions were published, and when they left the feeds."""

from datetime import date, datetime

from sqlite_utils import Database

from feed.store.connection import instant
from feed.store.ledger import shown_in


def newest_moment(db: Database) -> datetime | None:
    """The newest instant at which an edition was published, standing or withdrawn."""
    return instant(db.execute("SELECT max(published) FROM editions").fetchone()[0])


def withdrawn_dates(db: Database, first: date, last: date) -> dict[date, datetime]:
    """The last withdrawal on each date from `first` to `last` that has one."""
    rows = db.execute(
        "SELECT date, max(withdrawn) FROM editions"
        " WHERE withdrawn IS NOT NULL AND date BETWEEN ? AND ? GROUP BY date",
        [first.isoformat(), last.isoformat()],
    )
    return {date.fromisoformat(day): datetime.fromisoformat(at) for day, at in rows}


def last_departure(
    db: Database, theme: str | None = None, source: str | None = None
) -> datetime | None:
    """When an edition last left the feed of all, of a theme or of a source; None for never.

    It was withdrawn; or the themes or the source of a principle changed, perhaps away from these.
    """
    condition, values = shown_in(theme, source)
    moments = f"SELECT withdrawn AS moment FROM editions WHERE {condition}"
    if values:
        moments += " UNION ALL SELECT max(corrected) FROM principles"
    row = db.execute(f"SELECT max(moment) FROM ({moments})", values).fetchone()
    return instant(row[0])
