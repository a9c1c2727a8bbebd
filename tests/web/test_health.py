"""Whether the site is well, for machines: `/healthz`, `/healthz?full` and `/metrics`."""

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlite_utils import Database

from feed import checks as health_checks
from feed.checks import email, health
from feed.store.counters import MetricCounters
from tests.conftest import (
    Answer,
    Command,
    Installation,
    answers,
    fetch,
    free_port,
    outside,
    wait_until,
)

TOKEN = "operators-only-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def numbers(text: str) -> dict[str, float]:
    """Every sample of an exposition: `name{label="value"}` to its number."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


def public(devis: Installation) -> Installation:
    """The same as it is seen by the world, with a token for its operator."""
    config = replace(devis.config, base_url="https://devis.example.org", operator_token=TOKEN)
    return Installation(config, devis.now)


def wait_for_letters(db: Database, since: datetime) -> None:
    """A due digest that was not sent."""
    stamp = since.astimezone(UTC).isoformat(timespec="seconds")
    db.execute("INSERT INTO letters (cadence, date) VALUES ('daily', '2026-11-22')")
    db.execute(
        "INSERT INTO deliveries (letter, subscriber, language, state, due, at, next)"
        " VALUES (1, 1, 'sv', 'deferred', ?, ?, ?)",
        [stamp, stamp, stamp],
    )


# /healthz?full


def test_alive_is_one_word(devis: Installation) -> None:
    assert devis.client().get("/healthz").text == "ok\n"


def test_a_stranger_learns_whether_today_is_out_and_no_more(devis: Installation) -> None:
    answer = public(devis).client().get("/healthz?full")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "good",
        "today": {"date": "2026-11-22", "languages": {"en": "shown", "sv": "shown"}},
        "mail": {"stuck": False},
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_operator_learns_what_devis_check_says(devis: Installation) -> None:
    answer = public(devis).client().get("/healthz?full", headers=BEARER)
    assert answer.json is not None
    assert answer.json["mail"] == {"stuck": False, "last_sent": None, "waiting": 0}
    checks = {row["check"]: row for row in answer.json["checks"]}
    assert {"disk", "worker", "edition", "languages", "letters", "backup"} <= set(checks)
    assert "mail server" not in checks  # nobody logs in there every minute
    assert checks["worker"]["level"] == "warn"
    assert checks["worker"]["advice"]


def test_health_has_the_time_of_the_last_digest(devis: Installation) -> None:
    with devis.open() as db:
        wait_for_letters(db, devis.now)
        db.execute("UPDATE deliveries SET state = 'sent', next = NULL")
    answer = public(devis).client().get("/healthz?full", headers=BEARER)
    assert answer.json is not None
    assert answer.json["mail"]["last_sent"] == "2026-11-22T11:00:00+00:00"


def test_a_day_without_an_edition_is_an_alarm(devis: Installation) -> None:
    midnight = devis.now.replace(hour=23)
    config = public(devis).config
    just_begun = Installation(config, midnight).client().get("/healthz?full")
    assert just_begun.status_code == 200  # a worker looks every few seconds
    answer = Installation(config, midnight + health.GRACE).client().get("/healthz?full")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["today"]["languages"] == {"en": "missing", "sv": "missing"}


def test_what_an_editor_withdrew_is_no_alarm(devis: Installation) -> None:
    with devis.open() as db:
        db.execute("UPDATE editions SET withdrawn = made, reason = 'x' WHERE date = '2026-11-22'")
    answer = public(devis).client().get("/healthz?full")
    assert answer.status_code == 200
    assert answer.json is not None
    assert set(answer.json["today"]["languages"].values()) == {"withdrawn"}


def test_a_language_that_shows_the_original_says_so(devis: Installation) -> None:
    with devis.open() as db:
        db.execute(
            "DELETE FROM texts WHERE language = 'sv' AND principle ="
            " (SELECT principle FROM editions WHERE date = '2026-11-22')"
        )
    answer = public(devis).client().get("/healthz?full")
    assert answer.json is not None
    assert answer.json["today"]["languages"] == {"en": "shown", "sv": "original"}


@pytest.mark.parametrize(("late", "status"), [(-30, 200), (1, 503)])
def test_overdue_digests_are_an_alarm(devis: Installation, late: int, status: int) -> None:
    with devis.open() as db:
        wait_for_letters(db, devis.now - email.PATIENCE - timedelta(seconds=late))
    answer = public(devis).client().get("/healthz?full")
    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["mail"]["stuck"] == (late > 0)


def test_a_database_that_cannot_be_read_is_an_alarm_and_no_fault(devis: Installation) -> None:
    client = public(devis).client()
    Path(devis.config.database).write_bytes(b"not a database" * 1000)
    for path in (f"{devis.config.database}-wal", f"{devis.config.database}-shm"):
        Path(path).unlink(missing_ok=True)
    assert client.get("/healthz").text == "ok\n"
    answer = client.get("/healthz?full")
    assert (answer.status_code, answer.json) == (503, {"status": "bad", "database": "bad"})
    assert numbers(client.get("/metrics", headers=BEARER).text)["devis_database_up"] == 0


# Who is the operator


def asks(client: FlaskClient, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get("/metrics", headers=named).status_code


def test_numbers_are_for_who_has_the_token(devis: Installation) -> None:
    client = public(devis).client()
    assert asks(client, **BEARER) == 200
    for wrong in ("", TOKEN, f"Bearer {TOKEN}x", "Bearer ö", f"Basic {TOKEN}"):
        assert asks(client, Authorization=wrong) == 401
    answer = client.get("/metrics")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="devis"'
    assert "devis_" not in answer.text


@pytest.mark.parametrize(
    ("base_url", "headers", "expected"),
    [
        ("http://127.0.0.1:8000", {}, 200),
        ("http://127.0.0.1:8000", {"X_Forwarded_For": "192.0.2.1"}, 401),
        ("https://devis.example.org", {}, 401),
    ],
)
def test_without_a_token_they_are_for_this_machine(
    devis: Installation, base_url: str, headers: dict[str, str], expected: int
) -> None:
    made = Installation(replace(devis.config, base_url=base_url), devis.now)
    assert asks(made.client(), **headers) == expected
    client = made.client()
    away = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert away.status_code == 401


# The numbers


def test_metrics_count_deliveries_and_bounces(devis: Installation) -> None:
    with devis.open() as db:
        wait_for_letters(db, devis.now)
        db.execute(
            "INSERT INTO subscribers (address, identity, language, cadence, workdays, hour,"
            " timezone, status, asked, since) VALUES ('a@example.org', 'a', 'sv', 'daily', 0, 7,"
            " 'Europe/Stockholm', 'left', '2026-01-01', '2026-01-01')"
        )
        db.execute("INSERT INTO bounces (subscriber, at, kind) VALUES (1, '2026-11-22', 'hard')")
    answer = devis.client().get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    told = numbers(answer.text)
    assert told['devis_edition_today{language="sv"}'] == 1
    assert 12 * 3600 <= told["devis_edition_age_seconds"] < 12 * 3600 + 60
    assert told["devis_letters_waiting"] == 1
    assert told['devis_letters{cadence="daily",language="sv",outcome="waiting"}'] == 1
    assert told['devis_bounces{kind="hard"}'] == 1
    assert told["devis_database_up"] == 1
    assert told["devis_worker_up"] == 0
    assert "example.org" not in answer.text


def test_threads_and_a_failing_disk_lose_no_count(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    blocked = tmp_path / "folder"
    tally = MetricCounters(blocked / "tally")  # no such folder, yet

    def count() -> None:
        for _ in range(5000):
            tally.add(("requests", "/x"))

    with ThreadPoolExecutor(8) as threads:
        for _ in range(8):
            threads.submit(count)
    tally.flush()
    assert tally.sums() == {("requests", "/x"): 40_000}
    blocked.mkdir()
    assert MetricCounters(blocked / "tally").sums() == {}
    tally.flush()
    assert MetricCounters(blocked / "tally").sums() == {("requests", "/x"): 40_000}


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, processes: None
) -> Iterator[Callable[..., Answer]]:
    """Asks a `devis serve` with two web processes."""

    port = free_port()
    process = Command(tmp_path_factory.mktemp("site"), outside()).start("serve", PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(f"{url}/healthz"), 30)
        yield lambda path, method="GET", **headers: fetch(url + path, method, **headers)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_all_processes_are_counted(site: Callable[..., Answer]) -> None:
    """A hundred connections, so that both processes get some; all are counted."""

    def told() -> dict[str, float]:
        return numbers(site("/metrics").body.decode())

    def of(found: dict[str, float], route: str, **labels: str) -> float:
        wanted = [f'{name}="{value}"' for name, value in {"route": route, **labels}.items()]
        return sum(
            value
            for name, value in found.items()
            if name.startswith("devis_requests_total{") and all(label in name for label in wanted)
        )

    for _ in range(100):
        assert site("/sv/archive/").status == 200
    tag = site("/sv/archive/").headers["etag"]
    assert site("/sv/archive/", If_None_Match=tag).status == 304
    site("/subscription/ABCDEFGHIJKLMNOPQRSTUVWXYZ/confirm")
    site("/nothing/")
    site("/desk/sign-in", "POST")
    archive = "/{language}/archive/"
    others = ("unknown", "/subscription/{token}/confirm", "/desk/sign-in")
    wait_until(lambda: [of(told(), route) for route in (archive, *others)] == [102, 1, 1, 1])
    found = told()
    rendered = of(found, archive, origin="app")
    assert 1 <= rendered <= 2  # once in each process
    assert of(found, archive, origin="memory") == 102 - rendered
    assert of(found, archive, status="304") == 1
    assert found[f'devis_render_seconds_count{{route="{archive}"}}'] == rendered
    assert of(found, "unknown", status="404") == 1
    assert of(found, "/subscription/{token}/confirm", status="404") == 1
    assert of(found, "/desk/sign-in", status="403") == 1
    assert not [name for name in found if "ABCDEF" in name]
    assert found["devis_worker_up"] == 1


def test_a_site_that_was_just_begun_is_well(site: Callable[..., Answer]) -> None:
    answer = site("/healthz?full")
    assert answer.status == 200, answer.body
    assert {row["check"] for row in json.loads(answer.body)["checks"]} > {"worker", "backup"}


def test_the_quick_checks_are_those_of_devis_check(devis: Installation) -> None:
    quick = {told.check for told in health_checks.run_quick(devis.config, devis.now)}
    assert quick == {*health_checks.MACHINE, *health_checks.CONTENT, "schema"} - health_checks.SLOW
    assert {*health_checks.MACHINE} > health_checks.SLOW
