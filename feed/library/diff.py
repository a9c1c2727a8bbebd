"""Word-by-word diff of two versions of a principle, and three-way merge of concurrent edits."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from feed.files import Entry
from feed.library.workflow import PUBLIC_FIELDS, words
from feed.model import TEXT_FIELDS
from feed.store.revisions import Revision

# Words and spaces above which SequenceMatcher ignores frequent ones (autojunk): without it, two
# long passages of the same few words in another order take half a minute.
LONG = 1000
PAGE_LENGTH = 20  # revisions on a page of the history
_WORDS = re.compile(r"\s+|[^\s]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words that is in both versions, or only in the old or the new one."""

    kind: Literal["same", "old", "new"]
    text: str


def pieces(old: str, new: str) -> list[Piece]:
    """Diff two passages word by word."""
    mine, theirs = _WORDS.findall(old), _WORDS.findall(new)
    found: list[Piece] = []
    is_long = len(mine) + len(theirs) > LONG
    for kind, a, b, c, d in SequenceMatcher(None, mine, theirs, autojunk=is_long).get_opcodes():
        if kind == "equal":
            found.append(Piece("same", "".join(mine[a:b])))
            continue
        found += [Piece("old", "".join(mine[a:b]))] if a < b else []
        found += [Piece("new", "".join(theirs[c:d]))] if c < d else []
    return found


def flat(entry: Entry) -> dict[str, str]:
    """Flatten an entry to form fields: `locator`, `sv.title`; themes separated by spaces."""
    plain = {name: entry.get(name) or "" for name in (*PUBLIC_FIELDS, "slug", "notes")}
    plain["themes"] = " ".join(entry.get("themes", ()))
    texts = {
        f"{language}.{name}": value
        for language, text in entry["texts"].items()
        for name, value in zip(TEXT_FIELDS, words(text), strict=True)
    }
    return {**plain, **texts}


def unflat(values: Mapping[str, str]) -> Entry:
    """Build an entry from form fields as `flat` names them."""
    texts: dict[str, Entry] = {}
    entry: Entry = {"texts": texts}
    for name, value in values.items():
        language, dot, part = name.rpartition(".")
        if dot:
            texts.setdefault(language, {})[part] = value
        else:
            entry[name] = value.split() if name == "themes" else value
    return entry


def changed(old: Entry | None, new: Entry) -> list[tuple[str, list[Piece]]]:
    """Diff two revisions: the names of the fields that differ, each with its word diff.

    Without `old`, all fields of `new` that are not empty.
    """
    return changed_fields(None if old is None else flat(old), flat(new))


def changed_fields(
    before: Mapping[str, str] | None, after: Mapping[str, str]
) -> list[tuple[str, list[Piece]]]:
    """The same for form fields."""
    if before is None:
        return [(name, [Piece("same", text)]) for name, text in after.items() if text]
    return [
        (name, pieces(before.get(name, ""), after.get(name, "")))
        for name in dict.fromkeys((*after, *before))
        if before.get(name, "") != after.get(name, "")
    ]


def history_page(
    history: Sequence[Revision], first: int
) -> tuple[list[tuple[Revision, list[tuple[str, list[Piece]]]]], int | None]:
    """A page of a history, newest first: revisions with their changes, and the next page's first.

    `first` is the id of the revision to begin with, 0 for the newest.
    """
    older = [*(revision.entry for revision in history[1:]), None]
    pairs = [
        (revision, before)
        for revision, before in zip(history, older, strict=bool(history))
        if not first or revision.id <= first
    ]
    page = [(revision, changed(before, revision.entry)) for revision, before in pairs[:PAGE_LENGTH]]
    return page, pairs[PAGE_LENGTH][0].id if len(pairs) > PAGE_LENGTH else None


@dataclass(frozen=True, slots=True)
class Merge:
    """The result of a three-way merge of form fields.

    `taken` names the fields taken from the other version. `clashes` has the other version's values
    of fields that both changed; for these, `values` has one's own.
    """

    values: dict[str, str]
    taken: tuple[str, ...]
    clashes: dict[str, str]


def merge(base: Mapping[str, str], mine: Mapping[str, str], theirs: Mapping[str, str]) -> Merge:
    """Merge one's own version (`mine`) with a version saved meanwhile (`theirs`)."""
    values, taken, clashes = dict(mine), [], {}
    for name in dict.fromkeys((*mine, *theirs)):
        started, own, other = (side.get(name, "") for side in (base, mine, theirs))
        if own == other or other == started:
            continue
        if own == started:
            values[name] = other
            taken.append(name)
        else:
            clashes[name] = other
    return Merge(values, tuple(taken), clashes)


def original_translated(history: Sequence[Revision], language: str) -> Entry | None:
    """The text of the original that a translation was made from; `history` is newest first.

    None where the history does not contain it.
    """
    found: Entry | None = None
    present = words(history[0].entry["texts"].get(language)) if history else ()
    for index, revision in enumerate(history):
        text = revision.entry["texts"].get(language)
        if text is None or words(text) != present:
            break
        found = revision.entry["texts"].get(revision.entry["original_language"])
        older = history[index + 1].entry["texts"].get(language) if history[index + 1 :] else None
        was = older["state"] if older else ""
        if revision.action in ("approve", "publish") and text["state"] == "approved" != was:
            break
    return found
