"""BCP 47 language tags: which others stand in for one."""

from collections.abc import Iterator


def lookup(tag: str) -> Iterator[str]:
    """A tag, then those without its last subtags (RFC 4647): `sv-simple`, `sv`."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]


def primary(tag: str) -> str:
    """The primary language of a tag: `sv` of `sv-simple`."""
    return tag.partition("-")[0]
