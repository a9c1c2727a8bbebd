"""Bringing exchange files into the library: first a plan, as values, and then what it says.

Whoever looks at a plan before it is carried out sees what the same code will do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlite_utils import Database

from feed import files as exchange_files
from feed.errors import ExchangeError
from feed.library.import_plan import Plan, PlannedEntry, plan
from feed.model.people import Curator
from feed.store import library_writes, revisions
from feed.store.connection import transaction


@dataclass
class ImportReport:
    """What an import did, as the slugs it did it to."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)


def import_files(
    db: Database, files: Mapping[str, bytes], now: datetime, *, overwrite: bool = False
) -> dict[str, ImportReport]:
    """Import exchange files, in one transaction; a Report each for themes, sources, principles.

    Entries are added or updated by slug; what a file leaves out stays. A principle last edited at
    the desk is left alone unless `overwrite`. Raises ExchangeError, and then nothing has changed.
    """
    incoming = exchange_files.read(files)
    with transaction(db):
        found = plan(db, incoming, overwrite=overwrite)
        carry_out(db, found, now)
    reports = {kind: ImportReport() for kind in ("themes", "sources", "principles")}
    for item in found.items:
        getattr(reports[item.kind], item.fate).append(item.slug)
    return reports


def carry_out(db: Database, found: Plan, now: datetime, me: Curator | None = None) -> None:
    """Do what a plan says, inside a transaction. Raises ExchangeError if it has a problem."""
    if found.problems:
        raise ExchangeError(list(found.problems))
    for item in found.items:
        if item.fate in ("new", "changed"):
            _write(db, item, now, me)


def _write(db: Database, item: PlannedEntry, now: datetime, me: Curator | None) -> None:
    if item.kind == "themes":
        library_writes.put_theme(db, item.entry, now)
    elif item.kind == "sources":
        library_writes.put_source(db, item.entry, now)
    else:
        library_writes.put_principle(db, item.entry, item.old, now)
        by = me.id if me else None
        revisions.add(db, item.entry, now, origin="import", action="import", curator=by)
