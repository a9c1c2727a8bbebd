"""Import and export of the library as exchange files, and the library that ships with Devis.

An import makes a plan first, without writing, and then carries it out: a preview of the plan shows
exactly what the import does.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from feed import files
from feed.errors import ExchangeError, NotFoundError
from feed.files import Entry, Exchange
from feed.library.import_plan import Plan, PlannedEntry, plan
from feed.model.people import Curator
from feed.store import library, library_writes, revisions
from feed.store.connection import transaction


def shipped_files() -> dict[str, bytes]:
    """The files of the library that ships with Devis, by name."""
    return {path.name: path.read_bytes() for path in sorted(_data().glob("*.toml"))}


def known_words(language: str) -> list[str]:
    """Words of the shipped library that are spelt right but missing from dictionaries."""
    path = _data() / f"words.{language}.txt"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def _data() -> Path:
    """The data folder: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def export(
    db: Database,
    languages: Iterable[str] | None = None,
    slugs: Collection[str] | None = None,
) -> Exchange:
    """Export the library, with the texts in `languages`, or in all.

    With `slugs`, only those principles, and every theme and source.
    """
    chosen = None if languages is None else tuple(languages)
    principles = {
        slug: files.entry_of(item, chosen) for slug, item in library.principles(db, slugs).items()
    }
    return Exchange(
        themes={slug: files.entry_of(item) for slug, item in library.themes(db).items()},
        sources={slug: files.entry_of(item) for slug, item in library.sources(db).items()},
        principles={slug: entry for slug, entry in principles.items() if entry["texts"]},
    )


def revise(db: Database, changes: Entry, now: datetime, *, minor: bool = False) -> None:
    """Save changes to a principle as one desk revision.

    `changes` is an entry with the slug and the fields to change. Raises NotFoundError.
    """
    with transaction(db):
        current = library.principle(db, changes["slug"])
        if current is None:
            raise NotFoundError("There is no principle “%(slug)s”.", slug=changes["slug"])
        old = files.entry_of(current)
        new = files.merged(old, {"texts": {}, **changes})
        minor_parts = (library_writes.SHARED, *new["texts"]) if minor else ()
        library_writes.put_principle(db, new, old, now, minor_parts=minor_parts)
        revisions.add(db, new, now, origin="desk", typo=minor)


@dataclass
class ImportReport:
    """The slugs of an import, by outcome."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)


def import_files(
    db: Database, contents: Mapping[str, bytes], now: datetime, *, overwrite: bool = False
) -> dict[str, ImportReport]:
    """Import exchange files in one transaction; a report each for themes, sources, principles.

    `contents` are the files by name. Entries are added or updated by slug; fields that a file omits
    stay. A principle last edited at the desk is left alone unless `overwrite`. Raises
    ExchangeError, and then changes nothing.
    """
    incoming = files.read(contents)
    with transaction(db):
        found = plan(db, incoming, overwrite=overwrite)
        apply_plan(db, found, now)
    reports = {kind: ImportReport() for kind in ("themes", "sources", "principles")}
    for item in found.items:
        getattr(reports[item.kind], item.outcome).append(item.slug)
    return reports


def apply_plan(db: Database, found: Plan, now: datetime, me: Curator | None = None) -> None:
    """Carry out a plan, inside a transaction. Raises ExchangeError if it has problems."""
    if found.problems:
        raise ExchangeError(list(found.problems))
    for item in found.items:
        if item.outcome in ("new", "changed"):
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
