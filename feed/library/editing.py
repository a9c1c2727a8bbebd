"""Saving principles at the desk: every save is a revision, and the library has what is public.

Changes that need an editor's approval are pending: in the newest revision, not in the library.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlite_utils import Database

from feed import files
from feed.errors import ConflictError, FormError, InputError, NotFoundError, gettext_noop
from feed.files import Entry
from feed.files.models import (
    PrincipleEntry,
    PrincipleEntryText,
    SourceEntry,
    SourceEntryText,
    validated,
)
from feed.library import slugs, workflow
from feed.library.workflow import Act, Transition, Version
from feed.model import SHOWABLE, TEXT_FIELDS, Source
from feed.model.people import Curator
from feed.store import ledger, library, library_writes, revisions
from feed.store.connection import transaction

LONGEST_REASON = 500
_DEFAULTS = {"kind": "principle", "source": "", "themes": [], "original_language": ""}
_CONFLICT = gettext_noop("Somebody else has saved “%(slug)s” since you opened it.")


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """The working copy of a principle: its newest revision, public or not.

    `revision` is the id of that revision. `waiting` is true where it awaits approval. `live` is the
    principle as the library has it. `pending_minor` tells whether the pending changes of the
    original are all minor, None without any. `versions` are this one and older ones, newest first.
    """

    entry: Entry
    revision: int
    waiting: bool
    live: Entry | None
    pending_minor: bool | None = None
    versions: tuple[Version, ...] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    """The result of a save: the newest revision, and whether it awaits approval."""

    slug: str
    revision: int
    waiting: bool


def working(db: Database, slug: str) -> WorkingCopy:
    """The working copy of a principle. Raises NotFoundError."""
    found = _working(db, slug)
    if found is None:
        raise NotFoundError(gettext_noop("There is no principle “%(slug)s”."), slug=slug)
    return found


def save(
    db: Database,
    me: Curator,
    entry: Entry,
    base: int | None,
    now: datetime,
    *,
    act: str = "save",
    languages: tuple[str, ...] | None = None,
    minor: bool = False,
    pending_minor: bool | None = None,
    source: Entry | None = None,
    form: str | None = None,
) -> Saved:
    """Save a principle, and apply `act` to its texts in `languages` (None: to all it applies to).

    `entry` is complete but for states, which the workflow decides; texts that it omits stay. `base`
    is the revision it was edited from, None for a new principle, whose slug is made from its title
    unless given. `source` is a new source to add with it. `form` identifies the form of a new
    principle: submitted again, it updates the same principle. Saving equal content adds no
    revision. Raises FormError, ForbiddenError, NotFoundError, and ConflictError where `base` is not
    the newest revision; then changes nothing.
    """
    step = Transition(me, cast(Act, act), languages, minor, pending_minor)
    with transaction(db):
        first = revisions.by_form(db, form) if form and base is None else None
        if first is not None:
            entry, base = {**entry, "slug": first.principle}, first.id
        old = None if base is None else working(db, entry["slug"])
        errors: dict[str, InputError] = {}
        if source is not None:
            entry = {**entry, "source": _source(db, source, errors, now)}
        typed = _checked(db, entry, old, errors)
        if errors:
            raise FormError(errors)
        return _take(db, typed, old, base, step, now, form)


def act(
    db: Database,
    me: Curator,
    slug: str,
    act: str,
    now: datetime,
    *,
    languages: tuple[str, ...] | None = None,
    reason: str = "",
) -> Saved:
    """Apply a workflow transition to a principle, or to its texts in `languages`.

    `act` is review, approve, decline (needs a reason), publish, retire or draft (the last two of
    the whole principle). Raises FormError, ForbiddenError and NotFoundError.
    """
    step = Transition(me, cast(Act, act), languages)
    with transaction(db):
        old = working(db, slug)
        checked_reason = _reason(reason) if act == "decline" else None
        entry = old.entry
        if act == "decline" and old.live is not None and languages is None:
            entry = {**entry, **workflow.fields(old.live)}
        return _take(db, entry, old, old.revision, step, now, None, checked_reason)


def _take(
    db: Database,
    entry: Entry,
    old: WorkingCopy | None,
    base: int | None,
    step: Transition,
    now: datetime,
    form: str | None,
    reason: str | None = None,
) -> Saved:
    """Decide the result of a transition, and write it unless nothing changes."""
    before, live = (old.entry, old.live) if old else (None, None)
    workflow.forbid(step, before, entry)
    target = workflow.decided(before, live, entry, step)
    was_shown = live is not None and ledger.was_shown(db, target["slug"])
    part = workflow.live_part(before, live, target, step, was_shown=was_shown)
    if old and live and workflow.is_same(old.entry, target) and workflow.is_same(part, live):
        return Saved(target["slug"], old.revision, old.waiting)
    if old is not None and base != old.revision:
        raise ConflictError(_CONFLICT, slug=target["slug"])
    wrong = workflow.incomplete(target) | _uncredited(db, target, step)
    if wrong:
        raise FormError(wrong)
    return _write(db, target, part, old, step, now, form, reason)


def _write(
    db: Database,
    target: Entry,
    part: Entry,
    old: WorkingCopy | None,
    step: Transition,
    now: datetime,
    form: str | None,
    reason: str | None,
) -> Saved:
    before, live = (old.entry, old.live) if old else (None, None)
    if live is None or not workflow.is_same(part, live):
        minor = _minor_parts(target, old, step) if old else ()
        renewed = workflow.renewed(before, part, step)
        library_writes.put_principle(db, part, live, now, minor_parts=minor, renewed=renewed)
    number = revisions.add(
        db,
        target,
        now,
        origin="desk",
        curator=step.me.id,
        action=step.act,
        applied=workflow.is_same(part, target),
        typo=step.minor,
        reason=reason,
        form=form if old is None else None,
    )
    return Saved(target["slug"], number, _waits(target, part))


def _working(db: Database, slug: str) -> WorkingCopy | None:
    found = library.principle(db, slug)
    if found is None:
        return None
    live, newest = files.entry_of(found), revisions.newest(db, slug)
    if newest is None or newest.is_applied:
        number = newest.id if newest else 0
        return WorkingCopy(live, number, _waits(live, live), live, versions=((live, False),))
    texts = {
        language: _as_live(text, live["texts"].get(language))
        for language, text in newest.entry["texts"].items()
    }
    entry = {**newest.entry, "texts": texts}
    versions = tuple((step.entry, step.is_minor) for step in revisions.history(db, slug))
    minor = workflow.pending_is_minor(versions, live)
    return WorkingCopy(entry, newest.id, _waits(entry, live), live, minor, versions)


def _as_live(text: Entry, live: Entry | None) -> Entry:
    """A text of a pending revision; the same text in the library may have become outdated."""
    same = live is not None and workflow.words(text) == workflow.words(live)
    return {**text, "state": live["state"]} if live and same and _shows(text) else text


def _shows(text: Entry) -> bool:
    return text["state"] in SHOWABLE


def _waits(target: Entry, part: Entry) -> bool:
    """Whether an entry awaits an editor's approval."""
    asked = any(text["state"] == "review" for text in target["texts"].values())
    return asked or workflow.fields(target) != workflow.fields(part)


def _minor_parts(target: Entry, old: WorkingCopy, step: Transition) -> Collection[str]:
    """The parts whose changes, public from now on, are all minor."""
    override = step.pending_minor
    before = [(entry, minor if override is None else override) for entry, minor in old.versions]
    return workflow.minor_parts([(target, step.minor), *before], old.live) if old.live else ()


def _checked(
    db: Database, entry: Entry, old: WorkingCopy | None, errors: dict[str, InputError]
) -> Entry:
    """Validate the submitted entry; errors go into `errors`, by field."""
    fields = {name: entry[name] for name in PrincipleEntry.__annotations__ if name in entry}
    given = {**_DEFAULTS, **fields}
    given["status"] = "draft"  # the desk decides
    original = given["original_language"]
    title = entry.get("texts", {}).get(original, {}).get("title", "")
    given["slug"] = entry.get("slug") or slugs.unused(db, title)
    typed = {"texts": {}, **checked(given, PrincipleEntry, "", errors)}
    errors.pop("source", None)  # looked up below
    for language, text in {original: {}, **entry["texts"]}.items():
        is_needed = language == original
        parts = {name: text.get(name, "") for name in TEXT_FIELDS}
        filled = {name: value for name, value in parts.items() if value or is_needed}
        if filled or (old and language in old.entry["texts"]):
            typed["texts"][language] = checked(filled, PrincipleEntryText, f"{language}.", errors)
    if old is None and library.principle(db, given["slug"]) is not None:
        errors["slug"] = InputError(
            gettext_noop("There is a principle “%(slug)s” already."), slug=given["slug"]
        )
    known = library.themes(db)
    if unknown := [theme for theme in typed.get("themes", []) if theme not in known]:
        errors["themes"] = InputError(
            gettext_noop("There is no theme “%(slug)s”."), slug=unknown[0]
        )
    if not any(name.startswith("source_") for name in errors) and not library.sources(
        db, [given["source"]]
    ):
        errors["source"] = InputError(gettext_noop("Choose a source, or add a new one."))
    return typed


def checked(
    given: Mapping[str, object], model: type, prefix: str, errors: dict[str, InputError]
) -> Entry:
    """The valid values, cleaned; errors of the others go into `errors`."""
    clean, wrong = validated(model, given)
    for name, error in wrong.items():
        errors[prefix + name] = InputError(error.message, **error.values)
    return clean


def _source(db: Database, given: Entry, errors: dict[str, InputError], now: datetime) -> str:
    """Find a source of that title, author and year, or add one; returns its slug."""
    wrong: dict[str, InputError] = {}
    parts = {name: given[name] for name in SourceEntry.__annotations__ if given.get(name)}
    clean = checked({"title": "", "language": "", **parts}, SourceEntry, "", wrong)
    rights = checked({"rights": given.get("rights", "")}, SourceEntryText, "", wrong)
    errors |= {f"source_{name}": error for name, error in wrong.items()}
    if wrong:
        return ""
    for known in library.sources(db).values():
        if all(getattr(known, n) == clean.get(n) for n in ("title", "author", "year")):
            return known.slug
    clean["slug"] = slugs.unused_source(db, clean["title"])
    library_writes.put_source(db, {**clean, "texts": {clean["language"]: rights}}, now)
    return str(clean["slug"])


def _uncredited(db: Database, entry: Entry, step: Transition) -> dict[str, InputError]:
    """The error of a quote without author, year or rights: it must stay a draft."""
    if entry["kind"] != "quote" or step.act not in ("review", "approve", "publish"):
        return {}
    source = library.sources(db, [entry["source"]])[entry["source"]]
    if source.author and source.year and _has_rights(source):
        return {}
    message = gettext_noop(
        "A quote needs an author, a year and a note on the right to use it: “%(title)s” lacks some."
    )
    return {"source": InputError(message, title=source.title)}


def _has_rights(source: Source) -> bool:
    return any(text.rights for text in source.texts.values())


def _reason(typed: str) -> str:
    reason = " ".join(typed.split())
    if not reason or not reason.isprintable():
        raise FormError(
            {"reason": InputError(gettext_noop("Say why, so that they know what to change."))}
        )
    if len(reason) > LONGEST_REASON:
        message = gettext_noop("expected at most %(most)s characters, not %(count)s")
        error = InputError(message, most=LONGEST_REASON, count=len(reason))
        raise FormError({"reason": error})
    return reason
