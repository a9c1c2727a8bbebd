"""Slugs: kebab-case ASCII names in addresses, made from titles."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import count

LONGEST_SLUG = 60
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "ß": "ss", "ð": "d", "þ": "th", "ł": "l", "œ": "oe"})


def slugify(title: str) -> str:
    """Slugify a title: `Släpp in det nya` gives `slapp-in-det-nya`. Empty without any letter."""
    plain = unicodedata.normalize("NFKD", title.casefold().translate(_LETTERS))
    words = re.findall("[a-z0-9]+", re.sub("[\u0300-\u036f’']", "", plain))
    made = ""
    for word in words:
        if len(made) + len(word) > LONGEST_SLUG:
            break
        made += f"-{word}" if made else word
    return made or "".join(words)[:LONGEST_SLUG]


def unused(start: str, is_used: Callable[[str], bool]) -> str:
    """`start`, or the first of `start-2`, `start-3` … that is not used."""
    return next(made for made in numbered(start) if not is_used(made))


def numbered(start: str) -> Iterator[str]:
    """`start`, `start-2`, `start-3` … without end."""
    yield start
    for number in count(2):
        yield f"{start}-{number}"
