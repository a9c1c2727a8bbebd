"""Characters without a shape: soft hyphen, zero-width space, word joiner, byte order mark.

They may stand in a text, where they help to break its lines. In search, comparisons and pictures
they count for nothing. Joiners (U+200C, U+200D) are left alone: they make emoji and scripts.
"""

import unicodedata

_SHAPELESS = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))


def without_shapeless(text: str) -> str:
    """A text without characters that have no shape."""
    return text.translate(_SHAPELESS)


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen: only blanks, controls, and marks without a base."""
    return all(unicodedata.category(character)[0] in "CMZ" for character in text)
