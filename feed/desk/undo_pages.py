"""The address that undoes an action; the page that confirms the action has its button."""

import logging

from flask import Blueprint, redirect
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import session
from feed.desk.permissions import requires
from feed.library import undo
from feed.web.context import db, now

log = logging.getLogger(__name__)

blueprint = Blueprint("undo", __name__, url_prefix="/undo")


@blueprint.post("/<int:number>")
@requires("curator")
def reverse(number: int) -> AnyResponse:
    """Undo an action of one's own. Refused where something has changed since."""
    path = undo.undo(db(), session.me(), number, now())
    log.info("desk: person %s undid action %s", session.me().id, number)
    return redirect(path, 303)
