"""The score of an address: reports on different days, and deliveries that prove it alive."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed.digests.bounce_score import SUCCESS_AFTER, dead_days
from tests.conftest import Installation
from tests.digests.test_bounces import handle, report
from tests.mail_harness import MailHarness, later, mail_harness

START = datetime(2026, 9, 1, 5, 0, tzinfo=UTC)
DAY = timedelta(days=1)
instants = st.lists(st.integers(0, 59 * 24), max_size=30).map(
    lambda hours: [START + timedelta(hours=hour) for hour in hours]
)


def days(*numbers: float) -> list[datetime]:
    return [START + number * DAY for number in numbers]


@pytest.mark.parametrize(
    ("reports", "accepted", "expected"),
    [
        (days(0, 0.1, 0.2), [], 1),
        (days(0, 1, 2), [], 3),
        (days(0.1, 1.1, 2.1), days(0, 1, 2), 3),  # a relay accepts all, and reports later
        (days(0, 28, 57), days(*range(1, 28), *range(29, 57)), 1),
        (days(0, 7, 14), days(*(n for n in range(14) if n not in (0, 7))), 2),
        (days(1, 8, 15), days(0, 7, 14), 3),  # a weekly digest, reported a day later
        (days(6, 13, 20), days(0, 7, 14), 3),
        (days(0, 2), days(1), 2),  # what was accepted the day before proves nothing yet
        ([], days(0, 1, 2), 0),
    ],
)
def test_reports_count_from_the_last_success_on(
    reports: list[datetime], accepted: list[datetime], expected: int
) -> None:
    now = max([*reports, *accepted])
    assert dead_days(reports, accepted, now) == expected


@given(instants, st.integers(0, 60))
def test_without_a_delivery_every_day_with_a_report_counts(
    reports: list[datetime], after: int
) -> None:
    now = START + (60 + after) * DAY
    assert dead_days(reports, [], now) == len({at.date() for at in reports})


@given(
    st.sets(st.integers(0, 50), min_size=1).flatmap(
        lambda sent: st.tuples(
            st.just(sorted(sent)),
            st.lists(st.floats(0, SUCCESS_AFTER / DAY), min_size=len(sent), max_size=len(sent)),
        )
    )
)
def test_where_every_delivery_is_reported_within_a_week_none_is_a_success(
    sent: tuple[list[int], list[float]],
) -> None:
    accepted = days(*sent[0])
    reports = [at + delay * DAY for at, delay in zip(accepted, sent[1], strict=True)]
    expected = len({at.date() for at in reports})
    assert dead_days(reports, accepted, START + 100 * DAY) == expected


@given(instants, instants, st.integers(0, 59))
def test_only_reports_after_a_delivery_without_one_count(
    before: list[datetime], after: list[datetime], day: int
) -> None:
    alive = START + day * DAY
    before = [at for at in before if at < alive]
    after = [at for at in after if at > alive + SUCCESS_AFTER]
    expected = len({at.date() for at in after})
    assert dead_days([*before, *after], [alive], START + 100 * DAY) == expected


@given(instants, instants, instants)
def test_another_report_never_lowers_the_score(
    reports: list[datetime], accepted: list[datetime], more: list[datetime]
) -> None:
    now = START + 60 * DAY
    score = dead_days(reports, accepted, now)
    assert score <= dead_days([*reports, *more], accepted, now)


@pytest.fixture
def harness(devis: Installation) -> MailHarness:
    return mail_harness(devis, bounce_address=None)


@pytest.mark.parametrize(("delivered", "status"), [(True, "active"), (False, "suspended")])
def test_deliveries_without_a_report_clear_the_reports_before_them(
    harness: MailHarness, delivered: bool, status: str
) -> None:
    """Three reports in 57 days suspend who has received nothing in between, and nobody else."""
    harness.subscribe("anna@example.org")
    message = report("5.1.1", "anna@example.org")
    first = "2026-11-23T07:01+01:00"
    for day in (0, 2, 28, 30, 57):
        if delivered:
            harness.send(later(first, days=day))
        if day in (0, 28, 57):
            handle(harness, message, datetime.fromisoformat(later(first, days=day, hours=1)))
    assert harness.rows("SELECT status FROM subscribers") == [(status,)]
