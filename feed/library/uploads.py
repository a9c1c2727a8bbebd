"""Import of uploaded files at the desk: upload, preview, confirm."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed import files
from feed.errors import ConflictError, FormError, InputError, NotFoundError, Problem, gettext_noop
from feed.files import Exchange
from feed.library.exchange import apply_plan
from feed.library.import_plan import Plan, plan
from feed.model.people import Curator
from feed.store import uploads
from feed.store.connection import transaction
from feed.store.uploads import Upload

RETENTION = timedelta(days=1)
LONGEST_NAME = 100
MOST_ROWS = 10_000  # the write lock must not be held longer than other saves wait for it
_GONE = gettext_noop("This file was imported already, or forgotten: files wait for a day.")
_TOO_MANY = gettext_noop(
    "The file has %(count)s rows, one for each entry and language; here at most %(most)s can be"
    " imported at once. Split it into several files, or let the operator import it with"
    " “devis import”."
)
_CHANGED = gettext_noop("The library has changed meanwhile: look again at what would happen.")


@dataclass(frozen=True, slots=True)
class UploadPreview:
    """An uploaded file, and the plan of importing it."""

    upload: Upload
    plan: Plan


def add(db: Database, me: Curator, name: str, body: bytes, now: datetime) -> int:
    """Store an uploaded file for a day, to be confirmed; returns its id.

    Raises FormError for a missing or empty file, or one with more rows than MOST_ROWS.
    """
    if not name:
        raise FormError({"file": InputError(gettext_noop("Choose a file."))})
    if not body.strip():
        raise FormError({"file": InputError(gettext_noop("The file is empty."))})
    shown = "".join(character for character in name if character.isprintable())[-LONGEST_NAME:]
    if (count := files.rows(shown, body, MOST_ROWS)) > MOST_ROWS:
        raise FormError({"file": InputError(_TOO_MANY, count=count, most=MOST_ROWS)})
    with transaction(db):
        return uploads.add(db, me.id, shown, body, now)


def preview(db: Database, me: Curator, number: int, *, overwrite: bool = False) -> UploadPreview:
    """Plan the import of one's own uploaded file, writing nothing. Raises NotFoundError."""
    found = _found(db, me, number)
    return UploadPreview(found, plan(db, *_read(found), overwrite=overwrite, me=me))


def confirm(
    db: Database, me: Curator, number: int, seen: str, now: datetime, *, overwrite: bool = False
) -> Plan:
    """Import one's own uploaded file, and delete it.

    `seen` is the fingerprint of the previewed plan. Raises NotFoundError, ExchangeError, and
    ConflictError where the library has changed so that the plan would differ.
    """
    read = _read(_found(db, me, number))  # slow: outside the transaction
    with transaction(db):
        _found(db, me, number)  # unless the form was submitted twice
        found = plan(db, *read, overwrite=overwrite, me=me)
        if found.fingerprint != seen:
            raise ConflictError(_CHANGED)
        apply_plan(db, found, now, me)
        uploads.remove(db, number, me.id)
    return found


def discard(db: Database, me: Curator, number: int) -> None:
    """Delete one's own uploaded file."""
    with transaction(db):
        uploads.remove(db, number, me.id)


def delete_expired(db: Database, now: datetime) -> None:
    """Delete files that were not confirmed in time."""
    with transaction(db):
        uploads.delete_older(db, now - RETENTION)


def _found(db: Database, me: Curator, number: int) -> Upload:
    found = uploads.get(db, number, me.id)
    if found is None:
        raise NotFoundError(_GONE)
    return found


def _read(found: Upload) -> tuple[Exchange, list[Problem]]:
    return files.examine({found.name: found.body})
