"""The editorial workflow, draft to published, as pure functions.

They decide the states of a principle's texts after a transition, and which part of it is public at
once. Entries have the shape of the exchange format.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from feed.errors import ForbiddenError, InputError, gettext_noop
from feed.files import Entry
from feed.model import NEEDED_FIELDS, SHOWABLE, TEXT_FIELDS
from feed.model.people import Curator
from feed.store.library_writes import SHARED

Act = Literal["save", "restore", "review", "approve", "decline", "publish", "retire", "draft"]
Version = tuple[Entry, bool]  # a revision, and whether it is a minor edit
PUBLIC_FIELDS = ("kind", "source", "locator", "themes", "original_language")
UNCREDITED = gettext_noop(
    "A quote needs an author, a year and a note on the right to use it: “%(title)s” lacks some."
)
_STATUS = {"publish": "published", "retire": "retired", "draft": "draft"}
_FOR_EDITORS = ("approve", "decline", "publish", "retire", "draft")


@dataclass(frozen=True, slots=True)
class Transition:
    """An action of a person on a principle, with the reason for it, if any.

    `languages` are the texts it applies to, None for all that it fits. With `minor`, its changes
    leave translations current; `pending_minor` sets the same for changes that were pending, None
    leaves their own flags. `confirmed` approves translations whose original has changed since
    their review.
    """

    me: Curator
    act: Act = "save"
    languages: tuple[str, ...] | None = None
    minor: bool = False
    pending_minor: bool | None = None
    reason: str | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """The working copy of a principle: its newest revision, public or not.

    `revision` is the id of that revision, 0 without any. `live` is the principle as the library has
    it. `versions` are this one and older ones, newest first.
    """

    entry: Entry
    revision: int
    live: Entry
    versions: tuple[Version, ...]

    @property
    def waiting(self) -> bool:
        """Whether it awaits an editor's approval."""
        return Decision(self.entry, self.live).waiting

    @property
    def fields_wait(self) -> bool:
        """Whether a change of the fields that are not texts awaits an editor's approval."""
        return fields(self.entry) != fields(self.live)

    @property
    def is_public(self) -> bool:
        """Whether it has a page on the site."""
        return bool(self.live["status"] != "draft")

    @property
    def pending_minor(self) -> bool | None:
        """Whether the pending changes of the original are all minor; None without such changes."""
        original = self.live["original_language"]
        if _content(self.versions[0][0], original) == _content(self.live, original):
            return None
        return original in minor_parts(self.versions, self.live)


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of a transition: the new working copy, and the part of it that is public at once.

    `minor_parts` are the parts whose public changes are all minor, `renewed` the languages of
    translations just approved, which are current with the original as it is.
    """

    entry: Entry
    live: Entry
    minor_parts: Collection[str] = ()
    renewed: Collection[str] = ()

    @property
    def waiting(self) -> bool:
        """Whether the working copy awaits an editor's approval."""
        asked = any(text["state"] == "review" for text in self.entry["texts"].values())
        return asked or fields(self.entry) != fields(self.live)


def decide(
    old: WorkingCopy | None, new: Entry, step: Transition, *, was_shown: bool = False
) -> Decision:
    """Decide the result of a transition from `old` to the content of `new`.

    A principle that `was_shown` has editions: readers see it even while it is a draft. Raises
    ForbiddenError where the person's role does not allow the transition.
    """
    _forbid(step, old.entry if old else None, new)
    entry = _with_states(old, new, step)
    live = _live_part(old, entry, step, was_shown)
    if old is None:
        return Decision(entry, live)
    override = step.pending_minor
    before = [(entry, minor if override is None else override) for entry, minor in old.versions]
    minor = minor_parts([(entry, step.minor), *before], old.live)
    return Decision(entry, live, minor, _renewed(old.entry, live, step))


def words(text: Entry | None) -> tuple[str, ...]:
    """The parts of a text as a tuple, in the order of TEXT_FIELDS; all empty for None."""
    return tuple((text or {}).get(name, "") for name in TEXT_FIELDS)


def fields(entry: Entry) -> Entry:
    """The public fields of an entry apart from its texts, with defaults for missing ones."""
    return {name: entry.get(name, [] if name == "themes" else "") for name in PUBLIC_FIELDS}


def is_same(one: Entry, other: Entry) -> bool:
    """Whether two entries have the same content and states."""
    return _whole(one) == _whole(other)


def incomplete(entry: Entry) -> dict[str, InputError]:
    """Errors for missing parts of the original and of texts that are no longer drafts, by field."""
    missing = gettext_noop("This part is needed: write it, or leave the text a draft.")
    original = entry["original_language"]
    found: dict[str, InputError] = {}
    for language, text in entry["texts"].items():
        for name in NEEDED_FIELDS:
            needed = language == original or text["state"] != "draft"
            if needed and not text.get(name):
                found[f"{language}.{name}"] = InputError(missing)
    return found


def minor_parts(versions: Sequence[Version], live: Entry) -> frozenset[str]:
    """Languages whose pending changes are all minor edits; SHARED stands for the other fields.

    `versions` are newest first. A version counts as minor for what it changed itself, never for
    what was pending beside it.
    """
    parts = (SHARED, *versions[0][0]["texts"])
    return frozenset(part for part in parts if _is_minor(versions, live, part))


def _forbid(step: Transition, old: Entry | None, new: Entry) -> None:
    if step.act in _FOR_EDITORS and not step.me.may("editor"):
        raise ForbiddenError(gettext_noop("Only an editor can do that."))
    if step.me.may("curator"):
        return
    known = old or {"texts": {}}
    theirs = any(
        words(text) != words(known["texts"].get(language)) and not step.me.may_write(language)
        for language, text in new["texts"].items()
    )
    if old is None or theirs or _others(old) != _others(new):
        raise ForbiddenError(
            gettext_noop("A translator writes texts, each in their own languages.")
        )


def _with_states(old: WorkingCopy | None, new: Entry, step: Transition) -> Entry:
    """The new entry with its status, and with the state of each text."""
    before: dict[str, Entry] = old.entry["texts"] if old else {}
    shown: dict[str, Entry] = old.live["texts"] if old else {}
    original = new["original_language"]
    texts = {}
    for language, typed in {**before, **new["texts"]}.items():
        was = before.get(language)
        text = {**dict(zip(TEXT_FIELDS, words(typed), strict=True))}
        state = _acted(_edited(was, text, step), language, original, text, step)
        known = shown.get(language)
        if known and words(known) == words(text) and known["state"] == "approved":
            state = "approved"
        texts[language] = {**text, "state": state}
    status = _STATUS.get(step.act, old.entry["status"] if old else "draft")
    return {**new, **fields(new), "notes": new.get("notes", ""), "status": status, "texts": texts}


def _live_part(old: WorkingCopy | None, new: Entry, step: Transition, was_shown: bool) -> Entry:
    """The part that goes into the library: all but pending and unfinished parts."""
    shown: dict[str, Entry] = old.live["texts"] if old else {}
    is_public = old is not None and (old.live["status"] != "draft" or was_shown)
    texts = {}
    for language, text in new["texts"].items():
        known = shown.get(language)
        is_held = is_public and known is not None and known["state"] in SHOWABLE
        if not all(text[name] for name in NEEDED_FIELDS) or (
            is_held and text["state"] not in SHOWABLE
        ):
            if known is not None:
                texts[language] = known
            continue
        texts[language] = text
    pending = {
        name: value
        for name, value in fields(old.live if old else {}).items()
        if is_public and value != new[name] and _is_held(name, old, new, step)
    }
    return {**new, **pending, "texts": texts}


def _renewed(before: Entry, new: Entry, step: Transition) -> Collection[str]:
    known: dict[str, Entry] = before["texts"] if step.act in ("approve", "publish") else {}
    return [
        language
        for language, text in new["texts"].items()
        if known.get(language, text)["state"] != text["state"]
    ]


def _edited(was: Entry | None, text: Entry, step: Transition) -> str:
    """The state of a text after editing: only an editor changes an approved text directly."""
    if was is None:
        return "draft"
    state = str(was["state"])
    if words(was) == words(text) or state not in SHOWABLE:
        return state
    if not step.me.may("editor"):
        return "review"
    return state if step.minor else "approved"


def _acted(state: str, language: str, original: str, text: Entry, step: Transition) -> str:
    """The state of a text after the action of the transition."""
    if not any(words(text)):
        return state
    named = step.languages is not None and language in step.languages
    all_of = step.languages is None
    if step.act == "review" and step.me.may_write(language):
        usual = ("draft",) if all_of else ("draft", "outdated")
        return "review" if (named or all_of) and state in usual else state
    if step.act == "decline" and (named or all_of):
        return "draft" if state == "review" else state
    if step.act == "approve" and (named or (all_of and state == "review")):
        return "approved"
    if step.act == "publish" and all_of and (state == "review" or language == original):
        return "approved"
    return state


def _is_held(name: str, old: WorkingCopy | None, new: Entry, step: Transition) -> bool:
    """Whether a changed public field stays pending: only an editor publishes it."""
    if not step.me.may("editor"):
        return True
    whole = step.languages is None or new["original_language"] in step.languages
    if whole and step.act in ("approve", "publish"):
        return False  # a translation alone is no reason to publish what is not about it
    return old is not None and fields(old.entry)[name] == new[name]


def _others(entry: Entry) -> Entry:
    return {**fields(entry), "notes": entry.get("notes", ""), "slug": entry["slug"]}


def _whole(entry: Entry) -> Entry:
    texts = {
        language: (*words(text), text.get("state"))
        for language, text in entry["texts"].items()
        if any(words(text))
    }
    return {**_others(entry), "status": entry.get("status"), "texts": texts}


def _is_minor(versions: Sequence[Version], live: Entry, part: str) -> bool:
    public = _content(live, part)
    for (newer, minor), (older, _) in pairwise(versions):
        if _content(newer, part) == public:
            return True
        if not minor and _content(newer, part) != _content(older, part):
            return False
    return _content(versions[-1][0], part) == public


def _content(entry: Entry, part: str) -> object:
    return fields(entry) if part == SHARED else words(entry["texts"].get(part))
