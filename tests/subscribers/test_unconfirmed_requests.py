"""What a stranger asks for in somebody's name: a few messages, nothing until it is confirmed."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from feed.model import Subscriber
from feed.store import migrations, subscribers
from feed.store.connection import connect, transaction
from feed.subscribers import subscriptions
from feed.subscribers.links import notice_token
from tests.conftest import NOON, Installation
from tests.house import WISHES, House, house

ANNA = "anna@example.org"
OTHERWISE = {"language": "sv", "cadence": "weekly", "hour": "22", "timezone": "Asia/Tokyo"}


@pytest.fixture
def home(devis: Installation) -> House:
    return house(devis)


def ask(home: House, address: str = ANNA, **wishes: str) -> None:
    with home.library() as (db, site):
        given = {**WISHES, "address": address, **wishes}
        subscriptions.sign_up(db, site, home.config, given, "/en/subscribe/", home.now)


def found(home: House) -> Subscriber:
    with home.library() as (db, _):
        someone = subscribers.by_identity(db, ANNA)
    assert someone
    return someone


def suspend(home: House) -> None:
    with home.library() as (db, _), transaction(db):
        subscribers.suspend(db, found(home).id, home.now)


def confirm(home: House) -> None:
    token = notice_token(home.key, found(home), "confirm", home.now, home.now)
    with home.library() as (db, site):
        subscriptions.confirm(db, site, home.key, token, "/subscription/", home.now)


def tidy(home: House) -> None:
    with home.library() as (db, _):
        subscriptions.delete_expired(db, home.now)


@pytest.mark.parametrize("status", ["left", "suspended"])
def test_who_gets_no_letters_stays_as_they_are_until_they_confirm(home: House, status: str) -> None:
    token = home.subscribe(ANNA)
    if status == "left":
        home.leave(token)
    else:
        suspend(home)
    before = found(home)
    ask(home, "ANNA@example.org", **OTHERWISE)
    assert found(home) == before
    (notice,) = home.post()
    assert notice["To"] == ANNA
    text = notice.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "22:00 (Asia/Tokyo)" in " ".join(text.split())
    with home.library() as (db, _):
        private = notice_token(home.key, before, "private", home.now, home.now)
        held = subscriptions.export(db, home.key, private, home.now)
    assert held["preferences"]["language"] == "en"
    assert held["to_be_confirmed"]["language"] == "sv"
    confirm(home)
    after = found(home)
    assert after.status == "active"
    assert (after.preferences.language, after.preferences.timezone) == ("sv", "Asia/Tokyo")
    assert home.rows("SELECT * FROM proposals") == []


def test_what_is_not_confirmed_is_forgotten_and_the_person_stays(home: House) -> None:
    home.leave(home.subscribe(ANNA))
    ask(home, **OTHERWISE)
    home.now += timedelta(days=6)
    tidy(home)
    assert home.rows("SELECT language FROM proposals") == [("sv",)]
    home.now += timedelta(days=1, seconds=1)
    tidy(home)
    assert home.rows("SELECT * FROM proposals") == []
    assert found(home).status == "left"


def test_who_starts_again_from_a_letter_gets_what_they_had(home: House) -> None:
    token = home.subscribe(ANNA)
    home.leave(token)
    ask(home, **OTHERWISE)
    with home.library() as (db, site):
        subscriptions.resume(db, site, home.key, token, "/subscription/", home.now)
    confirm(home)
    assert found(home).preferences.language == "en"
    assert home.rows("SELECT * FROM proposals") == []


def test_an_address_is_asked_to_confirm_three_times_and_then_forgotten(home: House) -> None:
    """However often, and for however long, a stranger asks: nothing of it is kept, either."""
    sent, began = [], home.now
    for day in range(10):
        for hour in (0, 5, 10):
            home.now = began + timedelta(days=day, hours=hour)
            ask(home, hour=str(hour))
            sent += [day] * len(home.post())
        tidy(home)
    assert sent == [0, 0, 0, 9, 9, 9]
    assert home.rows("SELECT count(*) FROM consents") == [(3,)]
    assert home.rows("SELECT asked FROM subscribers") == [
        ((began + timedelta(days=9, hours=10)).isoformat(timespec="seconds"),)
    ]


def test_the_last_link_to_confirm_works_for_as_long_as_it_says(home: House) -> None:
    ask(home)
    home.now += timedelta(days=6, hours=23)
    ask(home, **OTHERWISE)
    token = notice_token(home.key, found(home), "confirm", home.now, home.now)
    home.now += timedelta(days=6, hours=23)
    tidy(home)
    with home.library() as (db, site):
        subscriptions.confirm(db, site, home.key, token, "/subscription/", home.now)
    assert found(home).preferences.language == "sv"


@pytest.mark.parametrize("status", ["left", "suspended", "active"])
def test_who_is_known_hears_of_strangers_three_times_in_a_month(home: House, status: str) -> None:
    token = home.subscribe(ANNA, cadence="weekly")
    if status == "left":
        home.leave(token)
    elif status == "suspended":
        suspend(home)
    before = home.rows("SELECT count(*) FROM consents")[0][0]
    sent = 0
    for day in range(29):
        home.now = NOON + timedelta(days=day)
        ask(home)
        sent += len([mail for mail in home.post() if mail["List-Id"] is None])
        tidy(home)
    assert sent == 3
    agreed = 0 if status == "active" else 3
    assert home.rows("SELECT count(*) FROM consents") == [(before + agreed,)]


def test_a_stranger_is_asked_three_times_in_a_week_to_take_somebodys_letters(home: House) -> None:
    home.subscribe(ANNA, cadence="weekly")
    sent = []
    for day in range(9):
        home.now = NOON + timedelta(days=day)
        private = notice_token(home.key, found(home), "private", home.now, home.now)
        with home.library() as (db, _):
            stranger = "stranger@example.org"
            subscriptions.request_move(db, home.config, home.key, private, stranger, home.now)
        sent += [day for mail in home.post() if mail["To"] == stranger]
    assert sent == [0, 1, 2, 8]


def test_leaving_anew_lets_somebody_ask_anew(home: House) -> None:
    token = home.subscribe(ANNA)
    for round in range(5):
        home.now += timedelta(hours=1)
        home.leave(token)
        ask(home, hour=str(round))
        confirm(home)
    assert found(home).preferences.hour == 4
    assert found(home).status == "active"


def test_who_was_pending_though_known_has_left_and_may_still_confirm(tmp_path: Path) -> None:
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
    assert migrations.migrate(db) == ["desk_and_announcements", "mail_workers"]
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
