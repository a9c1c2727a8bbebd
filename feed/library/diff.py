"""Two versions beside each other: what changed word by word, and what of both can be kept."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from feed.files import Entry
from feed.library.workflow import PUBLIC_FIELDS, words
from feed.model import TEXT_FIELDS
from feed.store.revisions import Revision

# Words and spaces from which on frequent ones are no landmarks: else two long passages that say
# the same few words in another order take half a minute.
LONG = 1000
_WORDS = re.compile(r"\s+|[^\s]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words that both versions have, or only the old or the new one."""

    kind: Literal["same", "old", "new"]
    text: str


def pieces(old: str, new: str) -> list[Piece]:
    """The difference of two passages, word by word."""
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
    """An entry as the fields of a form: `locator`, `sv.title`; themes with blanks between."""
    plain = {name: entry.get(name) or "" for name in (*PUBLIC_FIELDS, "slug", "notes")}
    plain["themes"] = " ".join(entry.get("themes", ()))
    texts = {
        f"{language}.{name}": value
        for language, text in entry["texts"].items()
        for name, value in zip(TEXT_FIELDS, words(text), strict=True)
    }
    return {**plain, **texts}


def unflat(values: Mapping[str, str]) -> Entry:
    """The fields of a form as an entry."""
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
    """What differs between two steps: each field, with the difference word by word.

    Without an old one it is what the new one has.
    """
    after = flat(new)
    if old is None:
        return [(name, [Piece("same", text)]) for name, text in after.items() if text]
    before = flat(old)
    return [
        (name, pieces(before.get(name, ""), after.get(name, "")))
        for name in dict.fromkeys((*after, *before))
        if before.get(name, "") != after.get(name, "")
    ]


@dataclass(frozen=True, slots=True)
class Merge:
    """What two people made of the same fields: what only one changed is taken from them.

    `clashes` has what the other one wrote where both did; there `values` has one's own.
    """

    values: dict[str, str]
    taken: tuple[str, ...]
    clashes: dict[str, str]


def merge(base: Mapping[str, str], mine: Mapping[str, str], theirs: Mapping[str, str]) -> Merge:
    """Bring one's own version together with what somebody else saved meanwhile."""
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


def original_then(history: Sequence[Revision], language: str) -> Entry | None:
    """The original as it was when a translation was made from it; `history` is newest first.

    None where the history does not tell.
    """
    found: Entry | None = None
    now = words(history[0].entry["texts"].get(language)) if history else ()
    for place, step in enumerate(history):
        text = step.entry["texts"].get(language)
        if text is None or words(text) != now:
            break
        found = step.entry["texts"].get(step.entry["original_language"])
        older = history[place + 1].entry["texts"].get(language) if history[place + 1 :] else None
        was = older["state"] if older else ""
        if step.action in ("approve", "publish") and text["state"] == "approved" != was:
            break
    return found
