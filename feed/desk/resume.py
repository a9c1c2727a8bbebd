"""What somebody had typed when their session ran out: it travels through the pages to sign in, and
is offered to be sent again. It is never kept on this side.
"""

import json
from dataclasses import dataclass

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import session
from feed.files import without_controls
from feed.web.middleware.redact import DESK

NEXT, KEPT = "next", "kept"  # fields of the forms to sign in
_SECRET = ("password", "current", "code", session.MARK)


@dataclass(frozen=True, slots=True)
class ResumedForm:
    """Where somebody was going, and the form that they had sent: names and values."""

    path: str
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def packed(self) -> str:
        """The fields as one."""
        return json.dumps(self.fields, ensure_ascii=False) if self.fields else ""


def ask_to_sign_in(*, half: bool) -> AnyResponse | tuple[str, int]:
    """The page to sign in, or to give the second factor, with what was typed."""
    if request.method in ("GET", "HEAD"):
        path = request.full_path.rstrip("?")
        page = "desk_signing.ask_factor" if half else "desk_signing.ask"
        return redirect(url_for(page, next=path if path != DESK else None), 303)
    fields = (each for each in request.form.items(multi=True) if each[0] not in _SECRET)
    kept = ResumedForm(request.full_path.rstrip("?"), tuple(fields))
    page = "factor" if half else "sign_in"
    return render_template(f"desk/{page}.html", kept=kept, expired=True, address="", wrong={}), 403


def read() -> ResumedForm:
    """What the form to sign in carries."""
    path = request.values.get(NEXT, DESK)
    try:
        pairs = json.loads(request.form.get(KEPT, "") or "[]")
        fields = tuple((_clean(name), _clean(value)) for name, value in pairs)
    except (ValueError, TypeError, RecursionError):
        fields = ()
    return ResumedForm(path if _is_here(path) else DESK, fields)


def go_on(kept: ResumedForm) -> AnyResponse | str:
    """To where somebody was going, or what they had typed."""
    if not kept.fields:
        return redirect(kept.path, 303)
    return render_template("desk/resume.html", kept=kept)


def _clean(value: object) -> str:
    """As a page can carry it: JSON can name what UTF-8 cannot."""
    return without_controls(str(value))


def _is_here(path: str) -> bool:
    """Whether it is a path of the desk, and no way out of it."""
    return path.isprintable() and "\\" not in path and ".." not in path and path.startswith(DESK)
