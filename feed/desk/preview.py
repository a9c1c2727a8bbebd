"""Previews of the principle form in each format, rendered by the real publishers, stored nowhere.

These are the only pages that desk pages may frame; the `sandbox` policy keeps scripts from running.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from flask import Blueprint, Response, abort, g, render_template, request
from sqlite_utils import Database

from feed.desk import principle_form, session
from feed.desk.permissions import requires
from feed.desk.principle_form import PrincipleForm
from feed.editions import EditionView, surroundings
from feed.errors import InputError
from feed.files import Entry, without_controls
from feed.files.models import PrincipleEntry, PrincipleEntryText, SourceEntry, SourceEntryText
from feed.library import editing
from feed.library.form_values import checked
from feed.model import TEXT_FIELDS, Edition, Principle, Showing, Source, SourceText, Text, Theme
from feed.publish import channel, digest
from feed.publish.api_query import request_locale
from feed.store import library
from feed.web import widget
from feed.web.context import db, here, now, site, translate

blueprint = Blueprint("preview", __name__, url_prefix="/preview")

# E-mails and images need inline styles; in a sandbox these are harmless.
_POLICY = (
    "default-src 'none'; style-src {style}; font-src 'self'; img-src 'self'; object-src 'none';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"
)


@blueprint.post("/<any(page, feed, widget, card, letter):variant>/<code>")
@requires("translator")
def show(variant: str, code: str) -> Response:
    """Render the submitted form in one format and language."""
    if code not in site().languages:
        abort(404)
    if session.previews_exceeded():
        return _no_preview(429, busy=True)
    wrong: dict[str, InputError] = {}
    showing = _showing(db(), _submitted(), now(), wrong)
    if showing is None or wrong:
        t = translate()
        problems = principle_form.labelled(t, t.error_messages(wrong)).values()
        return _no_preview(422 if wrong else 200, problems=problems)
    g.language = code
    style = "'self'" if variant in ("page", "feed") else "'unsafe-inline'"
    return _framed(_render(variant, code, showing), style)


def _submitted() -> PrincipleForm:
    slug, languages = request.form.get("principle", ""), here().config.languages
    before = principle_form.blank(languages, languages[0])
    if library.principle(db(), slug) is not None:
        before = principle_form.of(editing.working(db(), slug), languages)
    return principle_form.submitted(before, session.me(), request.form)


def _no_preview(status: int, **values: object) -> Response:
    return _framed(Response(render_template("desk/preview_none.html", **values), status))


def _render(variant: str, code: str, showing: Showing) -> Response:
    if variant == "page":
        view = EditionView(showing, None, None)
        around = surroundings.around(db(), site(), view, now())
        page = render_template(
            "edition.html", view=view, around=around, front=False, is_today=False
        )
        return Response(page)
    if variant == "feed":
        (item,) = channel.daily(site(), code, [showing], None).items
        return Response(render_template("desk/preview_feed.html", item=item))
    if variant == "widget":
        return widget.edition_page(
            request_locale(site(), code), widget.WidgetOptions(show=widget.PARTS), showing
        )
    if variant == "letter":
        return Response(digest.daily(site(), code, showing).html)
    from feed.publish import card  # slow to load

    body = card.render(site(), code, card.Subject.of(code, showing), here().config.card_fonts)
    return Response(body, content_type="image/png")


def _framed(response: Response, style: str = "'self'") -> Response:
    response.headers["Content-Security-Policy"] = _POLICY.format(style=style)
    return response


def _showing(
    db: Database, form: PrincipleForm, now: datetime, wrong: dict[str, InputError]
) -> Showing | None:
    """The form as today's edition; None while no text has title and statement.

    Errors that saving would raise, such as a text that is too long, go into `wrong`, by field.
    """
    values = {name: without_controls(text).strip() for name, text in form.values.items()}
    texts = {code: text for code in form.languages if (text := _text(code, values, wrong))}
    if not texts:
        return None
    original = form.original if form.original in texts else next(iter(texts))
    themes = _themes(db, values)
    source = _source(db, form, values, wrong)
    principle = Principle(
        slug=form.slug or "new",
        kind="quote" if values.get("kind") == "quote" else "principle",
        source=source.slug,
        themes=tuple(theme.slug for theme in themes),
        original_language=original,
        locator=_checked(values, ("locator",), PrincipleEntry, "", wrong).get("locator", ""),
        status="published",
        texts=texts,
    )
    day = site().today(now)
    edition = Edition(day, 1, principle.slug, 1, "rotation", site().start(day))
    return Showing(edition, principle, source, themes)


def _themes(db: Database, values: dict[str, str]) -> tuple[Theme, ...]:
    slugs = values.get("themes", "").split()
    known = library.themes(db, slugs)
    return tuple(known[slug] for slug in slugs if slug in known)


def _text(code: str, values: dict[str, str], wrong: dict[str, InputError]) -> Text | None:
    parts = _checked(values, TEXT_FIELDS, PrincipleEntryText, f"{code}.", wrong)
    if not (parts.get("title") and parts.get("statement")):
        return None
    return Text(code, **{name: parts.get(name, "") for name in TEXT_FIELDS}, state="approved")


def _source(
    db: Database, form: PrincipleForm, values: dict[str, str], wrong: dict[str, InputError]
) -> Source:
    known = library.sources(db, [values.get("source", "")])
    given = principle_form.new_source(form)
    if given is None:
        return next(iter(known.values()), None) or Source("new", "…", form.original)
    typed = {name: without_controls(str(value)) for name, value in given.items()}
    clean = _checked(typed, ("title", "author", "language"), SourceEntry, "source_", wrong)
    rights = _checked(typed, ("rights",), SourceEntryText, "source_", wrong)
    language = clean.get("language", form.original)
    return Source(
        "new",
        clean.get("title", "…"),
        language,
        author=clean.get("author"),
        year=given["year"] if isinstance(given["year"], int) else None,
        texts={language: SourceText(rights=rights.get("rights", ""))},
    )


def _checked(
    values: Mapping[str, str],
    names: Iterable[str],
    model: type,
    prefix: str,
    wrong: dict[str, InputError],
) -> Entry:
    """The filled fields, validated as on saving."""
    at = "" if prefix == "source_" else prefix
    given = {name: values[at + name] for name in names if values.get(at + name)}
    return checked(given, model, prefix, wrong)
