"""The page for administrators of intranets: it builds the code of the widget, and checks itself."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template, request

from feed import editions
from feed.errors import gettext_noop
from feed.i18n import match, translator
from feed.publish import api_languages
from feed.store import library
from feed.web.context import db, here, language, now, site
from feed.web.middleware.headers import SCRIPT_POLICY, cacheable_by
from feed.web.widget import DEFAULTS, PARTS, SIZES, read_options

blueprint = Blueprint("embed", __name__)
ORIGIN = re.compile(r"(https?)://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?")
_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class FramingCheck:
    """One result of the self-check: whether it is good news, and a message with its values."""

    good: bool
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


@blueprint.get("/<language:language>/embed/")
@cacheable_by("reader", "origin", *DEFAULTS)
def builder() -> Response:
    """The builder page for the options in the query string."""
    given = request.args
    reader = match(given.get("reader", ""), site().languages) or language()
    origin = given.get("origin", "").strip()[:200]
    page = render_template(
        "embed.html",
        options=read_options(given, given.getlist("show")),
        reader=reader,
        t_reader=translator(reader),
        origin=origin,
        PARTS=PARTS,
        SIZES=SIZES,
        checks=_checks(_origin(origin)),
        origin_wrong=bool(origin) and _origin(origin) is None,
        today=_availability(),
        host=urlsplit(site().base_url).netloc,
        origins=here().config.embed_origins,
    )
    return Response(page, headers={"Content-Security-Policy": SCRIPT_POLICY})


def _availability() -> api_languages.Languages:
    """The site's languages, and whether today's edition is there in each."""
    view = editions.today(db(), site(), now())
    counts = library.language_counts(db())
    return api_languages.languages(site(), view.showing if view else None, counts)


def _checks(origin: str | None) -> Iterator[FramingCheck]:
    """The self-check: https, CORS, and whether `origin` may frame the widget."""
    secure = site().base_url.startswith("https://")
    message = (
        gettext_noop("Reached by https, as %(address)s.")
        if secure
        else gettext_noop(
            "Reached by plain http, as %(address)s. Most intranets refuse such a frame."
        )
    )
    yield FramingCheck(secure, message, {"address": site().base_url})
    cors = gettext_noop("The API and the script can be read from any website (CORS).")
    yield FramingCheck(True, cors)
    if origin is not None:
        good = framable(here().config.embed_origins, origin)
        message = (
            gettext_noop("May be framed by %(origin)s.")
            if good
            else gettext_noop("May not be framed by %(origin)s: add it to DEVIS_EMBED_ORIGINS.")
        )
        yield FramingCheck(good, message, {"origin": origin})


def _origin(text: str) -> str | None:
    """The origin of a URL; None if it is malformed."""
    found = ORIGIN.match(text)
    if found is None or text[found.end() :][:1] not in ("", "/"):
        return None
    return found[0].lower()


def framable(allowed: tuple[str, ...], origin: str) -> bool:
    """Whether a `frame-ancestors` policy with the `allowed` sources matches `origin`."""
    if allowed == ("*",):
        return True
    return any(_matches(source, origin) for source in allowed)


def _matches(source: str, origin: str) -> bool:
    scheme, host, port = _parts(source)
    its_scheme, its_host, its_port = _parts(origin)
    same_host = its_host.endswith(host[1:]) if host.startswith("*.") else its_host == host
    upgraded = (scheme, its_scheme) == ("http", "https") and port == "80" and its_port == "443"
    return same_host and (upgraded or (scheme, port) == (its_scheme, its_port))


def _parts(origin: str) -> tuple[str, str, str]:
    scheme, _, rest = origin.lower().partition("://")
    host, _, port = rest.partition(":")
    return scheme, host, port or _PORTS[scheme]
