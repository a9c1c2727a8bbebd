"""Whom an answer is for: the language asked for, and what the site can give to its reader."""

from dataclasses import dataclass

from feed.i18n import Translator, canonical, match, translator
from feed.model import Principle, Showing, Site, Text
from feed.publish import markup


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader who asked for the language `tag`; `language` is the site's for it, None if none."""

    site: Site
    tag: str
    language: str | None

    @property
    def interface(self) -> str:
        """The language of notes and labels: the reader's, else the site's first."""
        return self.language or self.site.languages[0]

    @property
    def translator(self) -> Translator:
        """What notes and labels are said with."""
        return translator(self.interface)

    def text(self, principle: Principle) -> Text:
        """The text to show: in the reader's language, else the original."""
        return principle.text(self.language or principle.original_language)

    def falls_back(self, text: Text) -> bool:
        """Whether the text is in another language than the one asked for."""
        return text.language != self.language

    def note(self, text: Text) -> str | None:
        """What is said of a text in another language, None of one in the reader's."""
        if not self.falls_back(text):
            return None
        return markup.fallback_note(self.translator, text.language, self.language or self.tag)

    def page_language(self, text: Text) -> str:
        """The language of the pages to link to: the reader's, else the text's, else the first."""
        return self.language or match(text.language, self.site.languages) or self.interface

    def edition_url(self, showing: Showing) -> str:
        """The address of an edition's page."""
        language = self.page_language(self.text(showing.principle))
        return self.site.url(markup.edition_path(language, showing))


def reader(site: Site, tag: str | None) -> Reader:
    """The reader of a well-formed tag such as `sv-FI`; without one, of the first language."""
    chosen = canonical(tag) if tag else site.languages[0]
    return Reader(site, chosen, match(chosen, site.languages))
