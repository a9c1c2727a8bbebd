"""Atom 1.0 (RFC 4287)."""

from feed.publish import xml
from feed.publish.channel import Channel


def render(channel: Channel) -> bytes:
    """The channel as Atom 1.0, UTF-8."""
    return bytes(xml.feed(channel, "atom", "application/atom+xml").atom_str(pretty=True))
