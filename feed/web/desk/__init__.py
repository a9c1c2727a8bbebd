"""The curators' desk, under /desk/: pages that need no script, for people with a role."""

from typing import Any

from flask import Flask, Response, request
from markupsafe import Markup

from feed.errors import StoreError, mark
from feed.model.desk import ROLES, Role
from feed.store.connection import DriverError
from feed.web.context import translate
from feed.web.desk import (
    account,
    calendar,
    exchange,
    guard,
    home,
    library,
    people,
    preview,
    principles,
    sending,
    signing,
    translations,
    visit,
    words,
)
from feed.web.headers import CONTENT_SECURITY_POLICY
from feed.web.paths import DESK

_POLICY = f"{CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'; frame-src 'self'"


# The desk's own menu: endpoint, words, and the least role that sees it.
PAGES: tuple[tuple[str, str, Role], ...] = (
    ("desk.home", mark("Overview"), "translator"),
    ("desk_library.board", mark("Library"), "translator"),
    ("desk_translations.board", mark("Translations"), "translator"),
    ("desk_calendar.board", mark("Calendar"), "translator"),
    ("desk_sending.board", mark("Sending"), "editor"),
    ("desk_exchange.home", mark("Exchange"), "curator"),
    ("desk_people.everybody", mark("People"), "administrator"),
)


def init(app: Flask) -> None:
    """Add the desk to the site."""
    boards = (library, translations, calendar, sending, exchange)
    for module in (signing, home, account, people, principles, preview, *boards):
        app.register_blueprint(module.blueprint)
    app.before_request(guard.check)

    @app.context_processor
    def page() -> dict[str, Any]:
        """What every page of the desk knows."""
        if not request.path.startswith(DESK):
            return {}
        try:
            found = visit.session()
        except (StoreError, DriverError):  # the page tells of it
            found = None
        return {
            "me": found.curator if found and found.is_whole else None,
            "mark": _mark,
            "DESK_PAGES": PAGES,
            "ROLES": ROLES,
            "role_name": lambda role: translate().gettext(words.ROLES[role]),
            "state_name": lambda state: translate().gettext(words.STATES[state]),
            "deed_name": lambda act: translate().gettext(words.DEEDS[act]),
            "act_name": lambda act: translate().gettext(words.ACTS[act]),
            "done_name": lambda act: translate().gettext(words.DONE.get(act, words.SAVED)),
            "reason_name": _reason,
        }

    @app.after_request
    def finish(response: Response) -> Response:
        if request.path.startswith(DESK):
            response.headers.setdefault("Content-Security-Policy", _POLICY)
            visit.finish(response)
        return response


def _reason(why: str) -> str:
    """Why a letter was not sent; what a mail server said is left as it is."""
    return translate().gettext(words.REASONS[why]) if why in words.REASONS else why


def _mark() -> Markup:
    """The hidden field that shows a form to be ours."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(
        visit.MARK, visit.form_mark()
    )
