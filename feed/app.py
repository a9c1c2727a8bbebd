"""The web application: the public site and the desk in one Flask app, behind the page cache."""

from datetime import date

from flask import Flask
from werkzeug.routing import BaseConverter, IntegerConverter, ValidationError

from feed import desk
from feed.clock import Clock
from feed.config import Config
from feed.store import migrations
from feed.store.connection import opened
from feed.web import (
    api,
    embed,
    errors,
    feeds,
    health,
    pages,
    screen,
    site_files,
    subscribe,
    subscription,
    widget,
)
from feed.web.context import Context, init_templates
from feed.web.middleware import headers, host_header, metrics, rate_limits, request_ids
from feed.web.middleware.content_version import Content
from feed.web.middleware.gateway import Gateway
from feed.web.middleware.page_cache import PageCache


class _DateConverter(BaseConverter):
    """A date such as `2026-11-22` in a path; dates that do not exist give 404."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError from None

    def to_url(self, value: date) -> str:
        return value.isoformat()


class _MonthConverter(_DateConverter):
    """A month such as `2026/11` in a path, as its first date."""

    regex = "[0-9]{4}/[0-9]{2}"
    part_isolating = False

    def to_python(self, value: str) -> date:
        return super().to_python(f"{value.replace('/', '-')}-01")

    def to_url(self, value: date) -> str:
        return f"{value:%Y/%m}"


class _YearConverter(BaseConverter):
    """A year such as `2026` in a path."""

    regex = "[0-9]{4}"

    def to_python(self, value: str) -> int:
        return int(value)


class _SlugConverter(BaseConverter):
    """The slug of a principle, theme or source; malformed ones give 404."""

    regex = "[a-z0-9]+(?:-[a-z0-9]+)*"


class _NumberConverter(IntegerConverter):
    """A row id that fits SQLite's integers."""

    regex = "[0-9]{1,18}"


def _language_converter(codes: tuple[str, ...]) -> type[BaseConverter]:
    """A converter for the site's language codes; others give 404."""
    return type("_LanguageConverter", (BaseConverter,), {"regex": "|".join(codes)})


def create_app(settings: Config, clock: Clock, *, reading: bool = False) -> Flask:
    """Create the Flask application; with `reading` it opens the database read-only.

    Raises SchemaError or StoreError unless the database is ready.
    """
    with opened(settings.database, read_only=reading) as db:
        migrations.check(db)
    app = Flask("feed.web")
    app.jinja_options = {**app.jinja_options, "trim_blocks": True, "lstrip_blocks": True}
    context = Context(app, settings, clock, reading=reading)
    app.url_map.converters.update(
        date=_DateConverter,
        month=_MonthConverter,
        year=_YearConverter,
        slug=_SlugConverter,
        language=_language_converter(settings.languages),
        int=_NumberConverter,
    )
    init_templates(app, context)
    metrics.init(app)
    host_header.init(app)
    request_ids.init(app)
    headers.init(app, context)
    errors.init(app, context)
    if not reading:  # a site that is written to files has no visitors to count
        rate_limits.init(app, context, api.blueprint, subscribe.blueprint)
    app.register_blueprint(api.pages)
    app.register_blueprint(pages.library_blueprint)
    app.register_blueprint(embed.blueprint)
    public = (pages, screen, feeds, site_files, health, metrics, api, widget)
    for module in (*public, subscribe, subscription):
        app.register_blueprint(module.blueprint)
    desk.init(app)
    return app


def wsgi(settings: Config, clock: Clock) -> PageCache:
    """The WSGI application: the page cache in front of Flask."""
    app = create_app(settings, clock)
    content = Content(settings, clock)
    return PageCache(app, content, metrics.counters(settings))


def rsgi(settings: Config, clock: Clock) -> Gateway:
    """The RSGI application that a web process serves: the gateway in front of the page cache."""
    return Gateway(wsgi(settings, clock), settings.trusted_proxies)
