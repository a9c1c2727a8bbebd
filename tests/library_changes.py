"""Changes to principles, without the workflow of the desk."""

from datetime import datetime

from sqlite_utils import Database

from feed import files
from feed.files import Entry
from feed.store import library, library_writes, revisions
from feed.store.connection import transaction


def revise(db: Database, changes: Entry, now: datetime, *, minor: bool = False) -> None:
    """Save changes to a principle as one revision of the desk.

    `changes` is an entry with the slug and the fields to change.
    """
    with transaction(db):
        current = library.principle(db, changes["slug"])
        assert current is not None
        old = files.entry_of(current)
        new = files.merged(old, {"texts": {}, **changes})
        minor_parts = (library_writes.SHARED, *new["texts"]) if minor else ()
        library_writes.put_principle(db, new, old, now, minor_parts=minor_parts)
        revisions.add(db, new, now, origin="desk", typo=minor)
