"""The board of the library: search, filters and bulk actions on principles."""

import logging
import re
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import session
from feed.desk.permissions import requires
from feed.desk.principle_form import LABELS
from feed.errors import ConflictError, ForbiddenError, gettext_noop
from feed.library import bulk, undo
from feed.library.bulk import BulkAction, BulkOutcome
from feed.model import STATES, STATUSES
from feed.store import desk_queries, library
from feed.store.desk_queries import SORTS, Filter
from feed.web.context import db, here, language, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("library", __name__, url_prefix="/principles")

_NUMBER = re.compile(r"[0-9]{1,15}")
Page = AnyResponse | str | tuple[str, int]
MAX_QUERY_LENGTH = 200
FILTER_NAMES = (
    *("q", "status", "theme", "source", "language", "state", "waiting", "mine", "sort", "page"),
)


@blueprint.get("/")
@requires("translator")
def board() -> str:
    """The principles that match a filter, 50 on a page."""
    query, page = read_filter(request.args), page_number(request.args)
    sort, codes = read_sort(request.args), here().config.languages
    found, total = desk_queries.search(db(), query, codes, language(), sort=sort, page=page)
    return render_template(
        "desk/library.html",
        query=query,
        chosen=filter_arguments(query),
        sort=sort,
        found=found,
        total=total,
        page=page,
        pages=page_count(total),
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
        return redirect(url_for(".board", **form_arguments(), none=1), 303)
    action = _action()
    if action is None:
        return redirect(url_for(".board", **form_arguments(), none="theme"), 303)
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
        done, number = _apply(numbers, action)
    except ConflictError as error:
        return _ask(list(numbers), action, translate().gettext(error.message)), 409
    log.info("desk: person %s: %s %s principles", session.me().id, action.act, len(done))
    there = {**form_arguments(), "done": action.act, "number": len(done), "undo": number or None}
    return redirect(url_for(".board", **there), 303)


def _apply(numbers: dict[str, int], action: BulkAction) -> tuple[list[BulkOutcome], int]:
    """Perform a bulk action; returns its outcomes, and the id that undoes it."""
    me, path = session.me(), url_for(".board", **form_arguments(), done="undo")

    def act() -> list[BulkOutcome]:
        return bulk.apply(db(), me, numbers, action, now())

    return undo.recorded(db(), me, bulk.ACTS[action.act], list(numbers), act, path, now())


def _ask(slugs: list[str], action: BulkAction, problem: str = "") -> str:
    found = bulk.dry_run(db(), session.me(), slugs, action, now())
    titles = {row.slug: row for row in desk_queries.rows(db(), slugs, language())}
    return render_template(
        "desk/bulk.html",
        act=action.act,
        theme=action.theme,
        themes=library.themes(db()),
        outcomes={
            name: [each for each in found if each.outcome == name]
            for name in ("done", "refused", "same")
        },
        titles=titles,
        back=form_arguments(),
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


def read_filter(given: MultiDict[str, str]) -> Filter:
    """The filter of a query string; invalid values are ignored."""
    words = "".join(
        character if character.isprintable() else " " for character in given.get("q", "")
    )
    return Filter(
        words=words[:MAX_QUERY_LENGTH].strip(),
        status=_one_of(given.get("status"), STATUSES),
        theme=given.get("theme", ""),
        source=given.get("source", ""),
        language=_one_of(given.get("language"), here().config.languages),
        state=_one_of(given.get("state"), (*STATES, "missing")),
        is_waiting="waiting" in given,
        saved_by=session.me().id if "mine" in given else None,
    )


def read_sort(given: MultiDict[str, str]) -> str:
    """The column to sort by, with a hyphen in front for descending order."""
    wanted = given.get("sort", "")
    return wanted if wanted.removeprefix("-") in SORTS else "title"


def filter_arguments(query: Filter) -> dict[str, str]:
    """The query parameters that stand for a filter."""
    parts = {
        "q": query.words,
        "status": query.status,
        "theme": query.theme,
        "source": query.source,
        "language": query.language,
        "state": query.state,
        "waiting": "1" if query.is_waiting else "",
        "mine": "1" if query.saved_by is not None else "",
    }
    return {name: value for name, value in parts.items() if value}


def form_arguments() -> dict[str, Any]:
    """The query parameters of the list that a form was sent from, from its hidden fields."""
    return {name: request.form[name] for name in FILTER_NAMES if request.form.get(name)}


def page_number(given: MultiDict[str, str]) -> int:
    """The page number, from 1; invalid values are 1."""
    number = given.get("page", 1, type=int)
    return number if 1 <= number < 100_000 else 1


def page_count(total: int) -> int:
    """The number of pages of a list."""
    return -(-total // desk_queries.PAGE_LENGTH)


def _one_of(value: str | None, choices: tuple[str, ...]) -> str:
    return value if value in choices else ""
