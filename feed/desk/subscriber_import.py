"""Import of subscribers at the desk: upload a table, look at what would happen, confirm."""

import logging

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.desk import session
from feed.desk.permissions import requires
from feed.desk.table_choices import how_read
from feed.errors import FormError, InputError, NotFoundError, gettext_noop
from feed.files import subscriber_table
from feed.files.tables import SAMPLES
from feed.store import uploads
from feed.store.connection import transaction
from feed.store.uploads import Upload, UploadKind
from feed.subscribers import administration, subscriber_import
from feed.subscribers.subscriber_import import SubscriberPlan
from feed.web.context import db, here, key, now, site, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("subscriber_import", __name__, url_prefix="/subscribers/import")

Page = AnyResponse | str | tuple[str, int]
KIND: UploadKind = "subscribers"
MOST_ROWS = 10_000
SHOWN = 200  # refused rows on the page
_NO_FILE = gettext_noop("Choose a file.")
_TOO_MANY = gettext_noop(
    "The file has %(count)s rows; here at most %(most)s can be imported at once. Split it, or let"
    " the operator import it with “devis subscriber import”."
)
_GONE = gettext_noop(
    "This file has already been imported, or was deleted: files are stored for a day."
)
_CHANGED = gettext_noop(
    "The subscribers have changed in the meantime. Check again what would happen."
)


@blueprint.get("/")
@requires("administrator")
def home() -> str:
    """The form for a file."""
    return _home({})


@blueprint.post("/")
@requires("administrator")
def upload() -> Page:
    """Store an uploaded table until its import is confirmed, for a day at most."""
    given = request.files.get("file")
    body = given.read() if given else b""
    try:
        if not body.strip():
            raise InputError(_NO_FILE)
        if (count := subscriber_import.count_rows(body)) > MOST_ROWS:
            raise InputError(_TOO_MANY, count=count, most=MOST_ROWS)
    except InputError as error:
        return _home(translate().error_messages({"file": error})), 422
    with transaction(db()):
        number = uploads.add(db(), session.me().id, "subscribers.csv", body, now(), KIND)
    return redirect(url_for(".look", number=number), 303)


@blueprint.get("/<int:number>/")
@requires("administrator")
def look(number: int) -> str:
    """What the import would do."""
    return _preview(number, _found(number), {})


@blueprint.post("/<int:number>/")
@requires("administrator")
def confirm(number: int) -> Page:
    """Import the people whom the preview accepted."""
    found, vouch = _found(number), " ".join(request.form.get("vouch", "").split())
    try:
        by = administration.operator(vouch or "import", session.me().id)
    except FormError as error:
        wrong = {"vouch": error.fields["reason"]}
        return _preview(number, found, translate().error_messages(wrong)), 422
    plan = _plan(found.body)
    if plan.fingerprint != request.form.get("seen"):
        return _preview(number, found, {"problem": translate().gettext(_CHANGED)}), 409
    done = subscriber_import.apply(db(), plan.accepted, by, now(), vouch=vouch)
    _remove(number)
    log.info("desk: person %s imported %s subscribers", session.me().id, done)
    return redirect(url_for("desk.subscribers.home", imported=done), 303)


@blueprint.post("/<int:number>/forget")
@requires("administrator")
def forget(number: int) -> AnyResponse:
    """Delete an uploaded table without importing it."""
    _remove(number)
    return redirect(url_for(".home"), 303)


def _plan(body: bytes) -> SubscriberPlan:
    return subscriber_import.plan(db(), site(), here().config, key(), body, now())


def _found(number: int) -> Upload:
    found = uploads.get(db(), number, session.me().id, KIND)
    if found is None:
        raise NotFoundError(_GONE)
    return found


def _remove(number: int) -> None:
    with transaction(db()):
        uploads.remove(db(), number, session.me().id)


def _home(wrong: dict[str, str]) -> str:
    return render_template(
        "desk/subscriber_import.html",
        wrong=wrong,
        plan=None,
        COLUMNS=subscriber_table.COLUMNS,
        NEEDED=subscriber_table.NEEDED,
        most=MOST_ROWS,
    )


def _preview(number: int, found: Upload, wrong: dict[str, str]) -> str:
    plan = _plan(found.body)
    refused = [
        (each.row, translate().gettext(each.error.message, **each.error.values))
        for each in plan.refused[:SHOWN]
    ]
    return render_template(
        "desk/subscriber_import.html",
        wrong=wrong,
        number=number,
        plan=plan,
        guesses=how_read(plan.grid, translate()),
        samples=[[cell.strip() for cell in row] for _, row in plan.grid.rows[:SAMPLES]],
        refused=refused,
        max_reason=administration.MAX_REASON,
    )
