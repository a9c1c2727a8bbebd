"""Plain text: `today.txt`, and the description of calendar events."""

from feed.i18n import Translator, translator
from feed.model import Showing, Site
from feed.publish import markup


def render(site: Site, language: str, showing: Showing) -> bytes:
    """Render an edition as plain text in UTF-8: its date, its title, and `body`."""
    t = translator(language)
    head = [t.day(showing.edition.date), showing.text(language).title]
    return "\n\n".join([*head, body(site, showing, t)]).encode() + b"\n"


def body(site: Site, showing: Showing, t: Translator) -> str:
    """The parts of an edition below its title, as paragraphs separated by blank lines."""
    text = showing.text(t.language)
    parts = [text.statement]
    if text.language != t.language:
        parts.insert(0, markup.fallback_note(t, text.language))
    if text.reflection:
        parts.append(f"{t.gettext('To think about')}: {text.reflection}")
    if text.practice:
        parts.append(f"{t.gettext('To do today')}: {text.practice}")
    parts.append(markup.credit(t, showing.source, showing.principle))
    parts.append(site.url(markup.edition_path(t.language, showing)))
    return "\n\n".join(parts)
