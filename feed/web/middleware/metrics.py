"""Prometheus metrics at /metrics: requests, render times, and the state of the site.

Counters are summed over all web processes; gauges are read from the database on each scrape.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, request
from werkzeug.wrappers import Response as AnyResponse

from feed import __version__
from feed.config import Config
from feed.digests import alarms, delivery_report
from feed.errors import DevisError
from feed.store import backups, ledger, subscribers
from feed.store.connection import DriverError
from feed.store.counters import BUCKETS, METRICS_FILE, MetricCounters
from feed.subscribers import sign_up_limits
from feed.web.context import db, here, now, site
from feed.web.middleware import operator_token
from feed.web.middleware.page_cache import ROUTE, UNKNOWN

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

blueprint = Blueprint("metrics", __name__)
OUTCOMES = ("sent", "waiting", "bounced", "failed", "skipped")
_CONVERTER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


def counters(config: Config) -> MetricCounters:
    """The counters that all processes of an installation share."""
    return MetricCounters(config.instance / METRICS_FILE)


def init(app: Flask) -> None:
    """Put the route pattern of each request into its WSGI environment, for the counters."""

    @app.before_request
    def route() -> None:
        rule = request.url_rule
        request.environ[ROUTE] = _CONVERTER.sub(r"{\1}", rule.rule) if rule else UNKNOWN


@blueprint.get("/metrics")
def metrics() -> AnyResponse:
    """All metrics in Prometheus' text format; for the operator only."""
    if not operator_token.is_operator():
        return operator_token.unauthorized()
    from prometheus_client import (  # slow to import, and needed here only
        CollectorRegistry,
        generate_latest,
    )
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    registry = CollectorRegistry()
    registry.register(_Collector())
    response = Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    response.headers["Cache-Control"] = "no-store"
    return response


class _Collector:
    """Collects all metrics, as the client library asks."""

    def collect(self) -> "Iterator[Metric]":
        yield from _request_metrics(counters(here().config))
        yield from _site_metrics()


def _request_metrics(shared: MetricCounters) -> "Iterator[Metric]":
    from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily

    labels = ("route", "status", "origin")
    requests = CounterMetricFamily(
        "devis_requests", "Answers; those with origin memory are cache hits.", labels=labels
    )
    rendered = HistogramMetricFamily(
        "devis_render_seconds", "How long it took to make an answer.", labels=("route",)
    )
    times: dict[str, dict[str, float]] = {}
    for key, value in sorted(shared.sums().items()):
        if key[0] == "requests":
            requests.add_metric(key[1:], value)
        elif key[0] == "rendered":
            times.setdefault(key[1], {})[key[2]] = value
    for route, took in times.items():
        total, buckets = 0.0, []
        for limit in (*map(str, BUCKETS), "+Inf"):
            total += took.get(limit, 0.0)
            buckets.append((limit, total))
        rendered.add_metric([route], buckets, took.get("seconds", 0.0))
    yield requests
    yield rendered


def _site_metrics() -> "Iterator[Metric]":
    """State of worker, database, editions and digests; no more than `up` if the database fails."""
    from prometheus_client.metrics_core import GaugeMetricFamily as Gauge
    from prometheus_client.metrics_core import InfoMetricFamily

    from feed.checks import machine

    yield InfoMetricFamily("devis", "The program.", {"version": __version__})
    yield Gauge(
        "devis_worker_up", "Whether a worker runs.", float(machine.is_worker_running(here().config))
    )
    try:
        found = [*_edition_metrics(), *_delivery_metrics()]
    except (DevisError, DriverError):
        found = []
    yield Gauge("devis_database_up", "Whether it can be read.", float(bool(found)))
    yield from found


def _edition_metrics() -> "Iterator[Metric]":
    from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

    from feed.checks import health

    state = health.measure(db(), site(), now())
    today = Gauge(
        "devis_edition_today", "Whether today’s is out, or none is due.", labels=("language",)
    )
    for code, shown in state.languages.items():
        today.add_metric([code], float(shown in ("shown", "original", "day off")))
    yield today
    newest = ledger.latest(db(), state.today)
    if newest is not None:
        age = (now() - newest.published).total_seconds()
        yield Gauge("devis_edition_age_seconds", "Since the newest edition’s day began.", age)
    yield Gauge("devis_letters_waiting", "Letters that are due and not sent.", state.waiting)
    yield Gauge("devis_letters_stuck", "Whether any wait for too long.", float(state.stuck))
    if state.last_sent is not None:
        sent = state.last_sent.timestamp()
        yield Gauge("devis_letters_last_sent_timestamp_seconds", "When one was last sent.", sent)


def _delivery_metrics() -> "Iterator[Metric]":
    from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

    today = site().today(now())
    digests = Gauge(
        "devis_letters", "Letters of today’s date.", labels=("cadence", "language", "outcome")
    )
    for each in delivery_report.reports(db(), today, today):
        for outcome in OUTCOMES:
            digests.add_metric([each.cadence, each.language, outcome], getattr(each, outcome))
    yield digests
    bounces = Gauge("devis_bounces", "Bounces that are remembered.", labels=("kind",))
    for kind, number in subscribers.count_bounces(db()).items():
        bounces.add_metric([kind], number)
    yield bounces
    yield from _alarm_metrics()
    last = backups.last(db())
    if last is not None:
        at = last.at.timestamp()
        yield Gauge("devis_backup_last_timestamp_seconds", "When one was last made.", at)


def _alarm_metrics() -> "Iterator[Metric]":
    from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

    found = alarms.current(db(), now())
    refused = Gauge(
        "devis_mail_refused",
        "Domains that refuse what is sent; an empty one is the mail server.",
        labels=("domain", "reply"),
    )
    for refusal in found.refusals:
        refused.add_metric([refusal.domain, refusal.reply], 1.0)
    yield refused
    dead = Gauge(
        "devis_bounces_undecided",
        "Addresses that were reported dead at once, and await a decision.",
        labels=("date", "domain", "reply"),
    )
    for alarm in found.bounces:
        dead.add_metric([alarm.date.isoformat(), alarm.domain, alarm.reply], alarm.dead)
    yield dead
    yield Gauge(
        "devis_sign_up_paused",
        "Whether the operator has paused it.",
        float(sign_up_limits.paused_since(db()) is not None),
    )
    asked = Gauge("devis_sign_ups", "Sign-ups of this hour.", labels=("outcome",))
    for outcome, number in sign_up_limits.counts(here().config).items():
        asked.add_metric([outcome], number)
    yield asked
    statuses = Gauge("devis_subscribers", "Subscribers by status.", labels=("status",))
    for status, number in subscribers.count_by_status(db()).items():
        statuses.add_metric([status], number)
    yield statuses
