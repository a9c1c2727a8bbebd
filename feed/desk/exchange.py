"""Import with a preview before it is confirmed, and export of any filter."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed import files
from feed.desk import library_board, session
from feed.desk.permissions import requires
from feed.desk.principle_form import LABELS
from feed.errors import ConflictError, ExchangeError, FormError, Problem, gettext_noop
from feed.files import Entry
from feed.i18n import Translator
from feed.library import exchange
from feed.library.import_plan import Plan, PlannedEntry, label
from feed.store import desk_queries, library
from feed.store import uploads as stored
from feed.web.context import db, here, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("exchange", __name__, url_prefix="/exchange")

Page = AnyResponse | str | tuple[str, int]
_TYPES = {"json": "application/json", "toml": "application/toml", "csv": "text/csv"}
OUTCOMES: Mapping[str, str] = {
    "refused": gettext_noop("Refused"),
    "new": gettext_noop("New"),
    "changed": gettext_noop("Changed"),
    "left_alone": gettext_noop("Left alone"),
    "unchanged": gettext_noop("Unchanged"),
}
KINDS: Mapping[str, str] = {
    "themes": gettext_noop("Theme"),
    "sources": gettext_noop("Source"),
    "principles": gettext_noop("Principle"),
}
_FIELDS: Mapping[str, str] = {
    **LABELS,
    "status": gettext_noop("Status"),
    "state": gettext_noop("State"),
    "language": gettext_noop("Language"),
    "author": gettext_noop("Author"),
    "publisher": gettext_noop("Publisher"),
    "year": gettext_noop("Year"),
    "url": gettext_noop("Address on the web"),
    "rights": gettext_noop("Right to use it"),
    "introduction": gettext_noop("Introduction"),
    "name": gettext_noop("Name"),
    "description": gettext_noop("Description"),
}
PAGE_LENGTH = 100


@blueprint.get("/")
@requires("curator")
def home() -> str:
    """The import and export forms."""
    return _home({})


@blueprint.post("/")
@requires("curator")
def upload() -> Page:
    """Store an uploaded file until its import is confirmed."""
    given = request.files.get("file")
    name, body = (given.filename or "", given.read()) if given else ("", b"")
    try:
        number = exchange.add_upload(db(), session.me(), name, body, now())
    except FormError as error:
        return _home(translate().error_messages(error.fields)), 422
    return redirect(url_for(".look", number=number), 303)


@blueprint.get("/<int:number>/")
@requires("curator")
def look(number: int) -> str:
    """The dry run of an import, row by row."""
    return _dry_run(number, "overwrite" in request.args)


@blueprint.post("/<int:number>/")
@requires("curator")
def confirm(number: int) -> Page:
    """Import a file exactly as its dry run showed it."""
    overwrite, seen = "overwrite" in request.form, request.form.get("seen", "")
    try:
        plan = exchange.confirm_upload(db(), session.me(), number, seen, now(), overwrite=overwrite)
    except (ConflictError, ExchangeError) as error:
        return _dry_run(number, overwrite, translate().gettext(error.message, **error.values)), 409
    counts: dict[str, Any] = {
        outcome: sum(item.outcome == outcome for item in plan.items)
        for outcome in ("new", "changed")
    }
    log.info("desk: person %s imported: %s new, %s changed", session.me().id, *counts.values())
    return redirect(url_for(".home", **counts), 303)


@blueprint.post("/<int:number>/forget")
@requires("curator")
def forget(number: int) -> AnyResponse:
    """Delete an uploaded file without importing it."""
    exchange.discard_upload(db(), session.me(), number)
    return redirect(url_for(".home"), 303)


@blueprint.get("/export")
@requires("curator")
def export() -> Response:
    """Download the principles that match a filter."""
    form = request.args.get("format", "json")
    form = form if form in files.FORMATS else "json"
    query = library_board.read_filter(request.args)
    slugs = desk_queries.slugs(db(), query, here().config.languages)
    text = files.write(exchange.export(db(), None, slugs), form)
    # Spreadsheets recognise UTF-8 by its byte order mark only.
    body = text.encode("utf-8-sig" if form == "csv" else "utf-8")
    name = f"devis-{now().astimezone(here().config.timezone):%Y-%m-%d}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, headers=headers, content_type=f"{_TYPES[form]}; charset=utf-8")


def _home(wrong: dict[str, str]) -> str:
    query = library_board.read_filter(request.args)
    return render_template(
        "desk/exchange.html",
        wrong=wrong,
        query=query,
        chosen=library_board.filter_arguments(query),
        matching=len(desk_queries.slugs(db(), query, here().config.languages)),
        waiting=stored.names(db(), session.me().id),
        done={outcome: request.args.get(outcome, type=int) for outcome in ("new", "changed")},
        themes=library.themes(db()),
        sources=library.sources(db()),
        FORMATS=files.FORMATS,
        COLUMNS=files.COLUMNS,
        MOST_ROWS=exchange.MOST_ROWS,
    )


def _dry_run(number: int, overwrite: bool, problem: str = "") -> str:
    found = exchange.preview_upload(db(), session.me(), number, overwrite=overwrite)
    table = ImportTable(translate(), found.plan)
    shown = request.args.get("show", "")
    return render_template(
        "desk/import.html",
        upload=found.upload,
        plan=found.plan,
        table=table,
        counts=table.counts,
        page=table.page(
            shown if shown in OUTCOMES else "", library_board.page_number(request.args)
        ),
        overwrite=overwrite,
        problem=problem,
        OUTCOMES=OUTCOMES,
        KIND_NAMES=KINDS,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a file, or an error of the file as a whole (`kind` is empty).

    `where` is its row numbers in the file, `fields` the fields that change, `reasons` the errors.
    """

    outcome: str
    kind: str
    slug: str
    title: str
    where: str
    fields: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TablePage:
    """A page of the table: rows of one outcome, or of all (`outcome` is empty)."""

    rows: tuple[Row, ...]
    outcome: str
    number: int
    pages: int


class ImportTable:
    """The rows of an import plan, refused entries first."""

    def __init__(self, t: Translator, plan: Plan) -> None:
        self._t = t
        reasons: dict[str, list[Problem]] = {}
        for problem in plan.problems:
            reasons.setdefault(problem.entry, []).append(problem)
        known = {label(item.kind, item.slug): item for item in plan.items}
        general = [p for entry, found in reasons.items() if entry not in known for p in found]
        order = list(OUTCOMES)
        items = sorted(plan.items, key=lambda item: order.index(item.outcome))
        self._rows: list[Problem | PlannedEntry] = [*general, *items]
        self._reasons = reasons
        self.counts = Counter(item.outcome for item in plan.items)
        self.counts["refused"] += len(general)

    def page(self, outcome: str, number: int) -> TablePage:
        """A page of the rows of one outcome, or of all if `outcome` is empty."""
        chosen = [row for row in self._rows if outcome in ("", _fate(row))]
        pages = max(1, -(-len(chosen) // PAGE_LENGTH))
        number = min(number, pages)
        part = chosen[(number - 1) * PAGE_LENGTH : number * PAGE_LENGTH]
        return TablePage(tuple(map(self._row, part)), outcome, number, pages)

    def _row(self, given: Problem | PlannedEntry) -> Row:
        if isinstance(given, Problem):
            where = "" if given.row is None else str(given.row)
            title = given.entry if given.row is None else ""
            return Row("refused", "", "", title, where, (), (self._message(given),))
        texts = given.entry["texts"]
        text: Entry = texts.get(given.entry.get("original_language")) or next(
            iter(texts.values()), {}
        )
        title = given.entry.get("title") or text.get("title") or text.get("name") or ""
        problems = self._reasons.get(label(given.kind, given.slug), ())
        return Row(
            given.outcome,
            given.kind,
            given.slug,
            title,
            _spans(given.rows),
            tuple(map(self._field_name, given.fields)),
            tuple(map(self._message, problems)),
        )

    def _message(self, problem: Problem) -> str:
        words = self._t.gettext(problem.message, **problem.values)
        return f"{self._field_name(problem.field)}: {words}" if problem.field else words

    def _field_name(self, name: str) -> str:
        """`Title (Swedish)` for `texts.sv.title`."""
        first, _, rest = name.partition(".")
        if first != "texts" or not rest:
            return self._label(name)
        language, _, field = rest.partition(".")
        code = self._t.language_name(language)
        return f"{self._label(field)} ({code})" if field else code

    def _label(self, name: str) -> str:
        return self._t.gettext(_FIELDS[name]) if name in _FIELDS else name


def _fate(row: Problem | PlannedEntry) -> str:
    return row.outcome if isinstance(row, PlannedEntry) else "refused"


def _spans(rows: tuple[int, ...]) -> str:
    """`2–4, 9` for 2, 3, 4 and 9."""
    spans: list[list[int]] = []
    for row in rows:
        if spans and row == spans[-1][1] + 1:
            spans[-1][1] = row
        else:
            spans.append([row, row])
    return ", ".join(f"{a}–{b}" if b > a else f"{a}" for a, b in spans)
