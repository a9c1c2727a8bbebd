"""Comments on a principle, at the foot of its page."""

import logging

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import drafts, session
from feed.desk.permissions import requires
from feed.errors import FormError
from feed.library import conversation, editing
from feed.store import comments
from feed.web.context import db, here, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("conversation", __name__, url_prefix="/principles")

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/<slug:slug>/comments")
@requires("translator")
def write(slug: str) -> str:
    """The form of a comment on a page of its own, where drafts open."""
    given = drafts.opened() or MultiDict[str, str]()
    return _form(slug, given.get("comment", ""), given.get("about", ""), {})


@blueprint.post("/<slug:slug>/comments")
@requires("translator")
def add(slug: str) -> Page:
    """Add a comment, or show the form again with what is wrong."""
    typed, about = request.form.get("comment", ""), request.form.get("about", "")
    try:
        languages = here().config.languages
        number = conversation.comment(db(), session.me(), slug, about, typed, languages, now())
    except FormError as error:
        return _form(slug, typed, about, translate().error_messages(error.fields)), 422
    drafts.remove_submitted()
    log.info("desk: person %s: comment on %s", session.me().id, slug)
    page = url_for("desk.principles.edit", slug=slug)
    return redirect(f"{page}#comment-{number}", 303)


def _form(slug: str, typed: str, about: str, wrong: dict[str, str]) -> str:
    return render_template(
        "desk/comment.html",
        slug=slug,
        found=editing.working(db(), slug),
        comments=comments.of_principle(db(), slug),
        typed=typed,
        about=about,
        wrong=wrong,
    )
