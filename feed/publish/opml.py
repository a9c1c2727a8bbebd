"""OPML 2.0: the list of the site's feeds, for import into feed readers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from xml.etree import ElementTree


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed in the list: its title, language, web page and feed URL."""

    title: str
    language: str
    home_url: str
    feed_url: str


def render(title: str, changed: datetime, groups: Sequence[tuple[str, Sequence[Outline]]]) -> bytes:
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
