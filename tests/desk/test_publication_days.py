"""The desk on a site that does not publish every day: why a day is empty, and pins."""

from datetime import UTC, date, datetime

import pytest

from feed.editions import pins
from feed.store import ledger
from tests.conftest import Installation, settings
from tests.desk.test_calendar import BOARD, PIN, month_of, row, words
from tests.desk_client import Desk

SATURDAY = datetime(2026, 11, 28, 11, 0, tzinfo=UTC)
CLOSED = "2026-12-28..2026-12-30"


@pytest.fixture
def desk(devis: Installation) -> Desk:
    """The shipped library on a Saturday, a few days after a change to working days."""
    values = {"DAYS": "workdays:SE", "CLOSED": CLOSED, "NOW": SATURDAY.isoformat()}
    config = settings(devis.config.instance, **values)
    Installation(config, datetime(2026, 11, 27, 11, 0, tzinfo=UTC)).publish()
    return Desk(Installation(config, SATURDAY))


def test_the_calendar_says_why_a_day_is_empty(desk: Desk) -> None:
    user = desk.sign_in("editor")
    page = month_of(user, date(2026, 12, 1))
    for day, reason in (
        (5, "Weekend"),
        (24, "Christmas Eve"),
        (25, "Christmas Day"),
        (26, "Second Day of Christmas"),
        (28, "Closed"),
        (31, "New Year's Eve"),
    ):
        cell = words(row(page, date(2026, 12, day)))
        assert cell.endswith(reason), cell
        assert "Pin" not in cell
    assert "Pin" in words(row(page, date(2026, 12, 23)))
    assert "Weekend" in words(row(user.get(BOARD).text, date(2026, 11, 28)))


def test_the_past_keeps_its_editions_and_its_reasons(desk: Desk) -> None:
    """The Sunday before the change had an edition."""
    page = desk.sign_in("editor").get(BOARD).text
    assert "Weekend" not in words(row(page, date(2026, 11, 22)))
    assert "Withdraw" in words(row(page, date(2026, 11, 22)))


@pytest.mark.parametrize("path", ["/desk/", BOARD])
def test_the_desk_does_not_warn_of_a_day_off(desk: Desk, path: str) -> None:
    page = words(desk.sign_in("editor").get(path).text)
    assert "No edition today: Weekend. The next one comes on Monday 30 November 2026." in page
    assert "Nothing is shown today." not in page


def test_a_pin_on_a_day_off_is_refused_and_the_next_day_is_offered(desk: Desk) -> None:
    user = desk.sign_in("editor")
    with desk.installation.open() as db:
        (slug,) = db.execute("SELECT slug FROM principles WHERE status = 'published'").fetchone()
    answer = user.post(PIN, {"date": "2026-12-24", "principle": slug})
    assert answer.status_code == 422
    assert "Thursday 24 December 2026 has no edition: Christmas Eve." in words(answer.text)
    assert "Pin it to Thursday 31 December 2026" not in words(answer.text)
    assert 'name="offered" value="2027-01-04"' in answer.text  # Friday is New Year's Day
    saved = user.post(PIN, {"date": "2026-12-24", "principle": slug, "offered": "2027-01-04"})
    assert saved.status_code == 303
    with desk.installation.open() as db:
        assert ledger.pins(db) == {date(2027, 1, 4): slug}


def test_a_pin_on_a_date_that_became_a_day_off_waits_to_be_moved(
    desk: Desk, devis: Installation
) -> None:
    day = date(2026, 12, 6)
    with devis.open() as db:
        (slug,) = db.execute("SELECT slug FROM principles WHERE status = 'published'").fetchone()
        pins.pin(db, devis.site(), day, slug, devis.now)
    user = desk.sign_in("editor")
    cell = words(row(month_of(user, day), day))
    assert "Weekend Pinned, but it can’t be shown:" in cell
    assert "Change" in cell
    moved = {"date": "2026-12-07", "pinned": day.isoformat(), "principle": slug}
    assert user.post(PIN, moved).status_code == 303
    with desk.installation.open() as db:
        assert ledger.pins(db) == {date(2026, 12, 7): slug}


def test_an_empty_today_lasts_until_the_next_publication_day(
    desk: Desk, devis: Installation
) -> None:
    friday = Installation(desk.installation.config, datetime(2026, 11, 27, 11, 0, tzinfo=UTC))
    user = Desk(friday).sign_in("editor")
    form = {"edition": "2026-11-27", "reason": "a test", "instead": "nothing"}
    page = words(user.post(f"{BOARD}withdraw", form).text)
    assert "until Monday 30 November 2026 the previous edition is shown" in page
