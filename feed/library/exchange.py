"""Import and export of the library as exchange files, uploaded files, and the shipped library.

An import makes a plan first, without writing, and then carries it out: a preview of the plan shows
exactly what the import does.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from feed import files
from feed.errors import (
    ConflictError,
    ExchangeError,
    FormError,
    InputError,
    NotFoundError,
    Problem,
    gettext_noop,
)
from feed.files import Exchange, Names, Table, TableChoices
from feed.files.tables import names_by_key
from feed.library import editing, vocabulary
from feed.library.import_plan import KINDS, Plan, PlannedEntry, plan
from feed.model.people import Curator
from feed.store import library, library_writes, revisions, uploads
from feed.store.connection import transaction
from feed.store.library import Vocabulary
from feed.store.uploads import Upload

RETENTION = timedelta(days=1)
LONGEST_NAME = 100
MOST_ROWS = 10_000  # the write lock must not be held longer than other saves wait for it
_GONE = gettext_noop(
    "This file has already been imported, or was deleted: files are stored for a day."
)
_TOO_MANY = gettext_noop(
    "The file has %(count)s rows, one for each entry and language; here at most %(most)s can be"
    " imported at once. Split it into several files, or let the operator import it with"
    " “devis import”."
)
_CHANGED = gettext_noop("The library has changed in the meantime. Check again what would happen.")


def shipped_files() -> dict[str, bytes]:
    """The files of the library that ships with Devis, by name."""
    return {path.name: path.read_bytes() for path in sorted(_data().glob("*.toml"))}


def known_words(language: str) -> list[str]:
    """Words of the shipped library that are spelt right but missing from dictionaries."""
    path = _data() / f"words.{language}.txt"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def style_guide() -> str:
    """The style guide of the library, in Markdown."""
    return (_data() / "STYLE.md").read_text(encoding="utf-8")


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


def known_names(db: Database) -> Names:
    """The names of sources, themes and principles in the library, for tables that use them."""
    sources = [(item.title, slug) for slug, item in library.sources(db).items()]
    themes = [
        (text.name, slug)
        for slug, item in library.themes(db).items()
        for text in item.texts.values()
    ]
    titles = library.titles(db)
    return Names(
        sources=names_by_key(sources),
        themes=names_by_key(themes),
        titles={(language, title): slug for slug, language, title in reversed(titles)},
        taken={slug for slug, _, _ in titles},
    )


@dataclass
class ImportReport:
    """The slugs of an import, by outcome."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)


def import_files(
    db: Database,
    contents: Mapping[str, bytes],
    now: datetime,
    *,
    overwrite: bool = False,
    on_table: Callable[[str, Table], None] = lambda _name, _table: None,
) -> dict[str, ImportReport]:
    """Import exchange files in one transaction; a report each for themes, sources, principles.

    `contents` are the files by name. Entries are added or updated by slug; fields that a file omits
    stay. A principle last edited at the desk is left alone unless `overwrite`. `on_table` gets each
    table as it was read. Raises ExchangeError, and then changes nothing.
    """
    incoming, problems = files.examine(contents, known_names(db))
    for name, table in incoming.tables.items():
        on_table(name, table)
    if problems:
        raise ExchangeError(problems)
    with transaction(db):
        found = plan(db, incoming, overwrite=overwrite)
        if found.problems:
            raise ExchangeError(list(found.problems))
        apply_plan(db, found, now)
    return reports_of(found)


def reports_of(found: Plan) -> dict[str, ImportReport]:
    """The slugs of a plan without refused entries: a report for each kind."""
    reports = {kind: ImportReport() for kind in KINDS}
    for item in found.items:
        getattr(reports[item.kind], item.outcome).append(item.slug)
    return reports


def plan_update(db: Database) -> Plan:
    """What the library that ships with this version would add and change, writing nothing.

    Raises ExchangeError where it does not fit to the site's library.
    """
    found = plan(db, files.read(shipped_files()))
    if found.problems:
        raise ExchangeError(list(found.problems))
    return found


def update(db: Database, now: datetime) -> Plan:
    """Add and change what the library that ships with this version has; returns the plan.

    What was last edited at the desk is left alone. Changes are minor edits: they date no edition
    anew, and make no translation outdated.
    """
    with transaction(db):
        made = plan_update(db)
        apply_plan(db, made, now, minor=True)
    return made


def apply_plan(
    db: Database, found: Plan, now: datetime, me: Curator | None = None, *, minor: bool = False
) -> None:
    """Carry out a plan, inside a transaction; entries that it refuses are left out.

    With `minor`, its changes are minor edits.
    """
    for item in found.items:
        if item.step is not None and item.outcome == "pending":
            copy = editing.working(db, item.slug) if item.old else None
            editing.save(db, item.step, item.entry, copy, now)
        elif item.outcome in ("new", "changed"):
            _write(db, item, now, me, minor)


def _write(
    db: Database, item: PlannedEntry, now: datetime, me: Curator | None, minor: bool
) -> None:
    by = me.id if me else None
    if item.kind != "principles":
        kind: Vocabulary = "themes" if item.kind == "themes" else "sources"
        vocabulary.write(db, kind, item.entry, now, curator=by, action="import", minor=minor)
    else:
        parts = (library_writes.SHARED, *item.entry["texts"]) if minor else ()
        library_writes.put_principle(db, item.entry, item.old, now, minor_parts=parts)
        typo = minor and item.old is not None
        revisions.add(db, item.entry, now, origin="import", action="import", curator=by, typo=typo)


@dataclass(frozen=True, slots=True)
class UploadPreview:
    """An uploaded file, the plan of importing it, and the table that it is, if it is one."""

    upload: Upload
    plan: Plan
    table: Table | None

    @property
    def choices(self) -> TableChoices:
        """How the table is to be read."""
        return TableChoices.from_json(self.upload.choices)


def add_upload(db: Database, me: Curator, name: str, body: bytes, now: datetime) -> int:
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


def preview_upload(
    db: Database, me: Curator, number: int, *, overwrite: bool = False
) -> UploadPreview:
    """Plan the import of one's own uploaded file, writing nothing. Raises NotFoundError."""
    found = _own_upload(db, me, number)
    incoming, problems = _read_upload(db, found)
    made = plan(db, incoming, problems, overwrite=overwrite, me=me)
    return UploadPreview(found, made, incoming.tables.get(found.name))


def change_choices(
    db: Database, me: Curator, number: int, change: Callable[[TableChoices], TableChoices]
) -> None:
    """Change how one's own uploaded table is to be read. Raises NotFoundError."""
    with transaction(db):
        choices = TableChoices.from_json(_own_upload(db, me, number).choices)
        uploads.set_choices(db, number, me.id, change(choices).to_json())


def confirm_upload(
    db: Database, me: Curator, number: int, seen: str, now: datetime, *, overwrite: bool = False
) -> Plan:
    """Import what is valid in one's own uploaded file, and delete the file.

    `seen` is the fingerprint of the previewed plan. Raises NotFoundError, ExchangeError where
    nothing is valid, and ConflictError where the library has changed so that the plan would differ.
    """
    read = _read_upload(db, _own_upload(db, me, number))  # slow: outside the transaction
    with transaction(db):
        _own_upload(db, me, number)  # unless the form was submitted twice
        found = plan(db, *read, overwrite=overwrite, me=me)
        if found.fingerprint != seen:
            raise ConflictError(_CHANGED)
        if found.problems and not found.changes:
            raise ExchangeError(list(found.problems))
        apply_plan(db, found, now, me)
        uploads.remove(db, number, me.id)
    return found


def discard_upload(db: Database, me: Curator, number: int) -> None:
    """Delete one's own uploaded file."""
    with transaction(db):
        uploads.remove(db, number, me.id)


def delete_expired_uploads(db: Database, now: datetime) -> None:
    """Delete files that were not confirmed in time."""
    with transaction(db):
        uploads.delete_older(db, now - RETENTION)


def _own_upload(db: Database, me: Curator, number: int) -> Upload:
    found = uploads.get(db, number, me.id)
    if found is None:
        raise NotFoundError(_GONE)
    return found


def _read_upload(db: Database, found: Upload) -> tuple[Exchange, list[Problem]]:
    choices = TableChoices.from_json(found.choices)
    return files.examine({found.name: found.body}, known_names(db), choices, MOST_ROWS)
