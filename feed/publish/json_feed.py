"""JSON Feed 1.1."""

import json
from typing import Any

from feed.publish.channel import Channel, FeedItem


def render(channel: Channel) -> bytes:
    """Render the channel as JSON Feed 1.1, UTF-8."""
    document: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": channel.title,
        "home_page_url": channel.home_url,
        "feed_url": channel.url + "json",
        "description": channel.description,
        "icon": channel.icon_url,
        "language": channel.language,
        "authors": [{"name": channel.author}],
        "items": [_item(item) for item in channel.items],
    }
    if channel.older:
        document["next_url"] = channel.older + "json"
    if channel.hubs:
        document["hubs"] = [{"type": "WebSub", "url": hub} for hub in channel.hubs]
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def _item(item: FeedItem) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": item.id,
        "url": item.url,
        "title": item.title,
        "content_html": item.html,
        "summary": item.summary,
        "date_published": item.published.isoformat(),
        "date_modified": item.updated.isoformat(),
        "authors": [{"name": item.author}],
        "tags": [label for _, label in item.categories],
        "language": item.language,
    }
    if item.image:
        document["image"] = item.image
    if item.source_title:
        document["_devis"] = {"credit": item.source_title, "source": item.source_url}
    return document
