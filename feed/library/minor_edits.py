"""What was only a typo: of a change that readers come to see, whether all steps to it were marked.

A mark is for what its own step changes, and for nothing that waits beside it.
"""

from collections.abc import Sequence
from itertools import pairwise

from feed.files import Entry
from feed.library.workflow import fields, words
from feed.store.library_writes import SHARED

Version = tuple[Entry, bool]  # a step, and whether what it changed was marked


def marked(versions: Sequence[Version], live: Entry) -> frozenset[str]:
    """The texts, by language, that are `live` in the newest version but for typos; SHARED for the
    rest of it. `versions` are newest first.
    """
    parts = (SHARED, *versions[0][0]["texts"])
    return frozenset(part for part in parts if _is_marked(versions, live, part))


def waiting(versions: Sequence[Version], live: Entry) -> bool | None:
    """Whether the original waits with nothing but typos put right; None where it does not wait."""
    original = live["original_language"]
    if _said(versions[0][0], original) == _said(live, original):
        return None
    return original in marked(versions, live)


def _is_marked(versions: Sequence[Version], live: Entry, part: str) -> bool:
    public = _said(live, part)
    for (newer, mark), (older, _) in pairwise(versions):
        if _said(newer, part) == public:
            return True
        if not mark and _said(newer, part) != _said(older, part):
            return False
    return _said(versions[-1][0], part) == public


def _said(entry: Entry, part: str) -> object:
    return fields(entry) if part == SHARED else words(entry["texts"].get(part))
