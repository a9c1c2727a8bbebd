"""Dry run of an import: decides for each entry what an import does, without writing."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sqlite_utils import Database

from feed import files
from feed.errors import InputError, Problem, gettext_noop
from feed.files import Entry, Exchange
from feed.library import editing, workflow
from feed.library.workflow import Transition
from feed.model import SHOWABLE
from feed.model.people import Curator
from feed.store import ledger, library, revisions, vocabulary
from feed.store.library import Vocabulary

Outcome = Literal["new", "changed", "pending", "unchanged", "left_alone", "refused"]
WRITTEN = ("new", "changed", "pending")
KINDS = ("themes", "sources", "principles")
_DEFAULTS = {"kind": "principle", "locator": "", "themes": [], "status": "draft"}
_REQUIRED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "themes": (("slug",), ("name",)),
    "sources": (("slug", "title", "language"), ()),
    "principles": (("slug", "source"), ("title", "statement")),
}
_PUBLIC = gettext_noop("Only an editor can import this: it is public, or would be.")


@dataclass(frozen=True, slots=True)
class PlannedEntry:
    """One entry of an import, and its outcome.

    `entry` is the complete entry after the import, `old` the one in the library; `fields` are the
    names of the fields that differ, such as `status` and `texts.sv.title`. A `refused` entry has
    problems in the plan. One that is `pending` is saved by the transition `step`, and awaits an
    editor’s approval; its `old` is the working copy.
    """

    kind: str
    slug: str
    outcome: Outcome
    entry: Entry
    old: Entry | None
    fields: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    step: Transition | None = None


@dataclass(frozen=True)
class Plan:
    """The outcome of every entry, and all problems of the files."""

    items: tuple[PlannedEntry, ...]
    problems: tuple[Problem, ...]

    @property
    def changes(self) -> int:
        """How many entries an import would write."""
        return sum(item.outcome in WRITTEN for item in self.items)

    @property
    def fingerprint(self) -> str:
        """A hash over all changes: equal plans have the same one."""
        changes = [
            (item.kind, item.slug, item.outcome, item.fields, item.old, item.entry)
            for item in self.items
        ]
        return hashlib.sha256(json.dumps(changes).encode()).hexdigest()


def plan(
    db: Database,
    incoming: Exchange,
    problems: Iterable[Problem] = (),
    *,
    overwrite: bool = False,
    me: Curator | None = None,
) -> Plan:
    """Decide the outcome of every entry; `problems` are those of reading the files.

    What was last edited at the desk is left alone unless `overwrite`. With `me`, principles that
    change public content wait for an editor unless that person is one; themes and sources that do
    are refused.
    """
    return _Planner(db, incoming, list(problems), overwrite, me).run()


@dataclass
class _Planner:
    db: Database
    incoming: Exchange
    problems: list[Problem]
    overwrite: bool
    me: Curator | None
    languages: dict[str, str] = field(default_factory=dict)  # of every source
    themes: set[str] = field(default_factory=set)
    merged: dict[Vocabulary, dict[str, str]] = field(default_factory=dict)
    edited: dict[str, set[str]] = field(default_factory=dict)  # sources and themes, at the desk

    def run(self) -> Plan:
        for name in get_args(Vocabulary):
            self.merged[name] = library.merged(self.db, name)
            self.edited[name] = vocabulary.edited_at_desk(self.db, name)
        known: dict[str, dict[str, Any]] = {
            "themes": dict(library.themes(self.db)),
            "sources": dict(library.sources(self.db)),
            "principles": library.principles(self.db, self.incoming.principles),
        }
        self.languages = {slug: item.language for slug, item in known["sources"].items()}
        for slug, entry in self.incoming.sources.items():
            self.languages[slug] = entry.get("language") or self.languages.get(slug, "")
        self.themes = {*known["themes"], *self.incoming.themes}
        malformed = {(problem.file, problem.entry) for problem in self.problems}
        items = []
        for kind in KINDS:
            for slug, entry in getattr(self.incoming, kind).items():
                stored = known[kind].get(slug)
                old = None if stored is None else files.entry_of(stored)
                where = (self.incoming.files[kind, slug], label(kind, slug))
                item = self._item(kind, entry, old, where in malformed)
                if item.outcome == "refused" and old is None:
                    self._forget(kind, slug)  # nothing can refer to it
                items.append(item)
        return Plan(tuple(items), tuple(self.problems))

    def _item(self, kind: str, entry: Entry, old: Entry | None, is_malformed: bool) -> PlannedEntry:
        slug = entry["slug"]
        new = self._completed(kind, entry, old)
        changes = tuple(_differences(old or {"texts": {}}, new))
        if is_malformed or not self._is_valid(kind, new):
            outcome: Outcome = "refused"
        elif old is not None and not changes:
            outcome = "unchanged"
        elif self._is_merged(kind, slug) or (old and self._edited_at_desk(kind, slug)):
            outcome = "left_alone"
        elif self.me is not None and self._is_forbidden(kind, old, new, changes):
            return self._pending(self.me, kind, entry, old)
        else:
            outcome = "changed" if old else "new"
        return PlannedEntry(
            kind, slug, outcome, new, old, changes if old else (), self._rows(kind, slug)
        )

    def _rows(self, kind: str, slug: str) -> tuple[int, ...]:
        file = self.incoming.files[kind, slug]
        return tuple(sorted(self.incoming.rows(file, slug).values()))

    def _pending(self, me: Curator, kind: str, given: Entry, old: Entry | None) -> PlannedEntry:
        """A principle whose changes await an editor’s approval; refused where none can."""
        slug, rows = given["slug"], self._rows(kind, given["slug"])
        if kind != "principles":
            self._add_problem(kind, slug, "", _PUBLIC)
            return PlannedEntry(kind, slug, "refused", given, old, rows=rows)
        copy = editing.working(self.db, slug) if old else None
        before = copy.entry if copy else None
        new = self._completed(kind, given, before)
        step = _asked(me, given, new)
        was_shown = ledger.was_shown(self.db, slug)
        made = workflow.decide(copy, new, step, was_shown=was_shown).entry
        changes = tuple(
            name
            for name in _differences(before or {"texts": {}}, made)
            if name != "status" and not name.endswith(".state")
        )
        is_same = before is not None and workflow.is_same(made, before)
        outcome: Outcome = "unchanged" if is_same else "pending"
        wrong = editing.check(self.db, made, step, self.incoming.sources)
        if is_same and new["status"] not in (made["status"], "published"):
            wrong = {"": InputError(_PUBLIC)}  # nobody can be asked to retire a principle
        for name, error in wrong.items():
            path = f"texts.{name}" if "." in name else name
            self._add_problem(kind, slug, path, error.message, **error.values)
            outcome = "refused"
        return PlannedEntry(kind, slug, outcome, new, before, changes if before else (), rows, step)

    def _forget(self, kind: str, slug: str) -> None:
        if kind == "themes":
            self.themes.discard(slug)
        elif kind == "sources":
            self.languages.pop(slug, None)

    def _completed(self, kind: str, entry: Entry, old: Entry | None) -> Entry:
        """The complete entry as the library has it after the import."""
        new = files.merged(old, entry)
        if kind != "principles":
            return new
        for name, slugs in self.merged.items():
            new = vocabulary.renamed(name, new, slugs)
        texts = {code: {"state": "draft", **text} for code, text in new["texts"].items()}
        new = {**_DEFAULTS, **new, "texts": texts}
        if language := self.languages.get(new.get("source", "")):
            first = next(iter(texts), language)
            new.setdefault("original_language", language if language in texts else first)
        return new

    def _is_merged(self, kind: str, slug: str) -> bool:
        """Whether it was merged into another one, which stays as it is."""
        return any(name == kind and slug in slugs for name, slugs in self.merged.items())

    def _edited_at_desk(self, kind: str, slug: str) -> bool:
        if self.overwrite:
            return False
        if kind == "principles":
            return revisions.last_origin(self.db, slug) == "desk"
        return slug in self.edited[kind]

    def _is_forbidden(
        self, kind: str, old: Entry | None, new: Entry, changes: tuple[str, ...]
    ) -> bool:
        if self.me is None or self.me.may("editor"):
            return False
        if kind != "principles":
            return kind == "themes" or old is not None
        return _changes_public(old, new, changes, ledger.was_shown(self.db, new["slug"]))

    def _is_valid(self, kind: str, entry: Entry) -> bool:
        before = len(self.problems)
        self._check_required(kind, entry)
        if kind == "principles":
            self._check_references(entry)
            self._check_original(entry)
        return len(self.problems) == before

    def _check_required(self, kind: str, entry: Entry) -> None:
        names, text_names = _REQUIRED[kind]
        missing = [name for name in names if not entry.get(name)]
        missing += [
            f"texts.{language}.{name}"
            for language, text in entry["texts"].items()
            for name in text_names
            if not text.get(name)
        ]
        for name in missing:
            self._add_problem(kind, entry["slug"], name, gettext_noop("Fill this in."))

    def _check_references(self, entry: Entry) -> None:
        if "source" in entry and entry["source"] not in self.languages:
            message = gettext_noop(
                "should be a source of the library or of these files, not “%(given)s”"
            )
            self._add_problem("principles", entry["slug"], "source", message, given=entry["source"])
        for theme in entry["themes"]:
            if theme not in self.themes:
                message = gettext_noop(
                    "should be a theme of the library or of these files, not “%(given)s”"
                )
                self._add_problem("principles", entry["slug"], "themes", message, given=theme)

    def _check_original(self, entry: Entry) -> None:
        slug, original = entry["slug"], entry.get("original_language")
        if original is None:
            return
        if original not in entry["texts"]:
            message = gettext_noop("should have a text in the original language, %(language)s")
            self._add_problem("principles", slug, "texts", message, language=original)
        elif entry["texts"][original]["state"] == "outdated":
            message = gettext_noop(
                "should be draft, review or approved: an original is never outdated"
            )
            self._add_problem("principles", slug, f"texts.{original}.state", message)

    def _add_problem(self, kind: str, slug: str, name: str, message: str, **values: object) -> None:
        file = self.incoming.files.get((kind, slug), "")
        cell = self.incoming.cell(file, slug, name)
        self.problems.append(Problem(file, label(kind, slug), name, message, values, *cell))


def _asked(me: Curator, given: Entry, new: Entry) -> Transition:
    """The transition that asks for approval of the texts that a file calls more than drafts."""
    asked = [
        language
        for language, text in given["texts"].items()
        if text.get("state", "draft") != "draft"
    ]
    if given.get("status") == "published":
        asked.append(new["original_language"])
    return Transition(me, "review", tuple(asked)) if asked else Transition(me)


def label(kind: str, slug: str) -> str:
    """The name of an entry in a Problem."""
    return f"{kind} “{slug}”"


def _differences(old: Entry, new: Entry, prefix: str = "") -> Iterable[str]:
    """The names of the fields that differ; an empty value equals a missing one."""
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, dict):
            known = before if isinstance(before, dict) else {}
            yield from _differences(known, value, f"{prefix}{name}.")
        elif (value or None) != (before or None):
            yield prefix + name


def _changes_public(old: Entry | None, new: Entry, changes: Iterable[str], was_shown: bool) -> bool:
    """Whether a change is visible to readers; pages of past editions stay visible."""
    is_draft = new["status"] == "draft" and (old is None or old["status"] == "draft")
    is_draft = is_draft and not was_shown
    shared = [name for name in changes if "." not in name and name != "notes"]
    before = old["texts"] if old else {}
    touched = {name.split(".")[1] for name in changes if "." in name}
    texts = [entry.get(code, {}) for code in touched for entry in (before, new["texts"])]
    return (bool(shared) and not is_draft) or any(t.get("state") in SHOWABLE for t in texts)
