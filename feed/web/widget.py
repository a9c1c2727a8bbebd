"""The widget: one small document for an iframe, and the script of the custom element.

The document asks for nothing else: its style and its script stand in it, allowed by their hashes,
so that it works in a sandbox without an origin, too.
"""

import base64
import hashlib
import json
import re
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, g, render_template, request

from feed import editions
from feed.errors import DevisError, ParameterError, gettext_noop
from feed.i18n import translator
from feed.model import Showing
from feed.publish import markup
from feed.publish.api_locale import RequestLocale, request_locale
from feed.publish.api_query import EXPECTED, LONGEST_TAG, TAG
from feed.web import widget_options
from feed.web.context import db, here, now, site, translate
from feed.web.errors import STATUS
from feed.web.middleware.headers import allow_any_origin, cacheable, cacheable_by

blueprint = Blueprint("widget", __name__)

FILES = Path(__file__).resolve().parent / "templates" / "widget"

# What the custom element says itself, in every language of the site.
LABELS = {
    "reflection": gettext_noop("To think about"),
    "practice": gettext_noop("To do today"),
    "link": gettext_noop("Read it on the site"),
    "note": gettext_noop("Not yet in %(wanted)s; shown in %(shown)s."),
}


@blueprint.get("/<tag>/widget/")
@cacheable_by("scheme", "show", "layout", "text-size")
def page(tag: str) -> Response:
    """Today's edition, for an iframe: in the language of the tag, else in the original's."""
    asked = _locale(tag)
    look = widget_options.read(request.args, request.args.getlist("show"))
    view = editions.today(db(), site(), now())
    if view is None:
        message = translate().gettext("The first principle is on its way")
        return allow_any_origin(_document(look, message=message))
    return allow_any_origin(shown(asked, look, view.showing))


def shown(asked: RequestLocale, look: widget_options.WidgetOptions, showing: Showing) -> Response:
    """The document that shows an edition."""
    text = asked.text(showing.principle)
    return _document(
        look,
        text=text,
        note=asked.note(text),
        credit=markup.credit(asked.translator, showing.source, showing.principle),
        url=asked.edition_url(showing),
        until=_until(showing),
    )


@blueprint.get("/widget.js")
@cacheable
def script() -> Response:
    """The custom element, with the few words it says itself."""
    words = {
        code: {name: translator(code).gettext(text) for name, text in LABELS.items()}
        for code in site().languages
    }
    said = json.dumps(words, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    body = _source("element.js").replace("__WORDS__", said)
    body = body.replace("__BASE__", json.dumps(site().base_url))
    return allow_any_origin(Response(body, content_type="text/javascript; charset=utf-8"))


@blueprint.errorhandler(DevisError)
def refused(error: DevisError) -> Response:
    """A fault in the place of the widget: small, and framed like it."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    said = translate().gettext("The library cannot be read right now.")
    if isinstance(error, ParameterError):
        error.values["expected"] = translate().gettext(error.expected)
    if status < 500:
        said = translate().gettext(error.message, **error.values)
    return allow_any_origin(_document(widget_options.WidgetOptions(), status, message=said))


def _locale(tag: str) -> RequestLocale:
    if len(tag) > LONGEST_TAG or not re.fullmatch(TAG, tag):
        g.language = here().config.languages[0]
        raise ParameterError("lang", tag, EXPECTED["lang"])
    asked = request_locale(site(), tag)
    g.language = asked.interface
    return asked


def _until(showing: Showing) -> str | None:
    """When the next edition is due; None in a rehearsal, whose clock the browser does not share."""
    if here().config.rehearsal:
        return None
    return site().start(showing.edition.date + timedelta(days=1)).isoformat()


def _document(look: widget_options.WidgetOptions, status: int = 200, **values: object) -> Response:
    style, script = _source("page.css"), _source("page.js")
    body = render_template("widget/page.html", look=look, style=style, script=script, **values)
    response = Response(body, status, content_type="text/html; charset=utf-8")
    ancestors = " ".join(("'self'", *here().config.embed_origins))
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)};"
        " connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none';"
        f" frame-ancestors {ancestors}"
    )
    return response


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@lru_cache
def _source(name: str) -> str:
    """One of the widget's own files, as it is."""
    return (FILES / name).read_text(encoding="utf-8").strip()
