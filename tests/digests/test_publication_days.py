"""E-mails on a site without an edition on some dates: nobody misses one, and nobody gets two."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from feed import editions
from feed.digests import schedule
from feed.model import Preferences
from tests.conftest import Installation
from tests.editions.test_editions import exchange, principle
from tests.mail_harness import MailHarness, mail_harness, recipients

Install = Callable[..., Installation]


@pytest.fixture
def make(install: Install) -> Callable[..., MailHarness]:
    """Makes the harness of a site with a few principles, on Sunday 22 November 2026."""

    def made(**values: str) -> MailHarness:
        installation = install(**values)
        installation.load(exchange(*(principle(f"p{n}") for n in range(12))))
        return mail_harness(installation)

    return made


def days_of(harness: MailHarness) -> dict[int, list[str]]:
    """The dates of the editions that each subscriber was sent, by the id of the subscriber."""
    found: dict[int, list[str]] = {}
    for subscriber, day in harness.rows(
        "SELECT d.subscriber, l.date FROM deliveries d JOIN letters l ON l.id = d.letter"
        " WHERE l.cadence = 'daily' AND d.state = 'sent' ORDER BY d.at, l.date"
    ):
        found.setdefault(subscriber, []).append(day)
    return found


@pytest.mark.slow
def test_those_who_chose_monday_to_friday_get_every_edition_wherever_they_are(
    make: Callable[..., MailHarness],
) -> None:
    """In Auckland Friday's edition is due on Saturday: it comes on Monday to those who chose so."""
    harness = make(DAYS="workdays:SE")
    zones = ("Europe/Stockholm", "Pacific/Auckland")
    for number, zone in enumerate(zones):
        harness.subscribe(f"work{number}@example.org", days="workdays", timezone=zone)
        harness.subscribe(f"all{number}@example.org", timezone=zone)
    hours: dict[str, set[tuple[int, int]]] = {}
    start = datetime(2026, 12, 17, 6, 1, tzinfo=UTC)
    for half_day in range(2 * 12):  # over a weekend and over Christmas
        at = start + timedelta(hours=12 * half_day)
        for message in harness.new_messages(at.isoformat()):
            hours.setdefault(str(message["To"]), set()).add((at.isoweekday(), at.hour))
    with harness.open() as (_, site):
        expected = [day.isoformat() for day in site.days(date(2026, 12, 18), date(2026, 12, 28))]
    assert "2026-12-24" not in expected
    found = days_of(harness)
    assert found.keys() == {1, 2, 3, 4}
    for got in found.values():
        assert [day for day in got if day in expected] == expected
        assert {*Counter(got).values()} == {1}
    monday = (7, 18)  # Monday 07:00 in Auckland, in UTC
    assert monday in hours["work1@example.org"]
    assert (5, 18) not in hours["work1@example.org"]
    assert (5, 18) in hours["all1@example.org"]
    assert monday not in hours["all1@example.org"]
    off = harness.rows("SELECT 1 FROM letters WHERE date IN ('2026-12-19', '2026-12-24')")
    assert not off  # not even recorded as skipped


def test_an_edition_is_not_sent_on_monday_to_those_who_came_at_the_weekend(
    make: Callable[..., MailHarness],
) -> None:
    harness = make(DAYS="weekdays")
    before = {"timezone": "Pacific/Auckland", "days": "workdays"}
    harness.at("2026-11-26T12:00+01:00").subscribe("before@example.org", **before)
    harness.new_messages("2026-11-27T19:01+01:00")
    harness.at("2026-11-28T12:00+01:00").subscribe("since@example.org", **before)
    harness.subscribe("every@example.org", timezone="Pacific/Auckland")
    with harness.open() as (db, _):  # who wants every day, and was away on Saturday
        db.execute(
            "UPDATE subscribers SET since = '2026-11-01T00:00:00+00:00',"
            " paused_until = '2026-11-29' WHERE address LIKE 'every@%'"
        )
    messages = harness.new_messages("2026-11-29T19:01+01:00")
    assert recipients(messages) == ["before@example.org"]


def test_who_chose_monday_to_friday_where_every_date_has_an_edition_gets_five_of_seven(
    make: Callable[..., MailHarness],
) -> None:
    harness = make()
    harness.subscribe("work@example.org", days="workdays")
    for day in range(23, 31):
        harness.new_messages(f"2026-11-{day}T07:01+01:00")
    (got,) = days_of(harness).values()
    assert got == [f"2026-11-{day}" for day in (23, 24, 25, 26, 27, 30)]


def test_a_week_without_editions_sends_nothing(make: Callable[..., MailHarness]) -> None:
    harness = make(CLOSED="2026-11-23..2026-11-29")
    harness.subscribe("vera@example.org", cadence="weekly")
    assert recipients(harness.new_messages("2026-11-23T07:01+01:00")) == ["vera@example.org"]
    assert harness.new_messages("2026-11-30T07:01+01:00") == []
    assert [state for _, state, _ in harness.states()] == ["sent"]
    assert recipients(harness.new_messages("2026-12-07T07:01+01:00")) == ["vera@example.org"]


def test_an_edition_made_before_its_day_became_a_day_off_is_still_sent(
    make: Callable[..., MailHarness], install: Install
) -> None:
    harness = make()
    harness.subscribe("late@example.org", hour="20")
    harness.at("2026-11-28T09:00+01:00").start_due_runs()  # Saturday
    later = mail_harness(install(DAYS="weekdays"))
    assert recipients(later.new_messages("2026-11-28T20:01+01:00")) == ["late@example.org"]
    assert later.new_messages("2026-11-29T20:01+01:00") == []


@pytest.mark.parametrize(
    ("zone", "workdays", "cadence", "expected"),
    [
        ("Europe/Stockholm", False, "daily", "2027-01-07T07:00+01:00"),
        ("Pacific/Auckland", False, "daily", "2027-01-08T07:00+13:00"),
        ("Europe/Stockholm", True, "daily", "2027-01-07T07:00+01:00"),
        ("Europe/Stockholm", False, "weekly", "2027-01-11T07:00+01:00"),
    ],
)
def test_the_next_email_that_is_promised_is_that_of_the_next_edition(
    install: Install, zone: str, workdays: bool, cadence: str, expected: str
) -> None:
    made = install(DAYS="workdays:SE", CLOSED="2026-12-21..2027-01-05")
    wanted = Preferences("en", cadence, workdays, 7, zone)  # type: ignore[arg-type]
    now = datetime(2026, 12, 21, 12, tzinfo=UTC)
    with made.open() as db:
        found = schedule.next_due(editions.site(db, made.config, now), wanted, now)
    assert found is not None
    assert found.isoformat(timespec="minutes") == expected


def test_friday_is_promised_on_monday_far_away(install: Install) -> None:
    made = install(DAYS="weekdays")
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)  # Friday; Saturday 01:00 in Auckland
    for workdays, expected in (
        (True, "2026-11-30T07:00+13:00"),
        (False, "2026-11-28T07:00+13:00"),
    ):
        wanted = Preferences("en", "daily", workdays, 7, "Pacific/Auckland")
        found = schedule.next_due(made.site(), wanted, now)
        assert found is not None
        assert found.isoformat(timespec="minutes") == expected
