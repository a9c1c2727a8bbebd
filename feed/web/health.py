"""Whether the site is alive, and whether it is well: for machines that watch over it."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from feed.errors import DevisError
from feed.i18n import translator
from feed.store import migrations
from feed.store.connection import DriverError
from feed.web.context import db, here, now, site
from feed.web.middleware import ops_auth

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Says ok while the process answers. With `?full`, 503 unless the site is well, and why."""
    if "full" not in request.args:
        return Response("ok\n", content_type="text/plain; charset=utf-8")
    asks = ops_auth.asks()
    facts, is_well = _facts(in_full=asks)
    if asks:
        facts["checks"] = _checks()
    response = jsonify(facts)
    response.status_code = 200 if is_well else 503
    response.headers["Cache-Control"] = "no-store"
    return response


def _facts(*, in_full: bool) -> tuple[dict[str, Any], bool]:
    """What everybody may know, and with `in_full` more of the letters; and whether all is well."""
    from feed.checks import health  # slow to load, and not for every process

    try:
        migrations.check(db())
        felt = health.measure(db(), site(), now())
    except (DevisError, DriverError):
        return {"status": "bad", "database": "bad"}, False
    facts: dict[str, Any] = {
        "status": "good" if felt.is_well else "bad",
        "today": {"date": felt.today.isoformat(), "languages": felt.languages},
        "mail": {"stuck": felt.stuck},
    }
    if in_full:
        facts["mail"] |= {"last_sent": _stamp(felt.last_sent), "waiting": felt.waiting}
    return facts, felt.is_well


def _checks() -> list[dict[str, str]]:
    """What `devis check` says, but for what takes its time."""
    from feed import checks

    t = translator("en")  # as the command line
    return [each.row(t) for each in checks.run_quick(here().config, now())]


def _stamp(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
