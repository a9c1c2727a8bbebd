"""The e-mail to a person at the desk about what happened there within ten minutes.

Its text is made when it is sent, and leaves out what is no longer asked of the person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from feed.errors import gettext_noop
from feed.i18n import Translator
from feed.library import editing, workflow
from feed.library.workflow import WorkingCopy
from feed.model import SHOWABLE
from feed.model.people import Curator
from feed.store import desk_events, ledger
from feed.store.desk_events import DeskEvent, EventKind
from feed.store.library_writes import SHARED

MAX_ITEMS = 20  # in one e-mail; the desk shows them all
MAX_EXAMINED = 200  # events that are read: an import can ask for thousands of reviews
# The most pressing kinds first: the order in an e-mail.
_ORDER: tuple[EventKind, ...] = (
    *("decline", "review", "translate", "outdated", "comment", "publish", "approve"),
)
_SUBJECTS: dict[EventKind, str] = {
    "review": gettext_noop("To review: “%(title)s”"),
    "translate": gettext_noop("To translate: “%(title)s”"),
    "outdated": gettext_noop("Translation to update: “%(title)s”"),
    "approve": gettext_noop("Approved: “%(title)s”"),
    "decline": gettext_noop("Sent back: “%(title)s”"),
    "publish": gettext_noop("Published: “%(title)s”"),
    "comment": gettext_noop("New comment on “%(title)s”"),
}
_SENTENCES: dict[EventKind, str] = {
    "review": gettext_noop("%(name)s asks you to review “%(title)s” (%(parts)s)."),
    "translate": gettext_noop("“%(title)s” is approved: please translate it into %(parts)s."),
    "outdated": gettext_noop(
        "The original of “%(title)s” has changed: please check the translation into %(parts)s."
    ),
    "approve": gettext_noop("%(name)s approved “%(title)s” (%(parts)s)."),
    "decline": gettext_noop("%(name)s sent back “%(title)s” (%(parts)s), because:"),
    "publish": gettext_noop("%(name)s published “%(title)s”."),
    "comment": gettext_noop("%(name)s commented on “%(title)s” (%(parts)s):"),
}
_ABOUT_WHOLE = gettext_noop("%(name)s commented on “%(title)s”:")
_FIELDS = gettext_noop("details")
_UNCHANGED = gettext_noop("Until it is approved, readers see what they saw before.")
_NOT_YET = gettext_noop("Readers don’t see it yet.")
_SHOWN = gettext_noop("Readers see it now.")
_GONE = gettext_noop("It has been taken off the site since.")
_KEPT = gettext_noop("The text is saved as a draft, for you to change and send again.")


_PAGES: dict[EventKind, str] = {"review": "review", "comment": "#conversation"}


@dataclass(frozen=True, slots=True)
class ActivityItem:
    """One thing that happened: a sentence, a quoted text, what readers see, and a path."""

    kind: EventKind
    title: str
    sentence: str
    quote: str
    note: str
    path: str


def values(db: Database, notice: int, person: Curator, t: Translator) -> dict[str, object] | None:
    """The values of the e-mail's templates, the most pressing items first; None if none is left."""
    events = dict.fromkeys(desk_events.of_notice(db, notice) if person.wants_emails else [])
    ordered = sorted(events, key=lambda each: _ORDER.index(each.kind))
    found = _items(db, ordered[:MAX_EXAMINED], person, t)
    if not found:
        return None
    number = len(found) + len(ordered[MAX_EXAMINED:])
    items = found[:MAX_ITEMS]
    return {"about": _subject(items[0], number, t), "items": items, "more": number - len(items)}


def _items(
    db: Database, events: Sequence[DeskEvent], person: Curator, t: Translator
) -> list[ActivityItem]:
    found = []
    for event in events:
        copy = editing.working(db, event.principle or "")
        if _still_applies(event, copy, person):
            was_shown = ledger.was_shown(db, copy.entry["slug"])
            found.append(_item(event, copy, t, is_public=copy.is_public or was_shown))
    return found


def _subject(first: ActivityItem, number: int, t: Translator) -> str:
    """The subject of an e-mail: its first item, and the number of the others."""
    subject = t.gettext(_SUBJECTS[first.kind], title=first.title)
    if number == 1:
        return subject
    more = t.ngettext("%(first)s, and %(num)s more", "%(first)s, and %(num)s more", number - 1)
    return more % {"first": subject, "num": number - 1}


def _still_applies(event: DeskEvent, copy: WorkingCopy, person: Curator) -> bool:
    """Whether an event still belongs in the e-mail: what was asked may be done by now."""
    texts = copy.entry["texts"]
    states = {part: texts[part]["state"] if part in texts else None for part in event.languages}
    if event.kind == "review":
        is_waiting = "review" in states.values() or (SHARED in states and copy.fields_wait)
        return person.may("editor") and is_waiting
    if event.kind == "decline":  # until it is sent again, or the decision undone
        return "draft" in states.values() or (SHARED in states and not copy.fields_wait)
    if event.kind in ("approve", "publish") and states:  # unless it has been undone
        is_approved = any(state in SHOWABLE for state in states.values())
        return is_approved or (SHARED in states and not copy.fields_wait)
    if event.kind == "translate":
        original = copy.live["texts"].get(copy.entry["original_language"], {})
        return None in states.values() and original.get("state") in SHOWABLE
    return event.kind != "outdated" or "outdated" in states.values()


def _item(event: DeskEvent, copy: WorkingCopy, t: Translator, *, is_public: bool) -> ActivityItem:
    texts, slug = copy.entry["texts"], copy.entry["slug"]
    title = workflow.words(texts.get(t.language))[0]
    title = title or texts[copy.entry["original_language"]]["title"]
    parts = [t.language_name(part) if part else t.gettext(_FIELDS) for part in event.languages]
    is_about_whole = event.kind == "comment" and event.languages == (SHARED,)
    sentence = t.gettext(
        _ABOUT_WHOLE if is_about_whole else _SENTENCES[event.kind],
        name=event.actor,
        title=title,
        parts=t.listed(parts),
    )
    note = _note(event, copy.live["status"], is_public=is_public)
    path = f"/desk/principles/{slug}/{_PAGES.get(event.kind, '')}"
    return ActivityItem(event.kind, title, sentence, event.quote, note and t.gettext(note), path)


def _note(event: DeskEvent, status: str, *, is_public: bool) -> str:
    """What readers see now, or what became of the text, as a message id; empty for nothing."""
    if event.kind == "review":
        return _UNCHANGED if is_public else _NOT_YET
    if event.kind == "decline":
        return _KEPT if event.languages != (SHARED,) else ""
    if event.kind == "publish":
        return _GONE if status == "draft" else _SHOWN
    if event.kind == "approve":
        return _SHOWN if is_public else _NOT_YET
    return ""
