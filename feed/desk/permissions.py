"""Who may come to which address of the desk: each view says the least role that it needs.

docs/security.md has the table; a view that says nothing is refused to everybody.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import totp
from feed.desk import resume, session
from feed.errors import ForbiddenError, gettext_noop
from feed.i18n import match, negotiate
from feed.model.people import Role
from feed.web.context import accepted_languages, db, here
from feed.web.middleware.redact import DESK

log = logging.getLogger(__name__)

_NEEDS = "devis_needs"
_EVEN_WITHOUT_FACTOR = "devis_even_without_factor"
_FORGED = gettext_noop(
    "The form did not come from a page of this desk, or the browser has forgotten its cookie since:"
    " go back, reload the page, and send it again."
)
_NOT_YOURS = gettext_noop("Your role does not reach that far: an administrator can change it.")

View = TypeVar("View", bound=Callable[..., Any])


def requires(role: Role | None, *, even_without_factor: bool = False) -> Callable[[View], View]:
    """Mark a view with the least role that may see it; None is for everybody, signed in or not.

    With `even_without_factor` it stays open to whoever has yet to set up the second factor that is
    required of them.
    """

    def mark_view(view: View) -> View:
        setattr(view, _NEEDS, role)
        setattr(view, _EVEN_WITHOUT_FACTOR, even_without_factor)
        return view

    return mark_view


def needed(view: Callable[..., Any]) -> Role | None:
    """The least role that may see a view. Raises AttributeError where it says none."""
    role: Role | None = getattr(view, _NEEDS)
    return role


def check() -> AnyResponse | tuple[str, int] | None:
    """Before each request: let it pass, or answer it. Raises ForbiddenError."""
    if not request.path.startswith(DESK) or request.endpoint is None:
        return None
    g.language = _language(None)  # should even the session not be found
    found = session.session()
    g.language = _language(found.curator.language if found else None)
    if request.method not in ("GET", "HEAD", "OPTIONS") and not session.csrf_token_is_valid():
        log.warning("desk: a form without its mark was refused: %s", request.endpoint)
        raise ForbiddenError(_FORGED)
    view = current_app.view_functions[request.endpoint]
    role = needed(view)
    if role is None:
        return None
    if found is None or not found.is_whole:
        return resume.ask_to_sign_in(half=found is not None)
    if not found.curator.may(role):
        log.warning("desk: %s was refused %s", found.curator.id, request.endpoint)
        raise ForbiddenError(_NOT_YOURS)
    lacks = not found.curator.has_factor and not getattr(view, _EVEN_WITHOUT_FACTOR)
    if lacks and totp.is_required(db()):
        return redirect(url_for("desk_account.factor"), 303)
    return None


def _language(own: str | None) -> str:
    """The language of a page of the desk: the person's own, or what the visitor asks for."""
    languages = here().config.languages
    asked = match(request.values.get("lang", ""), languages)
    return own if own in languages else asked or negotiate(accepted_languages(), languages)
