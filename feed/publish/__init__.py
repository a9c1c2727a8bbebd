"""Publishers: pure functions that render editions as feeds, API answers, e-mails, files, images.

They read no database and no clock. FORMATS registers the feed formats.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from feed.publish import feeds
from feed.publish.channel import Channel


@dataclass(frozen=True, slots=True)
class Format:
    """A feed format: its name, its media type, and its renderer."""

    label: str
    media_type: str
    render: Callable[[Channel], bytes]


FORMATS: Mapping[str, Format] = {
    "rss": Format("RSS", "application/rss+xml", feeds.rss),
    "atom": Format("Atom", "application/atom+xml", feeds.atom),
    "json": Format("JSON Feed", "application/feed+json", feeds.json_feed),
}
