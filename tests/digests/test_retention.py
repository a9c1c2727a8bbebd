"""Old deliveries are deleted, a few at a time."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from filelock import FileLock

from feed import digests
from feed.store.connection import opened
from feed.subscribers import subscriptions
from feed.worker import clean_up
from tests.conftest import Installation
from tests.mail_harness import PREFERENCES, MailHarness, mail_harness, recipients

Install = Callable[..., Installation]
MORNING = "2026-11-23T07:00:05+01:00"
KEPT = {"letters": "date", "runs": "day", "deliveries": "due"}


@pytest.fixture
def old(devis: Installation) -> MailHarness:
    """An installation that sent digests on three mornings, the last a year ago."""
    made = mail_harness(devis)
    for name in ("anna", "bo", "cy"):
        made.subscribe(f"{name}@example.org")
    for day in range(3):
        then = datetime.fromisoformat(MORNING) + timedelta(days=day)
        made.send(then.isoformat())
    made.now = datetime.fromisoformat("2027-11-25T06:00:00+01:00")
    return made


def numbers(made: MailHarness) -> tuple[int, ...]:
    return tuple(made.rows(f"SELECT count(*) FROM {table}")[0][0] for table in KEPT)


def job(made: MailHarness, **settings: Any) -> None:
    """The worker's job."""
    config = replace(made.config, **settings)
    with FileLock(config.instance / "worker.lock") as lock:
        clean_up(config, made.clock(), lock, threading.Event())


def test_deliveries_are_deleted_after_a_year_and_newer_ones_stay(old: MailHarness) -> None:
    assert numbers(old)[::2] == (3, 9)
    job(old)
    assert [day for (day,) in old.rows("SELECT date FROM letters")] == ["2026-11-25"]
    assert numbers(old) == (1, 1, 3)
    assert old.rows("PRAGMA foreign_key_check") == []


def test_the_setting_says_how_long(old: MailHarness) -> None:
    job(old, keep_deliveries=timedelta(days=400))
    assert numbers(old)[::2] == (3, 9)
    job(old, keep_deliveries=timedelta(days=30))
    assert numbers(old) == (0, 0, 0)


def test_a_deleted_delivery_is_not_sent_again(old: MailHarness) -> None:
    job(old, keep_deliveries=timedelta(days=30))
    old.new_messages("2027-11-25T06:59:00+01:00")
    assert recipients(old.new_messages("2027-11-25T07:00:05+01:00")) == [
        f"{name}@example.org" for name in ("anna", "bo", "cy")
    ]
    ((oldest,),) = old.rows("SELECT min(date) FROM letters")
    assert oldest >= "2027-11-18"


def test_it_goes_in_batches_and_ends_where_it_was_stopped(
    old: MailHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "DELETE_BATCH", 2)
    left = []
    with opened(old.config.database) as db:
        while digests.delete_old_deliveries(db, old.config, old.now):
            left.append(db.execute("SELECT count(*) FROM deliveries").fetchone()[0])
    assert left == [7, 6, 4, 3]
    assert numbers(old) == (1, 1, 3)


def test_writers_do_not_wait_while_many_deliveries_are_deleted(
    old: MailHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two batches the database is free: a sign-up that would not wait gets it."""
    assert digests.DELETE_BATCH <= 5000
    monkeypatch.setattr(digests, "DELETE_BATCH", 2)
    signed_up = 0
    with opened(old.config.database) as db:
        while digests.delete_old_deliveries(db, old.config, old.now):
            with old.open() as (other, site):
                other.execute("PRAGMA busy_timeout = 0")
                given = {**PREFERENCES, "address": f"new{signed_up}@example.org"}
                subscriptions.sign_up(other, site, old.config, given, "/en/subscribe/", old.now)
            signed_up += 1
    assert signed_up == 4
