"""A message for a chat: the day's title, statement, credit and address, and nothing else.

What an editor wrote is text wherever it goes: it calls nobody (`@everyone`, `<!channel>`) and
has no markup. A sign without width in a mention is what every service understands.
"""

import re
from dataclasses import dataclass

from feed.i18n import translator
from feed.model import Showing, Site
from feed.publish import markup

_MENTION = re.compile(r"(?<=@)(?=\w)|(?<=<)(?=[!@#])")
_MARKUP = re.compile(r"[\\`*_\[\]<>#|~&]|^[-+=]|(?<=\d)[.)](?=\s)", re.MULTILINE)
_APART = "\u200b"


@dataclass(frozen=True, slots=True)
class Message:
    """A message as plain text; `paragraphs` are without the title and the address."""

    title: str
    paragraphs: tuple[str, ...]
    url: str

    @property
    def body(self) -> str:
        """What stands below the title, as plain text."""
        return "\n\n".join((*self.paragraphs, self.url))

    def markdown(self) -> "Message":
        """The same message for a service that shows text as Markdown, whatever it is told."""
        return Message(escaped(self.title), tuple(map(escaped, self.paragraphs)), self.url)


def render(site: Site, language: str, showing: Showing) -> Message:
    """An edition as a message in one language."""
    t, text = translator(language), showing.text(language)
    paragraphs = [text.statement, markup.credit(t, showing.source, showing.principle)]
    if text.language != language:
        paragraphs.insert(0, markup.fallback_note(t, text.language))
    return Message(
        title=_calm(" ".join(text.title.split())),
        paragraphs=tuple(map(_calm, paragraphs)),
        url=site.url(markup.edition_path(language, showing)),
    )


def escaped(text: str) -> str:
    """Plain text as Markdown that says just that."""
    lines = "\n".join(line.strip() for line in text.split("\n"))
    return _MARKUP.sub(r"\\\g<0>", lines)


def _calm(text: str) -> str:
    """The text, with nobody mentioned in it."""
    return _MENTION.sub(_APART, text)
