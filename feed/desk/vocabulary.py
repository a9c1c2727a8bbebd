"""Sources and themes at the desk: lists, forms, retirement, merging and history."""

import logging
from dataclasses import replace

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import drafts, session, vocabulary_form
from feed.desk.permissions import requires
from feed.desk.principle_form import OTHER
from feed.desk.vocabulary_form import VocabularyForm
from feed.errors import ConflictError, FormError, MovedError, StoreError, gettext_noop
from feed.library import diff, vocabulary, vocabulary_merge
from feed.store import desk_queries, library
from feed.store import vocabulary as store
from feed.store.library import Vocabulary
from feed.web.context import db, here, language, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("vocabulary", __name__, url_prefix="/<any(sources, themes):kind>")

Page = AnyResponse | str | tuple[str, int]
MAX_LISTED = 50  # principles named on the page that asks about a merge


@blueprint.get("/")
@requires("translator")
def board(kind: Vocabulary) -> str:
    """All sources or themes with the number of their principles, the retired ones apart."""
    found = vocabulary.items(db(), kind).values()
    ordered = sorted(found, key=lambda item: vocabulary.name(item, language()).casefold())
    return render_template(
        "desk/vocabulary.html",
        kind=kind,
        groups=[[each for each in ordered if each.retired == retired] for retired in (0, 1)],
        uses=store.uses(db(), kind),
        quotes=store.quotes(db()),
    )


@blueprint.get("/new")
@requires("editor")
def new(kind: Vocabulary) -> str:
    """The form of a new source or theme."""
    return _form(_with_draft(_blank(kind)))


@blueprint.post("/new")
@requires("editor")
def add(kind: Vocabulary) -> Page:
    """Save a new source or theme; near-duplicates are shown first."""
    form = vocabulary_form.submitted(_blank(kind), request.form)
    if form.answer in vocabulary.items(db(), kind) and not _is_preview():
        drafts.remove_submitted()
        return redirect(url_for(".edit", kind=kind, slug=form.answer), 303)
    return _save(form)


@blueprint.get("/<slug:slug>/")
@requires("translator")
def edit(kind: Vocabulary, slug: str) -> str:
    """A source or theme: its form, its use and its history.

    The draft of one that was merged since opens in the form of a new one.
    """
    try:
        form = _stored(kind, slug)
    except MovedError:
        if drafts.opened() is None:
            raise
        form = _blank(kind)
    return _form(_with_draft(form))


@blueprint.post("/<slug:slug>/")
@requires("editor")
def change(kind: Vocabulary, slug: str) -> Page:
    """Save a source or theme, or only preview its credit line."""
    return _save(vocabulary_form.submitted(_stored(kind, slug), request.form))


@blueprint.post("/<slug:slug>/<any(retire, offer):act>")
@requires("editor")
def act(kind: Vocabulary, slug: str, act: str) -> AnyResponse:
    """Offer a source or theme in forms no longer, or again."""
    vocabulary.retire(db(), session.me(), kind, slug, now(), offer=act == "offer")
    return _done(kind, slug, act)


@blueprint.get("/<slug:slug>/merge")
@requires("editor")
def ask_merge(kind: Vocabulary, slug: str) -> str:
    """What merging it into another one would do; changes nothing."""
    return _merge_page(kind, slug, request.args.get("into", ""))


@blueprint.post("/<slug:slug>/merge")
@requires("editor")
def merge(kind: Vocabulary, slug: str) -> Page:
    """Merge it into another one, exactly as the page before said."""
    target, seen = request.form.get("into", ""), request.form.get("seen", "")
    try:
        vocabulary_merge.merge(db(), session.me(), kind, slug, target, seen, now())
    except ConflictError as error:
        return _merge_page(kind, slug, target, translate().gettext(error.message)), 409
    return _done(kind, target, "merge")


@blueprint.post("/<slug:slug>/history/<int:number>/restore")
@requires("editor")
def restore(kind: Vocabulary, slug: str, number: int) -> AnyResponse:
    """Save an earlier revision again, as the newest."""
    vocabulary.restore(db(), session.me(), kind, slug, number, now())
    return _done(kind, slug, "restore")


def _save(form: VocabularyForm) -> Page:
    if _is_preview():
        return _form(vocabulary_form.refused(form, FormError({}), translate()))
    me, is_other = session.me(), form.answer == OTHER
    entry = vocabulary_form.entry(form)
    try:
        saved = vocabulary.save(
            db(), me, form.kind, form.slug, entry, now(), base=form.base, is_other=is_other
        )
    except FormError as error:
        return _form(vocabulary_form.refused(form, error, translate())), 422
    except ConflictError:
        history = store.history(db(), form.kind, form.slug)
        return _form(vocabulary_form.merged(form, history)), 409
    except StoreError as error:  # the form keeps what was typed
        log.error("desk: saving failed for person %s: %s", me.id, error)
        problem = translate().gettext(gettext_noop("It could not be saved right now: try again."))
        return _form(replace(form, wrong={"problem": problem})), 503
    drafts.remove_submitted()
    return _done(form.kind, saved, "save")


def _is_preview() -> bool:
    return request.form.get("act") == "preview"


def _done(kind: Vocabulary, slug: str, act: str) -> AnyResponse:
    log.info("desk: person %s: %s %s %s", session.me().id, act, kind, slug)
    return redirect(url_for(".edit", kind=kind, slug=slug, done=act), 303)


def _blank(kind: Vocabulary) -> VocabularyForm:
    languages = here().config.languages
    own = language() if language() in languages else languages[0]
    return vocabulary_form.blank(kind, languages, own)


def _stored(kind: Vocabulary, slug: str) -> VocabularyForm:
    base = vocabulary.newest_id(db(), kind, slug)  # first: a save between the reads is noticed
    found = vocabulary.find(db(), kind, slug)
    return vocabulary_form.of(kind, found, base, here().config.languages)


def _with_draft(form: VocabularyForm) -> VocabularyForm:
    """The form, filled with the draft that the address names, if any."""
    given = drafts.opened()
    return vocabulary_form.submitted(form, given) if given else form


def _form(form: VocabularyForm) -> str:
    t, kind = translate(), form.kind
    history = store.history(db(), kind, form.slug)
    others = [each for each in vocabulary.items(db(), kind).values() if each.slug != form.slug]
    entry = vocabulary_form.entry(form)
    return render_template(
        "desk/vocabulary_item.html",
        form=form,
        kind=kind,
        name=vocabulary.name,
        is_public=kind == "themes" or form.slug in library.public_sources(db()),
        used=store.uses(db(), kind).get(form.slug, 0),
        quotes=store.quotes(db()).get(form.slug, 0) if kind == "sources" else 0,
        similar=[each for each in vocabulary.similar_to(db(), kind, entry) if each in others],
        others=sorted(
            (each for each in others if not each.retired),
            key=lambda each: vocabulary.name(each, language()).casefold(),
        ),
        credits=vocabulary_form.credits(form, here().config.languages),
        history=vocabulary_form.changes(kind, history),
        labelled=vocabulary_form.labelled(t, form.wrong),
        label=lambda name: vocabulary_form.label(t, name),
        pieces=diff.pieces,
    )


def _merge_page(kind: Vocabulary, slug: str, target: str, problem: str = "") -> str:
    found = vocabulary_merge.preview_merge(db(), kind, slug, target)
    return render_template(
        "desk/vocabulary_merge.html",
        kind=kind,
        found=found,
        rows=desk_queries.rows(db(), found.moving[:MAX_LISTED], language()),
        name=vocabulary.name,
        problem=problem,
    )
