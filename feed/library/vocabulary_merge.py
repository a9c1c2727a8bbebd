"""Merge two sources or two themes: principles move, and the old slug stands for the other one."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed import files
from feed.errors import ConflictError, InputError, gettext_noop
from feed.files import Entry
from feed.library import vocabulary
from feed.model import Source, Theme
from feed.model.people import Curator
from feed.store import library
from feed.store import vocabulary as store
from feed.store.connection import transaction
from feed.store.library import Vocabulary


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge does: `moving` are the slugs of the principles that get the target."""

    item: Source | Theme
    target: Source | Theme
    moving: tuple[str, ...]
    fingerprint: str


def preview_merge(db: Database, kind: Vocabulary, slug: str, target: str) -> MergePreview:
    """The effect of merging a source or theme into another. Raises NotFoundError, InputError."""
    item, other = vocabulary.find(db, kind, slug), vocabulary.find(db, kind, target)
    if slug == target or other.retired:
        raise InputError(gettext_noop("Choose one that isn’t retired."))
    moving = store.principles_with(db, kind, slug)
    seen = [*(vocabulary.newest_id(db, kind, each) for each in (slug, target)), sorted(moving)]
    return MergePreview(
        item, other, tuple(moving), hashlib.sha256(repr(seen).encode()).hexdigest()[:32]
    )


def merge(
    db: Database, me: Curator, kind: Vocabulary, slug: str, target: str, seen: str, now: datetime
) -> MergePreview:
    """Merge a source or theme into another: its principles move, and its addresses redirect.

    `seen` is the fingerprint of the preview. Raises NotFoundError, InputError, and ConflictError
    where the effect would differ; then changes nothing.
    """
    with transaction(db):
        found = preview_merge(db, kind, slug, target)
        if found.fingerprint != seen:
            raise ConflictError(
                gettext_noop("Someone has saved in the meantime. Check again what would happen.")
            )
        vocabulary.add_first_revision(db, kind, found.item)
        vocabulary.add_first_revision(db, kind, found.target)
        store.merge(db, kind, slug, target, now, me.id)
        for item, other in ((found.item, found.target), (found.target, found.item)):
            note, entry = vocabulary.name(other, me.language), files.entry_of(item)
            store.add_revision(
                db, kind, entry, now, action="merge", curator=me.id, note=f"{note} ({other.slug})"
            )
    return found


def current(db: Database, entry: Entry) -> Entry:
    """A principle with the slugs that its source and themes have after merges."""
    for kind in vocabulary.FIELDS:
        entry = store.renamed(kind, entry, library.merged(db, kind))
    return entry
