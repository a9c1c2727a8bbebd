"""What RSS and Atom share: a channel as feedgen's feed, with every date set."""

from typing import Any

from feedgen.ext.base import BaseExtension
from feedgen.feed import FeedGenerator
from lxml.etree import Element, SubElement

from feed.publish.channel import Channel

ATOM, HISTORY = "http://www.w3.org/2005/Atom", "http://purl.org/syndication/history/1.0"


class _HistoryExtension(BaseExtension):  # type: ignore[misc]
    """RFC 5005: which archive goes on where a feed ends, and which feed an archive belongs to.

    And WebSub: which hubs are told of each change. Written as an extension, for feedgen leaves
    such links out of RSS.
    """

    def __init__(self) -> None:
        self.links: list[dict[str, str]] = []
        self.is_archive = False

    def extend_ns(self) -> dict[str, str]:
        return {"fh": HISTORY} if self.is_archive else {}

    def extend_atom(self, feed: Any) -> Any:
        return self._extend(feed)

    def extend_rss(self, feed: Any) -> Any:
        self._extend(feed[0])
        return feed

    def _extend(self, parent: Any) -> Any:
        if self.is_archive:
            parent.insert(0, Element(f"{{{HISTORY}}}archive"))
        for link in self.links:
            SubElement(parent, f"{{{ATOM}}}link", link)
        return parent


def feed(channel: Channel, form: str, media_type: str) -> FeedGenerator:
    """The channel as a FeedGenerator whose own address is that of the format `form`.

    feedgen stamps the clock's time wherever a date is left out, makes the last link the RSS one,
    prepends entries, and loses the `rel` of an entry's links: hence the dates, the order of the
    links, `order="append"`, and no more than one link in an entry.
    """
    generator = FeedGenerator()
    generator.load_extension("dc")
    generator.register_extension("history", _HistoryExtension, None)
    generator.history.is_archive = channel.current is not None
    for rel, address in (("prev-archive", channel.older), ("current", channel.current)):
        if address:
            link = {"rel": rel, "href": address + form, "type": media_type}
            generator.history.links.append(link)
    generator.history.links += [{"rel": "hub", "href": hub} for hub in channel.hubs]
    generator.id(channel.id)
    generator.title(channel.title)
    generator.subtitle(channel.description)
    generator.description(channel.description)
    generator.language(channel.language)
    generator.author(name=channel.author)
    generator.updated(channel.updated)
    generator.generator("Devis")
    generator.icon(channel.icon_url)
    generator.ttl(60)
    generator.link(href=channel.url + form, rel="self", type=media_type)
    generator.link(
        href=channel.home_url, rel="alternate", type="text/html", hreflang=channel.language
    )
    for item in channel.items:
        entry = generator.add_entry(order="append")
        entry.id(item.id)
        entry.title(item.title)
        entry.author(name=item.author)
        if form == "rss":  # whose own author must be an e-mail address
            entry.dc.dc_creator(item.author)
        entry.published(item.published)
        entry.updated(item.updated)
        entry.summary(item.summary)
        entry.content(item.html, type="html")
        if item.source_title:
            entry.dc.dc_source(item.source_title)
        entry.link(href=item.url)
        for term, label in item.categories:
            entry.category(term=term, label=label)
    return generator
