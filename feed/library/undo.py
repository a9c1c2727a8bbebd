"""Undo: reverse an action on principles or a pin, as long as nothing has changed since."""

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlite_utils import Database

from feed.errors import ConflictError, ForbiddenError, NotFoundError, gettext_noop
from feed.library import editing, vocabulary_merge, workflow
from feed.model.people import Curator, Role
from feed.store import ledger, library_writes, revisions, undos
from feed.store.connection import transaction
from feed.store.library_writes import SHARED

RETENTION = timedelta(days=1)
_OVER = gettext_noop("This has already been undone, or is more than a day old.")
_CHANGED = gettext_noop(
    "“%(slug)s” has changed since, so this wasn’t undone. Its history has every version."
)
_PLANNED = gettext_noop("%(date)s already has another pin or an edition, so this wasn’t undone.")

T = TypeVar("T")


def recorded(
    db: Database,
    me: Curator,
    role: Role,
    slugs: Collection[str],
    act: Callable[[], T],
    path: str,
    now: datetime,
) -> tuple[T, int]:
    """Perform an action on principles; returns its result, and the id that undoes it.

    `role` is the lowest that may undo it, `path` the page that follows. The id is 0 where nothing
    has changed. Raises what `act` raises.
    """
    with transaction(db):
        before = {slug: editing.working(db, slug) for slug in slugs}
        result = act()
        steps = [
            {"slug": slug, "revision": number, "entry": old.entry, "live": old.live}
            for slug, old in before.items()
            if (number := revisions.newest_id(db, slug)) != old.revision
        ]
        body = {"role": role, "path": path, "principles": steps}
        return result, undos.add(db, me.id, body, now) if steps else 0


def remove_pin(db: Database, me: Curator, day: date, path: str, now: datetime) -> int:
    """Remove the pin of a date; returns the id that undoes it, 0 where there was none."""
    with transaction(db):
        held = ledger.pins_between(db, day, day).get(day)
        if held is None:
            return 0
        ledger.pin(db, day, None)
        pin = {"date": day.isoformat(), "slug": held.principle, "publishes": held.publishes}
        return undos.add(db, me.id, {"role": "editor", "path": path, "pin": pin}, now)


def undo(db: Database, me: Curator, number: int, now: datetime) -> str:
    """Reverse a person's action; returns the path of the page that follows.

    Raises NotFoundError, ForbiddenError, and ConflictError where something has changed since; then
    nothing is reversed.
    """
    with transaction(db):
        found = undos.get(db, number, me.id)
        if found is None or now - found.at > RETENTION:
            raise NotFoundError(_OVER)
        if not me.may(found.body["role"]):
            raise ForbiddenError(gettext_noop("Only an editor can do that."))
        for step in found.body.get("principles", []):
            _restore(db, me, step, now)
        if "pin" in found.body:
            _restore_pin(db, me, found.body["pin"], now)
        undos.remove(db, number)
        return str(found.body["path"])


def delete_expired(db: Database, now: datetime) -> None:
    """Delete actions that can no longer be undone."""
    with transaction(db):
        undos.delete_older(db, now - RETENTION)


def _restore(db: Database, me: Curator, step: dict[str, Any], now: datetime) -> None:
    """Save a principle as it was: the working copy as a new revision, and the public part.

    A source or theme that was merged since is the one that stands for it now.
    """
    entry, live = (vocabulary_merge.current(db, step[part]) for part in ("entry", "live"))
    current = editing.working(db, entry["slug"])
    if current.revision != step["revision"]:
        raise ConflictError(_CHANGED, slug=entry["slug"])
    if not workflow.is_same(live, current.live):
        library_writes.put_principle(
            db,
            live,
            current.live,
            now,
            minor_parts=(SHARED, *live["texts"]),
            renewed=[code for code, text in live["texts"].items() if text["state"] == "approved"],
        )
    revisions.add(
        db,
        entry,
        now,
        origin="desk",
        curator=me.id,
        action="undo",
        applied=workflow.is_same(entry, live),
    )


def _restore_pin(db: Database, me: Curator, pin: dict[str, Any], now: datetime) -> None:
    day, last = date.fromisoformat(pin["date"]), ledger.last_date(db)
    if day in ledger.pins(db) or (last is not None and day <= last):
        raise ConflictError(_PLANNED, date=pin["date"])
    ledger.pin(db, day, pin["slug"], me.id, now)
    if pin["publishes"]:
        ledger.schedule(db, day)
