"""Saving principles at the desk: every save is a revision, and the library has what is public.

Changes that need an editor's approval are pending: in the newest revision, not in the library.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from feed import files
from feed.errors import (
    ConflictError,
    FormError,
    InputError,
    NotFoundError,
    UnconfirmedError,
    gettext_noop,
)
from feed.files import Entry
from feed.files.models import PrincipleEntry, PrincipleEntryText
from feed.library import activity, approval, vocabulary, vocabulary_merge, workflow
from feed.library.approval import StaleTranslation
from feed.library.form_values import checked
from feed.library.workflow import Decision, Transition, WorkingCopy
from feed.model import SHOWABLE, TEXT_FIELDS
from feed.model.slugs import slugify, unused
from feed.store import ledger, library, library_writes, revisions
from feed.store.connection import transaction

LONGEST_REASON = 500
_DEFAULTS = {"kind": "principle", "source": "", "themes": [], "original_language": ""}
_CONFLICT = gettext_noop("Someone else has saved “%(slug)s” since you opened it.")


@dataclass(frozen=True, slots=True)
class Saved:
    """The result of a save: the newest revision, and whether it awaits approval."""

    slug: str
    revision: int
    waiting: bool


def working(db: Database, slug: str) -> WorkingCopy:
    """The working copy of a principle. Raises NotFoundError."""
    newest = revisions.newest(db, slug)  # first: a save between the reads is noticed by its id
    found = library.principle(db, slug)
    if found is None:
        raise NotFoundError(gettext_noop("There is no principle “%(slug)s”."), slug=slug)
    live = files.entry_of(found)
    if newest is None or newest.is_applied:
        return WorkingCopy(live, newest.id if newest else 0, live, ((live, False),))
    texts = {
        language: _as_live(text, live["texts"].get(language))
        for language, text in newest.entry["texts"].items()
    }
    versions = tuple((step.entry, step.is_minor) for step in revisions.history(db, slug))
    return WorkingCopy({**newest.entry, "texts": texts}, newest.id, live, versions)


def save(
    db: Database,
    step: Transition,
    entry: Entry,
    old: WorkingCopy | None,
    now: datetime,
    *,
    base: int | None = None,
    source: Entry | None = None,
    form: str | None = None,
) -> Saved:
    """Save a principle, and apply a transition to its texts.

    `entry` is complete but for states, which the workflow decides; texts that it omits stay. `old`
    is the working copy, and `base` the revision that `entry` was edited from, that of `old` unless
    given. A new principle has no `old`; its slug is made from its title unless given. `source` is a
    new source to add with it. `form` identifies the form of a new principle: submitted again, it
    updates the same principle. Saving equal content adds no revision. Raises FormError,
    ForbiddenError, NotFoundError, and ConflictError where `base` is not the newest revision; then
    changes nothing.
    """
    with transaction(db):
        if old is None and form and (first := revisions.by_form(db, form)):
            old, base = working(db, first.principle), first.id
        elif old is not None:
            base = old.revision if base is None else base
            old = _current(db, old)
        if old is not None:
            entry = {**entry, "slug": old.entry["slug"]}
        errors: dict[str, InputError] = {}
        if source is not None:
            entry = {**entry, "source": vocabulary.add_source(db, step.me, source, errors, now)}
        entry = vocabulary_merge.current(db, entry)
        entry = _checked(db, entry, old, errors, step)
        if errors:
            raise FormError(errors)
        return _write(db, entry, old, base, step, now, form)


def act(
    db: Database, step: Transition, slug: str, now: datetime, *, base: int | None = None
) -> Saved:
    """Apply a transition to a principle as it was saved last, in revision `base` if given.

    `step.act` is review, approve, decline (needs a reason), publish, retire or draft (the last two
    of the whole principle). Raises FormError, ForbiddenError, NotFoundError, ConflictError where
    `base` is not the newest revision, and UnconfirmedError.
    """
    with transaction(db):
        old = working(db, slug)
        entry = old.entry
        if step.act == "decline":
            step = replace(step, reason=_reason(step.reason or ""))
            entry = {**entry, **(workflow.fields(old.live) if step.languages is None else {})}
        return _write(db, entry, old, old.revision if base is None else base, step, now)


def preview(db: Database, step: Transition, slug: str) -> tuple[Decision, list[StaleTranslation]]:
    """The result of a transition of a principle as it was saved last, without writing it."""
    old = working(db, slug)
    made = workflow.decide(old, old.entry, step, was_shown=ledger.was_shown(db, slug))
    return made, _stale_translations(db, old, made, step)


def _stale_translations(
    db: Database, old: WorkingCopy, made: Decision, step: Transition
) -> list[StaleTranslation]:
    """As in `approval`; the history is read only where a translation is approved."""
    if not set(made.renewed) - {made.live["original_language"]}:
        return []
    slug = made.entry["slug"]
    return approval.stale_translations(old, made, step, revisions.history(db, slug))


def _current(db: Database, old: WorkingCopy) -> WorkingCopy:
    """The working copy, loaded again only if there is a newer revision."""
    slug = old.entry["slug"]
    return old if revisions.newest_id(db, slug) == old.revision else working(db, slug)


def _write(
    db: Database,
    entry: Entry,
    old: WorkingCopy | None,
    base: int | None,
    step: Transition,
    now: datetime,
    form: str | None = None,
) -> Saved:
    """Decide the result of a transition, and write it unless nothing changes."""
    slug = entry["slug"]
    was_shown = old is not None and ledger.was_shown(db, slug)
    made = workflow.decide(old, entry, step, was_shown=was_shown)
    live_stays = old is not None and workflow.is_same(made.live, old.live)
    if old and live_stays and workflow.is_same(old.entry, made.entry):
        return Saved(slug, old.revision, old.waiting)
    if old is not None and base != old.revision:
        raise ConflictError(_CONFLICT, slug=slug)
    if old and not step.confirmed and _stale_translations(db, old, made, step):
        raise UnconfirmedError
    if wrong := check(db, made.entry, step):
        raise FormError(wrong)
    if not live_stays:
        library_writes.put_principle(
            db,
            made.live,
            old.live if old else None,
            now,
            minor_parts=made.minor_parts,
            renewed=made.renewed,
        )
    activity.tell(db, old, made, step, now)
    number = revisions.add(
        db,
        made.entry,
        now,
        origin="desk",
        curator=step.me.id,
        action=step.act,
        applied=workflow.is_same(made.live, made.entry),
        typo=step.minor,
        reason=step.reason,
        form=form if old is None else None,
    )
    return Saved(slug, number, made.waiting)


def _as_live(text: Entry, live: Entry | None) -> Entry:
    """A text of a pending revision; the same text in the library may have become outdated."""
    if live and text["state"] in SHOWABLE and workflow.words(text) == workflow.words(live):
        return {**text, "state": live["state"]}
    return text


def _checked(
    db: Database,
    entry: Entry,
    old: WorkingCopy | None,
    errors: dict[str, InputError],
    step: Transition,
) -> Entry:
    """Validate the submitted entry; errors go into `errors`, by field."""
    fields = {name: entry[name] for name in PrincipleEntry.__annotations__ if name in entry}
    given = {**_DEFAULTS, **fields}
    given["status"] = "draft"  # the desk decides
    original = given["original_language"]
    title = entry.get("texts", {}).get(original, {}).get("title", "")
    given["slug"] = entry.get("slug") or unused_slug(db, title)
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
            gettext_noop("There is already a principle “%(slug)s”."), slug=given["slug"]
        )
    before = entry if step.act == "restore" else old.entry if old else {}
    errors |= vocabulary.unusable(db, given["source"], typed.get("themes", []), before, errors)
    return typed


def check(
    db: Database, entry: Entry, step: Transition, more_sources: Mapping[str, Entry] | None = None
) -> dict[str, InputError]:
    """What a principle lacks for a transition, by field; its source may be in `more_sources`."""
    return workflow.incomplete(entry) | _uncredited(db, entry, step, more_sources or {})


def _uncredited(
    db: Database, entry: Entry, step: Transition, more_sources: Mapping[str, Entry]
) -> dict[str, InputError]:
    """The error of a quote without author, year or rights: it must stay a draft."""
    if entry["kind"] != "quote" or step.act not in ("review", "approve", "publish"):
        return {}
    known = library.sources(db, [entry["source"]]).get(entry["source"])
    source = {**(files.entry_of(known) if known else {}), **more_sources.get(entry["source"], {})}
    rights = any(text.get("rights") for text in source["texts"].values())
    if source.get("author") and source.get("year") and rights:
        return {}
    return {"source": InputError(workflow.UNCREDITED, title=source["title"])}


def _reason(typed: str) -> str:
    reason = " ".join(typed.split())
    if not reason or not reason.isprintable():
        raise FormError(
            {"reason": InputError(gettext_noop("Say why, so that they know what to change."))}
        )
    if len(reason) > LONGEST_REASON:
        message = gettext_noop("should have at most %(most)s characters, not %(count)s")
        error = InputError(message, most=LONGEST_REASON, count=len(reason))
        raise FormError({"reason": error})
    return reason


def unused_slug(db: Database, title: str) -> str:
    """An unused slug for a principle of that title."""
    start = slugify(title) or "principle"
    return unused(start, lambda made: library.principle(db, made) is not None)
