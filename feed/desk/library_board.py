"""The library board: search, filters, and bulk actions on principles."""

import logging
import re

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import filters, session
from feed.desk.permissions import requires
from feed.desk.principle_form import LABELS
from feed.errors import ConflictError, ForbiddenError, gettext_noop
from feed.library import bulk
from feed.library.bulk import BulkAction
from feed.store import desk_queries, library
from feed.web.context import db, here, language, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("library", __name__, url_prefix="/principles")

PAGE_LENGTH = 50
_NUMBER = re.compile(r"[0-9]{1,15}")
Page = AnyResponse | str | tuple[str, int]


@blueprint.get("/")
@requires("translator")
def board() -> str:
    """The principles that match a filter, 50 on a page."""
    query, page, sort = (
        filters.read(request.args),
        filters.page(request.args),
        filters.sort(request.args),
    )
    found, total = desk_queries.search(
        db(),
        query,
        here().config.languages,
        language(),
        sort=sort.removeprefix("-"),
        descending=sort.startswith("-"),
        limit=PAGE_LENGTH,
        offset=(page - 1) * PAGE_LENGTH,
    )
    return render_template(
        "desk/library.html",
        query=query,
        chosen=filters.arguments(query),
        sort=sort,
        found=found,
        total=total,
        page=page,
        pages=-(-total // PAGE_LENGTH),
        themes=library.themes(db()),
        sources=library.sources(db()),
        number=request.args.get("number", 0, type=int),
        acts=[act for act, role in bulk.ACTS.items() if session.me().may(role)],
    )


@blueprint.post("/bulk")
@requires("curator")
def ask() -> Page:
    """The dry run of a bulk action on the chosen principles; changes nothing."""
    slugs = list(dict.fromkeys(request.form.getlist("slug")))[: bulk.MAX_PRINCIPLES]
    if not slugs:
        return redirect(url_for(".board", **filters.of_form(), none=1), 303)
    action = _action()
    if action is None:
        return redirect(url_for(".board", **filters.of_form(), none="theme"), 303)
    return _ask(slugs, action)


@blueprint.post("/bulk/confirmed")
@requires("curator")
def confirm() -> Page:
    """Carry out a bulk action on exactly the principles of the dry run."""
    action = _action()
    if action is None:
        abort(400)
    seen = dict(
        step.rpartition(".")[::2] for step in request.form.getlist("step")[: bulk.MAX_PRINCIPLES]
    )
    numbers = {slug: int(number) for slug, number in seen.items() if _NUMBER.fullmatch(number)}
    try:
        done = bulk.apply(db(), session.me(), numbers, action, now())
    except ConflictError as error:
        return _ask(list(numbers), action, translate().gettext(error.message)), 409
    log.info("desk: person %s: %s %s principles", session.me().id, action.act, len(done))
    return redirect(url_for(".board", **filters.of_form(), done=action.act, number=len(done)), 303)


def _ask(slugs: list[str], action: BulkAction, problem: str = "") -> str:
    outcomes = bulk.dry_run(db(), session.me(), slugs, action, now())
    titles = {line.slug: line for line in desk_queries.rows(db(), slugs, language())}
    return render_template(
        "desk/bulk.html",
        act=action.act,
        theme=action.theme,
        themes=library.themes(db()),
        fates={f: [o for o in outcomes if o.outcome == f] for f in ("done", "refused", "same")},
        titles=titles,
        back=filters.of_form(),
        problem=problem,
        field_name=lambda name: translate().gettext(LABELS[name]),
    )


def _action() -> BulkAction | None:
    """The action of a form; None if it needs a theme and names none that exists."""
    act = request.form.get("act", "")
    if act not in bulk.ACTS:
        abort(400)
    if not session.me().may(bulk.ACTS[act]):
        raise ForbiddenError(gettext_noop("Only an editor can do that."))
    if act not in bulk.THEME_ACTS:
        return BulkAction(act)
    theme = request.form.get("themed", "")
    return BulkAction(act, theme) if theme in library.themes(db()) else None
