"""Bringing principles into the library and taking them out again."""

from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from feed import files
from feed.errors import NotFoundError
from feed.files import Entry, Exchange
from feed.library.importing import ImportReport, import_files
from feed.store import library, library_writes, revisions
from feed.store.connection import transaction

__all__ = ["ImportReport", "export", "import_files", "known_words", "revise", "shipped_files"]


def shipped_files() -> dict[str, bytes]:
    """The library that comes with Devis: in an installed package, or beside it in a checkout."""
    return {path.name: path.read_bytes() for path in sorted(_data().glob("*.toml"))}


def known_words(language: str) -> list[str]:
    """The words of the shipped library that are right, though no dictionary has them."""
    path = _data() / f"words.{language}.txt"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def _data() -> Path:
    package = Path(__file__).resolve().parent.parent
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def export(
    db: Database,
    languages: Iterable[str] | None = None,
    slugs: Collection[str] | None = None,
) -> Exchange:
    """The library as an exchange, with the texts of `languages`, or of all.

    With `slugs` it holds those principles, and every theme and source.
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


def revise(db: Database, changes: Entry, now: datetime, *, typo_only: bool = False) -> None:
    """Save changes made at the desk to a principle, as one revision.

    `changes` is an entry with the slug and whatever is to change. Raises NotFoundError.
    """
    with transaction(db):
        current = library.principle(db, changes["slug"])
        if current is None:
            raise NotFoundError("There is no principle “%(slug)s”.", slug=changes["slug"])
        old = files.entry_of(current)
        new = files.merged(old, {"texts": {}, **changes})
        typos = (library_writes.SHARED, *new["texts"]) if typo_only else ()
        library_writes.put_principle(db, new, old, now, typos=typos)
        revisions.add(db, new, now, origin="desk", typo=typo_only)
