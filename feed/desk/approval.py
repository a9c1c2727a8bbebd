"""The review of a principle: all that its approval publishes, to be approved or sent back."""

import logging
from typing import cast

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import drafts, principle_form, session
from feed.desk.permissions import requires
from feed.errors import ConflictError, FormError, UnconfirmedError, gettext_noop
from feed.library import diff, editing, undo
from feed.library.editing import Saved
from feed.library.workflow import Act, Transition
from feed.model import TEXT_FIELDS
from feed.store import ledger, library
from feed.web.context import db, here, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("approval", __name__, url_prefix="/principles")

_CONFIRM = gettext_noop("Compare the texts, and tick that the translation still fits.")
_NEWER = gettext_noop("It was saved while you were looking. This is how it is now.")
Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/<slug:slug>/review")
@requires("editor")
def show(slug: str) -> str:
    """Show everything that waits for approval, with the other languages beside it."""
    given = drafts.opened() or MultiDict[str, str]()
    return _page(slug, {}, given.get("reason", ""))


@blueprint.post("/<slug:slug>/review")
@requires("editor")
def decide(slug: str) -> Page:
    """Approve what waits, publish the principle too, or send it back with a reason."""
    given, act = request.form, request.form.get("act")
    if act not in ("approve", "publish", "decline"):
        act = "approve"
    base = given.get("base", 0, type=int)
    reason, confirmed = given.get("reason", ""), "confirmed" in given
    me, path = session.me(), url_for("desk.principles.edit", slug=slug, done="undo")
    step = Transition(me, cast(Act, act), reason=reason, confirmed=confirmed)

    def decided() -> Saved:
        return editing.act(db(), step, slug, now(), base=base)

    try:
        _, number = undo.recorded(db(), me, "editor", [slug], decided, path, now())
    except UnconfirmedError:
        return _page(slug, {"confirmed": translate().gettext(_CONFIRM)}, reason), 422
    except ConflictError:
        return _page(slug, {"problem": translate().gettext(_NEWER)}, reason), 409
    except FormError as error:
        return _page(slug, translate().error_messages(error.fields), reason), 422
    drafts.remove_submitted()
    log.info("desk: person %s: %s %s", me.id, act, slug)
    page = url_for("desk.principles.edit", slug=slug, done=act, undo=number or None)
    return redirect(page, 303)


def _page(slug: str, wrong: dict[str, str], reason: str) -> str:
    t, found = translate(), editing.working(db(), slug)
    is_new = found.entry["status"] != "published"
    step = Transition(session.me(), "publish" if is_new else "approve")
    made, stale = editing.preview(db(), step, slug)
    codes = (*here().config.languages, *found.entry["texts"])
    original = found.entry["original_language"]
    return render_template(
        "desk/approval.html",
        found=found,
        made=made,
        stale={each.language: each for each in stale},
        languages_shown=tuple(dict.fromkeys((original, *codes))),
        parts=TEXT_FIELDS,
        pending=principle_form.pending_fields(
            t, found, library.sources(db()), library.themes(db())
        ),
        is_new=is_new,
        was_shown=ledger.was_shown(db(), slug),
        reason=reason,
        wrong=wrong,
        label=lambda name: principle_form.label(t, name),
        pieces=diff.pieces,
    )
