"""Drafts of the desk's forms: their limits, how long they are stored, and discarding."""

from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.errors import InputError, gettext_noop
from feed.store import drafts
from feed.store.connection import transaction
from feed.store.drafts import Draft, Fields

RETENTION = timedelta(days=30)
MAX_LENGTH = 200_000  # characters of all names and values: several times the longest principle
MAX_DRAFTS = 50  # per person; the oldest are deleted
_TOO_LONG = gettext_noop("This is too long to be saved as a draft.")


def save(db: Database, curator: int, page: str, path: str, fields: Fields, now: datetime) -> Draft:
    """Save what a page's form contains as its draft. Raises InputError if it is too long."""
    if sum(len(name) + len(value) for name, value in fields) > MAX_LENGTH:
        raise InputError(_TOO_LONG)
    with transaction(db):
        draft = drafts.put(db, curator, page, path, fields, now)
        drafts.keep_newest(db, curator, MAX_DRAFTS)
    return draft


def remove(db: Database, curator: int, page: str) -> None:
    """Delete the draft of a page: its form was saved, or has no changes left."""
    with transaction(db):
        drafts.remove(db, curator, page)


def discard(db: Database, number: int, curator: int, now: datetime) -> None:
    """Discard a person's draft; `restore` undoes it until RETENTION is over."""
    with transaction(db):
        drafts.set_discarded(db, number, curator, now)


def restore(db: Database, number: int, curator: int) -> Draft | None:
    """Open a discarded draft again; None if there is no such draft of this person."""
    with transaction(db):
        drafts.set_discarded(db, number, curator, None)
        return drafts.get(db, number, curator)


def delete_expired(db: Database, now: datetime) -> None:
    """Delete drafts that were last changed RETENTION ago."""
    with transaction(db):
        drafts.delete_older(db, now - RETENTION)
