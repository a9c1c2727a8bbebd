"""Edit a principle: the form, saving, workflow actions, history and restore."""

import logging
from dataclasses import replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import principle_form, session
from feed.desk.permissions import requires
from feed.desk.principle_form import PrincipleForm
from feed.errors import ConflictError, FormError, NotFoundError, StoreError, gettext_noop
from feed.library import diff, editing, hints, style_checks
from feed.library.editing import Saved
from feed.model import Source
from feed.store import library, revisions
from feed.web.context import db, here, language, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("principles", __name__, url_prefix="/principles")

PAGE_LENGTH = 20  # revisions on a page of the history

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/new")
@requires("curator")
def new() -> str:
    """The form of a new principle."""
    return _form(_blank(), None)


@blueprint.post("/new")
@requires("curator")
def add() -> Page:
    """Save a new principle, or show the form again with style hints."""
    return _save(principle_form.submitted(_blank(), session.me()), None)


@blueprint.get("/<slug:slug>/")
@requires("translator")
def edit(slug: str) -> str:
    """The form of a principle, with its newest revision."""
    found = editing.working(db(), slug)
    return _form(principle_form.of(found, here().config.languages), slug)


@blueprint.post("/<slug:slug>/")
@requires("translator")
def change(slug: str) -> Page:
    """Save a principle, with the workflow action of the button pressed."""
    before = principle_form.of(editing.working(db(), slug), here().config.languages)
    return _save(principle_form.submitted(before, session.me()), slug)


@blueprint.post("/<slug:slug>/<any(decline, retire, draft):act>")
@requires("editor")
def act(slug: str, act: str) -> Page:
    """Decline, retire or unpublish a principle as it was saved last."""
    reason = request.form.get("reason", "")
    try:
        saved = editing.act(db(), session.me(), slug, act, now(), reason=reason)
    except FormError as error:
        found = editing.working(db(), slug)
        form = principle_form.of(found, here().config.languages)
        return _form(principle_form.refused(form, error, translate()), slug, reason), 422
    log.info("desk: person %s: %s %s", session.me().id, act, slug)
    return _done(saved, act)


@blueprint.get("/<slug:slug>/history/")
@requires("translator")
def history(slug: str) -> str:
    """The revisions, newest first, each with its changes."""
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
        steps=[(step, diff.changed(older, step.entry)) for step, older in pairs[:PAGE_LENGTH]],
        following=pairs[PAGE_LENGTH][0].id if len(pairs) > PAGE_LENGTH else None,
        **_helpers(),
    )


@blueprint.post("/<slug:slug>/history/<int:number>/restore")
@requires("curator")
def restore(slug: str, number: int) -> Page:
    """Save an earlier revision again, as the newest."""
    step = revisions.by_id(db(), number)
    if step is None or step.principle != slug:
        raise NotFoundError(
            gettext_noop("There is no such step in the history of “%(slug)s”."), slug=slug
        )
    base = editing.working(db(), slug).revision
    entry = {**step.entry, "slug": slug}
    saved = editing.save(db(), session.me(), entry, base, now(), act="restore")
    log.info("desk: person %s restored revision %s of %s", session.me().id, number, slug)
    return _done(saved, "restore")


def _save(form: PrincipleForm, slug: str | None) -> Page:
    act, _, code = request.form.get("act", "save").partition(".")
    if act not in ("save", "review", "approve", "publish"):
        return _form(form, slug)
    entry = principle_form.entry(form)
    if slug is not None:
        entry["slug"] = slug
    try:
        saved = editing.save(
            db(),
            session.me(),
            entry,
            form.base,
            now(),
            act=act,
            languages=(code,) if code else None,
            minor=form.is_minor,
            pending_minor=form.pending_minor,
            source=principle_form.new_source(form),
            form=form.form_id,
        )
    except FormError as error:
        return _form(principle_form.refused(form, error, translate()), slug), 422
    except ConflictError:
        return _conflict(form, slug), 409
    except StoreError as error:  # the form keeps what was typed
        log.error("desk: saving failed for person %s: %s", session.me().id, error)
        problem = translate().gettext(gettext_noop("It could not be saved right now: try again."))
        return _form(replace(form, wrong={"problem": problem}), slug), 503
    log.info("desk: person %s: %s %s", session.me().id, act, saved.slug)
    return _done(saved, act)


def _conflict(form: PrincipleForm, slug: str | None) -> str:
    """The form merged with the other person's revision, to be checked and sent again."""
    first = revisions.by_form(db(), form.form_id) if slug is None else None
    base = first or revisions.by_id(db(), form.base or 0)
    found = editing.working(db(), slug or (base.principle if base else ""))
    started = base.entry if base and base.principle == found.entry["slug"] else found.entry
    return _form(principle_form.merged(form, started, found), found.entry["slug"])


def _done(saved: Saved, act: str) -> AnyResponse:
    return redirect(url_for("desk.principles.edit", slug=saved.slug, done=act), 303)


def _blank() -> PrincipleForm:
    languages = here().config.languages
    return principle_form.blank(languages, language() if language() in languages else languages[0])


def _form(form: PrincipleForm, slug: str | None, reason: str = "") -> str:
    t, known, themes = translate(), library.sources(db()), library.themes(db())
    steps = revisions.history(db(), slug) if slug and "outdated" in form.states else []
    chosen = known.get(form.values.get("source", ""))
    live = form.found.live if form.found else None
    return render_template(
        "desk/principle.html",
        form=form,
        slug=slug,
        reason=reason,
        sources=sorted(known.values(), key=_by_title),
        themes=themes.values(),
        pending=principle_form.pending_fields(t, form.found, known, themes) if form.found else [],
        hints=hints.for_form(db(), form.values, chosen, live) if _has_text(form) else [],
        labelled=principle_form.labelled(t, form.wrong),
        then={code: diff.original_translated(steps, code) for code in form.languages},
        newest=revisions.newest(db(), slug) if slug else None,
        **_helpers(),
    )


def _helpers() -> dict[str, Any]:
    t = translate()
    return {
        "label": lambda name: principle_form.label(t, name),
        "pieces": diff.pieces,
        "LENGTHS": style_checks.LENGTHS,
    }


def _has_text(form: PrincipleForm) -> bool:
    return any(text for name, text in form.values.items() if "." in name)


def _by_title(source: Source) -> str:
    return source.title.casefold()
