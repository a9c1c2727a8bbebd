"""The widget: a page for iframes, a custom element, and their options.

The widget loads nothing else: style and script are inline, allowed by hash in its policy, so that
it works in a sandboxed iframe without an origin, too.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

from flask import Blueprint, Response, g, render_template, request

from feed import editions
from feed.errors import DevisError, ParameterError, gettext_noop
from feed.i18n import canonical, translator
from feed.model import Showing
from feed.publish import markup
from feed.publish.api_query import (
    LONGEST_TAG,
    LONGEST_TAGS,
    TAG,
    TAGS,
    RequestLocale,
    request_locale,
    request_locales,
    shown_once,
)
from feed.web.context import db, here, now, site, translate
from feed.web.errors import STATUS
from feed.web.middleware.headers import cacheable, cacheable_by

blueprint = Blueprint("widget", __name__)

FILES = Path(__file__).resolve().parent / "templates" / "widget"

# Texts of the custom element itself, in every language of the site.
LABELS = {
    "reflection": gettext_noop("To think about"),
    "practice": gettext_noop("To do today"),
    "link": gettext_noop("Read it on the site"),
    "note": gettext_noop("Not yet in %(wanted)s; shown in %(shown)s."),
    "weekday": gettext_noop("The next one comes on %(weekday)s."),
    "day": gettext_noop("The next one comes on %(day)s."),
}


PARTS = ("title", "statement", "reflection", "practice", "credit")
SCHEMES = ("auto", "light", "dark")
LAYOUTS = ("card", "line", "wide")
SIZES = ("small", "medium", "large", "huge")
DEFAULT_PARTS = ("statement", "credit")
DEFAULT_PARTS_OF_A_LINE = ("title", "credit")

_ONE_OF = {
    "scheme": (SCHEMES, gettext_noop("auto, light or dark")),
    "layout": (LAYOUTS, gettext_noop("card, line or wide")),
    "text-size": (SIZES, gettext_noop("small, medium, large or huge")),
}
DEFAULTS = {
    "scheme": "auto",
    "layout": "card",
    "text-size": "medium",
    "show": " ".join(DEFAULT_PARTS),
    "with": "",
}
_VERSION, _UNTIL = "\0", "\1"
_TAG = gettext_noop("a language tag such as sv or en-GB")
_SHOW = gettext_noop(
    "some of title, statement, reflection, practice and credit, with blanks between"
)
_WITH = gettext_noop("language tags such as en or en,fi")


@dataclass(frozen=True, slots=True)
class WidgetOptions:
    """Appearance of the widget: colours, layout, text size, the parts to show, in order.

    `others` are the tags of languages to show beside the first.
    """

    scheme: str = "auto"
    layout: str = "card"
    size: str = "medium"
    show: tuple[str, ...] = DEFAULT_PARTS
    others: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        """The options that differ from the defaults, by parameter or attribute name."""
        given = {
            "scheme": self.scheme,
            "layout": self.layout,
            "text-size": self.size,
            "show": " ".join(self.show),
            "with": ",".join(self.others),
        }
        defaults = {**DEFAULTS, "show": " ".join(_default_parts(self.layout))}
        return {name: value for name, value in given.items() if value != defaults[name]}

    @property
    def query(self) -> str:
        """The options as a query string with its question mark; empty if all are defaults."""
        return f"?{urlencode(self.parameters)}" if self.parameters else ""

    @property
    def height(self) -> int:
        """A height in pixels that fits most texts, for an iframe that cannot resize itself."""
        lines = {"title": 60, "statement": 110, "reflection": 90, "practice": 90, "credit": 50}
        wanted = 60 + sum(lines[part] for part in self.show) * (1 + len(self.others))
        factor = {"small": 0.9, "medium": 1, "large": 1.3, "huge": 2}[self.size]
        wide = {"card": 1.0, "line": 0.6, "wide": 0.75}[self.layout]
        return int(wanted * factor * wide / 10) * 10


def read_options(given: Mapping[str, str], show: Sequence[str]) -> WidgetOptions:
    """Read the options of a query string. Raises ParameterError at the first invalid one."""
    chosen = {}
    for name, (choices, expected) in _ONE_OF.items():
        chosen[name] = given.get(name, DEFAULTS[name]).lower()
        if chosen[name] not in choices:
            raise ParameterError(name, given[name], expected)
    parts = " ".join(show).replace(",", " ").lower().split()
    if not set(parts) <= set(PARTS) or (show and not parts):
        raise ParameterError("show", " ".join(show), _SHOW)
    others = ",".join(given.get("with", "").replace(",", " ").split())
    if others and (len(others) > LONGEST_TAGS or not re.fullmatch(TAGS, others)):
        raise ParameterError("with", given["with"], _WITH)
    return WidgetOptions(
        chosen["scheme"],
        chosen["layout"],
        chosen["text-size"],
        tuple(part for part in PARTS if part in parts) or _default_parts(chosen["layout"]),
        tuple(map(canonical, others.split(","))) if others else (),
    )


def _default_parts(layout: str) -> tuple[str, ...]:
    return DEFAULT_PARTS_OF_A_LINE if layout == "line" else DEFAULT_PARTS


@blueprint.get("/<tag>/widget/")
@cacheable_by(*DEFAULTS)
def page(tag: str) -> Response:
    """Today's edition as a page for an iframe, in the language of the tag or the original.

    The languages of the parameter `with` stand beside it.
    """
    asked = _locale(tag)
    options = read_options(request.args, request.args.getlist("show"))
    view = editions.today(db(), site(), now())
    if view is None:
        message = translate().gettext("The first principle is on its way")
        return _page(options, message=message)
    day = view.showing.edition.date
    following = editions.following(db(), site(), day, now())
    return edition_page(asked, options, view.showing, following)


def edition_page(
    asked: RequestLocale, options: WidgetOptions, showing: Showing, following: date | None = None
) -> Response:
    """The widget page of an edition, and when the next one comes; also for the desk's preview."""
    locales = request_locales(site(), ",".join([asked.tag, *options.others]))
    return _page(
        options,
        texts=shown_once(locales, showing.principle),
        credit=markup.credit(asked.translator, showing.source, showing.principle),
        url=asked.edition_url(showing),
        next_note=markup.next_note(asked.translator, showing.edition.date, following),
    )


@blueprint.get("/widget.js")
@cacheable
def script() -> Response:
    """The script of the custom element `<devis-principle>`, with its texts in all languages."""
    texts = {
        code: {
            "lang": translator(code).interface,
            "locale": str(translator(code).locale).replace("_", "-"),
        }
        | {name: translator(code).gettext(text) for name, text in LABELS.items()}
        for code in site().languages
    }
    data = json.dumps(texts, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    body = _source("element.js").replace("__WORDS__", data)
    body = body.replace("__BASE__", json.dumps(site().base_url))
    return Response(body, content_type="text/javascript; charset=utf-8")


@blueprint.errorhandler(DevisError)
def handle_error(error: DevisError) -> Response:
    """Error page in the size of the widget, framable like it."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    message = translate().gettext("The library cannot be read right now.")
    if isinstance(error, ParameterError):
        error.values["expected"] = translate().gettext(error.expected)
    if status < 500:
        message = translate().gettext(error.message, **error.values)
    return _page(WidgetOptions(), status, message=message)


def _locale(tag: str) -> RequestLocale:
    if len(tag) > LONGEST_TAG or not re.fullmatch(TAG, tag):
        g.language = here().config.languages[0]
        raise ParameterError("lang", tag, _TAG)
    asked = request_locale(site(), tag)
    g.language = asked.interface
    return asked


def _until() -> str:
    """When the day ends (ISO 8601); empty in a rehearsal, on a clock of its own."""
    if here().config.rehearsal:
        return ""
    return site().start(site().today(now()) + timedelta(days=1)).isoformat()


def _page(options: WidgetOptions, status: int = 200, **values: object) -> Response:
    style, script = _source("page.css"), _source("page.js")
    body = render_template(
        "widget/page.html",
        options=options,
        style=style,
        script=script,
        version=_VERSION,
        until=_UNTIL,
        **values,
    )
    # An open page compares it to see whether what it shows has changed.
    version = hashlib.sha256(body.encode()).hexdigest()[:16]
    body = body.replace(_VERSION, version, 1).replace(_UNTIL, _until(), 1)
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
    """The content of one of the widget's template files."""
    return (FILES / name).read_text(encoding="utf-8").strip()
