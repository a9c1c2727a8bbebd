"""Writing a principle: one form for all of it, its history, and its way to the readers."""

import logging
from dataclasses import replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.curation import checks, comparing, drafting, hints
from feed.curation.drafting import Saved
from feed.errors import ConflictError, FormError, NotFoundError, StoreError, mark
from feed.model import Source
from feed.store import library, revisions
from feed.web.context import db, here, language, now, translate
from feed.web.desk import held, visit
from feed.web.desk import sheet as sheets
from feed.web.desk.guard import needs
from feed.web.desk.sheet import Sheet

log = logging.getLogger(__name__)

blueprint = Blueprint("desk_principles", __name__, url_prefix="/desk/principles")

STEPS = 20  # of a history on a page

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/new")
@needs("curator")
def new() -> str:
    """An empty form."""
    return _form(_blank(), None)


@blueprint.post("/new")
@needs("curator")
def add() -> Page:
    """Save a new principle, or only look at what is worth a second look."""
    return _save(sheets.typed(_blank(), visit.me()), None)


@blueprint.get("/<slug:slug>/")
@needs("translator")
def edit(slug: str) -> str:
    """The form of a principle, with its newest version."""
    found = drafting.working(db(), slug)
    return _form(sheets.of(found, here().config.languages), slug)


@blueprint.post("/<slug:slug>/")
@needs("translator")
def change(slug: str) -> Page:
    """Save it, or do what the button says as well."""
    found = drafting.working(db(), slug)
    return _save(sheets.typed(sheets.of(found, here().config.languages), visit.me()), slug)


@blueprint.post("/<slug:slug>/<any(decline, retire, draft):act>")
@needs("editor")
def act(slug: str, act: str) -> Page:
    """Decide about a principle as it was saved last."""
    reason = request.form.get("reason", "")
    try:
        saved = drafting.act(db(), visit.me(), slug, act, now(), reason=reason)
    except FormError as error:
        found = drafting.working(db(), slug)
        started = sheets.of(found, here().config.languages)
        return _form(sheets.refused(started, error, translate()), slug, reason), 422
    log.info("desk: %s: %s %s", visit.me().id, act, slug)
    return _done(saved, act)


@blueprint.get("/<slug:slug>/history/")
@needs("translator")
def history(slug: str) -> str:
    """Every step, newest first, each with what it changed."""
    found = drafting.working(db(), slug)
    steps = revisions.of(db(), slug)
    first = request.args.get("from", 0, type=int)
    pairs = [
        (step, older.entry if older else None)
        for step, older in zip(steps, [*steps[1:], None], strict=True)
        if not first or step.id <= first
    ]
    return render_template(
        "desk/history.html",
        found=found,
        steps=[(step, comparing.changed(older, step.entry)) for step, older in pairs[:STEPS]],
        following=pairs[STEPS][0].id if len(pairs) > STEPS else None,
        **_words(),
    )


@blueprint.post("/<slug:slug>/history/<int:number>/restore")
@needs("curator")
def restore(slug: str, number: int) -> Page:
    """Take up an earlier step again, as a new one."""
    step = revisions.by_id(db(), number)
    if step is None or step.principle != slug:
        raise NotFoundError(mark("There is no such step in the history of “%(slug)s”."), slug=slug)
    base = drafting.working(db(), slug).revision
    entry = {**step.entry, "slug": slug}
    saved = drafting.save(db(), visit.me(), entry, base, now(), act="restore")
    log.info("desk: %s restored %s of %s", visit.me().id, number, slug)
    return _done(saved, "restore")


def _save(typed: Sheet, slug: str | None) -> Page:
    act, _, code = request.form.get("act", "save").partition(".")
    if act not in ("save", "review", "approve", "publish"):
        return _form(typed, slug)
    entry = sheets.entry(typed)
    if slug is not None:
        entry["slug"] = slug
    try:
        saved = drafting.save(
            db(),
            visit.me(),
            entry,
            typed.base,
            now(),
            act=act,
            languages=(code,) if code else None,
            typo_only=typed.is_typo,
            typo_waits=typed.typo_waits,
            source=sheets.new_source(typed),
            form=typed.form,
        )
    except FormError as error:
        return _form(sheets.refused(typed, error, translate()), slug), 422
    except ConflictError:
        return _conflict(typed, slug), 409
    except StoreError as error:  # nothing typed is lost
        log.error("desk: %s could not save: %s", visit.me().id, error)
        problem = translate().gettext(mark("It could not be saved right now: try again."))
        return _form(replace(typed, wrong={"problem": problem}), slug), 503
    log.info("desk: %s: %s %s", visit.me().id, act, saved.slug)
    return _done(saved, act)


def _conflict(typed: Sheet, slug: str | None) -> str:
    """Both versions beside each other: the form is brought up to date, and sent again by hand."""
    first = revisions.by_form(db(), typed.form) if slug is None else None
    base = first or revisions.by_id(db(), typed.base or 0)
    found = drafting.working(db(), slug or (base.principle if base else ""))
    started = base.entry if base and base.principle == found.entry["slug"] else found.entry
    return _form(sheets.clashed(typed, started, found), found.entry["slug"])


def _done(saved: Saved, act: str) -> AnyResponse:
    return redirect(url_for("desk_principles.edit", slug=saved.slug, done=act), 303)


def _blank() -> Sheet:
    languages = here().config.languages
    return sheets.blank(languages, language() if language() in languages else languages[0])


def _form(sheet: Sheet, slug: str | None, reason: str = "") -> str:
    t, known, themes = translate(), library.sources(db()), library.themes(db())
    steps = revisions.of(db(), slug) if slug and "outdated" in sheet.states else []
    chosen = known.get(sheet.values.get("source", ""))
    live = sheet.found.live if sheet.found else None
    return render_template(
        "desk/principle.html",
        sheet=sheet,
        slug=slug,
        reason=reason,
        sources=sorted(known.values(), key=_by_title),
        themes=themes.values(),
        held=held.shared(t, sheet.found, known, themes) if sheet.found else [],
        hints=hints.of(db(), sheet.values, chosen, live) if _is_begun(sheet) else [],
        labelled=sheets.labelled(t, sheet.wrong),
        then={code: comparing.original_then(steps, code) for code in sheet.languages},
        newest=revisions.newest(db(), slug) if slug else None,
        **_words(),
    )


def _words() -> dict[str, Any]:
    t = translate()
    return {
        "label": lambda name: sheets.label(t, name),
        "pieces": comparing.pieces,
        "LENGTHS": checks.LENGTHS,
    }


def _is_begun(sheet: Sheet) -> bool:
    return any(text for name, text in sheet.values.items() if "." in name)


def _by_title(source: Source) -> str:
    return source.title.casefold()
