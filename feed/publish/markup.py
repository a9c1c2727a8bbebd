"""The pieces of HTML that feeds, pages and letters share: escaped once, safe in any reader."""

from markupsafe import Markup, escape

from feed.i18n import Translator
from feed.model import Principle, Showing, Site, Source


def credit(t: Translator, source: Source, principle: Principle) -> str:
    """Who is to be thanked for the idea, as plain text: `After Ann Author, “Title”, 2019`."""
    return str(credit_html(t, source, principle, plain=True).unescape())


def credit_html(
    t: Translator, source: Source, principle: Principle, *, plain: bool = False
) -> Markup:
    """The same, with the title marked in its own language and linked where its address is known."""
    title = escape(source.title)
    if not plain:
        title = Markup('<cite lang="{}">{}</cite>').format(source.language, title)
        if source.url:
            title = Markup('<a href="{}">{}</a>').format(source.url, title)
    # The messages of the catalogue are ours: they are markup that the values are escaped into.
    quoted = Markup(t.gettext("“%(title)s”")) % {"title": title}  # noqa: S704  # nosec B704
    known = (source.author, quoted, source.publisher, str(source.year or ""))
    parts = Markup(", ").join(part for part in known if part)
    if principle.kind == "quote":
        return parts
    return Markup(t.gettext("After %(source)s")) % {"source": parts}  # noqa: S704  # nosec B704


def paragraphs(text: str) -> Markup:
    """Plain text as paragraphs: a blank line parts them."""
    parts = (part.strip() for part in text.split("\n\n"))
    return Markup("").join(Markup("<p>{}</p>").format(part) for part in parts if part)


def fallback_note(t: Translator, shown: str, wanted: str | None = None) -> str:
    """What is said where a text is shown in another language than `wanted`, the reader's."""
    return t.gettext(
        "Not yet in %(wanted)s; shown in %(shown)s.",
        wanted=t.language_name(wanted or t.language),
        shown=t.language_name(shown),
    )


def showing_html(site: Site, showing: Showing, t: Translator) -> Markup:
    """An edition as the content of a feed item: no headings, absolute addresses only."""
    text = showing.text(t.language)
    label = Markup("<p><strong>{}:</strong> {}</p>")
    parts = [paragraphs(text.statement)]
    if text.reflection:
        parts.append(label.format(t.gettext("To think about"), text.reflection))
    if text.practice:
        parts.append(label.format(t.gettext("To do today"), text.practice))
    parts.append(paragraphs(text.commentary))
    body = Markup('<div lang="{}">{}</div>').format(text.language, Markup("").join(parts))
    if text.language != t.language:
        body = Markup("<p><em>{}</em></p>").format(fallback_note(t, text.language)) + body
    credit_line = credit_html(t, showing.source, showing.principle)
    link = site.url(edition_path(t.language, showing))
    return body + Markup('<p>{}.<br><a href="{}">{}</a></p>').format(
        credit_line, link, t.gettext("Read it on the site")
    )


def card_path(language: str, showing: Showing) -> str:
    """The path of an edition's picture."""
    return f"/{language}/card/{showing.edition.date.isoformat()}.png"


def edition_path(language: str, showing: Showing) -> str:
    """The path of an edition's page."""
    return f"/{language}/{showing.edition.date.isoformat()}/"
