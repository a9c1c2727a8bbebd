"""Comments on a principle, at the foot of its page."""

import logging

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import session
from feed.desk.permissions import requires
from feed.errors import FormError
from feed.library import conversation, editing
from feed.store import comments
from feed.web.context import db, here, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("conversation", __name__, url_prefix="/principles")

Page = AnyResponse | str | tuple[str, int]


@blueprint.post("/<slug:slug>/comments")
@requires("translator")
def add(slug: str) -> Page:
    """Add a comment, or show the form again with what is wrong."""
    typed, about = request.form.get("comment", ""), request.form.get("about", "")
    try:
        languages = here().config.languages
        number = conversation.comment(db(), session.me(), slug, about, typed, languages, now())
    except FormError as error:
        found = editing.working(db(), slug)
        page = render_template(
            "desk/comment.html",
            slug=slug,
            found=found,
            comments=comments.of_principle(db(), slug),
            typed=typed,
            about=about,
            wrong=translate().error_messages(error.fields),
        )
        return page, 422
    log.info("desk: person %s: comment on %s", session.me().id, slug)
    page = url_for("desk.principles.edit", slug=slug)
    return redirect(f"{page}#comment-{number}", 303)
