"""Template globals, filters and variables: translations, site names, links and assets."""

import hashlib
from pathlib import Path
from typing import Any

from flask import Flask, current_app, request, url_for

from feed.i18n import own_name, translator
from feed.model import Principle, Source, Text, Theme
from feed.publish import FORMATS, markup
from feed.web.context import FROZEN, Context, language, translate


def init(app: Flask, context: Context) -> None:
    """Register globals, filters and context variables with `app`."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: translate().gettext(message),
        lambda one, many, number: translate().ngettext(one, many, number),
        newstyle=True,
    )
    app.jinja_env.globals.update(
        FORMATS=FORMATS,
        asset=_assets(Path(app.static_folder or "")),
        credit=lambda principle, source: markup.credit_html(translate(), source, principle),
        fallback_note=lambda shown: markup.fallback_note(translate(), shown),
        paragraphs=markup.paragraphs,
        own_name=own_name,
        by_name=lambda themes: sorted(themes, key=lambda item: item.text(language())[1].name),
        siblings=lambda: _siblings(context.config.languages),
    )
    app.jinja_env.filters.update(
        day=lambda value: translate().day(value),
        date=lambda value: translate().date(value),
        short=lambda value: translate().short(value),
        moment=lambda value: translate().moment(value.astimezone(context.config.timezone)),
        month=lambda value: translate().month(value),
        month_name=lambda value: translate().month_name(value),
        number=lambda value: translate().number(value),
        said=_text,
    )

    @app.context_processor
    def template_variables() -> dict[str, Any]:
        config, code = context.config, language()
        return {
            "lang": code,
            "languages": config.languages,
            "site_name": config.site_names.get(code) or config.site_names[config.languages[0]],
            "base_url": config.base_url,
            "contact": config.contact,
            "frozen": FROZEN in request.environ,
            "sign_up": config.accepts_sign_ups and FROZEN not in request.environ,
            "t": translator(code),
        }


def _text(item: Principle | Theme | Source) -> Text | tuple[str, Any]:
    """The text in the page's language, or in the original's."""
    return item.text(language())


def _siblings(codes: tuple[str, ...]) -> dict[str, str]:
    """This page's path in every language; empty if its address has no language."""
    endpoint, arguments = request.endpoint, request.view_args or {}
    if endpoint is None or not current_app.url_map.is_endpoint_expecting(endpoint, "language"):
        return {}
    return {code: url_for(endpoint, language=code, **arguments) for code in codes}


def _assets(folder: Path) -> Any:
    """A function that returns a static file's URL with a hash of its content."""
    hashes: dict[str, str] = {}

    def asset(name: str) -> str:
        if name not in hashes:
            hashes[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:8]
        return url_for("static", filename=name, v=hashes[name])

    return asset
