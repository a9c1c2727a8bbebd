"""Edit a principle: the form, saving, workflow actions, history and restore."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import act_messages, actions, drafts, principle_form, session, style_remarks
from feed.desk.permissions import requires
from feed.desk.principle_form import PrincipleForm
from feed.errors import (
    ConflictError,
    FormError,
    NotFoundError,
    StoreError,
    UnconfirmedError,
    gettext_noop,
)
from feed.library import diff, editing, style_checks, undo, vocabulary
from feed.library.editing import Saved
from feed.library.workflow import Act, Transition
from feed.model import NEEDED_FIELDS, TEXT_FIELDS, Source, Theme
from feed.store import comments, ledger, library, revisions
from feed.web.context import db, here, language, now, site, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("principles", __name__, url_prefix="/principles")

Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/new")
@requires("curator")
def new() -> str:
    """The form of a new principle."""
    return _form(with_draft(_blank()))


@blueprint.post("/new")
@requires("curator")
def add() -> Page:
    """Save a new principle, or show the form again with style hints."""
    return save(principle_form.submitted(_blank(), session.me(), request.form), _form, _done)


@blueprint.get("/<slug:slug>/")
@requires("translator")
def edit(slug: str) -> str:
    """The form of a principle, with its newest revision."""
    return _form(with_draft(stored(slug)))


@blueprint.post("/<slug:slug>/")
@requires("translator")
def change(slug: str) -> Page:
    """Save a principle, with the workflow action of the button pressed."""
    return save(principle_form.submitted(stored(slug), session.me(), request.form), _form, _done)


@blueprint.post("/<slug:slug>/<any(decline, retire, draft):act>")
@requires("editor")
def act(slug: str, act: Act) -> Page:
    """Decline, retire or unpublish a principle as it was saved last."""
    reason, me = request.form.get("reason", ""), session.me()
    step = Transition(me, act, reason=reason)
    path = url_for("desk.principles.edit", slug=slug, done="undo")
    try:
        _, number = undo.recorded(
            db(), me, "editor", [slug], lambda: editing.act(db(), step, slug, now()), path, now()
        )
    except FormError as error:
        return _form(principle_form.refused(stored(slug), error, translate()), reason), 422
    log.info("desk: person %s: %s %s", me.id, act, slug)
    return redirect(url_for(".edit", slug=slug, done=act, undo=number or None), 303)


@blueprint.get("/<slug:slug>/history/")
@requires("translator")
def history(slug: str) -> str:
    """The revisions, newest first, each with its changes."""
    steps, following = diff.history_page(
        revisions.history(db(), slug), request.args.get("from", 0, type=int)
    )
    return render_template(
        "desk/history.html",
        found=editing.working(db(), slug),
        steps=steps,
        following=following,
        comments_of=comments.by_revision(db(), slug),
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
    transition = Transition(session.me(), "restore")
    saved = editing.save(db(), transition, step.entry, editing.working(db(), slug), now())
    log.info("desk: person %s: restore %s", session.me().id, slug)
    return _done(saved, "restore")


def save(
    form: PrincipleForm,
    show: Callable[[PrincipleForm], str],
    done: Callable[[Saved, str], AnyResponse],
) -> Page:
    """Save a submitted form and answer with `done`, or `show` it again with what is wrong."""
    step = principle_form.transition(form, session.me())
    if step is None:
        return show(form)
    try:
        try:
            saved = _write(form, step)
        except UnconfirmedError:
            saved = _write(form, replace(step, act="save", languages=None))
            return redirect(url_for("desk.approval.show", slug=saved.slug, saved=1), 303)
    except FormError as error:
        return show(principle_form.refused(form, error, translate())), 422
    except ConflictError:
        return show(_merged(form)), 409
    except StoreError as error:  # the form keeps what was typed
        log.error("desk: saving failed for person %s: %s", session.me().id, error)
        problem = translate().gettext(gettext_noop("It could not be saved right now: try again."))
        return show(replace(form, wrong={"problem": problem})), 503
    log.info("desk: person %s: %s %s", session.me().id, step.act, saved.slug)
    return done(saved, step.act)


def _write(form: PrincipleForm, step: Transition) -> Saved:
    saved = editing.save(
        db(),
        step,
        principle_form.entry(form),
        form.found,
        now(),
        base=form.base,
        source=principle_form.new_source(form),
        form=form.form_id,
    )
    drafts.remove_submitted()
    return saved


def _merged(form: PrincipleForm) -> PrincipleForm:
    """The form merged with the other person's revision, to be checked and sent again."""
    base = revisions.by_id(db(), form.base or 0) or revisions.by_form(db(), form.form_id)
    found = editing.working(db(), form.slug or (base.principle if base else ""))
    started = base.entry if base and base.principle == found.entry["slug"] else found.entry
    return principle_form.merged(form, started, found)


def _done(saved: Saved, act: str) -> AnyResponse:
    return redirect(url_for("desk.principles.edit", slug=saved.slug, done=act), 303)


def with_draft(form: PrincipleForm) -> PrincipleForm:
    """The form, filled with the draft that the address names, if any."""
    given = drafts.opened()
    return principle_form.submitted(form, session.me(), given) if given else form


def stored(slug: str) -> PrincipleForm:
    """The form of a principle as it is stored. Raises NotFoundError."""
    return principle_form.of(editing.working(db(), slug), here().config.languages)


def _blank() -> PrincipleForm:
    languages = here().config.languages
    return principle_form.blank(languages, language() if language() in languages else languages[0])


def _form(form: PrincipleForm, reason: str = "") -> str:
    t, known, themes = translate(), library.sources(db()), library.themes(db())
    source, chosen = principle_form.new_source(form), form.values.get("themes", "").split()
    offered = [each for each in known.values() if _is_offered(each, [form.values.get("source")])]
    return render_template(
        "desk/principle.html",
        reason=reason,
        sources=sorted(offered, key=lambda source: source.title.casefold()),
        similar=vocabulary.similar_to(db(), "sources", source) if source else [],
        themes=[each for each in themes.values() if _is_offered(each, chosen)],
        pending=principle_form.pending_fields(t, form.found, known, themes),
        actions=actions.of_form(form, session.me()),
        pins=ledger.pins_of(db(), form.slug, site().today(now())) if form.found else [],
        said=_said(form),
        comments=comments.of_principle(db(), form.slug) if form.found else [],
        **form_context(form, known),
    )


def form_context(form: PrincipleForm, known: Mapping[str, Source]) -> dict[str, Any]:
    """The template variables of a form with the texts of a principle; `known` are all sources."""
    t, live = translate(), form.found.live if form.found else None
    steps = revisions.history(db(), form.slug) if "outdated" in form.states else []
    return {
        "form": form,
        "slug": form.slug,
        "remarks": style_remarks.by_field(
            style_checks.form_hints(db(), form.values, known, live), t
        ),
        "labelled": principle_form.labelled(t, form.wrong),
        "translated_from": {code: diff.original_translated(steps, code) for code in form.languages},
        "newest": revisions.newest(db(), form.slug) if form.found else None,
        "NEEDED_FIELDS": NEEDED_FIELDS,
        "TEXT_FIELDS": TEXT_FIELDS,
        "LENGTHS": style_checks.LENGTHS,
        **_helpers(),
    }


def _is_offered(item: Source | Theme, chosen: Collection[str | None]) -> bool:
    """Whether a source or theme can be chosen: a retired one only where it is chosen already."""
    return not item.retired or item.slug in chosen


def _said(form: PrincipleForm) -> list[str]:
    """What the page says after an act; nothing else than after one."""
    act = request.args.get("done")
    if act is None or form.found is None or form.wrong:
        return []
    todays = ledger.on(db(), site().today(now()))
    return act_messages.sentences(
        translate(),
        form.found,
        act,
        is_shown=ledger.is_shown(db(), form.slug),
        is_today=todays is not None and todays.principle == form.slug and todays.withdrawn is None,
    )


def _helpers() -> dict[str, Any]:
    t = translate()
    return {"label": lambda name: principle_form.label(t, name), "pieces": diff.pieces}
