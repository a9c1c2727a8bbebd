"""Publishers: pure functions from a channel to bytes. FORMATS names those of the feeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from feed.publish import atom, json_feed, rss
from feed.publish.channel import Channel


@dataclass(frozen=True, slots=True)
class Format:
    """A feed format: what it is called, its media type, and the function that writes it."""

    label: str
    media_type: str
    render: Callable[[Channel], bytes]


FORMATS: Mapping[str, Format] = {
    "rss": Format("RSS", "application/rss+xml", rss.render),
    "atom": Format("Atom", "application/atom+xml", atom.render),
    "json": Format("JSON Feed", "application/feed+json", json_feed.render),
}
