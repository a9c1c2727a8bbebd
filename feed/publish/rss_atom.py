"""RSS 2.0 and Atom 1.0 (RFC 4287), written by feedgen."""

from html import escape
from typing import Any

from feedgen.ext.base import BaseExtension
from feedgen.feed import FeedGenerator
from lxml.etree import Element, SubElement

from feed.publish.channel import Channel

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
