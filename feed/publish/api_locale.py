"""The locale of an API or widget request: the language requested, and the one the site offers."""

from dataclasses import dataclass

from feed.i18n import Translator, canonical, match, translator
from feed.model import Principle, Showing, Site, Text
from feed.publish import markup


@dataclass(frozen=True, slots=True)
class RequestLocale:
    """The requested language `tag`, and the site's language for it (None if it has none)."""

    site: Site
    tag: str
    language: str | None

    @property
    def interface(self) -> str:
        """The language of notes and labels: the requested one, else the site's first."""
        return self.language or self.site.languages[0]

    @property
    def translator(self) -> Translator:
        """The translator of notes and labels."""
        return translator(self.interface)

    def text(self, principle: Principle) -> Text:
        """The principle's text in the requested language, else the original."""
        return principle.text(self.language or principle.original_language)

    def falls_back(self, text: Text) -> bool:
        """Whether the text is in another language than the requested one."""
        return text.language != self.language

    def note(self, text: Text) -> str | None:
        """The fallback note of a text in another language; None for the requested language."""
        if not self.falls_back(text):
            return None
        return markup.fallback_note(self.translator, text.language, self.language or self.tag)

    def page_language(self, text: Text) -> str:
        """The language of linked pages: the requested one, the text's, or the site's first."""
        return self.language or match(text.language, self.site.languages) or self.interface

    def edition_url(self, showing: Showing) -> str:
        """The absolute address of an edition's page."""
        language = self.page_language(self.text(showing.principle))
        return self.site.url(markup.edition_path(language, showing))


def request_locale(site: Site, tag: str | None) -> RequestLocale:
    """The locale of a BCP 47 tag such as `sv-FI`; without a tag, of the site's first language."""
    requested = canonical(tag) if tag else site.languages[0]
    return RequestLocale(site, requested, match(requested, site.languages))
