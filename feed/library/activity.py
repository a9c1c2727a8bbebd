"""E-mail people at the desk what they now have to do, and what has happened to their texts.

Nobody gets an e-mail about what they did themselves.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlite_utils import Database

from feed.files import Entry
from feed.library import workflow
from feed.library.workflow import Decision, Transition, WorkingCopy
from feed.model import SHOWABLE
from feed.model.people import Curator
from feed.store import curators, desk_events, revisions
from feed.store.desk_events import EventKind
from feed.store.library_writes import SHARED
from feed.store.revisions import Revision


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to the texts in `languages`, SHARED for the other fields.

    `recipients` are the ids of those whose texts it is about. A review is asked of every editor,
    and a translation of the translators of its language.
    """

    kind: EventKind
    languages: tuple[str, ...]
    recipients: frozenset[int] = field(default_factory=frozenset)
    quote: str = ""


def tell(
    db: Database, old: WorkingCopy | None, made: Decision, step: Transition, now: datetime
) -> None:
    """Queue e-mails about a transition, before its revision is added, within the transaction."""
    slug = made.entry["slug"]
    people = [each for each in curators.list_all(db) if each.id != step.me.id]
    codes = {code for each in people if each.role == "translator" for code in each.languages}
    is_decision = old is not None and step.act in ("approve", "decline", "publish")
    history = _without_undone(revisions.history(db, slug)) if is_decision else []
    for event in events(old, made, step, history, codes):
        for person in people:
            languages = _concerned(event, person)
            if languages is not None and person.disabled is None and person.wants_emails:
                desk_events.add(
                    db,
                    person.id,
                    event.kind,
                    now,
                    actor=step.me.id,
                    principle=slug,
                    languages=languages,
                    quote=event.quote,
                )


def events(
    old: WorkingCopy | None,
    made: Decision,
    step: Transition,
    history: Sequence[Revision],
    translated: Collection[str],
) -> list[Event]:
    """The events of a transition.

    `history` is that before it, newest first; `translated` has the languages of the translators.
    """
    before, after = _states(old) if old else {}, _states(made)
    asked = tuple(part for part, state in after.items() if state == "review" != before.get(part))
    found = [Event("review", asked)] if asked else []
    if old is not None and step.act in ("approve", "decline", "publish"):
        found += _decided(old, made, step, history)
    if step.act in ("save", "approve", "publish"):
        found += _translations(old, made, translated)
    return found


def writers(history: Sequence[Revision], part: str) -> frozenset[int]:
    """Who wrote, or sent for review, what is not approved of a text; `history` is newest first.

    `part` is a language, or SHARED.
    """
    found = set()
    for newer, older in zip(history, [*history[1:], None], strict=bool(history)):
        if newer.is_applied if part == SHARED else _state(newer, part) in (None, *SHOWABLE):
            break
        if newer.curator is not None and _has_changed(newer, older, part):
            found.add(newer.curator)
    return frozenset(found)


def _without_undone(history: Sequence[Revision]) -> list[Revision]:
    """A history, newest first, without undone actions: an undo reverses the revision before it."""
    kept, undone = [], 0
    for revision in history:
        if revision.action == "undo":
            undone += 1
        elif undone:
            undone -= 1
        else:
            kept.append(revision)
    return kept


def _decided(
    old: WorkingCopy, made: Decision, step: Transition, history: Sequence[Revision]
) -> list[Event]:
    """What an editor decided about the texts of others."""
    before, after = _states(old), _states(made)
    open_states = ("review",) if step.act == "decline" else ("draft", "review")
    parts = tuple(
        part for part, state in before.items() if state in open_states and state != after.get(part)
    )
    authors = frozenset[int]().union(*(writers(history, part) for part in parts))
    if step.act == "publish" and old.entry["status"] != "published":
        return [Event("publish", parts, authors | _contributors(history))]
    if not parts:
        return []
    if step.act == "decline":
        return [Event("decline", parts, authors, step.reason or "")]
    return [Event("approve", parts, authors)]


def _translations(
    old: WorkingCopy | None, made: Decision, translated: Collection[str]
) -> list[Event]:
    """The translations that are asked for since the original is approved, or approved anew."""
    original, texts = made.live["original_language"], made.live["texts"]
    before = old.live["texts"] if old else {}
    text, known = texts.get(original, {}), before.get(original, {})
    is_new = known.get("state") != "approved"
    if text.get("state") != "approved" or made.live["status"] == "retired":
        return []
    if original in made.minor_parts and not is_new:
        return []
    others = [code for code in translated if code != original]
    missing = tuple(code for code in others if is_new and code not in made.entry["texts"])
    outdated = tuple(
        code
        for code in others
        if code in before
        and code not in made.renewed
        and texts[code]["state"] in SHOWABLE
        and workflow.words(texts[code]) == workflow.words(before[code])
        and workflow.words(text) != workflow.words(known)
    )
    found = [Event("translate", missing)] if missing else []
    return [*found, Event("outdated", outdated)] if outdated else found


def _concerned(event: Event, person: Curator) -> tuple[str, ...] | None:
    """The languages of an event that concern a person; None if it does not."""
    if event.kind in ("translate", "outdated"):
        mine = tuple(code for code in event.languages if code in person.languages)
        return mine if mine and person.role == "translator" else None
    is_told = person.may("editor") if event.kind == "review" else person.id in event.recipients
    return event.languages if is_told else None


def _contributors(history: Iterable[Revision]) -> frozenset[int]:
    """Who wrote or sent something of the principle since it was last on the site."""
    found = set()
    for revision in history:
        if revision.entry["status"] == "published":
            break
        if revision.curator is not None and revision.action in ("save", "restore", "review"):
            found.add(revision.curator)
    return frozenset(found)


def _states(copy: WorkingCopy | Decision) -> dict[str, str]:
    """The states by language; that of the other fields is `review` while a change is pending."""
    states = {language: text["state"] for language, text in copy.entry["texts"].items()}
    is_pending = workflow.fields(copy.entry) != workflow.fields(copy.live)
    return {**states, SHARED: "review" if is_pending else "approved"}


def _state(revision: Revision, language: str) -> str | None:
    text: Entry | None = revision.entry["texts"].get(language)
    return text.get("state") if text else None


def _has_changed(newer: Revision, older: Revision | None, part: str) -> bool:
    """Whether a revision changed a text or the other fields, or sent them for review."""
    if older is None:
        return True
    if part == SHARED:
        return workflow.fields(newer.entry) != workflow.fields(older.entry)
    was, now = older.entry["texts"].get(part), newer.entry["texts"].get(part)
    was_sent = _state(newer, part) == "review" != _state(older, part)
    return was_sent or workflow.words(was) != workflow.words(now)
