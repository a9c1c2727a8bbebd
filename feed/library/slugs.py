"""Make unique slugs (a–z, 0–9, hyphens) from titles."""

import re
import unicodedata
from collections.abc import Callable

from sqlite_utils import Database

from feed.store import library

LONGEST = 60
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "ß": "ss", "ð": "d", "þ": "th", "ł": "l", "œ": "oe"})


def slug(title: str) -> str:
    """Slugify a title: `Släpp in det nya` gives `slapp-in-det-nya`. Empty without any letter."""
    plain = unicodedata.normalize("NFKD", title.casefold().translate(_LETTERS))
    words = re.findall("[a-z0-9]+", re.sub("[\u0300-\u036f’']", "", plain))
    made = ""
    for word in words:
        if len(made) + len(word) > LONGEST:
            break
        made += f"-{word}" if made else word
    return made or "".join(words)[:LONGEST]


def unused(db: Database, title: str) -> str:
    """An unused slug for a principle of that title."""
    return _unused(title, "principle", lambda made: library.principle(db, made) is None)


def unused_source(db: Database, title: str) -> str:
    """An unused slug for a source of that title."""
    known = library.sources(db)
    return _unused(title, "source", lambda made: made not in known)


def _unused(title: str, default: str, is_unused: Callable[[str], bool]) -> str:
    made = start = slug(title) or default
    number = 1
    while not is_unused(made):
        number += 1
        made = f"{start}-{number}"
    return made
