"""Chat messages: an edition in one line, its statement, credit and URL.

Editors' texts are sent as plain text: they neither mention people (`@everyone`, `<!channel>`) nor
contain markup. A zero-width space breaks mentions in every chat service.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from feed.model import Showing, Site
from feed.publish import markup
from feed.publish.api_query import request_locales, shown_once

_MENTION = re.compile(r"(?<=@)(?=\w)|(?<=<)(?=[!@#])")
_MARKUP = re.compile(r"[\\`*_\[\]<>#|~&]|^[-+=]|(?<=\d)[.)](?=\s)", re.MULTILINE)
_ZERO_WIDTH_SPACE = "\u200b"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message as plain text; `paragraphs` exclude the title (the edition in one line) and URL."""

    title: str
    paragraphs: tuple[str, ...]
    url: str

    @property
    def body(self) -> str:
        """The text below the title: the paragraphs and the URL."""
        return "\n\n".join((*self.paragraphs, self.url))

    def markdown(self) -> "ChatMessage":
        """The message escaped for services that always interpret text as Markdown."""
        return ChatMessage(escaped(self.title), tuple(map(escaped, self.paragraphs)), self.url)


def render(site: Site, languages: Sequence[str], showing: Showing) -> ChatMessage:
    """Render an edition as a chat message in one language or several, with the first one's URL."""
    locales = request_locales(site, ",".join(languages))
    paragraphs: list[str] = []
    for locale, text in shown_once(locales, showing.principle):
        note = locale.note(text)
        paragraphs += [text.line, *([note] if note else []), text.statement]
    paragraphs.append(markup.credit(locales[0].translator, showing.source, showing.principle))
    title, *rest = map(_without_mentions, paragraphs)
    return ChatMessage(" ".join(title.split()), tuple(rest), locales[0].edition_url(showing))


def escaped(text: str) -> str:
    """Escape plain text for Markdown."""
    lines = "\n".join(line.strip() for line in text.split("\n"))
    return _MARKUP.sub(r"\\\g<0>", lines)


def _without_mentions(text: str) -> str:
    return _MENTION.sub(_ZERO_WIDTH_SPACE, text)
