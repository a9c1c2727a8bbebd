"""The embed page for intranet administrators: code builder, preview, recipes and self-check."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, render_template, request

from feed import editions
from feed.errors import gettext_noop
from feed.i18n import match, translator
from feed.publish import api_models
from feed.store import library
from feed.web import widget
from feed.web.context import db, here, language, now, site
from feed.web.middleware.headers import CONTENT_SECURITY_POLICY, cacheable_by

blueprint = Blueprint("embed", __name__)

ORIGIN = re.compile(r"(https?)://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?")
_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class FramingCheck:
    """One result of the self-check: a message, and whether it is good news."""

    good: bool
    message: str


@blueprint.get("/<language:language>/embed/")
@cacheable_by("reader", "scheme", "show", "layout", "text-size", "origin")
def builder() -> Response:
    """The builder page for the options in the query string."""
    given = request.args
    options = widget.read_options(given, given.getlist("show"))
    reader = match(given.get("reader", ""), site().languages) or language()
    origin = given.get("origin", "").strip()[:200]
    view = editions.today(db(), site(), now())
    counts = library.language_counts(db())
    response = make_response(
        render_template(
            "embed.html",
            options=options,
            reader=reader,
            t_reader=translator(reader),
            origin=origin,
            choices=widget,
            checks=_checks(origin),
            origin_wrong=bool(origin) and _origin(origin) is None,
            today=api_models.languages(site(), view.showing if view else None, counts),
            host=urlsplit(site().base_url).netloc,
            origins=here().config.embed_origins,
        )
    )
    response.headers["Content-Security-Policy"] = (
        f"{CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'; frame-src 'self'"
    )
    return response


def _checks(origin: str) -> list[tuple[FramingCheck, dict[str, Any]]]:
    """The self-check: https, CORS, and whether `origin` may frame the widget."""
    secure = site().base_url.startswith("https://")
    found: list[tuple[FramingCheck, dict[str, Any]]] = [
        (
            FramingCheck(True, gettext_noop("Reached by https, as %(address)s.")),
            {"address": site().base_url},
        )
        if secure
        else (
            FramingCheck(
                False,
                gettext_noop("Not by https: %(address)s. Most intranets refuse such a frame."),
            ),
            {"address": site().base_url},
        ),
        (
            FramingCheck(
                True, gettext_noop("Any page may read the API and load the script (CORS).")
            ),
            {},
        ),
    ]
    framing = _origin(origin)
    if framing is not None:
        good = framable(here().config.embed_origins, framing)
        message = (
            gettext_noop("May be framed by %(origin)s.")
            if good
            else gettext_noop("May not be framed by %(origin)s: add it to DEVIS_EMBED_ORIGINS.")
        )
        found.append((FramingCheck(good, message), {"origin": framing}))
    return found


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
