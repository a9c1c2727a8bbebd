"""Translations: what needs work, and one text beside its original."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import actions, principle_form, principles, session
from feed.desk.library_board import page_count, page_number
from feed.desk.permissions import requires
from feed.desk.principle_form import PrincipleForm
from feed.desk.principles import Page
from feed.errors import ForbiddenError, NotFoundError, gettext_noop
from feed.library import editing
from feed.library.editing import Saved
from feed.store import desk_queries
from feed.store.desk_queries import Filter
from feed.web.context import db, here, language, now

blueprint = Blueprint("translations", __name__, url_prefix="/translations")


@blueprint.get("/")
@requires("translator")
def board() -> str:
    """Texts that need work in the person's own languages, and counts of every language."""
    codes, page = here().config.languages, page_number(request.args)
    mine = tuple(code for code in codes if session.me().may_write(code))
    wanted = [code for code in mine if code == request.args.get("language")]
    tasks, total = desk_queries.translation_tasks(db(), wanted or mine, page)
    return render_template(
        "desk/translations.html",
        tasks=tasks,
        total=total,
        mine=mine,
        wanted="".join(wanted),
        counts=desk_queries.translation_counts(db(), codes),
        page=page,
        pages=page_count(total),
        now=now(),
    )


@blueprint.get("/all")
@requires("translator")
def everything() -> str:
    """A grid of all principles and languages, with state and age."""
    codes, page = here().config.languages, page_number(request.args)
    found, total = desk_queries.search(db(), Filter(), codes, language(), page=page)
    return render_template(
        "desk/translations_all.html",
        found=found,
        cells=desk_queries.translation_grid(db(), [row.slug for row in found], codes),
        total=total,
        page=page,
        pages=page_count(total),
        now=now(),
    )


@blueprint.get("/<slug:slug>/<code>/")
@requires("translator")
def edit(slug: str, code: str) -> str:
    """A translation beside its original, with what has changed in that since."""
    return _form(principles.with_draft(_stored(slug, code)), code)


@blueprint.post("/<slug:slug>/<code>/")
@requires("translator")
def change(slug: str, code: str) -> Page:
    """Save a translation, and go on to the next text that needs work in that language."""
    form, following = _stored(slug, code), _next_slug(slug, code)

    def done(_: Saved, act: str) -> AnyResponse:
        state = editing.working(db(), slug).entry["texts"].get(code, {}).get("state")
        act = "review" if state == "review" else act  # saving an approved text sends it, too
        if following is None:
            return redirect(url_for(".board", language=code, done=act), 303)
        return redirect(url_for(".edit", slug=following, code=code, done=act), 303)

    given = principle_form.submitted(form, session.me(), request.form)
    return principles.save(given, lambda form: _form(form, code), done)


def _stored(slug: str, code: str) -> PrincipleForm:
    form = principles.stored(slug)
    if code not in form.languages or code == form.original:
        raise NotFoundError(
            gettext_noop("“%(slug)s” can’t be translated into “%(language)s”."),
            slug=slug,
            language=code,
        )
    if not session.me().may_write(code):
        raise ForbiddenError(
            gettext_noop("A translator writes texts, each in their own languages.")
        )
    return form


def _next_slug(slug: str, code: str) -> str | None:
    """The principle after this one among those that need work in a language."""
    tasks, _ = desk_queries.translation_tasks(db(), (code,))
    slugs = [task.cell.slug for task in tasks]
    following = slugs[slugs.index(slug) + 1 :] if slug in slugs else slugs
    return next(iter(following), None)


def _form(form: PrincipleForm, code: str) -> str:
    me, codes = session.me(), form.languages
    return render_template(
        "desk/translation.html",
        code=code,
        mine=[each for each in codes if each != form.original and me.may_write(each)],
        following=_next_slug(form.slug, code),
        actions=actions.of_text(form, me, code),
        **principles.form_context(form, {}),
    )
