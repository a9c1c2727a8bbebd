"""Files that are imported at the desk: looked at first, and confirmed by whoever brought them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed import files
from feed.errors import ConflictError, FormError, InputError, NotFoundError, Problem, gettext_noop
from feed.files import Exchange
from feed.library.import_plan import Plan, plan
from feed.library.importing import carry_out
from feed.model.people import Curator
from feed.store import uploads
from feed.store.connection import transaction
from feed.store.uploads import Upload

KEPT = timedelta(days=1)
LONGEST_NAME = 100
MOST_ROWS = 10_000  # writing more would keep others from saving for longer than they wait
_GONE = gettext_noop("This file was imported already, or forgotten: files wait for a day.")
_TOO_MANY = gettext_noop(
    "The file has %(count)s rows, one for each entry and language; here at most %(most)s can be"
    " imported at once. Split it into several files, or let the operator import it with"
    " “devis import”."
)
_CHANGED = gettext_noop("The library has changed meanwhile: look again at what would happen.")


@dataclass(frozen=True, slots=True)
class UploadPreview:
    """A file, and what importing it would do."""

    upload: Upload
    plan: Plan


def keep(db: Database, me: Curator, name: str, body: bytes, now: datetime) -> int:
    """Keep a file until it is confirmed, for a day; its number.

    Raises FormError where there is none, or where it has more rows than MOST_ROWS.
    """
    if not name:
        raise FormError({"file": InputError(gettext_noop("Choose a file."))})
    if not body.strip():
        raise FormError({"file": InputError(gettext_noop("The file is empty."))})
    shown = "".join(sign for sign in name if sign.isprintable())[-LONGEST_NAME:]
    if (count := files.rows(shown, body, MOST_ROWS)) > MOST_ROWS:
        raise FormError({"file": InputError(_TOO_MANY, count=count, most=MOST_ROWS)})
    with transaction(db):
        return uploads.add(db, me.id, shown, body, now)


def look(db: Database, me: Curator, number: int, *, overwrite: bool = False) -> UploadPreview:
    """What importing a file of one's own would do. Raises NotFoundError."""
    found = _found(db, me, number)
    return UploadPreview(found, plan(db, *_read(found), overwrite=overwrite, me=me))


def confirm(
    db: Database, me: Curator, number: int, seen: str, now: datetime, *, overwrite: bool = False
) -> Plan:
    """Import a file of one's own, and forget it.

    `seen` is the mark of the plan that was looked at. Raises NotFoundError, ExchangeError, and
    ConflictError where the library has changed so that something else would come of it.
    """
    read = _read(_found(db, me, number))  # takes its time, and keeps nobody from writing
    with transaction(db):
        _found(db, me, number)  # unless it was sent twice
        found = plan(db, *read, overwrite=overwrite, me=me)
        if found.mark != seen:
            raise ConflictError(_CHANGED)
        carry_out(db, found, now, me)
        uploads.remove(db, number, me.id)
    return found


def drop(db: Database, me: Curator, number: int) -> None:
    """Forget a file of one's own."""
    with transaction(db):
        uploads.remove(db, number, me.id)


def forget(db: Database, now: datetime) -> None:
    """Forget the files that nobody confirmed."""
    with transaction(db):
        uploads.forget(db, now - KEPT)


def _found(db: Database, me: Curator, number: int) -> Upload:
    found = uploads.get(db, number, me.id)
    if found is None:
        raise NotFoundError(_GONE)
    return found


def _read(found: Upload) -> tuple[Exchange, list[Problem]]:
    return files.examine({found.name: found.body})
