"""Health checks at /healthz for monitoring: liveness, and with `?full` the state of the site."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from feed.errors import DevisError
from feed.store import migrations
from feed.store.connection import DriverError
from feed.web.context import db, here, now, site
from feed.web.middleware import operator_token

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """200 while the process answers. With `?full`, JSON, and 503 unless the site is healthy."""
    if "full" not in request.args:
        return Response("ok\n", content_type="text/plain; charset=utf-8")
    is_operator = operator_token.is_operator()
    facts, is_well = _facts(in_full=is_operator)
    if is_operator:
        facts["checks"] = _checks()
    response = jsonify(facts)
    response.status_code = 200 if is_well else 503
    response.headers["Cache-Control"] = "no-store"
    return response


def _facts(*, in_full: bool) -> tuple[dict[str, Any], bool]:
    """Public facts, with `in_full` also about the digests; and whether all is well."""
    from feed.checks import health  # slow to import, and needed here only

    try:
        migrations.check(db())
        state = health.measure(db(), site(), now())
    except (DevisError, DriverError):
        return {"status": "bad", "database": "bad"}, False
    facts: dict[str, Any] = {
        "status": "good" if state.is_well else "bad",
        "today": {"date": state.today.isoformat(), "languages": state.languages},
        "mail": {"stuck": state.stuck},
    }
    if in_full:
        facts["mail"] |= {"last_sent": _stamp(state.last_sent), "waiting": state.waiting}
    return facts, state.is_well


def _checks() -> list[dict[str, str]]:
    """The findings of `devis check`, without the slow checks."""
    from feed import checks

    return [each.row() for each in checks.run_quick(here().config, now())]


def _stamp(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
