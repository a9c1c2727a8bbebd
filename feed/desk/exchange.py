"""Import with a preview before it is confirmed, and export of any filter."""

import logging
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed import files
from feed.desk import library_board, session, table_choices
from feed.desk.import_table import KINDS, OUTCOMES, ImportTable
from feed.desk.permissions import requires
from feed.errors import ConflictError, ExchangeError, FormError
from feed.files import TableChoices
from feed.library import exchange
from feed.library.import_plan import WRITTEN
from feed.store import desk_queries, library
from feed.store import uploads as stored
from feed.web.context import db, here, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("exchange", __name__, url_prefix="/exchange")

Page = AnyResponse | str | tuple[str, int]
_TYPES = {"json": "application/json", "toml": "application/toml", "csv": "text/csv"}


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
    """Import a file exactly as its dry run showed it; cells that were changed are saved first."""
    if _mend(number):
        return _look_again(number)
    overwrite, seen = "overwrite" in request.form, request.form.get("seen", "")
    try:
        plan = exchange.confirm_upload(db(), session.me(), number, seen, now(), overwrite=overwrite)
    except (ConflictError, ExchangeError) as error:
        return _dry_run(number, overwrite, translate().gettext(error.message, **error.values)), 409
    counts: dict[str, Any] = {
        outcome: sum(item.outcome == outcome for item in plan.items) for outcome in WRITTEN
    }
    log.info(
        "desk: person %s imported: %s new, %s changed, %s waiting",
        *(session.me().id, *counts.values()),
    )
    return redirect(url_for(".home", **counts), 303)


@blueprint.post("/<int:number>/reading")
@requires("curator")
def choose_reading(number: int) -> AnyResponse:
    """Change how a table is read: its encoding, separator, sheet, headings or columns."""
    form = request.form
    exchange.change_choices(
        db(), session.me(), number, lambda choices: table_choices.reading(choices, form)
    )
    return redirect(url_for(".look", number=number), 303)


@blueprint.post("/<int:number>/rows")
@requires("curator")
def mend(number: int) -> AnyResponse:
    """Change cells of a table that are wrong, or leave their rows out."""
    _mend(number)
    return _look_again(number)


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


def _mend(number: int) -> bool:
    """Save the cells and rows of the submitted form; whether they differ from before."""
    found, form = exchange.preview_upload(db(), session.me(), number), request.form
    cells = found.table.cells if found.table else {}

    def mended(choices: TableChoices) -> TableChoices:
        return table_choices.mended(choices, cells, form)

    if mended(found.choices) == found.choices:
        return False
    exchange.change_choices(db(), session.me(), number, mended)
    return True


def _look_again(number: int) -> AnyResponse:
    overwrite = 1 if "overwrite" in request.form else None
    return redirect(url_for(".look", number=number, overwrite=overwrite, mended=1), 303)


def _home(wrong: dict[str, str]) -> str:
    query = library_board.read_filter(request.args)
    return render_template(
        "desk/exchange.html",
        wrong=wrong,
        query=query,
        chosen=library_board.filter_arguments(query),
        matching=len(desk_queries.slugs(db(), query, here().config.languages)),
        waiting=stored.names(db(), session.me().id),
        done={outcome: request.args.get(outcome, type=int) for outcome in WRITTEN},
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
        mended="mended" in request.args,
        source_titles=[item.title for item in library.sources(db()).values() if not item.retired],
        OUTCOMES=OUTCOMES,
        KIND_NAMES=KINDS,
        **table_choices.view(found, translate(), here().config.languages),
    )
