"""The translation board: texts to translate next, and progress by language."""

from flask import Blueprint, render_template, request

from feed.desk import filters, session
from feed.desk.permissions import requires
from feed.store import desk_queries, translations
from feed.store.desk_queries import Filter
from feed.web.context import db, here, language, now

blueprint = Blueprint("translations", __name__, url_prefix="/translations")

PAGE_LENGTH = 50


@blueprint.get("/")
@requires("translator")
def board() -> str:
    """Texts that need work in the person's own languages, and counts of every language."""
    codes, page = here().config.languages, filters.page(request.args)
    mine = tuple(code for code in codes if session.me().may_write(code))
    wanted = request.args.get("language", "")
    found, total = translations.todo(
        db(),
        (wanted,) if wanted in mine else mine,
        PAGE_LENGTH,
        (page - 1) * PAGE_LENGTH,
    )
    return render_template(
        "desk/translations.html",
        tasks=found,
        total=total,
        mine=mine,
        wanted=wanted if wanted in mine else "",
        counts=translations.counts(db(), codes),
        page=page,
        pages=-(-total // PAGE_LENGTH),
        now=now(),
    )


@blueprint.get("/all")
@requires("translator")
def everything() -> str:
    """A grid of all principles and languages, with state and age."""
    codes, page = here().config.languages, filters.page(request.args)
    found, total = desk_queries.search(
        db(), Filter(), codes, language(), limit=PAGE_LENGTH, offset=(page - 1) * PAGE_LENGTH
    )
    return render_template(
        "desk/translations_all.html",
        found=found,
        cells=translations.grid(db(), [line.slug for line in found], codes),
        total=total,
        page=page,
        pages=-(-total // PAGE_LENGTH),
        now=now(),
    )
