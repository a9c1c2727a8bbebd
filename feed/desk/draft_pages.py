"""The address that scripts send drafts to, and discarding drafts and opening them again."""

from flask import Blueprint, Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import drafts, session
from feed.desk.permissions import requires
from feed.errors import InputError, NotFoundError, gettext_noop
from feed.library import drafts as library_drafts
from feed.store import drafts as stored
from feed.web.context import db, now

blueprint = Blueprint("drafts", __name__, url_prefix="/drafts")


@blueprint.post("/")
@requires("translator", even_by_link=True)
def store() -> Response:
    """Answer that the form was stored, as every POST is; its time is in the header Devis-Draft."""
    return Response(status=413 if isinstance(g.get("draft_error"), InputError) else 204)


@blueprint.post("/<int:number>/discard")
@requires("translator", even_by_link=True)
def discard(number: int) -> AnyResponse:
    """Discard a draft; the page that follows offers to undo it."""
    draft = stored.get(db(), number, session.me().id)
    library_drafts.discard(db(), number, session.me().id, now())
    home = url_for("desk.overview.home")
    path = draft.path if draft and "here" in request.form else home
    return redirect(f"{path}?discarded={number}", 303)


@blueprint.post("/<int:number>/restore")
@requires("translator", even_by_link=True)
def restore(number: int) -> AnyResponse:
    """Open a discarded draft again, and show its page."""
    draft = library_drafts.restore(db(), number, session.me().id)
    if draft is None:
        raise NotFoundError(gettext_noop("This draft has been deleted."))
    return redirect(drafts.address(draft), 303)
