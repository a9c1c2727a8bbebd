"""Carry an expired session's form through sign-in and offer to resubmit it.

The form travels in hidden fields; nothing of it is stored on the server.
"""

import json
from dataclasses import dataclass

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.config.logs import DESK
from feed.desk import session
from feed.files import without_controls

NEXT, FORM = "next", "kept"  # hidden fields of the sign-in forms
_SECRET = ("password", "current", "code", session.CSRF_FIELD)


@dataclass(frozen=True, slots=True)
class ResumedForm:
    """The path to go on to after sign-in, and the submitted form, if any, as names and values."""

    path: str
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def as_json(self) -> str:
        """The fields as one JSON string, for a hidden field."""
        return json.dumps(self.fields, ensure_ascii=False) if self.fields else ""


def ask_to_sign_in(*, half: bool) -> AnyResponse | tuple[str, int]:
    """Ask for the password, or with `half` for the second factor; carries the submitted form."""
    if request.method in ("GET", "HEAD"):
        path = request.full_path.rstrip("?")
        page = "desk.sign_in.ask_factor" if half else "desk.sign_in.ask"
        return redirect(url_for(page, next=path if path != DESK else None), 303)
    fields = (each for each in request.form.items(multi=True) if each[0] not in _SECRET)
    resumed = ResumedForm(request.full_path.rstrip("?"), tuple(fields))
    page = "factor" if half else "sign_in"
    html = render_template(f"desk/{page}.html", resumed=resumed, expired=True, address="", wrong={})
    return html, 403


def read() -> ResumedForm:
    """The path and form that a sign-in request carries; malformed ones become the overview."""
    path = request.values.get(NEXT, DESK)
    try:
        pairs = json.loads(request.form.get(FORM, "") or "[]")
        fields = tuple((_encodable(name), _encodable(value)) for name, value in pairs)
    except (ValueError, TypeError, RecursionError):
        fields = ()
    return ResumedForm(path if _is_desk_path(path) else DESK, fields)


def go_on(resumed: ResumedForm) -> AnyResponse | str:
    """Redirect to the path, or show the form to resubmit."""
    if not resumed.fields:
        return redirect(resumed.path, 303)
    return render_template("desk/resume.html", resumed=resumed)


def _encodable(value: object) -> str:
    """Text that a page can carry: JSON can escape what UTF-8 cannot encode."""
    return without_controls(str(value))


def _is_desk_path(path: str) -> bool:
    """Whether a path stays below /desk/: a guard against open redirects."""
    return path.isprintable() and "\\" not in path and ".." not in path and path.startswith(DESK)
