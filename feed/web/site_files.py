"""Pages and files of the site itself: language redirect, about, robots, sitemap, favicon,
security.txt.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from xml.sax.saxutils import escape

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.config.logs import SUBSCRIPTION
from feed.i18n import negotiate
from feed.store import ledger, library
from feed.subscribers.links import CONFIRM_DAYS
from feed.web.context import FROZEN, accepted_languages, db, here, now, site
from feed.web.middleware.headers import cacheable

blueprint = Blueprint("service", __name__)
_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    ' xmlns:xhtml="http://www.w3.org/1999/xhtml">\n'
)


@blueprint.get("/")
def root() -> AnyResponse:
    """Redirect to the front page in the visitor's language (Accept-Language)."""
    code = negotiate(accepted_languages(), here().config.languages)
    response = redirect(url_for("pages.today", language=code), 302)
    response.headers["Vary"] = "Accept-Language"
    return response


@blueprint.get("/<language:language>/about/")
@cacheable
def about() -> str:
    """About the site, its privacy policy, and the content's terms of use."""
    return render_template(
        "about.html", sources=library.public_sources(db()).values(), confirm_days=CONFIRM_DAYS
    )


@blueprint.get("/robots.txt")
@cacheable
def robots() -> Response:
    """robots.txt: everything may be crawled but subscribers' own pages."""
    rules = f"User-agent: *\nAllow: /\nDisallow: {SUBSCRIPTION}\n"
    body = f"{rules}\nSitemap: {site().url('/sitemap.xml')}\n"
    return Response(body, content_type="text/plain; charset=utf-8")


@blueprint.get("/sitemap.xml")
@cacheable
def site_map() -> Response:
    """The sitemap of all public pages, in all languages."""
    body = _sitemap(site().base_url, site().languages, _public_paths() | _text_paths())
    return Response(body, content_type="application/xml; charset=utf-8")


def _public_paths() -> dict[str, Collection[str]]:
    """The paths below `/{language}/` of the pages that exist in every language, and these."""
    today = site().today(now())
    paths = ["", "archive/", "principles/", "themes/", "sources/"]
    paths += ["feeds/", "embed/", "api/", "about/"]
    if here().config.accepts_sign_ups and FROZEN not in request.environ:
        paths += ["subscribe/"]
    months = [first for first, _ in ledger.months(db(), today)]
    paths += [f"archive/{year}/" for year in dict.fromkeys(first.year for first in months)]
    paths += [f"archive/{first:%Y/%m}/" for first in months]
    paths += [f"themes/{slug}/" for slug in library.public_themes(db())]
    paths += [f"sources/{slug}/" for slug in library.public_sources(db())]
    return dict.fromkeys(paths, site().languages)


def _text_paths() -> dict[str, Collection[str]]:
    """The paths of the pages of a single text, and its languages: no stand-in for a translation."""
    languages = library.text_languages(db())
    days = ledger.dates(db(), site().today(now()))
    paths = {f"{day.isoformat()}/": slug for day, slug in days.items()}
    paths |= {f"principles/{slug}/": slug for slug in library.listed(db())}
    return {path: languages[slug] for path, slug in paths.items()}


@blueprint.get("/favicon.ico")
@cacheable
def favicon() -> AnyResponse:
    """The favicon at its default address."""
    return current_app.send_static_file("favicon.ico")


@blueprint.get("/.well-known/security.txt")
@cacheable
def security() -> Response:
    """security.txt (RFC 9116); without DEVIS_CONTACT it points to the about page."""
    contact = site().contact or site().url(url_for(".about", language=site().languages[0]))
    address = contact if contact.startswith("http") else f"mailto:{contact}"
    # Less than a year ahead, and stable for a month, so that the bytes can be cached.
    month = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    expires = (month + timedelta(days=180)).isoformat()
    body = (
        f"Contact: {address}\nExpires: {expires}\n"
        f"Preferred-Languages: {', '.join(site().languages)}\n"
        f"Canonical: {site().url('/.well-known/security.txt')}\n"
    )
    return Response(body, content_type="text/plain; charset=utf-8")


def _sitemap(
    base_url: str, languages: Sequence[str], paths: Mapping[str, Collection[str]]
) -> bytes:
    """Render the sitemap; `paths` are relative to `/{language}/`, with the languages of each."""
    parts = [_HEAD]
    for path, own in paths.items():
        present = [code for code in languages if code in own]
        links = "".join(
            f'<xhtml:link rel="alternate" hreflang="{code}"'
            f' href="{escape(f"{base_url}/{code}/{path}")}"/>'
            for code in present
        )
        for language in present:
            parts.append(
                f"<url><loc>{escape(f'{base_url}/{language}/{path}')}</loc>{links}</url>\n"
            )
    parts.append("</urlset>\n")
    return "".join(parts).encode()
