"""When digests are due: the subscriber's hour in the subscriber's timezone."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feed.digests import schedule
from feed.digests.schedule import Due
from feed.model import Cadence, Preferences, Site

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def site(zone: str = "Europe/Stockholm") -> Site:
    since = datetime(2020, 1, 1, tzinfo=UTC)
    return Site("https://d.example", {"en": "D"}, ("en",), ZoneInfo(zone), "d.example", since)


def due(
    zone: str, hour: int, first: str, last: str, cadence: str = "daily", home: str = ""
) -> list[Due]:
    """What is due to one zone and hour between two instants."""
    span = (datetime.fromisoformat(first), datetime.fromisoformat(last))
    place = site(home or "Europe/Stockholm")
    return [d for d in schedule.due(place, zone, *span) if (d.hour, d.cadence) == (hour, cadence)]


def test_an_hour_that_the_clocks_skip_comes_as_much_later() -> None:
    (found,) = due("Europe/Stockholm", 2, "2026-03-28T12:00Z", "2026-03-29T12:00Z")
    assert found.at == datetime(2026, 3, 29, 1, tzinfo=UTC)  # 03:00 by the new clock
    assert found.date == found.day == date(2026, 3, 29)


def test_an_hour_that_comes_twice_counts_once() -> None:
    (found,) = due("Europe/Stockholm", 2, "2026-10-24T12:00Z", "2026-10-25T12:00Z")
    assert found.at == datetime(2026, 10, 25, 0, tzinfo=UTC)


def test_a_leap_day_is_a_day() -> None:
    found = due("Europe/Stockholm", 7, "2028-02-28T00:00Z", "2028-03-02T00:00Z")
    assert [each.date.isoformat() for each in found] == ["2028-02-28", "2028-02-29", "2028-03-01"]


def test_a_date_that_a_timezone_skipped_has_no_digest() -> None:
    found = due("Pacific/Apia", 7, "2011-12-29T00:00Z", "2012-01-01T23:00Z")
    assert date(2011, 12, 30) not in [each.day for each in found]
    days = [(each.day.day, each.date.day) for each in found]
    assert days == [(29, 28), (31, 29), (31, 30), (1, 31), (2, 1)]  # and no date is lost by it


def test_a_digest_far_away_is_that_of_the_date_at_the_site() -> None:
    (early,) = due("Pacific/Auckland", 7, "2026-11-25T12:00Z", "2026-11-26T00:00Z")
    assert (early.day, early.date) == (date(2026, 11, 26), date(2026, 11, 25))
    (late,) = due("Pacific/Honolulu", 20, "2026-11-25T12:00Z", "2026-11-26T12:00Z")
    assert (late.day, late.date) == (date(2026, 11, 25), date(2026, 11, 26))


def offsets(zone: str, year: int) -> tuple[timedelta | None, ...]:
    """What a zone's clocks are ahead of UTC at noon of every day of a year."""
    noons = (datetime(year, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(365))
    return tuple(noon.astimezone(ZoneInfo(zone)).utcoffset() for noon in noons)


def zones_that_differ(year: int) -> dict[tuple[timedelta | None, ...], str]:
    """One zone of all those whose clocks show the same on every day of a year."""
    return {offsets(zone, year): zone for zone in sorted(available_timezones())}


@pytest.mark.slow
def test_no_dates_email_is_missed_or_doubled_when_clocks_change() -> None:
    """In every zone, at every hour: one date a day, in order, which is out by then."""
    place, own = site(), offsets("Europe/Stockholm", 2027)
    for theirs, zone in zones_that_differ(2027).items():
        changes = {
            date(2027, 1, 1) + timedelta(days=n)
            for clocks in (own, theirs)
            for n in range(1, 365)
            if clocks[n] != clocks[n - 1]
        } | {date(2027, 1, 1)}
        found: dict[int, list[Due]] = {hour: [] for hour in range(24)}
        for day in changes:
            noon, margin = datetime(day.year, day.month, day.day, 12, tzinfo=UTC), timedelta(days=3)
            for each in schedule.due(place, zone, noon - margin, noon + margin):
                if each.cadence == "daily" and abs((each.day - day).days) <= 1:
                    found[each.hour].append(each)
        for hour, dues in found.items():
            assert len(dues) == 3 * len(changes), (zone, hour)
            assert len({each.date - each.day for each in dues}) == 1, (zone, hour)
            for each in dues:
                assert place.start(each.date) <= each.at, (zone, each)
                assert place.today(each.at) - each.date <= timedelta(days=1), (zone, each)


@pytest.mark.parametrize(
    ("zone", "hour", "ahead"),
    [("Asia/Tokyo", 7, -1), ("UTC", 22, 0), ("Asia/Tokyo", 8, 0), ("America/New_York", 18, 0)],
)
def test_an_hour_at_the_sites_midnight_keeps_its_date_all_year(
    zone: str, hour: int, ahead: int
) -> None:
    found = due(zone, hour, "2027-01-01T00:00Z", "2028-01-01T00:00Z")
    assert len(found) == 365
    assert {(each.date - each.day).days for each in found} == {ahead}


@pytest.mark.parametrize(
    ("zone", "hour", "at"),
    [
        ("Europe/Stockholm", 7, "2026-11-30T06:00+00:00"),
        ("Europe/Stockholm", 0, "2026-11-29T23:00+00:00"),
        ("Pacific/Auckland", 7, "2026-11-29T18:00+00:00"),  # the site's Sunday evening
        ("Pacific/Kiritimati", 0, "2026-11-29T10:00+00:00"),
        ("America/New_York", 7, "2026-11-30T12:00+00:00"),
        ("Pacific/Honolulu", 20, "2026-12-01T06:00+00:00"),  # the site's Tuesday morning
    ],
)
def test_the_weekly_digest_comes_on_the_readers_own_monday(zone: str, hour: int, at: str) -> None:
    (found,) = due(zone, hour, "2026-11-27T00:00Z", "2026-12-02T00:00Z", "weekly")
    assert (found.at, found.date) == (datetime.fromisoformat(at), date(2026, 11, 30))


ZONES = ["Europe/Stockholm", "America/New_York", "Pacific/Auckland", "Asia/Kathmandu", "UTC"]


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    home=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    start=st.dates(date(2024, 1, 1), date(2028, 1, 1)),
    cuts=st.lists(st.integers(1, 24 * 60 * 60), max_size=20),
)
def test_every_day_and_every_week_is_due_once_however_often_one_looks(
    zone: str, home: str, hour: int, start: date, cuts: list[int]
) -> None:
    """Two weeks in several queries give the same as in one; each digest is due once."""
    first = datetime(start.year, start.month, start.day, tzinfo=UTC)
    last = first + timedelta(days=14)
    marks = sorted({first, last, *(first + timedelta(seconds=14 * cut) for cut in cuts)})
    pieces = [
        each
        for after, until in pairwise(marks)
        for each in schedule.due(site(home), zone, after, until)
        if each.hour == hour
    ]
    whole = [each for each in schedule.due(site(home), zone, first, last) if each.hour == hour]
    assert pieces == whole
    days = Counter(each.day for each in whole if each.cadence == "daily")
    assert set(days.values()) == {1}
    assert 13 <= len(days) <= 15
    weeks = [each.date for each in whole if each.cadence == "weekly"]
    # Two, but for an hour at either end that the clocks move in or out of the fortnight.
    assert 1 <= len(weeks) <= 3
    assert weeks == [weeks[0] + timedelta(days=7 * n) for n in range(len(weeks))]
    for each in whole:
        assert each.at.astimezone(ZoneInfo(zone)).date() == each.day
        if each.cadence == "daily":
            assert 0 <= (site(home).today(each.at) - each.date).days <= 1
        else:
            assert each.date == each.day
            assert each.day.strftime("%A") == "Monday"
            assert site(home).start(each.date - timedelta(days=1)) <= each.at  # Sunday's is out


# What somebody is told of the next letter


def wishes(
    zone: str = "Europe/Stockholm",
    hour: int = 7,
    cadence: Cadence = "daily",
    workdays: bool = False,
) -> Preferences:
    return Preferences("en", cadence, workdays, hour, zone)


@pytest.mark.parametrize(
    ("wanted", "now", "paused_until", "expected"),
    [
        (wishes(), "2026-11-22T05:59:59Z", None, "2026-11-22T07:00+01:00"),
        (wishes(), "2026-11-22T06:00:00Z", None, "2026-11-23T07:00+01:00"),
        (wishes(workdays=True), "2026-11-20T12:00Z", None, "2026-11-23T07:00+01:00"),
        (wishes(cadence="weekly"), "2026-11-23T05:00Z", None, "2026-11-23T07:00+01:00"),
        (wishes(cadence="weekly"), "2026-11-23T06:00Z", None, "2026-11-30T07:00+01:00"),
        (
            wishes("America/New_York", 20, "weekly", workdays=True),
            "2026-11-22T12:00Z",
            None,
            "2026-11-23T20:00-05:00",
        ),
        (wishes("Pacific/Auckland"), "2026-11-22T12:00Z", None, "2026-11-23T07:00+13:00"),
        (wishes(), "2026-11-22T12:00Z", date(2026, 12, 1), "2026-12-01T07:00+01:00"),
        (wishes(), "2026-11-22T12:00Z", date(2026, 11, 20), "2026-11-23T07:00+01:00"),
        (wishes(), "2026-11-22T12:00Z", date(2027, 11, 20), "2027-11-20T07:00+01:00"),
        (wishes(workdays=True), "2026-11-22T12:00Z", date(2026, 12, 5), "2026-12-07T07:00+01:00"),
        (
            wishes(cadence="weekly"),
            "2026-11-22T12:00Z",
            date(2026, 12, 1),
            "2026-12-07T07:00+01:00",
        ),
        (
            wishes("Pacific/Kiritimati"),
            "2026-11-22T12:00Z",
            date(2026, 12, 1),
            "2026-12-01T07:00+14:00",
        ),
        (wishes(hour=2), "2026-03-28T12:00Z", None, "2026-03-29T03:00+02:00"),
        (wishes("Pacific/Apia"), "2011-12-29T18:00Z", None, "2011-12-31T07:00+14:00"),
    ],
)
def test_the_next_digest_is_announced_in_the_subscribers_own_time(
    wanted: Preferences, now: str, paused_until: date | None, expected: str
) -> None:
    found = schedule.next_due(site(), wanted, datetime.fromisoformat(now), paused_until)
    assert found is not None
    assert found.isoformat(timespec="minutes") == expected


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    cadence=st.sampled_from(["daily", "weekly"]),
    workdays=st.booleans(),
    minutes=st.integers(0, 3 * 365 * 24 * 60),
)
def test_the_next_digest_that_is_announced_becomes_due(
    zone: str, hour: int, cadence: Cadence, workdays: bool, minutes: int
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    wanted = wishes(zone, hour, cadence, workdays)
    named = schedule.next_due(site(), wanted, now)
    assert named is not None
    dues = [
        each.at
        for each in schedule.due(site(), zone, now, named)
        if (each.cadence, each.hour) == (cadence, hour)
        and not (cadence == "daily" and workdays and each.day.isoweekday() > 5)
    ]
    assert dues == [named]
