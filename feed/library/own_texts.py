"""A person's own texts that are not approved: drafts, sent back, or waiting for an editor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database

from feed.library import activity, editing, workflow
from feed.model.people import Curator
from feed.store import open_texts, revisions
from feed.store.library_writes import SHARED
from feed.store.revisions import Revision

Stage = Literal["sent back", "draft", "review"]
STAGES: tuple[Stage, ...] = ("sent back", "draft", "review")
MAX_PRINCIPLES = 30


@dataclass(frozen=True, slots=True)
class OwnText:
    """The texts of a principle at one stage, by language, SHARED for its other fields.

    `title` is in `language`. Where they were sent back, `by` and `reason` say by whom and why.
    """

    slug: str
    title: str
    language: str
    stage: Stage
    parts: tuple[str, ...]
    by: str | None = None
    reason: str = ""


def of_person(db: Database, me: Curator, shown: str) -> list[OwnText]:
    """Their texts by stage, sent back first, each stage with the last saved first.

    Of at most MAX_PRINCIPLES principles; titles are in the language `shown` where there is one.
    """
    found = []
    for slug in open_texts.slugs_of(db, me.id)[:MAX_PRINCIPLES]:
        found += _of_principle(db, me, slug, shown)
    return sorted(found, key=lambda each: STAGES.index(each.stage))


def _of_principle(db: Database, me: Curator, slug: str, shown: str) -> list[OwnText]:
    copy, history = editing.working(db, slug), revisions.history(db, slug)
    texts = copy.entry["texts"]
    language = shown if any(workflow.words(texts.get(shown))) else copy.entry["original_language"]
    states = {code: str(text["state"]) for code, text in texts.items() if any(workflow.words(text))}
    if copy.fields_wait:
        states[SHARED] = "review"
    stages: dict[tuple[Stage, str | None, str], list[str]] = {}
    for part, state in states.items():
        if state in ("draft", "review") and me.id in activity.writers(history, part):
            stages.setdefault(_stage(history, part, state), []).append(part)
    title = str(texts[language]["title"])
    return [
        OwnText(slug, title, language, stage, tuple(parts), by, reason)
        for (stage, by, reason), parts in stages.items()
    ]


def _stage(history: Sequence[Revision], part: str, state: str) -> tuple[Stage, str | None, str]:
    """The stage of a text in a state, and who sent it back, and why."""
    if state == "review":
        return "review", None, ""
    for revision in history:
        if revision.entry["texts"].get(part, {}).get("state") != "draft":
            break
        if revision.action == "decline":
            return "sent back", revision.by, revision.reason or ""
    return "draft", None, ""
