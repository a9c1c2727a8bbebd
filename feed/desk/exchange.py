"""Files in and out: an import is looked at before it is done, an export is of any filter."""

import logging
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed import files
from feed.desk import filters, session
from feed.desk.import_table import FATES, KINDS, Preview
from feed.desk.permissions import requires
from feed.errors import ConflictError, ExchangeError, FormError
from feed.library import exchange, uploads
from feed.store import desk_queries, library
from feed.store import uploads as stored
from feed.web.context import db, here, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("desk_exchange", __name__, url_prefix="/desk/exchange")

Page = AnyResponse | str | tuple[str, int]
_TYPES = {"json": "application/json", "toml": "application/toml", "csv": "text/csv"}


@blueprint.get("/")
@requires("curator")
def home() -> str:
    """The forms to bring a file in, and to take one out."""
    return _home({})


@blueprint.post("/")
@requires("curator")
def upload() -> Page:
    """Keep a file until its import is confirmed."""
    given = request.files.get("file")
    name, body = (given.filename or "", given.read()) if given else ("", b"")
    try:
        number = uploads.add(db(), session.me(), name, body, now())
    except FormError as error:
        return _home(translate().error_messages(error.fields)), 422
    return redirect(url_for(".look", number=number), 303)


@blueprint.get("/<int:number>/")
@requires("curator")
def look(number: int) -> str:
    """What importing a file would do, row by row."""
    return _look(number, "overwrite" in request.args)


@blueprint.post("/<int:number>/")
@requires("curator")
def confirm(number: int) -> Page:
    """Import a file as it was looked at."""
    overwrite, seen = "overwrite" in request.form, request.form.get("seen", "")
    try:
        plan = uploads.confirm(db(), session.me(), number, seen, now(), overwrite=overwrite)
    except (ConflictError, ExchangeError) as error:
        return _look(number, overwrite, translate().gettext(error.message, **error.values)), 409
    counts: dict[str, Any] = {
        outcome: sum(item.outcome == outcome for item in plan.items)
        for outcome in ("new", "changed")
    }
    log.info("desk: %s imported: %s new, %s changed", session.me().id, *counts.values())
    return redirect(url_for(".home", **counts), 303)


@blueprint.post("/<int:number>/forget")
@requires("curator")
def forget(number: int) -> AnyResponse:
    """Forget a file that is not to be imported after all."""
    uploads.discard(db(), session.me(), number)
    return redirect(url_for(".home"), 303)


@blueprint.get("/export")
@requires("curator")
def export() -> Response:
    """The principles that match a filter, as a file."""
    form = request.args.get("format", "json")
    form = form if form in files.FORMATS else "json"
    query = filters.read(request.args)
    slugs = desk_queries.slugs(db(), query, here().config.languages)
    text = files.write(exchange.export(db(), None, slugs), form)
    # Spreadsheets take a table for UTF-8 by its mark alone.
    body = text.encode("utf-8-sig" if form == "csv" else "utf-8")
    name = f"devis-{now().astimezone(here().config.timezone):%Y-%m-%d}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, headers=headers, content_type=f"{_TYPES[form]}; charset=utf-8")


def _home(wrong: dict[str, str]) -> str:
    query = filters.read(request.args)
    return render_template(
        "desk/exchange.html",
        wrong=wrong,
        query=query,
        chosen=filters.arguments(query),
        matching=len(desk_queries.slugs(db(), query, here().config.languages)),
        waiting=stored.names(db(), session.me().id),
        done={outcome: request.args.get(outcome, type=int) for outcome in ("new", "changed")},
        themes=library.themes(db()),
        sources=library.sources(db()),
        FORMATS=files.FORMATS,
        COLUMNS=files.COLUMNS,
        MOST_ROWS=uploads.MOST_ROWS,
    )


def _look(number: int, overwrite: bool, problem: str = "") -> str:
    found = uploads.preview(db(), session.me(), number, overwrite=overwrite)
    preview = Preview(translate(), found.plan)
    shown = request.args.get("show", "")
    return render_template(
        "desk/import.html",
        upload=found.upload,
        plan=found.plan,
        preview=preview,
        counts=preview.counts,
        page=preview.page(shown if shown in FATES else "", filters.page(request.args)),
        overwrite=overwrite,
        problem=problem,
        FATES=FATES,
        KIND_NAMES=KINDS,
    )
