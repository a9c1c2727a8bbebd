"""The ledger of editions, and the pins: queries, adding, withdrawing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlite_utils import Database

from feed.model import SHOWABLE, TEXT_FIELDS, Day, Edition, Principle, Showing, Text
from feed.rotation import Choice, Shown
from feed.store import library, revisions
from feed.store.connection import fetch_rows, instant, stamp

Row = dict[str, Any]


def shown(db: Database) -> list[Shown]:
    """The whole ledger as input of the rotation, oldest first."""
    rows = db.execute(
        "SELECT e.date, e.cycle, e.withdrawn IS NULL, p.slug, p.source,"
        " (SELECT group_concat(theme) FROM principle_themes x WHERE x.principle = p.slug) AS themes"
        " FROM editions e JOIN principles p ON p.slug = e.principle ORDER BY e.date, e.number",
    )
    return [
        Shown(
            date.fromisoformat(day), cycle, bool(standing), slug, source, library.theme_set(themes)
        )
        for day, cycle, standing, slug, source, themes in rows
    ]


@dataclass(frozen=True, slots=True)
class Pin:
    """A pin of a date; `by` is the name of who set it, and `by_id` their id, None if not known.

    If it `publishes`, the principle is published when the date begins.
    """

    date: Day
    principle: str
    by: str | None
    by_id: int | None
    publishes: bool


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An edition, when it was made, and the name of who withdrew it, None if that is not known."""

    edition: Edition
    made: datetime
    by: str | None


def pins(db: Database) -> dict[date, str]:
    """All pins: date to slug."""
    rows = db.execute("SELECT date, principle FROM pins")
    return {date.fromisoformat(day): slug for day, slug in rows}


def pins_between(db: Database, first: date, last: date) -> dict[date, Pin]:
    """The pins from `first` to `last`, both included, by date."""
    span = [first.isoformat(), last.isoformat()]
    return {pin.date: pin for pin in _pins(db, "p.date BETWEEN ? AND ?", span)}


def pins_of(db: Database, slug: str, first: date) -> list[Pin]:
    """The pins of a principle from the date `first` on, in order."""
    return _pins(db, "p.principle = ? AND p.date >= ?", [slug, first.isoformat()])


def pin(
    db: Database, day: date, slug: str | None, by: int | None = None, at: datetime | None = None
) -> None:
    """Pin a principle to a date, by the person with an id; None removes the pin."""
    db.execute("DELETE FROM pins WHERE date = ?", [day.isoformat()])
    if slug is not None:
        db.execute(
            "INSERT INTO pins (date, principle, curator, at) VALUES (?, ?, ?, ?)",
            [day.isoformat(), slug, by, at and stamp(at)],
        )


def last_date(db: Database) -> date | None:
    """The newest date that has an edition, standing or withdrawn."""
    row = db.execute("SELECT max(date) FROM editions").fetchone()
    return date.fromisoformat(row[0]) if row[0] else None


def add(db: Database, choice: Choice, published: datetime, now: datetime) -> None:
    """Add an edition, visible from the instant `published`, and numbered after earlier ones.

    Raises sqlite3.IntegrityError where the date has a standing edition.
    """
    db.execute(
        "INSERT INTO editions (date, number, principle, cycle, why, published, made)"
        " VALUES (:day, (SELECT count(*) + 1 FROM editions WHERE date = :day), :slug, :cycle, :why,"
        " :published, :made)",
        {
            "day": choice.date.isoformat(),
            "slug": choice.slug,
            "cycle": choice.cycle,
            "why": choice.why,
            "published": stamp(published),
            "made": stamp(now),
        },
    )


def withdraw(
    db: Database,
    day: date,
    reason: str,
    now: datetime,
    by: int | None = None,
    number: int | None = None,
) -> bool:
    """Withdraw the standing edition of a date; False if there is none, or none of that number."""
    cursor = db.execute(
        "UPDATE editions SET withdrawn = :now, reason = :reason, withdrawn_by = :by"
        " WHERE date = :day AND withdrawn IS NULL AND number = ifnull(:number, number)",
        {
            "now": stamp(now),
            "reason": reason,
            "by": by,
            "day": day.isoformat(),
            "number": number,
        },
    )
    return cursor.rowcount == 1


def withdrawn(db: Database, limit: int) -> list[tuple[Edition, str | None]]:
    """The last withdrawn editions, newest first, each with the name of who withdrew it, or None."""
    rows = fetch_rows(
        db,
        "SELECT e.*, c.name FROM editions e LEFT JOIN curators c ON c.id = e.withdrawn_by"
        " WHERE withdrawn IS NOT NULL ORDER BY withdrawn DESC, e.id DESC LIMIT ?",
        [limit],
    )
    return [(edition_of(row), row["name"]) for row in rows]


def entries(db: Database, first: date, last: date) -> list[LedgerEntry]:
    """Every edition from `first` to `last`, both included, withdrawn ones too, oldest first."""
    rows = fetch_rows(
        db,
        "SELECT e.*, c.name FROM editions e LEFT JOIN curators c ON c.id = e.withdrawn_by"
        " WHERE e.date BETWEEN ? AND ? ORDER BY e.date, e.number",
        [first.isoformat(), last.isoformat()],
    )
    return [
        LedgerEntry(edition_of(row), datetime.fromisoformat(row["made"]), row["name"])
        for row in rows
    ]


def schedule(db: Database, day: date) -> None:
    """Have the principle that is pinned to a date published when the date begins."""
    db.execute("UPDATE pins SET publishes = 1 WHERE date = ?", [day.isoformat()])


def unschedule(db: Database, day: date) -> None:
    """Have the principle that is pinned to a date stay what it is."""
    db.execute("UPDATE pins SET publishes = 0 WHERE date = ?", [day.isoformat()])


def scheduled(db: Database, last: date) -> list[Pin]:
    """The pins up to the date `last` whose principle is still to be published, in order."""
    return _pins(db, "p.publishes AND p.date <= ?", [last.isoformat()])


def latest(db: Database, day: date) -> Edition | None:
    """The newest standing edition not after `day`."""
    return _one(db, "withdrawn IS NULL AND date <= ? ORDER BY date DESC", day)


def on(db: Database, day: date) -> Edition | None:
    """The standing edition of a date, else its last withdrawn one, else None."""
    return _one(db, "date = ? ORDER BY withdrawn IS NULL DESC, number DESC", day)


def before(db: Database, day: date) -> Edition | None:
    """The last standing edition before a date."""
    return _one(db, "withdrawn IS NULL AND date < ? ORDER BY date DESC", day)


def after(db: Database, day: date, today: date) -> Edition | None:
    """The first standing edition after a date, none after today."""
    found = _one(db, "withdrawn IS NULL AND date > ? ORDER BY date", day)
    return found if found and found.date <= today else None


def between(db: Database, first: date, last: date) -> list[Edition]:
    """The standing editions from `first` to `last`, both included, oldest first."""
    rows = fetch_rows(
        db,
        "SELECT * FROM editions WHERE withdrawn IS NULL AND date BETWEEN ? AND ? ORDER BY date",
        [first.isoformat(), last.isoformat()],
    )
    return [edition_of(row) for row in rows]


def page(
    db: Database, first: date, last: date, limit: int, offset: int
) -> tuple[list[Edition], int]:
    """A page of the standing editions from `first` to `last`, newest first, and the total."""
    condition = "FROM editions WHERE withdrawn IS NULL AND date BETWEEN ? AND ?"
    span = [first.isoformat(), last.isoformat()]
    total = db.execute(f"SELECT count(*) {condition}", span).fetchone()[0]
    rows = fetch_rows(
        db, f"SELECT * {condition} ORDER BY date DESC LIMIT ? OFFSET ?", [*span, limit, offset]
    )
    return [edition_of(row) for row in rows], total


def recent(
    db: Database, today: date, limit: int, theme: str | None = None, source: str | None = None
) -> list[Edition]:
    """The newest standing editions up to `today`, newest first; of a theme or source if given."""
    condition, values = shown_in(theme, source)
    rows = fetch_rows(
        db,
        "SELECT * FROM editions WHERE withdrawn IS NULL AND date <= :today"
        f" AND {condition} ORDER BY date DESC LIMIT :limit",
        {"today": today.isoformat(), "limit": limit, **values},
    )
    return [edition_of(row) for row in rows]


def shown_in(theme: str | None, source: str | None) -> tuple[str, dict[str, str]]:
    """The condition on an edition of a theme or of a source, with its values."""
    if theme is not None:
        query = "SELECT principle FROM principle_themes WHERE theme = :theme"
        return f"principle IN ({query})", {"theme": theme}
    if source is not None:
        query = "SELECT slug FROM principles WHERE source = :source"
        return f"principle IN ({query})", {"source": source}
    return "1", {}


def dates_of(db: Database, slug: str, today: date) -> list[date]:
    """The dates of a principle's standing editions, newest first, none after `today`."""
    rows = db.execute(
        "SELECT date FROM editions WHERE principle = ? AND withdrawn IS NULL AND date <= ?"
        " ORDER BY date DESC",
        [slug, today.isoformat()],
    )
    return [date.fromisoformat(day) for (day,) in rows]


def months(db: Database, today: date) -> list[tuple[date, int]]:
    """The first day of each month with standing editions, newest first, and their number."""
    rows = db.execute(
        "SELECT substr(date, 1, 7) AS month, count(*) FROM editions"
        " WHERE withdrawn IS NULL AND date <= ? GROUP BY month ORDER BY month DESC",
        [today.isoformat()],
    )
    return [(date.fromisoformat(f"{month}-01"), number) for month, number in rows]


def dates(db: Database, today: date) -> dict[date, str]:
    """Every date with a standing edition, newest first, none after `today`: the slug on it."""
    rows = db.execute(
        "SELECT date, principle FROM editions WHERE withdrawn IS NULL AND date <= ?"
        " ORDER BY date DESC",
        [today.isoformat()],
    )
    return {date.fromisoformat(day): slug for day, slug in rows}


def was_shown(db: Database, slug: str) -> bool:
    """Whether a principle has any edition, standing or withdrawn."""
    query = "SELECT 1 FROM editions WHERE principle = ? LIMIT 1"
    return db.execute(query, [slug]).fetchone() is not None


def is_shown(db: Database, slug: str) -> bool:
    """Whether a principle has an edition that stands."""
    query = "SELECT 1 FROM editions WHERE principle = ? AND withdrawn IS NULL LIMIT 1"
    return db.execute(query, [slug]).fetchone() is not None


def showings(db: Database, editions: Sequence[Edition]) -> list[Showing]:
    """The editions with their principle, source and themes, in the same order.

    A principle whose original is no longer approved has its last approved text.
    """
    stored = library.principles(db, {edition.principle for edition in editions})
    principles = {slug: _as_shown(db, principle) for slug, principle in stored.items()}
    used = principles.values()
    themes = library.themes(db, {slug for principle in used for slug in principle.themes})
    sources = library.sources(db, {principle.source for principle in used})
    return [
        Showing(
            edition,
            principle := principles[edition.principle],
            sources[principle.source],
            tuple(themes[slug] for slug in principle.themes),
        )
        for edition in editions
    ]


def _as_shown(db: Database, principle: Principle) -> Principle:
    """The principle with its last approved original, where an import revoked the approval."""
    original = principle.texts[principle.original_language]
    if original.state in SHOWABLE:
        return principle
    step = revisions.last_approved(db, principle.slug)
    if step is None:
        return principle
    language = step["original_language"]
    parts = {name: step["texts"][language].get(name, "") for name in TEXT_FIELDS}
    # Still no approved text: it has no page of its own, and is not eligible.
    text = Text(language, **parts, state=original.state, corrected=original.corrected)
    return replace(principle, texts={**principle.texts, principle.original_language: text})


def _pins(db: Database, where: str, values: Sequence[str]) -> list[Pin]:
    rows = db.execute(
        "SELECT p.date, p.principle, c.name, c.id, p.publishes FROM pins p"
        f" LEFT JOIN curators c ON c.id = p.curator WHERE {where} ORDER BY p.date",
        values,
    )
    return [
        Pin(date.fromisoformat(day), slug, by, number, bool(publishes))
        for day, slug, by, number, publishes in rows
    ]


def _one(db: Database, condition: str, day: date) -> Edition | None:
    query = f"SELECT * FROM editions WHERE {condition} LIMIT 1"
    row = next(iter(fetch_rows(db, query, [day.isoformat()])), None)
    return edition_of(row) if row else None


def edition_of(row: Row) -> Edition:
    """The edition in a row of `editions`."""
    return Edition(
        date=date.fromisoformat(row["date"]),
        number=row["number"],
        principle=row["principle"],
        cycle=row["cycle"],
        why=row["why"],
        published=datetime.fromisoformat(row["published"]),
        withdrawn=instant(row["withdrawn"]),
        reason=row["reason"],
    )
