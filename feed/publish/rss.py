"""RSS 2.0."""

from feed.publish import xml
from feed.publish.channel import Channel


def render(channel: Channel) -> bytes:
    """The channel as RSS 2.0, UTF-8."""
    return bytes(xml.feed(channel, "rss", "application/rss+xml").rss_str(pretty=True))
