"""HTML fragments shared by feeds, pages and e-mails; every value is escaped here, once."""

from datetime import date

from markupsafe import Markup, escape

from feed.i18n import Translator, direction, translator
from feed.model import Principle, Showing, Site, Source


def credit(t: Translator, source: Source, principle: Principle) -> str:
    """The credit line as plain text: `After Ann Author, “Title”, 2019`."""
    return str(credit_html(t, source, principle, plain=True).unescape())


def credit_html(
    t: Translator, source: Source, principle: Principle, *, plain: bool = False
) -> Markup:
    """The credit line as HTML: the title has its own `lang` and a link, if the source has one."""
    title = escape(source.title)
    if not plain:
        title = Markup("<cite{}>{}</cite>").format(marks(source.language), title)
        if source.url:
            title = Markup('<a href="{}">{}</a>').format(source.url, title)
    # The translations are trusted markup; the values are escaped into them.
    quoted = Markup(t.gettext("“%(title)s”")) % {"title": title}  # noqa: S704  # nosec B704
    known = (source.author, quoted, source.publisher, str(source.year or ""))
    parts = Markup(", ").join(part for part in known if part)
    if principle.kind == "quote":
        return parts
    return Markup(t.gettext("After %(source)s")) % {"source": parts}  # noqa: S704  # nosec B704


def marks(language: str, around: str | None = None) -> Markup:
    """The attributes `lang` and `dir` of a text, where they differ from those of what is `around`.

    Without `around`, `lang` is always there, and `dir` for what is written from right to left.
    """
    if language == around:
        return Markup("")
    own = direction(language)
    differs = own != (direction(around) if around else "ltr")
    way = Markup(' dir="{}"').format(own) if differs else ""
    return Markup(' lang="{}"').format(language) + way


def paragraphs(text: str) -> Markup:
    """Convert plain text to HTML paragraphs, split at blank lines."""
    parts = (part.strip() for part in text.split("\n\n"))
    return Markup("").join(Markup("<p>{}</p>").format(part) for part in parts if part)


def fallback_note(t: Translator, shown: str, wanted: str | None = None) -> str:
    """The note that a text is shown in `shown` because it is missing in `wanted`.

    `wanted` defaults to the translator's language.
    """
    return t.gettext(
        "Not yet in %(wanted)s; shown in %(shown)s.",
        wanted=t.language_name(wanted or t.language),
        shown=t.language_name(shown),
    )


def showing_html(site: Site, showing: Showing, t: Translator) -> Markup:
    """The HTML of an edition as a feed item's content: no headings, absolute URLs only."""
    text = showing.text(t.language)
    label = Markup("<p><strong{}>{}:</strong> {}</p>")
    frame, around = marks(t.interface, text.language), marks(t.interface, t.language)
    parts = [paragraphs(text.statement)]
    if text.reflection:
        parts.append(label.format(frame, t.gettext("To think about"), text.reflection))
    if text.practice:
        parts.append(label.format(frame, t.gettext("To do today"), text.practice))
    parts.append(paragraphs(text.commentary))
    body = Markup("<div{}>{}</div>").format(marks(text.language), Markup("").join(parts))
    if text.language != t.language:
        note = fallback_note(t, text.language)
        body = Markup("<p{}><em>{}</em></p>").format(around, note) + body
    credit_line = credit_html(t, showing.source, showing.principle)
    link = site.url(edition_path(t.language, showing))
    return body + Markup('<p{}>{}.<br><a href="{}">{}</a></p>').format(
        around, credit_line, link, t.gettext("Read it on the site")
    )


def card_path(language: str, showing: Showing) -> str:
    """The path of an edition's card (PNG)."""
    return f"/{language}/card/{showing.edition.date.isoformat()}.png"


def edition_path(language: str, showing: Showing) -> str:
    """The path of an edition's page."""
    return f"/{language}/{showing.edition.date.isoformat()}/"


def principle_path(language: str, slug: str) -> str:
    """The path of a principle's page."""
    return f"/{language}/principles/{slug}/"


def next_note(t: Translator, day: date, following: date | None) -> str:
    """When the edition after one comes, as a sentence; empty if the day after, or if not at all."""
    ahead = (following - day).days if following else 0
    if following is None or ahead <= 1:
        return ""
    if ahead < 7:
        return t.gettext("The next one comes on %(weekday)s.", weekday=t.weekday(following))
    return t.gettext("The next one comes on %(day)s.", day=t.day(following))


def plain_text(site: Site, language: str, showing: Showing) -> bytes:
    """Render an edition as plain text in UTF-8: its date, its title, and `body`."""
    t = translator(language)
    head = [t.day(showing.edition.date), showing.text(language).title]
    return "\n\n".join([*head, plain_text_body(site, showing, t)]).encode() + b"\n"


def plain_text_body(site: Site, showing: Showing, t: Translator) -> str:
    """The parts of an edition below its title, as paragraphs separated by blank lines."""
    text = showing.text(t.language)
    parts = [text.statement]
    if text.language != t.language:
        parts.insert(0, fallback_note(t, text.language))
    if text.reflection:
        parts.append(f"{t.gettext('To think about')}: {text.reflection}")
    if text.practice:
        parts.append(f"{t.gettext('To do today')}: {text.practice}")
    parts.append(credit(t, showing.source, showing.principle))
    parts.append(site.url(edition_path(t.language, showing)))
    return "\n\n".join(parts)
