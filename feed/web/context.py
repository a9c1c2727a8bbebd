"""Request context and template variables: settings, `now`, database, language, translations, links.

Every request has one database connection, one `now` and one language.
"""

import hashlib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, current_app, g, request, url_for
from sqlite_utils import Database

from feed import editions
from feed.clock import Clock
from feed.config import Config
from feed.i18n import Translator, direction, locale, match, negotiate, own_name, translator
from feed.model import Principle, Site, Source, Text, Theme
from feed.model.language_tags import lookup
from feed.publish import FORMATS, colours, markup
from feed.store import connection, signing_key

FROZEN = "devis.frozen"  # in the WSGI environment: the response becomes a static file


class Context:
    """The application's settings, clock and site; `here()` returns it within a request."""

    def __init__(self, app: Flask, config: Config, clock: Clock, *, reading: bool = False) -> None:
        self.config = config
        self.reading = reading
        self.clock = clock
        self._site: Site | None = None
        app.extensions["devis"] = self
        app.url_value_preprocessor(_pull_language)
        app.url_defaults(_add_language)
        app.teardown_appcontext(_close)

    def site(self, db: Database, now: datetime) -> Site:
        """The site; its identity is read from the database once per process."""
        if self._site is None:
            identify = editions.site if self.reading else editions.settle
            self._site = identify(db, self.config, now)
        return self._site


def here() -> Context:
    """The Context of the current application."""
    found: Context = current_app.extensions["devis"]
    return found


def now() -> datetime:
    """The time of this request; the clock is read once per request."""
    if "now" not in g:
        g.now = here().clock()
    instant: datetime = g.now
    return instant


def db() -> Database:
    """This request's database connection, opened on first use."""
    if "db" not in g:
        g.db = connection.connect(here().config.database, read_only=here().reading)
    database: Database = g.db
    return database


def site() -> Site:
    """The site of this request."""
    return here().site(db(), now())


def key() -> bytes:
    """The key that signs links and forms. Raises SettingError."""
    return signing_key.get(db(), here().config)


def language() -> str:
    """The language of the path; on an address without one, that of Accept-Language."""
    if "language" not in g:
        languages = here().config.languages
        first = match(request.path.split("/", 2)[1], languages)
        g.language = first or negotiate(accepted_languages(), languages)
    code: str = g.language
    return code


def accepted_languages() -> list[str]:
    """The language tags of Accept-Language, best first."""
    return [tag for tag, quality in request.accept_languages if quality > 0]


def translate() -> Translator:
    """The translator of this request's language."""
    return translator(language())


def _pull_language(endpoint: str | None, values: dict[str, Any] | None) -> None:
    code = (values or {}).pop("language", None)
    if code is not None:
        g.language = code


def _add_language(endpoint: str, values: dict[str, Any]) -> None:
    if current_app.url_map.is_endpoint_expecting(endpoint, "language"):
        values.setdefault("language", language())


def _close(error: BaseException | None) -> None:
    database = g.pop("db", None)
    if database is not None:
        database.close()


def init_templates(app: Flask, context: Context) -> None:
    """Register globals, filters and context variables with `app`."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: translate().gettext(message),
        lambda one, many, number: translate().ngettext(one, many, number),
        newstyle=True,
    )
    app.jinja_env.globals.update(
        FORMATS=FORMATS,
        direction=direction,
        lookup=lookup,
        locale=locale,
        asset=_assets(Path(app.static_folder or "")),
        credit=lambda principle, source: markup.credit_html(translate(), source, principle),
        fallback_note=lambda shown: markup.fallback_note(translate(), shown),
        paragraphs=markup.paragraphs,
        marks=lambda code: markup.marks(code, translate().interface),
        page_marks=lambda: markup.marks(translate().interface),
        own_name=own_name,
        hue=lambda themes: f"hue hue-{colours.hue(themes[0].slug)}" if themes else "",
        section=_section,
        opening=_opening,
        previous=_previous,
        by_name=lambda themes: sorted(themes, key=lambda item: item.text(language())[1].name),
        siblings=lambda: _siblings(context.config.languages),
    )
    app.jinja_env.filters.update(
        day=lambda value: translate().day(value),
        date=lambda value: translate().date(value),
        short=lambda value: translate().short(value),
        weekday_short=lambda value: translate().weekday_short(value),
        weekday_and_month=lambda value: translate().weekday_and_month(value),
        near=lambda value: _near(value, context),
        moment=lambda value: translate().moment(value.astimezone(context.config.timezone)),
        month=lambda value: translate().month(value),
        month_name=lambda value: translate().month_name(value),
        number=lambda value: translate().number(value),
        localised=_localised,
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


def _opening(day: date) -> str:
    """When the edition of a coming day can be read."""
    t, left = translate(), day - site().today(now())
    if left == timedelta(days=1):
        return t.gettext("opens at midnight")
    name = t.weekday(day) if left < timedelta(days=7) else t.short(day)
    return t.gettext("opens on %(day)s", day=name)


def _previous(day: date) -> str:
    """The heading over what was to be done on the last day before today's."""
    t, ago = translate(), site().today(now()) - day
    if ago == timedelta(days=1):
        return t.gettext("Yesterday you were going to …")
    if ago < timedelta(days=7):
        return t.gettext("On %(weekday)s you were going to …", weekday=t.weekday(day))
    return t.gettext("On %(date)s you were going to …", date=t.short(day))


def _near(value: date | datetime, context: Context) -> str:
    """Format the date of a day or instant in the site's timezone, with the year if not this one."""
    zone = context.config.timezone
    day = value.astimezone(zone).date() if isinstance(value, datetime) else value
    return translate().near(day, now().astimezone(zone).date())


def _localised(item: Principle | Theme | Source) -> Text | tuple[str, Any]:
    """The text in the page's language, or in the original's."""
    return item.text(language())


# The section of the main navigation to which the pages of a blueprint or view belong.
_SECTIONS = {
    "pages.archive": "archive",
    "pages.year": "archive",
    "pages.month": "archive",
    "pages.edition": "archive",
    "library": "library",
    "feeds": "daily",
    "subscribe": "daily",
    "embed": "daily",
    "api_pages": "daily",
}


def _section() -> str:
    """The section of the main navigation that this page belongs to; empty for today's."""
    by_view = _SECTIONS.get(request.endpoint or "", "")
    return by_view or _SECTIONS.get(request.blueprint or "", "")


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
