"""sitemap.xml: every public page, with links to its versions in other languages."""

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    ' xmlns:xhtml="http://www.w3.org/1999/xhtml">\n'
)


def render(base_url: str, languages: Sequence[str], paths: Iterable[str]) -> bytes:
    """Render the sitemap; `paths` are relative to `/{language}/`, and exist in every language."""
    parts = [_HEAD]
    for path in paths:
        links = "".join(
            f'<xhtml:link rel="alternate" hreflang="{code}"'
            f' href="{escape(f"{base_url}/{code}/{path}")}"/>'
            for code in languages
        )
        for language in languages:
            parts.append(
                f"<url><loc>{escape(f'{base_url}/{language}/{path}')}</loc>{links}</url>\n"
            )
    parts.append("</urlset>\n")
    return "".join(parts).encode()
