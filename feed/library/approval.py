"""What an approval publishes, and which translations were reviewed with an earlier original."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from feed.files import Entry
from feed.library import workflow
from feed.library.workflow import Decision, Transition, Version, WorkingCopy
from feed.store.revisions import Revision


@dataclass(frozen=True, slots=True)
class StaleTranslation:
    """A translation in review whose original has changed since, other than by minor edits.

    `original` is the text that it was reviewed with, `at` the time, `by` the name of who sent it.
    """

    language: str
    original: Entry
    at: datetime
    by: str | None


def stale_translations(
    old: WorkingCopy, made: Decision, step: Transition, history: Sequence[Revision]
) -> list[StaleTranslation]:
    """The stale translations that a transition approves; `history` is that before it.

    A translation that the transition itself changes is not stale: it was looked at.
    """
    if step.act not in ("approve", "publish") or step.pending_minor:
        return []
    original, found = made.live["original_language"], []
    for language in made.renewed:
        text = old.entry["texts"].get(language)
        is_changed = workflow.words(text) != workflow.words(made.entry["texts"][language])
        if language == original or not text or text["state"] != "review" or is_changed:
            continue
        place = _review(history, language)
        newer: list[Version] = [(made.entry, step.minor)]
        newer += [(each.entry, each.is_minor) for each in history[: place + 1]]
        then = history[place]
        known, public = then.entry["texts"].get(original), made.live["texts"].get(original)
        if workflow.words(known) != workflow.words(public) and _is_rewritten(newer, original):
            found.append(StaleTranslation(language, known or {}, then.at, then.by))
    return found


def _review(history: Sequence[Revision], language: str) -> int:
    """The index of the revision that last changed a text or sent it for review."""
    for place, (newer, older) in enumerate(pairwise(history)):
        now, was = newer.entry["texts"].get(language), older.entry["texts"].get(language)
        if was is None or now is None or workflow.words(now) != workflow.words(was):
            return place
        if now.get("state") == "review" != was.get("state"):
            return place
    return len(history) - 1


def _is_rewritten(versions: Sequence[Version], language: str) -> bool:
    """Whether a text changed, other than by minor edits, in versions that are newest first."""
    return any(
        not is_minor
        and workflow.words(newer["texts"].get(language))
        != workflow.words(older["texts"].get(language))
        for (newer, is_minor), (older, _) in pairwise(versions)
    )
