"""Channels as RSS 2.0, Atom 1.0 and JSON Feed 1.1, and the list of feeds as OPML 2.0."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import Any
from xml.etree import ElementTree

from feedgen.ext.base import BaseExtension
from feedgen.feed import FeedGenerator
from lxml.etree import Element, SubElement

from feed.publish.channel import Channel, FeedItem

ATOM, HISTORY = "http://www.w3.org/2005/Atom", "http://purl.org/syndication/history/1.0"


class _HistoryExtension(BaseExtension):  # type: ignore[misc]
    """Feed paging and archiving links (RFC 5005), and WebSub hub links.

    A feedgen extension, because feedgen itself leaves such links out of RSS.
    """

    def __init__(self) -> None:
        self.links: list[dict[str, str]] = []
        self.is_archive = False

    def extend_ns(self) -> dict[str, str]:
        return {"fh": HISTORY} if self.is_archive else {}

    def extend_atom(self, feed: Any) -> Any:
        # feedgen writes Atom's namespace as an attribute, and its elements without a namespace.
        return self._extend(feed, "link")

    def extend_rss(self, feed: Any) -> Any:
        self._extend(feed[0], f"{{{ATOM}}}link")
        return feed

    def _extend(self, parent: Any, tag: str) -> Any:
        if self.is_archive:
            parent.insert(0, Element(f"{{{HISTORY}}}archive"))
        for link in self.links:
            SubElement(parent, tag, link)
        return parent


def rss(channel: Channel) -> bytes:
    """Render the channel as RSS 2.0, UTF-8."""
    return bytes(_generator(channel, "rss", "application/rss+xml").rss_str(pretty=True))


def atom(channel: Channel) -> bytes:
    """Render the channel as Atom 1.0, UTF-8."""
    return bytes(_generator(channel, "atom", "application/atom+xml").atom_str(pretty=True))


def _generator(channel: Channel, extension: str, media_type: str) -> FeedGenerator:
    """The channel as a FeedGenerator; its self link ends in `extension`.

    feedgen writes the current time wherever a date is missing, uses the last link as that of RSS,
    prepends entries, and loses the `rel` of an entry's links. So every date is set, the alternate
    link is last, entries are appended, and an entry has one link only.
    """
    generator = FeedGenerator()
    generator.load_extension("dc")
    generator.register_extension("history", _HistoryExtension, None)
    generator.history.is_archive = channel.current is not None
    for rel, address in (("prev-archive", channel.older), ("current", channel.current)):
        if address:
            link = {"rel": rel, "href": address + extension, "type": media_type}
            generator.history.links.append(link)
    generator.history.links += [{"rel": "hub", "href": hub} for hub in channel.hubs]
    generator.id(channel.id)
    generator.title(channel.title)
    as_html = _description if extension == "rss" else str
    generator.subtitle(as_html(channel.description))  # of RSS the description
    generator.language(channel.language)
    generator.author(name=channel.author)
    generator.updated(channel.updated)
    generator.generator("Devis")
    generator.icon(channel.icon_url)
    generator.ttl(60)
    generator.link(href=channel.url + extension, rel="self", type=media_type)
    generator.link(
        href=channel.home_url, rel="alternate", type="text/html", hreflang=channel.language
    )
    for item in channel.items:
        entry = generator.add_entry(order="append")
        entry.id(item.id)
        entry.title(item.title)
        entry.author(name=item.author)
        if extension == "rss":  # its own author element must be an email address
            entry.dc.dc_creator(item.author)
        entry.published(item.published)
        entry.updated(item.updated)
        entry.summary(as_html(item.summary))
        entry.content(item.html, type="html")
        if item.source_title:
            entry.dc.dc_source(item.source_title)
        entry.link(href=item.url)
        for term, label in item.categories:
            entry.category(term=term, label=label)
    return generator


def _description(text: str) -> str:
    """Plain text as the HTML that readers take an RSS description for."""
    return escape(text, quote=False)


def json_feed(channel: Channel) -> bytes:
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


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed in the list: its title, language, web page and feed URL."""

    title: str
    language: str
    home_url: str
    feed_url: str


def opml(title: str, changed: datetime, groups: Sequence[tuple[str, Sequence[Outline]]]) -> bytes:
    """Render groups of feeds, each with a heading, as OPML 2.0 in UTF-8."""
    root = ElementTree.Element("opml", version="2.0")
    head = ElementTree.SubElement(root, "head")
    ElementTree.SubElement(head, "title").text = title
    ElementTree.SubElement(head, "dateModified").text = format_datetime(changed, usegmt=True)
    body = ElementTree.SubElement(root, "body")
    for heading, outlines in groups:
        group = ElementTree.SubElement(body, "outline", text=heading)
        for outline in outlines:
            ElementTree.SubElement(
                group,
                "outline",
                type="rss",
                text=outline.title,
                title=outline.title,
                language=outline.language,
                htmlUrl=outline.home_url,
                xmlUrl=outline.feed_url,
            )
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
