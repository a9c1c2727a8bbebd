"""Slugs: names in a–z, 0–9 and hyphens, made from titles and never given twice."""

import re
import unicodedata
from collections.abc import Callable

from sqlite_utils import Database

from feed.store import library

LONGEST = 60
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "ß": "ss", "ð": "d", "þ": "th", "ł": "l", "œ": "oe"})


def slug(title: str) -> str:
    """A title as a slug: `Släpp in det nya` is `slapp-in-det-nya`. Empty where nothing is left."""
    plain = unicodedata.normalize("NFKD", title.casefold().translate(_LETTERS))
    words = re.findall("[a-z0-9]+", re.sub("[\u0300-\u036f’']", "", plain))
    made = ""
    for word in words:
        if len(made) + len(word) > LONGEST:
            break
        made += f"-{word}" if made else word
    return made or "".join(words)[:LONGEST]


def free(db: Database, title: str) -> str:
    """A slug for a principle of that title that no other has."""
    return _free(title, "principle", lambda made: library.principle(db, made) is None)


def free_source(db: Database, title: str) -> str:
    """A slug for a source of that title that no other has."""
    known = library.sources(db)
    return _free(title, "source", lambda made: made not in known)


def _free(title: str, usual: str, is_free: Callable[[str], bool]) -> str:
    made = start = slug(title) or usual
    number = 1
    while not is_free(made):
        number += 1
        made = f"{start}-{number}"
    return made
