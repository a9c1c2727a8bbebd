"""The public site over HTTP. `create_app` makes it; `wsgi` is what a web process loads."""

from datetime import date

from flask import Flask
from werkzeug.routing import BaseConverter, IntegerConverter, ValidationError

from feed import schema
from feed.clock import Clock
from feed.config import Config
from feed.store.connection import opened
from feed.web import (
    api,
    desk,
    embed,
    errors,
    feeds,
    formats,
    headers,
    health,
    library,
    limits,
    metrics,
    numbering,
    pages,
    personal,
    service,
    subscribe,
    subscription,
    templating,
    widget,
)
from feed.web.cache import PageCache
from feed.web.content import Content
from feed.web.context import Context


class _DateConverter(BaseConverter):
    """`2026-11-22` in a path; what is no date of the calendar is not found."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError from None

    def to_url(self, value: date) -> str:
        return value.isoformat()


class _MonthConverter(_DateConverter):
    """`2026/11` in a path, as the first day of that month."""

    regex = "[0-9]{4}/[0-9]{2}"
    part_isolating = False

    def to_python(self, value: str) -> date:
        return super().to_python(f"{value.replace('/', '-')}-01")

    def to_url(self, value: date) -> str:
        return f"{value:%Y/%m}"


class _SlugConverter(BaseConverter):
    """The name of a principle, theme or source; what cannot be one is not found."""

    regex = "[a-z0-9]+(?:-[a-z0-9]+)*"


class _NumberConverter(IntegerConverter):
    """A number of something in the database, as SQLite can have it."""

    regex = "[0-9]{1,18}"


def _languages(codes: tuple[str, ...]) -> type[BaseConverter]:
    """The languages of the site: any other word in their place is not found."""
    return type("_LanguageConverter", (BaseConverter,), {"regex": "|".join(codes)})


def create_app(settings: Config, clock: Clock, *, reading: bool = False) -> Flask:
    """The Flask application; with `reading` it leaves the database as it is.

    Raises SchemaError or StoreError unless the database is ready.
    """
    with opened(settings.database, reading=reading) as db:
        schema.check(db)
    app = Flask(__name__)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    context = Context(app, settings, clock, reading=reading)
    app.url_map.converters.update(
        date=_DateConverter,
        month=_MonthConverter,
        slug=_SlugConverter,
        language=_languages(settings.languages),
        int=_NumberConverter,
    )
    templating.init(app, context)
    metrics.init(app)
    numbering.init(app)
    headers.init(app, context)
    errors.init(app, context)
    limits.init(app, context, api.blueprint, subscribe.blueprint)
    app.register_blueprint(api.pages)
    public = (pages, library, feeds, formats, service, health, metrics, api, widget, embed)
    for module in (*public, subscribe, subscription, personal):
        app.register_blueprint(module.blueprint)
    desk.init(app)
    return app


def wsgi(settings: Config, clock: Clock) -> PageCache:
    """The site as a web process serves it: finished bytes in front of Flask."""
    app = create_app(settings, clock)
    content = Content(settings.database, settings.timezone, clock)
    tally = metrics.tally(settings)
    return PageCache(app, content, headers.known_query(app), tally)
