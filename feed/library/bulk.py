"""The same act on many principles: rehearsed first, so that it can be told what will happen."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.errors import ConflictError, DevisError, gettext_noop
from feed.files import Entry
from feed.library import editing, workflow
from feed.library.editing import Working
from feed.model.people import Curator, Role
from feed.store.connection import transaction, undone

# What can be done to many at once, each with the least role that may.
ACTS: dict[str, Role] = {
    "review": "curator",
    "approve": "editor",
    "publish": "editor",
    "retire": "editor",
    "draft": "editor",
    "theme": "curator",
    "untheme": "curator",
}
ABOUT_THEMES = ("theme", "untheme")  # give it a theme, take one away
MOST = 200
_CHANGED = gettext_noop("Somebody has saved meanwhile: look again at what would happen.")


@dataclass(frozen=True, slots=True)
class BulkAction:
    """What is to be done: one of ACTS; `theme` is the one that is given or taken away."""

    act: str
    theme: str = ""


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What a deed makes of one principle.

    `before` and `after` are its working copies, `revision` the step that `before` is. `shown` are
    the themes that readers see before, and `is_held` tells that they will see them until an editor
    approves. `opened` are the names of what else readers see changed, because it waited. Where it
    is refused `after` is None and `why` says what stands in the way.
    """

    slug: str
    revision: int
    before: Entry
    after: Entry | None
    shown: tuple[str, ...] = ()
    is_held: bool = False
    opened: tuple[str, ...] = ()
    why: tuple[DevisError, ...] = ()

    @property
    def fate(self) -> str:
        """`done`, `same` where there is nothing to do, or `refused`."""
        if self.after is None:
            return "refused"
        is_same = not self.moves and not self.opened and self.themes is None
        return "same" if is_same else "done"

    @property
    def themes(self) -> tuple[str, ...] | None:
        """Its themes afterwards, where they are other ones."""
        if self.after is None or self.after["themes"] == self.before["themes"]:
            return None
        return tuple(self.after["themes"])

    @property
    def moves(self) -> dict[str, tuple[str, str]]:
        """What changes: the status under "", the state of a text under its language."""
        if self.after is None:
            return {}
        stages = {"": (self.before["status"], self.after["status"])}
        for language, text in self.after["texts"].items():
            stages[language] = (self.before["texts"][language]["state"], text["state"])
        return {name: (old, new) for name, (old, new) in stages.items() if old != new}


def dry_run(
    db: Database, me: Curator, slugs: Collection[str], deed: BulkAction, now: datetime
) -> list[BulkOutcome]:
    """What a deed would make of some principles; nothing is written. Raises NotFoundError."""
    with undone(db):
        return [_done(db, me, slug, deed, now) for slug in slugs]


def carry_out(
    db: Database, me: Curator, seen: Mapping[str, int], deed: BulkAction, now: datetime
) -> list[BulkOutcome]:
    """Do it to all of them: `seen` has the step of each that was looked at, by slug.

    Raises ConflictError, and then nothing has changed, where something else would come of it.
    """
    with transaction(db):
        outcomes = [_done(db, me, slug, deed, now) for slug in seen]
        for each in outcomes:
            if each.revision != seen[each.slug] or each.fate != "done":
                raise ConflictError(_CHANGED)
    return outcomes


def _done(db: Database, me: Curator, slug: str, deed: BulkAction, now: datetime) -> BulkOutcome:
    found = editing.working(db, slug)
    try:
        if deed.act in ABOUT_THEMES:
            editing.save(db, me, _themed(found.entry, deed), found.revision, now)
        else:
            editing.act(db, me, slug, deed.act, now)
    except DevisError as error:
        reasons = tuple(getattr(error, "fields", {}).values()) or (error,)
        return BulkOutcome(slug, found.revision, found.entry, None, why=reasons)
    after = editing.working(db, slug)
    return BulkOutcome(
        slug,
        found.revision,
        found.entry,
        after.entry,
        tuple((found.live or found.entry)["themes"]),
        after.live is not None and after.live["themes"] != after.entry["themes"],
        _opened(found, after, deed),
    )


def _opened(before: Working, after: Working, deed: BulkAction) -> tuple[str, ...]:
    if before.live is None or after.live is None:
        return ()
    old, new = workflow.fields(before.live), workflow.fields(after.live)
    told = ("themes",) if deed.act in ABOUT_THEMES else ()
    return tuple(name for name in new if new[name] != old[name] and name not in told)


def _themed(entry: Entry, deed: BulkAction) -> Entry:
    others = [theme for theme in entry["themes"] if theme != deed.theme]
    if deed.act == "untheme":
        return {**entry, "themes": others}
    return entry if deed.theme in entry["themes"] else {**entry, "themes": [*others, deed.theme]}
