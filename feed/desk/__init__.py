"""The editors' desk under /desk/: pages for staff with a role, all usable without scripts.

One parent blueprint holds the blueprints of all its pages, and checks sessions, CSRF tokens and
permissions for them; public pages never come through here.
"""

from typing import Any

from flask import Blueprint, Flask, Response, request
from markupsafe import Markup

from feed.accounts import sign_in as sign_in_states
from feed.accounts import sign_in_events, ways_in
from feed.config.logs import DESK
from feed.desk import (
    account,
    approval,
    calendar,
    conversation,
    draft_pages,
    drafts,
    exchange,
    labels,
    library_board,
    overview,
    passkeys,
    people,
    permissions,
    preview,
    principles,
    sending,
    session,
    sign_in,
    sign_on,
    subscriber_import,
    subscribers,
    translations,
    undo_pages,
    vocabulary,
)
from feed.errors import StoreError, gettext_noop
from feed.model.people import ROLES, Role
from feed.store import passkeys as stored_passkeys
from feed.store.connection import DriverError
from feed.web.context import db, here, now, translate
from feed.web.middleware.headers import SCRIPT_POLICY

# The desk's menu: endpoint, label, and the lowest role that sees it.
PAGES: tuple[tuple[str, str, Role], ...] = (
    ("desk.overview.home", gettext_noop("Overview"), "translator"),
    ("desk.library.board", gettext_noop("Library"), "translator"),
    ("desk.translations.board", gettext_noop("Translations"), "translator"),
    ("desk.calendar.board", gettext_noop("Calendar"), "translator"),
    ("desk.sending.board", gettext_noop("Sending"), "editor"),
    ("desk.subscribers.home", gettext_noop("Subscribers"), "administrator"),
    ("desk.exchange.home", gettext_noop("Import/export"), "curator"),
    ("desk.people.everybody", gettext_noop("People"), "administrator"),
)


def init(app: Flask) -> None:
    """Register the desk's blueprints, template variables and response headers with `app`.

    Template variables and headers depend on the path, not on the blueprint: the error page for an
    unknown address under /desk/ needs them, too.
    """
    blueprint = Blueprint("desk", __name__, template_folder="templates", url_prefix="/desk")
    blueprint.before_request(permissions.check)
    boards = (library_board, vocabulary, translations, calendar, sending, subscribers)
    imports = (subscriber_import, exchange, draft_pages, undo_pages)
    for module in (
        sign_in,
        passkeys,
        sign_on,
        overview,
        account,
        people,
        principles,
        approval,
        conversation,
        preview,
        *boards,
        *imports,
    ):
        blueprint.register_blueprint(module.blueprint)
    app.register_blueprint(blueprint)
    sign_on.init(app, app.extensions["devis"])
    app.context_processor(_template_variables)
    app.after_request(_finish)


def _template_variables() -> dict[str, Any]:
    if not request.path.startswith(DESK):
        return {}
    try:
        current = session.session()
    except (StoreError, DriverError):  # the error page reports it
        current = None
    return {
        "me": current.curator if current else None,
        "session": current,
        "my_passkeys": lambda: stored_passkeys.of(db(), session.me().id),
        "ways": ways_in.available(here().config),
        "is_strong_required": _is_strong_required,
        "is_fresh": current is not None and sign_in_states.is_fresh(current, now()),
        "csrf_field": _csrf_field,
        "draft_field": drafts.signed_field,
        "offered_drafts": drafts.offered,
        "shown_draft": drafts.shown,
        "DESK_PAGES": PAGES,
        "ROLES": ROLES,
        "role_name": lambda role: translate().gettext(labels.ROLES[role]),
        "role_permissions": lambda role: translate().gettext(labels.ROLE_PERMISSIONS[role]),
        "state_name": lambda state: translate().gettext(labels.STATES[state]),
        "button_name": lambda act: translate().gettext(labels.BUTTONS[act]),
        "act_name": lambda act: translate().gettext(labels.ACTS[act]),
        "done_name": lambda act: translate().gettext(labels.DONE.get(act, labels.SAVED)),
        "reason_name": _reason,
        "event_name": lambda event: sign_in_events.sentence(translate(), event),
        "way_name": lambda method: translate().gettext(labels.METHODS[method]),
        "sign_on_name": sign_on.provider_name,
        "my_sign_on": sign_on.connected,
        "parts_name": lambda parts: labels.parts(translate(), parts),
    }


def _is_strong_required() -> bool:
    """Whether a link is not enough for the person signed in."""
    return ways_in.is_strong_required(db(), here().config, session.me())


def _finish(response: Response) -> Response:
    if request.path.startswith(DESK):
        response.headers.setdefault("Content-Security-Policy", SCRIPT_POLICY)
        session.set_cookies(response)
        drafts.add_header(response)
    return response


def _reason(why: str) -> str:
    """Why a digest was not sent; a mail server's own words stay as they are."""
    return translate().gettext(labels.REASONS[why]) if why in labels.REASONS else why


def _csrf_field() -> Markup:
    """The hidden form field with the CSRF token."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(
        session.CSRF_FIELD, session.csrf_token()
    )
