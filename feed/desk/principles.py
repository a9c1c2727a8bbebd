"""Writing a principle: one form for all of it, its history, and its way to the readers."""

import logging
from dataclasses import replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import pending_fields, principle_form, session
from feed.desk.permissions import requires
from feed.desk.principle_form import PrincipleForm
from feed.errors import ConflictError, FormError, NotFoundError, StoreError, gettext_noop
from feed.library import diff, editing, hints, style_checks
from feed.library.editing import Saved
from feed.model import Source
from feed.store import library, revisions
from feed.web.context import db, here, language, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("desk_principles", __name__, url_prefix="/desk/principles")

STEPS = 20  # of a history on a page

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/new")
@requires("curator")
def new() -> str:
    """An empty form."""
    return _form(_blank(), None)


@blueprint.post("/new")
@requires("curator")
def add() -> Page:
    """Save a new principle, or only look at what is worth a second look."""
    return _save(principle_form.typed(_blank(), session.me()), None)


@blueprint.get("/<slug:slug>/")
@requires("translator")
def edit(slug: str) -> str:
    """The form of a principle, with its newest version."""
    found = editing.working(db(), slug)
    return _form(principle_form.of(found, here().config.languages), slug)


@blueprint.post("/<slug:slug>/")
@requires("translator")
def change(slug: str) -> Page:
    """Save it, or do what the button says as well."""
    found = editing.working(db(), slug)
    return _save(
        principle_form.typed(principle_form.of(found, here().config.languages), session.me()), slug
    )


@blueprint.post("/<slug:slug>/<any(decline, retire, draft):act>")
@requires("editor")
def act(slug: str, act: str) -> Page:
    """Decide about a principle as it was saved last."""
    reason = request.form.get("reason", "")
    try:
        saved = editing.act(db(), session.me(), slug, act, now(), reason=reason)
    except FormError as error:
        found = editing.working(db(), slug)
        started = principle_form.of(found, here().config.languages)
        return _form(principle_form.refused(started, error, translate()), slug, reason), 422
    log.info("desk: %s: %s %s", session.me().id, act, slug)
    return _done(saved, act)


@blueprint.get("/<slug:slug>/history/")
@requires("translator")
def history(slug: str) -> str:
    """Every step, newest first, each with what it changed."""
    found = editing.working(db(), slug)
    steps = revisions.history(db(), slug)
    first = request.args.get("from", 0, type=int)
    pairs = [
        (step, older.entry if older else None)
        for step, older in zip(steps, [*steps[1:], None], strict=True)
        if not first or step.id <= first
    ]
    return render_template(
        "desk/history.html",
        found=found,
        steps=[(step, diff.changed(older, step.entry)) for step, older in pairs[:STEPS]],
        following=pairs[STEPS][0].id if len(pairs) > STEPS else None,
        **_words(),
    )


@blueprint.post("/<slug:slug>/history/<int:number>/restore")
@requires("curator")
def restore(slug: str, number: int) -> Page:
    """Take up an earlier step again, as a new one."""
    step = revisions.by_id(db(), number)
    if step is None or step.principle != slug:
        raise NotFoundError(
            gettext_noop("There is no such step in the history of “%(slug)s”."), slug=slug
        )
    base = editing.working(db(), slug).revision
    entry = {**step.entry, "slug": slug}
    saved = editing.save(db(), session.me(), entry, base, now(), act="restore")
    log.info("desk: %s restored %s of %s", session.me().id, number, slug)
    return _done(saved, "restore")


def _save(typed: PrincipleForm, slug: str | None) -> Page:
    act, _, code = request.form.get("act", "save").partition(".")
    if act not in ("save", "review", "approve", "publish"):
        return _form(typed, slug)
    entry = principle_form.entry(typed)
    if slug is not None:
        entry["slug"] = slug
    try:
        saved = editing.save(
            db(),
            session.me(),
            entry,
            typed.base,
            now(),
            act=act,
            languages=(code,) if code else None,
            minor=typed.is_minor,
            pending_minor=typed.pending_minor,
            source=principle_form.new_source(typed),
            form=typed.form,
        )
    except FormError as error:
        return _form(principle_form.refused(typed, error, translate()), slug), 422
    except ConflictError:
        return _conflict(typed, slug), 409
    except StoreError as error:  # nothing typed is lost
        log.error("desk: %s could not save: %s", session.me().id, error)
        problem = translate().gettext(gettext_noop("It could not be saved right now: try again."))
        return _form(replace(typed, wrong={"problem": problem}), slug), 503
    log.info("desk: %s: %s %s", session.me().id, act, saved.slug)
    return _done(saved, act)


def _conflict(typed: PrincipleForm, slug: str | None) -> str:
    """Both versions beside each other: the form is brought up to date, and sent again by hand."""
    first = revisions.by_form(db(), typed.form) if slug is None else None
    base = first or revisions.by_id(db(), typed.base or 0)
    found = editing.working(db(), slug or (base.principle if base else ""))
    started = base.entry if base and base.principle == found.entry["slug"] else found.entry
    return _form(principle_form.clashed(typed, started, found), found.entry["slug"])


def _done(saved: Saved, act: str) -> AnyResponse:
    return redirect(url_for("desk_principles.edit", slug=saved.slug, done=act), 303)


def _blank() -> PrincipleForm:
    languages = here().config.languages
    return principle_form.blank(languages, language() if language() in languages else languages[0])


def _form(sheet: PrincipleForm, slug: str | None, reason: str = "") -> str:
    t, known, themes = translate(), library.sources(db()), library.themes(db())
    steps = revisions.history(db(), slug) if slug and "outdated" in sheet.states else []
    chosen = known.get(sheet.values.get("source", ""))
    live = sheet.found.live if sheet.found else None
    return render_template(
        "desk/principle.html",
        sheet=sheet,
        slug=slug,
        reason=reason,
        sources=sorted(known.values(), key=_by_title),
        themes=themes.values(),
        held=pending_fields.shared(t, sheet.found, known, themes) if sheet.found else [],
        hints=hints.for_form(db(), sheet.values, chosen, live) if _is_begun(sheet) else [],
        labelled=principle_form.labelled(t, sheet.wrong),
        then={code: diff.original_translated(steps, code) for code in sheet.languages},
        newest=revisions.newest(db(), slug) if slug else None,
        **_words(),
    )


def _words() -> dict[str, Any]:
    t = translate()
    return {
        "label": lambda name: principle_form.label(t, name),
        "pieces": diff.pieces,
        "LENGTHS": style_checks.LENGTHS,
    }


def _is_begun(sheet: PrincipleForm) -> bool:
    return any(text for name, text in sheet.values.items() if "." in name)


def _by_title(source: Source) -> str:
    return source.title.casefold()
