"""Requests for another person's address: a few e-mails, and no effect until confirmed."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from feed.model import Subscriber
from feed.store import migrations, subscribers
from feed.store.connection import connect, transaction
from feed.subscribers import subscriptions
from feed.subscribers.links import notice_token
from tests.conftest import NOON, Installation
from tests.mail_harness import PREFERENCES, MailHarness, mail_harness

ANNA = "anna@example.org"
OTHERWISE = {"language": "sv", "cadence": "weekly", "hour": "22", "timezone": "Asia/Tokyo"}


@pytest.fixture
def harness(devis: Installation) -> MailHarness:
    return mail_harness(devis)


def ask(harness: MailHarness, address: str = ANNA, **preferences: str) -> None:
    with harness.open() as (db, site):
        given = {**PREFERENCES, "address": address, **preferences}
        subscriptions.sign_up(db, site, harness.config, given, "/en/subscribe/", harness.now)


def found(harness: MailHarness) -> Subscriber:
    with harness.open() as (db, _):
        someone = subscribers.by_identity(db, ANNA)
    assert someone
    return someone


def suspend(harness: MailHarness) -> None:
    with harness.open() as (db, _), transaction(db):
        subscribers.suspend(db, found(harness).id, harness.now)


def confirm(harness: MailHarness) -> None:
    token = notice_token(harness.key, found(harness), "confirm", harness.now, harness.now)
    with harness.open() as (db, site):
        subscriptions.confirm(db, site, harness.key, token, "/subscription/", harness.now)


def tidy(harness: MailHarness) -> None:
    with harness.open() as (db, _):
        subscriptions.delete_expired(db, harness.now)


@pytest.mark.parametrize("status", ["left", "suspended"])
def test_a_person_without_digests_stays_so_until_they_confirm(
    harness: MailHarness, status: str
) -> None:
    token = harness.subscribe(ANNA)
    if status == "left":
        harness.unsubscribe(token)
    else:
        suspend(harness)
    before = found(harness)
    ask(harness, "ANNA@example.org", **OTHERWISE)
    assert found(harness) == before
    (notice,) = harness.new_messages()
    assert notice["To"] == ANNA
    text = notice.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "22:00 (Tokyo, Japan)" in " ".join(text.split())
    with harness.open() as (db, _):
        private = notice_token(harness.key, before, "private", harness.now, harness.now)
        held = subscriptions.export(db, harness.key, private, harness.now)
    assert held["preferences"]["language"] == "en"
    assert held["to_be_confirmed"]["language"] == "sv"
    confirm(harness)
    after = found(harness)
    assert after.status == "active"
    assert (after.preferences.language, after.preferences.timezone) == ("sv", "Asia/Tokyo")
    assert harness.rows("SELECT * FROM proposals") == []


def test_an_unconfirmed_request_is_deleted_and_the_subscriber_stays(harness: MailHarness) -> None:
    harness.unsubscribe(harness.subscribe(ANNA))
    ask(harness, **OTHERWISE)
    harness.now += timedelta(days=6)
    tidy(harness)
    assert harness.rows("SELECT language FROM proposals") == [("sv",)]
    harness.now += timedelta(days=1, seconds=1)
    tidy(harness)
    assert harness.rows("SELECT * FROM proposals") == []
    assert found(harness).status == "left"


def test_resuming_from_a_digest_restores_the_preferences(harness: MailHarness) -> None:
    token = harness.subscribe(ANNA)
    harness.unsubscribe(token)
    ask(harness, **OTHERWISE)
    with harness.open() as (db, site):
        subscriptions.resume(db, site, harness.key, token, "/subscription/", harness.now)
    confirm(harness)
    assert found(harness).preferences.language == "en"
    assert harness.rows("SELECT * FROM proposals") == []


def test_an_address_is_asked_to_confirm_three_times_and_then_deleted(
    harness: MailHarness,
) -> None:
    """However often and long a stranger asks; the requests are deleted, too."""
    sent, began = [], harness.now
    for day in range(10):
        for hour in (0, 5, 10):
            harness.now = began + timedelta(days=day, hours=hour)
            ask(harness, hour=str(hour))
            sent += [day] * len(harness.new_messages())
        tidy(harness)
    assert sent == [0, 0, 0, 9, 9, 9]
    assert harness.rows("SELECT count(*) FROM consents") == [(3,)]
    assert harness.rows("SELECT asked FROM subscribers") == [
        ((began + timedelta(days=9, hours=10)).isoformat(timespec="seconds"),)
    ]


def test_the_last_link_to_confirm_works_for_as_long_as_it_says(harness: MailHarness) -> None:
    ask(harness)
    harness.now += timedelta(days=6, hours=23)
    ask(harness, **OTHERWISE)
    token = notice_token(harness.key, found(harness), "confirm", harness.now, harness.now)
    harness.now += timedelta(days=6, hours=23)
    tidy(harness)
    with harness.open() as (db, site):
        subscriptions.confirm(db, site, harness.key, token, "/subscription/", harness.now)
    assert found(harness).preferences.language == "sv"


@pytest.mark.parametrize("status", ["left", "suspended", "active"])
def test_a_subscriber_is_notified_of_sign_ups_three_times_a_month(
    harness: MailHarness, status: str
) -> None:
    token = harness.subscribe(ANNA, cadence="weekly")
    if status == "left":
        harness.unsubscribe(token)
    elif status == "suspended":
        suspend(harness)
    before = harness.rows("SELECT count(*) FROM consents")[0][0]
    sent = 0
    for day in range(29):
        harness.now = NOON + timedelta(days=day)
        ask(harness)
        sent += len([mail for mail in harness.new_messages() if mail["List-Id"] is None])
        tidy(harness)
    assert sent == 3
    agreed = 0 if status == "active" else 3
    assert harness.rows("SELECT count(*) FROM consents") == [(before + agreed,)]


def test_a_new_address_is_asked_three_times_a_week_to_confirm_a_change(
    harness: MailHarness,
) -> None:
    harness.subscribe(ANNA, cadence="weekly")
    sent = []
    for day in range(9):
        harness.now = NOON + timedelta(days=day)
        private = notice_token(harness.key, found(harness), "private", harness.now, harness.now)
        with harness.open() as (db, _):
            stranger = "stranger@example.org"
            subscriptions.request_move(
                db, harness.config, harness.key, private, stranger, harness.now
            )
        sent += [day for mail in harness.new_messages() if mail["To"] == stranger]
    assert sent == [0, 1, 2, 8]


def test_unsubscribing_again_allows_a_new_request(harness: MailHarness) -> None:
    token = harness.subscribe(ANNA)
    for round in range(5):
        harness.now += timedelta(hours=1)
        harness.unsubscribe(token)
        ask(harness, hour=str(round))
        confirm(harness)
    assert found(harness).preferences.hour == 4
    assert found(harness).status == "active"


def test_a_pending_subscriber_of_an_older_schema_has_left_and_may_still_confirm(
    tmp_path: Path,
) -> None:
    """As the schema before had it."""
    db = connect(tmp_path / "old.sqlite3", create=True)
    migrations.migrations.apply(db, stop_before="desk_and_announcements")
    asked = datetime(2026, 11, 20, 12, tzinfo=NOON.tzinfo)
    db.execute(
        "INSERT INTO subscribers (address, identity, language, cadence, workdays, hour, timezone,"
        " status, asked, confirmed, since) VALUES (?1, ?1, 'sv', 'weekly', 0, 9, 'UTC', 'pending',"
        " ?2, '2026-01-01T00:00:00+00:00', ?2)",
        [ANNA, asked.isoformat()],
    )
    db.execute(
        "INSERT INTO subscribers (address, identity, language, cadence, workdays, hour, timezone,"
        " status, asked, since) VALUES ('new', 'new', 'sv', 'daily', 0, 7, 'UTC', 'pending',"
        " ?1, ?1)",
        [asked.isoformat()],
    )
    assert migrations.migrate(db)[:2] == ["desk_and_announcements", "mail_workers"]
    assert [tuple(row) for row in db.execute("SELECT status FROM subscribers ORDER BY id")] == [
        ("left",),
        ("pending",),
    ]
    assert list(db.query("SELECT * FROM proposals")) == [
        {
            "subscriber": 1,
            "language": "sv",
            "cadence": "weekly",
            "workdays": 0,
            "hour": 9,
            "timezone": "UTC",
            "asked": asked.isoformat(),
        }
    ]
    db.close()
