"""The same act on many principles: rehearsed first, so that it can be told what will happen."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.curation import drafting
from feed.errors import ConflictError, DevisError, mark
from feed.exchange import Entry
from feed.model.desk import Curator, Role
from feed.store.connection import transaction, undone

# What can be done to many at once, each with the least role that may.
ACTS: dict[str, Role] = {
    "review": "curator",
    "approve": "editor",
    "publish": "editor",
    "retire": "editor",
    "draft": "editor",
}
MOST = 200
_CHANGED = mark("Somebody has saved meanwhile: look again at what would happen.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an act makes of one principle.

    `before` and `after` are its working copies, `revision` the step that `before` is. Where it is
    refused `after` is None and `why` says what stands in the way.
    """

    slug: str
    revision: int
    before: Entry
    after: Entry | None
    why: tuple[DevisError, ...] = ()

    @property
    def fate(self) -> str:
        """`done`, `same` where there is nothing to do, or `refused`."""
        if self.after is None:
            return "refused"
        return "done" if self.moves else "same"

    @property
    def moves(self) -> dict[str, tuple[str, str]]:
        """What changes: the status under "", the state of a text under its language."""
        if self.after is None:
            return {}
        stages = {"": (self.before["status"], self.after["status"])}
        for language, text in self.after["texts"].items():
            stages[language] = (self.before["texts"][language]["state"], text["state"])
        return {name: (old, new) for name, (old, new) in stages.items() if old != new}


def rehearse(
    db: Database, me: Curator, slugs: Collection[str], act: str, now: datetime
) -> list[Outcome]:
    """What an act would make of some principles; nothing is written. Raises NotFoundError."""
    with undone(db):
        return [_done(db, me, slug, act, now) for slug in slugs]


def carry_out(
    db: Database, me: Curator, seen: Mapping[str, int], act: str, now: datetime
) -> list[Outcome]:
    """Do it to all of them: `seen` has the step of each that was looked at, by slug.

    Raises ConflictError, and then nothing has changed, where something else would come of it.
    """
    with transaction(db):
        outcomes = [_done(db, me, slug, act, now) for slug in seen]
        for each in outcomes:
            if each.revision != seen[each.slug] or each.fate != "done":
                raise ConflictError(_CHANGED)
    return outcomes


def _done(db: Database, me: Curator, slug: str, act: str, now: datetime) -> Outcome:
    found = drafting.working(db, slug)
    try:
        drafting.act(db, me, slug, act, now)
    except DevisError as error:
        reasons = tuple(getattr(error, "fields", {}).values()) or (error,)
        return Outcome(slug, found.revision, found.entry, None, reasons)
    return Outcome(slug, found.revision, found.entry, drafting.working(db, slug).entry)
