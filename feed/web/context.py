"""Request context: settings, one database connection, one `now` and a language per request."""

from datetime import datetime
from typing import Any

from flask import Flask, current_app, g, request
from sqlite_utils import Database

from feed import editions
from feed.clock import Clock
from feed.config import Config
from feed.i18n import Translator, match, negotiate, translator
from feed.model import Site
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
