"""Bulk actions on principles, with a dry run first."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlite_utils import Database

from feed.errors import ConflictError, DevisError, gettext_noop
from feed.files import Entry
from feed.library import editing, workflow
from feed.library.workflow import Act, Transition, WorkingCopy
from feed.model.people import Curator, Role
from feed.store.connection import transaction, undone

# The bulk actions, each with the lowest role that may perform it.
ACTS: dict[str, Role] = {
    "review": "curator",
    "approve": "editor",
    "publish": "editor",
    "retire": "editor",
    "draft": "editor",
    "theme": "curator",
    "untheme": "curator",
}
THEME_ACTS = ("theme", "untheme")  # add a theme, remove one
MAX_PRINCIPLES = 200
_CHANGED = gettext_noop("Someone has saved in the meantime. Check again what would happen.")


@dataclass(frozen=True, slots=True)
class BulkAction:
    """A bulk action: `act` is one of ACTS, `theme` the theme to add or remove."""

    act: str
    theme: str = ""


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """The effect of a bulk action on one principle.

    `before` and `after` are its working copies, `revision` is the revision id of `before`. `shown`
    are the themes that readers see before the action; `is_held` is true where they go on seeing
    these until an editor approves. `opened` names the other fields whose pending changes become
    public. Where the action is refused, `after` is None and `why` has the errors.
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
    def outcome(self) -> str:
        """`done`, `same` where nothing changes, or `refused`."""
        if self.after is None:
            return "refused"
        is_same = not self.moves and not self.opened and self.themes is None
        return "same" if is_same else "done"

    @property
    def themes(self) -> tuple[str, ...] | None:
        """The themes after the action; None where they stay the same."""
        if self.after is None or self.after["themes"] == self.before["themes"]:
            return None
        return tuple(self.after["themes"])

    @property
    def moves(self) -> dict[str, tuple[str, str]]:
        """State changes as (before, after): the status under "", each text under its language."""
        if self.after is None:
            return {}
        states = {"": (self.before["status"], self.after["status"])}
        for language, text in self.after["texts"].items():
            states[language] = (self.before["texts"][language]["state"], text["state"])
        return {name: (old, new) for name, (old, new) in states.items() if old != new}


def dry_run(
    db: Database, me: Curator, slugs: Collection[str], action: BulkAction, now: datetime
) -> list[BulkOutcome]:
    """Compute the effect of a bulk action, writing nothing. Raises NotFoundError."""
    with undone(db):
        return [_apply_to(db, me, slug, action, now) for slug in slugs]


def apply(
    db: Database, me: Curator, seen: Mapping[str, int], action: BulkAction, now: datetime
) -> list[BulkOutcome]:
    """Perform a bulk action; `seen` has the previewed revision id of each principle, by slug.

    Raises ConflictError, and changes nothing, where the effect would differ from the preview.
    """
    with transaction(db):
        outcomes = [_apply_to(db, me, slug, action, now) for slug in seen]
        for each in outcomes:
            if each.revision != seen[each.slug] or each.outcome != "done":
                raise ConflictError(_CHANGED)
    return outcomes


def _apply_to(
    db: Database, me: Curator, slug: str, action: BulkAction, now: datetime
) -> BulkOutcome:
    found = editing.working(db, slug)
    try:
        if action.act in THEME_ACTS:
            editing.save(db, Transition(me), _with_theme(found.entry, action), found, now)
        else:
            editing.act(db, Transition(me, cast(Act, action.act)), slug, now)
    except DevisError as error:
        reasons = tuple(getattr(error, "fields", {}).values()) or (error,)
        return BulkOutcome(slug, found.revision, found.entry, None, why=reasons)
    after = editing.working(db, slug)
    return BulkOutcome(
        slug,
        found.revision,
        found.entry,
        after.entry,
        tuple(found.live["themes"]),
        after.live["themes"] != after.entry["themes"],
        _newly_public(found, after, action),
    )


def _newly_public(before: WorkingCopy, after: WorkingCopy, action: BulkAction) -> tuple[str, ...]:
    old, new = workflow.fields(before.live), workflow.fields(after.live)
    announced = ("themes",) if action.act in THEME_ACTS else ()
    return tuple(name for name in new if new[name] != old[name] and name not in announced)


def _with_theme(entry: Entry, action: BulkAction) -> Entry:
    others = [theme for theme in entry["themes"] if theme != action.theme]
    if action.act == "untheme":
        return {**entry, "themes": others}
    if action.theme in entry["themes"]:
        return entry
    return {**entry, "themes": [*others, action.theme]}
