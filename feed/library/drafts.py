"""Drafts of the desk's forms: their limits, how long they are stored, and discarding."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class FormOrigin:
    """The page that a form came from: its random id, its path, and the person who opened it.

    `opened` is the id of the draft that the page opened, 0 without one, and `digest` that of the
    draft as it was then.
    """

    curator: int
    page: str
    path: str
    opened: int = 0
    digest: str = ""


def save(db: Database, origin: FormOrigin, fields: Fields, now: datetime) -> Draft:
    """Save what a page's form contains as its draft. Raises InputError if it is too long.

    The draft that the page opened is replaced, unless another page has changed it since.
    """
    if sum(len(name) + len(value) for name, value in fields) > MAX_LENGTH:
        raise InputError(_TOO_LONG)
    with transaction(db):
        _take_over(db, origin)
        draft = drafts.put(db, origin.curator, origin.page, origin.path, fields, now)
        drafts.keep_newest(db, origin.curator, MAX_DRAFTS)
    return draft


def remove(db: Database, origin: FormOrigin) -> None:
    """Delete the draft of a page: its form was saved, or has no changes left.

    So is the one that the page opened, unless another page has changed it since.
    """
    with transaction(db):
        _take_over(db, origin)
        drafts.remove(db, origin.curator, origin.page)


def discard(db: Database, number: int, curator: int, now: datetime) -> None:
    """Discard a person's draft; `restore` undoes it until RETENTION is over."""
    with transaction(db):
        drafts.set_discarded(db, number, curator, now)


def restore(db: Database, number: int, curator: int) -> Draft | None:
    """Open a discarded draft again; None if there is no such draft of this person."""
    with transaction(db):
        drafts.set_discarded(db, number, curator, None)
        return drafts.get(db, number, curator)


def _take_over(db: Database, origin: FormOrigin) -> None:
    opened = drafts.get(db, origin.opened, origin.curator) if origin.opened else None
    if opened is not None and opened.digest == origin.digest:
        drafts.move(db, opened.id, origin.page)


def delete_expired(db: Database, now: datetime) -> None:
    """Delete drafts that were last changed RETENTION ago."""
    with transaction(db):
        drafts.delete_older(db, now - RETENTION)
