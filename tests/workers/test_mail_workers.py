"""Mail workers: no digest is lost, whatever happens to them or the broker."""

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from feed import editions, worker
from feed.accounts import people
from feed.checks.machine import WORKER_LOCK
from feed.config.brokers import broker
from feed.digests import outcomes
from feed.errors import MailUnavailableError
from feed.smtp import Outcome, SmtpServer
from feed.store import mail_batches
from feed.store.connection import opened
from feed.subscribers import subscriptions
from feed.workers import batch, celery_app, dispatch, mail_worker
from feed.workers.redis_leases import RedisLeases
from tests.cli.test_cli import refused
from tests.conftest import ROOT, Command, Installation, free_port, wait_until
from tests.digests.test_delivery import EDITOR
from tests.digests.test_digest_command import due_now
from tests.faults import mail
from tests.faults import workers as faults
from tests.mail_harness import PREFERENCES, MailHarness, later, mail_harness, parse
from tests.mail_workers import PASSWORD, RedisServer, redis_server, workers
from tests.smtp_servers import mail_server

pytestmark = pytest.mark.needs("redis")
SEVEN, MORNING = "2026-11-23T07:00:02+01:00", "2026-11-23T06:00:00+01:00"
NOBODY = SmtpServer("127.0.0.1", 1, "none")


@pytest.fixture
def harness(devis: Installation, empty_redis: RedisServer) -> MailHarness:
    """Six who wait for seven o’clock, with a broker."""
    there = empty_redis.broker
    made = mail_harness(devis, broker=there, reports=there, smtp=NOBODY, mail_connections=1)
    for number in range(6):
        made.subscribe(f"p{number}@example.org")
    return made


@pytest.fixture
def reports(empty_redis: RedisServer) -> Iterator[RedisLeases]:
    made = RedisLeases(empty_redis.broker)
    yield made
    made.close()


def hand_over(harness: MailHarness, instant: str = SEVEN) -> None:
    """Publish what is due without a worker; the operator gets an error."""
    harness.at(instant).start_due_runs()
    with harness.open() as (db, site), pytest.raises(MailUnavailableError, match="mail-worker"):
        dispatch.send(db, site, harness.config, harness.clock(), threading.Event())


def batches(harness: MailHarness) -> list[str]:
    with harness.open() as (db, _):
        return [each.id for each in mail_batches.all_open(db)]


def states(harness: MailHarness) -> Counter[tuple[str, str | None]]:
    return Counter((state, reason) for _, state, reason in harness.states())


def taken(empty_redis: RedisServer) -> dict[str, Any]:
    """The batch that is queued at the broker, as a worker receives it."""
    with celery_app.app(empty_redis.broker).connection() as line:
        box = line.SimpleQueue(celery_app.DIGEST_QUEUE)
        message = box.get(timeout=5)
        message.ack()
        box.close()
    values = message.payload[0][0]
    assert isinstance(values, dict)
    return values


def test_a_published_batch_is_not_sent_from_here(harness: MailHarness) -> None:
    hand_over(harness)
    assert states(harness) == {("claimed", None): 6}
    with mail_server() as box:
        harness.config = replace(harness.config, broker=None, reports=None, smtp=box.server)
        assert harness.send(later(SEVEN, hours=1)) == {}
        # Without workers any more, what they never told of is sent from here after two hours.
        assert harness.send(later(SEVEN, hours=2, minutes=1)) == {"sent": 6}


def test_a_report_that_comes_twice_changes_nothing(harness: MailHarness) -> None:
    hand_over(harness)
    (name,) = batches(harness)
    report = [
        *((f"1.{number}", Outcome(0, "sent", 250, "ok")) for number in (1, 2)),
        ("1.3", Outcome(0, "bounced", 550, "5.1.1 unknown")),
        ("1.4", Outcome(0, "deferred", 451, "later")),
    ]
    with harness.open() as (db, _):
        for expected in ({"sent": 2, "bounced": 1, "deferred": 1}, {}):
            clock = harness.clock()
            told = outcomes.record_batch(db, harness.config, clock, name, report, clock())
            assert told == expected
    rows = harness.rows("SELECT state, attempts, batch FROM deliveries ORDER BY subscriber")
    assert rows == [
        *[("sent", 1, None)] * 2,
        *[("bounced", 1, None), ("deferred", 1, None)],
        *[("deferred", 0, None)] * 2,  # of these nothing was said: they go at once
    ]
    assert harness.rows("SELECT subscriber, kind FROM bounces") == [(3, "hard")]


def test_a_late_report_that_a_digest_was_sent_prevents_a_retry(
    harness: MailHarness, reports: RedisLeases
) -> None:
    hand_over(harness)
    (name,) = batches(harness)
    assert reports.revoke(name)
    sent = [("1.1", Outcome(0, "sent", 250, "ok")), ("1.2", Outcome(0, "failed", 552, "no"))]
    with harness.open() as (db, _):
        clock = harness.clock()
        outcomes.record_batch(db, harness.config, clock, name, [], clock())
        assert outcomes.record_batch(db, harness.config, clock, name, sent, clock()) == {"sent": 1}
    with mail_server() as box:
        harness.config = replace(harness.config, smtp=box.server)
        harness.send(later(SEVEN, minutes=1))
    assert "p0@example.org" not in {each.recipient for each in box.mails}
    assert len(box.mails) == 5


def test_notices_are_published_and_retried_without_a_report(
    harness: MailHarness, empty_redis: RedisServer
) -> None:
    asked = {**PREFERENCES, "address": "new@example.org"}
    with harness.open() as (db, site):
        subscriptions.sign_up(db, site, harness.config, asked, "/en/subscribe/", harness.clock()())
        people.invite(db, EDITOR, ("en", "sv"), harness.clock()())
    hand_over(harness, MORNING)
    rows = "SELECT state, batch, attempts FROM outbox"
    (first,) = batches(harness)
    assert harness.rows(rows) == [("claimed", first, 1)] * 2
    with empty_redis.store as store:
        store.zadd("devis:batches", {first: 1})  # no worker has begun it in time
    with mail_server() as box:
        harness.config = replace(harness.config, smtp=box.server)
        assert harness.send(later(MORNING, minutes=1)) == {"notices sent": 2}
    assert {each.recipient for each in box.mails} == {"new@example.org", "eva@example.org"}
    assert harness.rows(rows) == [("sent", None, 1)] * 2


def test_a_worker_that_is_gone_is_missed_and_only_the_rest_is_sent(
    harness: MailHarness, reports: RedisLeases, empty_redis: RedisServer
) -> None:
    hand_over(harness)
    values = taken(empty_redis)
    assert reports.acquire(values["id"], "gone")
    reports.report(values["id"], [("1.1", Outcome(0, "sent", 250, "ok"))])
    first = {letter[0]: letter[5] for letter in values["letters"]}
    with mail_server() as box:
        harness.config = replace(harness.config, smtp=box.server)
        with empty_redis.store as store:
            store.zadd("devis:batches", {values["id"]: 1})  # its lease has run out
        assert harness.send(later(SEVEN, seconds=10)) == {"sent": 6}
    assert {each.recipient for each in box.mails} == {f"p{n}@example.org" for n in range(1, 6)}
    ids = {parse(each.content)["Message-ID"].strip("<>").partition("@")[0] for each in box.mails}
    assert ids == {name for letter, name in first.items() if letter != "1.1"}
    assert not reports.renew(values["id"])  # should it come back, it stops


def test_only_one_worker_acquires_a_batch(
    harness: MailHarness, reports: RedisLeases, empty_redis: RedisServer
) -> None:
    hand_over(harness)
    values = taken(empty_redis)
    with mail_server() as box:
        config = replace(harness.config, smtp=box.server)
        for _ in range(3):
            worker = mail_worker.MailWorker(
                config, harness.clock(), reports, threading.Event(), rest=0
            )
            worker.deliver(values)
    assert len(box.mails) == 6
    assert len(reports.done()) == 1


def test_a_batch_that_no_worker_acquired_in_time_expires(
    harness: MailHarness, reports: RedisLeases, empty_redis: RedisServer
) -> None:
    hand_over(harness)
    values = taken(empty_redis)
    with empty_redis.store as store:
        store.zadd("devis:batches", {values["id"]: 1})
    assert not reports.acquire(values["id"], "late")
    with mail_server() as box:
        harness.config = replace(harness.config, smtp=box.server)
        assert harness.send(later(SEVEN, seconds=10)) == {"sent": 6}
    assert not reports.acquire(values["id"], "later still")


def test_no_digest_of_a_batch_is_sent_too_late(
    harness: MailHarness, empty_redis: RedisServer
) -> None:
    hand_over(harness, later(SEVEN, hours=5, minutes=59))
    with empty_redis.store as store:
        ((_, until),) = store.zrange("devis:batches", 0, -1, withscores=True)
        assert until - int(store.time()[0]) < 60


def test_an_emptied_broker_costs_a_minute(harness: MailHarness, empty_redis: RedisServer) -> None:
    hand_over(harness)
    with empty_redis.store as store:
        store.flushall()
    hand_over(harness, later(SEVEN, seconds=1))  # now it is noticed
    assert states(harness) == {("claimed", None): 6}
    with mail_server() as box:
        harness.config = replace(harness.config, smtp=box.server)
        assert harness.send(later(SEVEN, seconds=62)) == {"sent": 6}
    assert len(box.mails) == 6


def test_unsubscribing_or_erasure_revokes_the_published_batch(harness: MailHarness) -> None:
    tokens = [harness.subscribe(f"q{number}@example.org") for number in range(3)]
    hand_over(harness)
    harness.unsubscribe(tokens[0])
    with harness.open() as (db, _):
        db.execute("DELETE FROM subscribers WHERE id = 8")
        db.execute("UPDATE subscribers SET paused_until = '2026-12-24' WHERE id = 9")
    hand_over(harness, later(SEVEN, seconds=4))  # the next tick
    with mail_server() as box:
        harness.config = replace(harness.config, smtp=box.server)
        assert harness.send(later(SEVEN, seconds=5)) == {"sent": 6}
    assert len(box.mails) == 6
    assert states(harness) == {("sent", None): 6, ("skipped", "left"): 3}


def test_a_replaced_edition_reaches_the_remaining_subscribers(harness: MailHarness) -> None:
    hand_over(harness)
    with harness.open() as (db, site):
        day = site.today(harness.now)
        new = editions.withdraw(db, site, harness.config, day, "wrong", harness.now)
    assert new is not None
    hand_over(harness, later(SEVEN, seconds=4))
    with harness.open() as (db, _):
        (title,) = db.execute(
            "SELECT title FROM texts WHERE principle = ? AND language = 'en'", [new.slug]
        ).fetchone()
    with mail_server() as box:
        harness.config = replace(harness.config, smtp=box.server)
        assert harness.send(later(SEVEN, seconds=5)) == {"sent": 6}
    assert len(box.mails) == 6
    assert {parse(each.content)["Subject"] for each in box.mails} == {title}


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_away_leaves_all_in_the_ledger(harness: MailHarness, scheme: str) -> None:
    there = broker(f"{scheme}://u:{PASSWORD}@127.0.0.1:{free_port()}/0")
    back = harness.config.broker
    reports = back if scheme == "amqp" else there
    harness.config = replace(harness.config, broker=there, reports=reports)
    harness.at(SEVEN).start_due_runs()
    with harness.open() as (db, site), pytest.raises(MailUnavailableError) as told:
        dispatch.send(db, site, harness.config, harness.clock(), threading.Event())
    assert f"The broker {scheme}://127.0.0.1:" in str(told.value)
    assert PASSWORD not in str(told.value)
    assert not [row for row in harness.states() if row[1] != "claimed"]
    with mail_server() as box:
        harness.config = replace(harness.config, broker=back, reports=back, smtp=box.server)
        assert harness.send(later(SEVEN, minutes=1)) == {"sent": 6}


def test_a_broker_that_fails_while_publishing_loses_nothing(
    harness: MailHarness, empty_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MailUnavailableError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(celery_app.BatchPublisher, "publish", fail)
        harness.at(SEVEN).start_due_runs()
        with harness.open() as (db, site), pytest.raises(MailUnavailableError, match="gone"):
            dispatch.send(db, site, harness.config, harness.clock(), threading.Event())
    with mail_server() as box:
        harness.config = replace(harness.config, smtp=box.server)
        assert harness.send(later(SEVEN, seconds=4)) == {"sent": 6}
    assert len(box.mails) == 6


def test_a_lasting_error_is_logged_once_a_minute(
    harness: MailHarness, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers report all the time; the log stays short."""
    harness.at(SEVEN).start_due_runs()
    lock = FileLock(harness.config.instance / WORKER_LOCK, thread_local=False)
    job = worker.EmailJob(harness.config, harness.clock(), lock, threading.Event())
    with lock:
        for _ in range(3):
            job.tick()
        assert len(caplog.records) == 1
        assert "No mail worker reads from" in caplog.text
        monkeypatch.setattr(worker, "REPEAT_SECONDS", 0)
        job = worker.EmailJob(harness.config, harness.clock(), lock, threading.Event())
        job.tick()
        job.tick()
    assert len(caplog.records) == 3


def test_what_a_worker_cannot_send_waits_and_its_error_is_reported(harness: MailHarness) -> None:
    harness.config = replace(harness.config, smtp=SmtpServer("127.0.0.1", free_port(), "none"))
    with pytest.raises(MailUnavailableError, match=r"The mail server 127\.0\.0\.1:\d+ cannot be"):
        harness.send(SEVEN)
    assert states(harness) == {("deferred", None): 6}
    assert harness.rows("SELECT DISTINCT attempts, next FROM deliveries")[0][0] == 0


def test_a_batch_travels_as_data_and_names_nobody_but_in_addresses(
    harness: MailHarness, empty_redis: RedisServer
) -> None:
    hand_over(harness)
    values = taken(empty_redis)
    assert values == json.loads(json.dumps(values))
    there = batch.from_json(values)
    assert batch.to_json(there) == values
    envelope = there.envelope(0, harness.now)
    assert envelope is not None
    assert envelope.message.count(b"p0@example.org") == 1
    assert celery_app.app(empty_redis.broker).conf.accept_content == ["json"]
    assert len(json.dumps(values["letters"])) / len(values["letters"]) < 300  # octets a letter


def test_an_address_that_no_header_can_hold_fails_alone(
    harness: MailHarness, reports: RedisLeases
) -> None:
    with harness.open() as (db, _):
        db.execute("UPDATE subscribers SET address = 'two words@example.org' WHERE id = 2")
    with mail_server() as box:
        harness.config = replace(harness.config, smtp=box.server)
        assert harness.send(SEVEN) == {"sent": 5, "failed": 1}


# From here on with real processes.


def settings(store: RedisServer, port: int, **more: str) -> dict[str, str]:
    return {"BROKER_URL": store.url, "SMTP_URL": f"smtp://127.0.0.1:{port}", **more}


def test_a_batch_of_a_dead_worker_is_redelivered(
    harness: MailHarness, empty_redis: RedisServer, tmp_path: Path
) -> None:
    hand_over(harness)
    script = (
        "import os, sys; from feed.config.brokers import broker;"
        "from feed.workers import celery_app;"
        "line = celery_app.app(broker(sys.argv[1])).connection();"
        "line.SimpleQueue(celery_app.DIGEST_QUEUE).get(timeout=5); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", script, empty_redis.url], cwd=ROOT, timeout=30)
    assert done.returncode == 9
    with empty_redis.store as store:
        (tag,) = store.zrange("unacked_index", 0, -1)
        store.zadd("unacked_index", {tag: 1})  # half a minute later
    with mail_server() as box, workers(tmp_path, 1, **settings(empty_redis, box.server.port)):
        wait_until(lambda: len(box.mails) == 6, 30)


def test_two_workers_share_and_no_log_names_anybody(
    tmp_path: Path, empty_redis: RedisServer
) -> None:
    environ = mail.create_installation(tmp_path, 3000) | {"DEVIS_BROKER_URL": empty_redis.url}
    with mail.sink(tmp_path / "taken") as port:
        given = settings(empty_redis, port, MAIL_RATE="800")
        with workers(tmp_path, 2, **given) as both, faults.producer(tmp_path, environ):
            wait_until(lambda: faults.settled(tmp_path, 3000), 60)
            logs = [each.stop() for each in both]
    assert mail.result(tmp_path, 3000, 0).good
    assert all("of 200 sent" in log for log in logs)
    logs.append((tmp_path / "producer").read_text())
    with opened(tmp_path / "devis.sqlite3") as db:
        secrets = [PASSWORD, "@example.org", "person."]
        assert db.execute("SELECT count(*) FROM batches").fetchone() == (0,)
    assert "handed" in logs[2]
    for log in logs:
        assert not [word for word in secrets if word in log], log
    assert not (tmp_path / "worker0" / "instance").exists()


def test_a_stopped_worker_finishes_its_message_and_returns_the_rest(
    tmp_path: Path, empty_redis: RedisServer
) -> None:
    environ = mail.create_installation(tmp_path, 400) | {"DEVIS_BROKER_URL": empty_redis.url}
    with mail.sink(tmp_path / "taken") as port, faults.producer(tmp_path, environ):
        given = settings(empty_redis, port)
        with workers(tmp_path, 1, **given, MAIL_RATE="50") as (slow,):
            wait_until(lambda: (tmp_path / "taken").stat().st_size > 0, 30)
            said = slow.stop()
        sent = re.search(r"(\d+) of 200 sent", said)
        assert sent is not None, said
        assert 0 < int(sent[1]) < 200
        with workers(tmp_path, 1, **given):
            wait_until(lambda: faults.settled(tmp_path, 400), 30)
    found = mail.result(tmp_path, 400, 0)
    assert (found.missed, found.doubled, found.unsettled) == (0, 0, 0)


def test_producer_and_worker_survive_a_restart_of_the_broker(tmp_path: Path) -> None:
    with redis_server() as store, mail.sink(tmp_path / "taken") as port:
        environ = mail.create_installation(tmp_path, 2000) | {"DEVIS_BROKER_URL": store.url}
        given = settings(store, port, MAIL_RATE="400")
        with workers(tmp_path, 1, **given) as (only,), faults.producer(tmp_path, environ):
            wait_until(lambda: (tmp_path / "taken").stat().st_size > 0, 30)
            store.stop()
            time.sleep(2)
            store.start()
            wait_until(lambda: faults.settled(tmp_path, 2000), 120)
            said = only.stop() + (tmp_path / "producer").read_text()
    found = mail.result(tmp_path, 2000, 1)
    assert (found.missed, found.unsettled) == (0, 0)
    assert found.doubled <= mail.CONNECTIONS
    assert "The broker redis://127.0.0.1:" in said
    assert PASSWORD not in said


def test_the_send_command_publishes_and_says_so(
    command: Command, empty_redis: RedisServer, tmp_path: Path
) -> None:
    command("init")
    due_now(command, "ada@example.org", "bo@example.org")
    given: dict[str, Any] = {"BROKER_URL": empty_redis.url}
    with mail_server() as box:
        with workers(tmp_path, 1, **settings(empty_redis, box.server.port)):
            assert "2 queued for the mail workers" in command("digest", "send", **given).stdout
            wait_until(lambda: len(box.mails) == 2, 20)
        assert "1 due, 0 sent, 1 waiting" in command("digest", "status").stdout

        def reported() -> bool:
            """Whether the outcomes that the workers reported have been collected."""
            command("digest", "send", **given)
            return "1 due, 1 sent\n" in command("digest", "status").stdout

        wait_until(reported, 20)


def checked(command: Command, url: str) -> dict[str, str]:
    """What `devis check` says of the broker."""
    done = command("check", "--format", "json", code=1, BROKER_URL=url, MAIL_FROM="d@example.org")
    assert PASSWORD not in done.stdout
    found: dict[str, dict[str, str]] = {row["check"]: row for row in json.loads(done.stdout)}
    assert found["mail server"]["message"] == "None is set here: the mail workers have theirs."
    return found["broker"]


def test_a_check_reports_the_broker_and_counts_the_workers(
    command: Command, empty_redis: RedisServer, tmp_path: Path
) -> None:
    command("init")
    found = checked(command, empty_redis.url)
    assert found["level"] == "bad"
    assert found["message"].startswith("No mail worker reads from redis://127.0.0.1:")
    with workers(tmp_path, 2, **settings(empty_redis, 25)):
        found = checked(command, empty_redis.url)
    assert found["level"] == "good"
    assert found["message"].endswith(": 2.")
    away = checked(command, f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0")
    assert away["level"] == "bad"
    assert "Emails stay queued." in away["message"]


def test_a_check_reports_a_broker_without_a_redis_for_outcomes_and_other_mistakes(
    command: Command,
) -> None:
    said = command("check", code=1, BROKER_URL="amqp://u:hush@h").stdout
    assert "bad   settings: RabbitMQ also needs DEVIS_REPORTS_URL" in said
    assert "good  broker: None is set" in said
    assert "hush" not in said


def test_a_preview_cannot_be_sent_by_a_worker(command: Command, empty_redis: RedisServer) -> None:
    command("init")
    command("publish")
    line = refused(
        command, "digest", "preview", "--to", "a@example.org", BROKER_URL=empty_redis.url
    )
    assert "Set DEVIS_SMTP_URL" in line


def test_without_a_worker_the_operator_gets_an_error(
    command: Command, empty_redis: RedisServer
) -> None:
    command("init")
    due_now(command, "ada@example.org", "bo@example.org")
    given: dict[str, Any] = {"BROKER_URL": empty_redis.url}
    line = command("digest", "send", code=1, **given).stderr
    assert "No mail worker reads from redis://127.0.0.1:" in line
    assert PASSWORD not in line


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "A mail worker needs DEVIS_BROKER_URL"),
        ({"BROKER_URL": "redis://:hush@h"}, "A mail worker needs DEVIS_SMTP_URL"),
        ({"BROKER_URL": "http://:hush@h"}, "DEVIS_BROKER_URL is “***”: expected redis://"),
        ({"BROKER_URL": "redis://:hush@h/x"}, "DEVIS_BROKER_URL is “***”"),
        ({"BROKER_URL": "amqp://u:hush@h"}, "needs DEVIS_REPORTS_URL, the Redis"),
        ({"REPORTS_URL": "amqp://u:hush@h"}, "DEVIS_REPORTS_URL is “***”: expected redis://"),
        ({"BROKER_URL_FILE": "/nowhere"}, "DEVIS_BROKER_URL_FILE is “/nowhere”"),
        (
            {"BROKER_URL": "redis://h", "NOW": "2031-05-05T06:00:00+02:00"},
            "DEVIS_NOW is for rehearsals",
        ),
        (
            {"BROKER_URL": "redis://:hush@127.0.0.1:1", "SMTP_URL": "smtp://127.0.0.1"},
            "The broker redis://127.0.0.1:1 cannot be used",
        ),
    ],
)
def test_a_worker_says_what_it_lacks(command: Command, given: dict[str, Any], said: str) -> None:
    line = refused(command, "mail-worker", **given)
    assert said in line
    assert "hush" not in line
