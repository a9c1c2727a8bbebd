"""The curators' desk, under /desk/: pages that need no script, for people with a role."""

from typing import Any

from flask import Flask, Response, request
from markupsafe import Markup

from feed.desk import (
    account,
    calendar,
    exchange,
    labels,
    library_board,
    overview,
    people,
    permissions,
    preview,
    principles,
    sending,
    session,
    sign_in,
    translations,
)
from feed.errors import StoreError, gettext_noop
from feed.model.people import ROLES, Role
from feed.store.connection import DriverError
from feed.web.context import translate
from feed.web.middleware.headers import CONTENT_SECURITY_POLICY
from feed.web.middleware.redact import DESK

_POLICY = f"{CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'; frame-src 'self'"


# The desk's own menu: endpoint, words, and the least role that sees it.
PAGES: tuple[tuple[str, str, Role], ...] = (
    ("desk.home", gettext_noop("Overview"), "translator"),
    ("desk_library.board", gettext_noop("Library"), "translator"),
    ("desk_translations.board", gettext_noop("Translations"), "translator"),
    ("desk_calendar.board", gettext_noop("Calendar"), "translator"),
    ("desk_sending.board", gettext_noop("Sending"), "editor"),
    ("desk_exchange.home", gettext_noop("Exchange"), "curator"),
    ("desk_people.everybody", gettext_noop("People"), "administrator"),
)


def init(app: Flask) -> None:
    """Add the desk to the site."""
    boards = (library_board, translations, calendar, sending, exchange)
    for module in (sign_in, overview, account, people, principles, preview, *boards):
        app.register_blueprint(module.blueprint)
    app.before_request(permissions.check)

    @app.context_processor
    def page() -> dict[str, Any]:
        """What every page of the desk knows."""
        if not request.path.startswith(DESK):
            return {}
        try:
            found = session.session()
        except (StoreError, DriverError):  # the page tells of it
            found = None
        return {
            "me": found.curator if found and found.is_whole else None,
            "mark": _mark,
            "DESK_PAGES": PAGES,
            "ROLES": ROLES,
            "role_name": lambda role: translate().gettext(labels.ROLES[role]),
            "state_name": lambda state: translate().gettext(labels.STATES[state]),
            "deed_name": lambda act: translate().gettext(labels.DEEDS[act]),
            "act_name": lambda act: translate().gettext(labels.ACTS[act]),
            "done_name": lambda act: translate().gettext(labels.DONE.get(act, labels.SAVED)),
            "reason_name": _reason,
        }

    @app.after_request
    def finish(response: Response) -> Response:
        if request.path.startswith(DESK):
            response.headers.setdefault("Content-Security-Policy", _POLICY)
            session.finish(response)
        return response


def _reason(why: str) -> str:
    """Why a letter was not sent; what a mail server said is left as it is."""
    return translate().gettext(labels.REASONS[why]) if why in labels.REASONS else why


def _mark() -> Markup:
    """The hidden field that shows a form to be ours."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(
        session.MARK, session.csrf_token()
    )
