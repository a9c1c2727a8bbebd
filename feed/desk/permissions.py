"""Access control of the desk: each view names the lowest role that may use it.

docs/security.md has the table. A view that names no role is refused to everybody.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import sign_in
from feed.config.logs import DESK
from feed.desk import drafts, session
from feed.errors import ForbiddenError, InputError, gettext_noop
from feed.files import without_controls
from feed.i18n import match, negotiate
from feed.model.people import Role, Session
from feed.store.drafts import Draft
from feed.web.context import accepted_languages, here, now
from feed.web.middleware import host_header

log = logging.getLogger(__name__)

_ROLE = "devis_role"
_EVEN_BY_LINK = "devis_even_by_link"
_FRESH = "devis_fresh"
_FORGED = gettext_noop(
    "The form did not come from a page of this desk, or the browser has forgotten its cookie since:"
    " go back, reload the page, and send it again."
)
_WRONG_HOST = gettext_noop("The editors’ desk has another address: open %(url)s.")
_ROLE_TOO_LOW = gettext_noop("Your role doesn’t allow this. An administrator can change it.")

View = TypeVar("View", bound=Callable[..., Any])


def requires(
    role: Role | None, *, even_by_link: bool = False, fresh: bool = False
) -> Callable[[View], View]:
    """View decorator: the lowest role that may use it; None for everybody, signed in or not.

    With `even_by_link`, people who need a stronger way may use it after signing in by a link: that
    is for adding one. With `fresh`, they must have proved who they are a short time ago.
    """

    def add_role(view: View) -> View:
        setattr(view, _ROLE, role)
        setattr(view, _EVEN_BY_LINK, even_by_link)
        setattr(view, _FRESH, fresh)
        return view

    return add_role


def required_role(view: Callable[..., Any]) -> Role | None:
    """The lowest role that may use a view. Raises AttributeError where none is named."""
    role: Role | None = getattr(view, _ROLE)
    return role


def check() -> AnyResponse | tuple[str, int] | None:
    """Check host, CSRF token, session, role and proof before a request of the desk.

    What was typed is stored as a draft before. Returns None to let the request pass, or a response
    that asks to sign in, or to send the form again. Raises ForbiddenError, and InputError for a
    host name that may be a stranger's.
    """
    g.language = _language(None)  # for the error page, if reading the session fails
    if not host_header.is_known_host():
        raise InputError(_WRONG_HOST, url=f"{here().config.base_url}/desk/")
    current = session.session()
    g.language = _language(current.curator.language if current else None)
    draft = drafts.store_submitted()
    view = current_app.view_functions[request.endpoint or ""]
    role = required_role(view)
    if role is not None and current is None:
        return _ask_to_sign_in(draft)
    if request.method not in ("GET", "HEAD", "OPTIONS") and not session.csrf_token_is_valid():
        log.warning("desk: refused a form without a valid CSRF token: %s", request.endpoint)
        if draft and current and draft.curator == current.curator.id:
            return redirect(f"{drafts.address(draft)}&again=1", 303)
        g.typed = _typed_texts()  # for the error page
        raise ForbiddenError(_FORGED)
    if role is None or current is None:
        return None
    if not current.curator.may(role):
        log.warning("desk: refused %s to person %s", request.endpoint, current.curator.id)
        raise ForbiddenError(_ROLE_TOO_LOW)
    return _ask_for_proof(view, current)


def _ask_for_proof(view: Callable[..., Any], current: Session) -> AnyResponse | None:
    """Ask for a stronger way to sign in, or for a proof that is fresh, where the view needs it."""
    if not current.is_whole and not getattr(view, _EVEN_BY_LINK):
        return redirect(url_for("desk.account.home"), 303)
    if getattr(view, _FRESH) and not sign_in.is_fresh(current, now()):
        return redirect(url_for("desk.sign_in.confirm", next=_page_of(request.path)), 303)
    return None


def _page_of(path: str) -> str:
    """The page with the form that was sent to a path: the nearest one above it."""
    addresses = current_app.url_map.bind("localhost")
    while not addresses.test(path, "GET"):
        path = path.rstrip("/").rpartition("/")[0] + "/"
    return path


def _ask_to_sign_in(draft: Draft | None) -> AnyResponse | tuple[str, int]:
    """Ask to sign in, and go on to the draft then.

    Where the text of a form is stored nowhere, the page shows it.
    """
    if request.method in ("GET", "HEAD"):
        path = request.full_path.rstrip("?")
        return redirect(url_for("desk.sign_in.ask", next=path if path != DESK else None), 303)
    html = render_template(
        "desk/sign_in.html",
        next=drafts.address(draft) if draft else DESK,
        expired=True,
        draft=draft,
        typed=[] if draft else _typed_texts(),
        address="",
        wrong={},
    )
    return html, 403


def _typed_texts() -> list[str]:
    """What was typed into the fields of the submitted form, except secrets."""
    given = request.form.items(multi=True)
    texts = (without_controls(text).strip() for name, text in given if name not in drafts.UNSHOWN)
    return [text for text in texts if text]


def _language(own: str | None) -> str:
    """The person's own language, else the one that the request prefers."""
    languages = here().config.languages
    asked = match(request.values.get("lang", ""), languages)
    return own if own in languages else asked or negotiate(accepted_languages(), languages)
