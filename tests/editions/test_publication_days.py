"""Publication days: which dates have an edition, over years, regions and changes of the setting."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed import checks, config, editions
from feed.checks import health
from feed.clock import Clock
from feed.editions import holiday_calendar, pins, publication_days, publishing
from feed.errors import InputError, SettingError
from feed.i18n import translator
from feed.model import Site
from feed.model.publication_days import PublicationDays
from feed.rotation import Candidate, plan
from feed.store import ledger, meta
from feed.web.middleware.content_version import Content
from tests.conftest import Installation, settings
from tests.editions.test_editions import exchange, principle
from tests.editions.test_rotation import some

Install = Callable[..., Installation]
DAY = timedelta(days=1)
FIRST, LAST = date(2024, 1, 1), date(2033, 12, 31)  # ten years, three of them leap years
REGIONS = ("SE", "DE-BY", "US", "IL", "JP")
FRIDAY = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)  # noon in Stockholm
NAMES = [f"p{number}" for number in range(12)]


@cache
def site_of(days: str, zone: str = "Europe/Stockholm") -> Site:
    made = settings(Path("/tmp"), TIMEZONE=zone).site("example.org", FRIDAY)
    rule = publication_days.rule(days, ())
    return replace(made, publication_days=PublicationDays(((date.min, rule),)))


@cache
def ten_years(days: str) -> list[date]:
    return site_of(days).days(FIRST, LAST)


@pytest.fixture
def weekdays(install: Install) -> Installation:
    """An installation with twelve principles that publishes from Monday to Friday."""
    return filled(install(DAYS="weekdays"))


def filled(made: Installation) -> Installation:
    made.load(exchange(*map(principle, NAMES)))
    return made


def on(made: Installation, day: str, **values: str) -> Installation:
    """The same installation at noon of another date, and with other settings."""
    config = settings(made.config.instance, **values)
    return Installation(config, datetime.fromisoformat(f"{day}T11:00+00:00"))


def dates(made: Installation) -> list[str]:
    with made.open() as db:
        return [day for (day,) in db.execute("SELECT date FROM editions ORDER BY date")]


# Ten years in five regions.


@pytest.mark.parametrize("region", REGIONS)
def test_ten_years_of_working_days_have_no_holiday_and_no_weekend(region: str) -> None:
    found, calendar = ten_years(f"workdays:{region}"), holiday_calendar.of(region)
    for day in found:
        assert calendar.name(day, "en") is None
    assert Counter(day.isoweekday() for day in found).keys() == {
        *({7, 1, 2, 3, 4} if region == "IL" else {1, 2, 3, 4, 5})
    }
    a_year = len(found) / 10
    assert 235 <= a_year <= 256
    off = {FIRST + DAY * n for n in range((LAST - FIRST).days + 1)} - {*found}
    for day in off:
        reason = site_of(f"workdays:{region}").day_off(day)
        assert reason is not None
        assert (reason.holiday("en") is not None) == (reason.reason == "holiday")


@pytest.mark.parametrize("days", ["all", "weekdays", *(f"workdays:{each}" for each in REGIONS)])
def test_next_and_previous_are_inverse_and_leave_out_nothing(days: str) -> None:
    site, found = site_of(days), ten_years(days)
    for one, other in pairwise(found):
        assert site.next_day(one) == other
        assert site.previous_day(other) == one
    for day in (FIRST + DAY * n for n in range(0, 3652, 13)):
        following, before = site.next_day(day), site.previous_day(day)
        assert following is not None
        assert before is not None
        assert before < day < following
        assert site.days(before + DAY, following - DAY) == ([day] if site.has(day) else [])


@some(25)
@given(
    st.integers(1, 60),
    st.sampled_from([f"workdays:{each}" for each in REGIONS]),
    st.integers(0, 2000),
)
def test_every_principle_comes_once_a_cycle_and_rests_for_half_the_library(
    size: int, days: str, start: int
) -> None:
    found = ten_years(days)[start : start + 5 * size]
    library = [Candidate(f"p{n}", "abcd"[n % 4], frozenset("tu"[n % 2])) for n in range(size)]
    before = publishing.days_before(site_of(days), found, size)
    choices = list(plan(library, [], {}, found, before))
    assert [choice.date for choice in choices] == found
    for cycle in range(5 if len(found) == 5 * size else 0):
        part = choices[cycle * size : (cycle + 1) * size]
        assert sorted(each.slug for each in part) == sorted(each.slug for each in library)
    last: dict[str, int] = {}
    for index, choice in enumerate(choices):
        assert index - last.get(choice.slug, -size) > size // 2
        last[choice.slug] = index


def test_a_long_plan_shows_all_of_the_library_as_often(install: Install) -> None:
    made = filled(install(DAYS="workdays:SE"))
    with made.open() as db:
        planned = editions.plan(db, made.site(), made.config, made.now, 2400)
    assert len(planned) == 2400
    assert {*Counter(each.principle for each in planned).values()} <= {199, 200, 201}
    assert not {each.date.isoweekday() for each in planned} & {6, 7}


@pytest.mark.parametrize("zone", ["Pacific/Apia", "America/Sao_Paulo", "Africa/Cairo"])
def test_a_day_whose_clocks_change_counts_once_and_a_skipped_one_never(zone: str) -> None:
    """Samoa left out Friday 30 December 2011."""
    site = site_of("weekdays", zone)
    first, last = date(2011, 1, 1), date(2012, 12, 31)
    expected = [d for n in range(731) if (d := first + DAY * n).isoweekday() < 6]
    if zone == "Pacific/Apia":
        expected.remove(date(2011, 12, 30))
        assert site.next_day(date(2011, 12, 29)) == date(2012, 1, 2)
    assert site.days(first, last) == expected


def test_a_leap_day_is_a_publication_day_where_it_is_a_working_day() -> None:
    site = site_of("workdays:SE")
    assert site.has(date(2024, 2, 29))
    assert site.next_day(date(2024, 2, 28)) == date(2024, 2, 29)
    assert not site.has(date(2032, 2, 29))  # a Sunday


def test_the_ends_of_the_calendar_have_no_next_and_no_previous_day() -> None:
    site = site_of("weekdays")
    assert site.next_day(date.max) is None
    assert site.previous_day(date.min) is None


# Sweden, day by day.


@pytest.mark.parametrize(
    ("day", "english", "swedish"),
    [
        ("2027-06-25", "Midsummer Eve", "Midsommarafton"),
        ("2026-12-24", "Christmas Eve", "Julafton"),
        ("2026-12-31", "New Year's Eve", "Nyårsafton"),
        ("2027-05-06", "Ascension Day", "Kristi himmelsfärdsdag"),
        ("2026-12-26", "Second Day of Christmas", "Annandag jul"),  # a Saturday
    ],
)
def test_public_and_de_facto_holidays_are_off_and_have_their_names(
    day: str, english: str, swedish: str
) -> None:
    off = site_of("workdays:SE").day_off(date.fromisoformat(day))
    assert off is not None
    assert off.reason == "holiday"
    names = [publication_days.reason(translator(code), off) for code in ("en", "sv", "de")]
    assert names == [english, swedish, english]


@pytest.mark.parametrize("day", ["2027-04-30", "2027-05-07", "2027-12-23"])
def test_half_days_and_bridge_days_are_working_days(day: str) -> None:
    assert site_of("workdays:SE").has(date.fromisoformat(day))


def test_an_ordinary_saturday_is_a_weekend_in_both_languages() -> None:
    off = site_of("workdays:SE").day_off(date(2026, 11, 28))
    assert off is not None
    assert [publication_days.reason(translator(code), off) for code in ("en", "sv")] == [
        "Weekend",
        "Helg",
    ]


def test_a_new_year_that_is_observed_in_the_year_before_is_off() -> None:
    assert not site_of("workdays:US").has(date(2027, 12, 31))


@pytest.mark.parametrize("region", ["XX", "SE-XX", "DE-QQ"])
def test_an_unknown_region_stops_the_start_and_is_named(install: Install, region: str) -> None:
    with pytest.raises(SettingError, match=r"DEVIS_DAYS is “workdays:"):
        install(DAYS=f"workdays:{region}")


# On a real database.


def test_a_fresh_ledger_is_filled_with_fourteen_publication_days(weekdays: Installation) -> None:
    """It is Sunday: the last edition is Friday's."""
    weekdays.publish()
    assert len(dates(weekdays)) == 14
    assert dates(weekdays)[0] == "2026-11-03"
    assert dates(weekdays)[-1] == "2026-11-20"
    assert not weekdays.publish()


def test_missed_days_are_filled_and_days_off_are_not(weekdays: Installation) -> None:
    weekdays.publish()
    later = on(weekdays, "2026-12-02", DAYS="weekdays")
    assert len(later.publish()) == 8
    assert {date.fromisoformat(day).isoweekday() for day in dates(later)} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("change", ["2026-11-23", "2026-11-24"])
def test_from_weekdays_to_all_the_weekend_before_stays_empty(
    weekdays: Installation, change: str
) -> None:
    """Also where nothing ran between Friday and the change."""
    on(weekdays, "2026-11-20", DAYS="weekdays").publish()
    later = on(weekdays, change)
    later.publish()
    assert not {"2026-11-21", "2026-11-22"} & {*dates(later)}
    assert dates(later)[-1] == change
    on(weekdays, "2026-11-29").publish()
    assert {"2026-11-28", "2026-11-29"} <= {*dates(later)}


def test_from_all_to_weekdays_what_was_missed_before_is_filled(install: Install) -> None:
    made = filled(install())
    on(made, "2026-11-19").publish()
    later = on(made, "2026-11-22", DAYS="weekdays")
    assert len(later.publish()) == 2
    assert dates(later)[-2:] == ["2026-11-20", "2026-11-21"]  # the Sunday of the change is off
    on(made, "2026-11-30", DAYS="weekdays").publish()
    assert not {"2026-11-22", "2026-11-28", "2026-11-29"} & {*dates(later)}


def test_a_day_that_becomes_a_publication_day_gets_its_edition_at_once(
    weekdays: Installation,
) -> None:
    weekdays.publish()
    assert dates(weekdays)[-1] == "2026-11-20"
    on(weekdays, "2026-11-22").publish()
    assert dates(weekdays)[-1] == "2026-11-22"


def test_of_several_changes_on_a_day_the_last_one_counts(weekdays: Installation) -> None:
    weekdays.publish()
    before = stored(weekdays)
    on(weekdays, "2026-11-23").publish()
    assert len(stored(weekdays)) == 2
    on(weekdays, "2026-11-23", DAYS="weekdays").publish()
    assert stored(weekdays) == before
    on(weekdays, "2026-11-24", DAYS="workdays:SE", CLOSED="2026-11-25").publish()
    assert stored(weekdays)[1:] == [["2026-11-24", "workdays:SE", "2026-11-25..2026-11-25"]]


def test_a_site_that_publishes_every_day_stores_nothing(install: Install) -> None:
    made = filled(install())
    made.publish()
    assert stored(made) == []


def stored(made: Installation) -> list[Any]:
    with made.open() as db:
        found: list[Any] = json.loads(meta.get(db, publication_days.META_KEY) or "[]")
    return found


def test_a_closed_period_has_no_editions_and_says_so(install: Install) -> None:
    made = filled(install(CLOSED="2026-12-27..2027-01-05,2026-12-24"))
    site = made.site()
    assert site.next_day(date(2026, 12, 26)) == date(2027, 1, 6)
    off = site.day_off(date(2026, 12, 24))
    assert off is not None
    assert publication_days.reason(translator("sv"), off) == "Stängt"


def test_a_pin_on_a_day_off_is_refused_with_the_reason_and_the_next_day(install: Install) -> None:
    made = filled(install(DAYS="workdays:SE"))
    with made.open() as db, pytest.raises(InputError) as refused:
        pins.pin(db, made.site(), date(2027, 6, 25), "p1", made.now)
    assert str(refused.value) == (
        "Friday 25 June 2027 has no edition: Midsummer Eve."
        " The next one comes on Monday 28 June 2027."
    )
    with made.open() as db:
        assert ledger.pins(db) == {}


def test_a_pin_made_before_the_change_can_be_removed(install: Install) -> None:
    made = filled(install())
    day = date(2026, 11, 28)
    with made.open() as db:
        pins.pin(db, made.site(), day, "p1", made.now)
    later = on(made, "2026-11-22", DAYS="weekdays")
    with later.open() as db:
        pins.pin(db, later.site(), day, None, later.now)
        assert ledger.pins(db) == {}


# What watches the site, and its pages.


def test_monitoring_finds_nothing_missing_on_a_day_off(weekdays: Installation) -> None:
    weekdays.publish()  # Sunday
    with weekdays.open() as db:
        state = health.measure(db, weekdays.site(), weekdays.now)
    assert state.is_well
    assert state.languages == {"en": "day off", "sv": "day off"}
    (finding,) = (
        each.finding
        for each in checks.run_quick(weekdays.config, weekdays.now)
        if each.check == "edition"
    )
    assert finding.level == "good"
    assert "2026-11-22 has no edition. The next one: 2026-11-23" in finding.message


def test_monitoring_misses_an_edition_on_a_publication_day(weekdays: Installation) -> None:
    weekdays.publish()
    monday = on(weekdays, "2026-11-23", DAYS="weekdays")
    with monday.open() as db:
        state = health.measure(db, monday.site(), monday.now)
    assert not state.is_well
    assert state.languages == {"en": "missing", "sv": "missing"}


def test_pages_are_current_on_a_day_off_and_wait_on_a_publication_day(
    weekdays: Installation,
) -> None:
    weekdays.publish()
    for day, age in (("2026-11-22", "max-age=300"), ("2026-11-23", "max-age=5")):
        made = on(weekdays, day, DAYS="weekdays")
        state = Content(made.config, Clock(made.now, 0.0)).state(made.now)
        assert state is not None
        assert state.cache_control(made.now).split(", ")[0] == age


def test_the_settings_check_names_an_unknown_region() -> None:
    found = [*checks.check_settings(config.validate({"DEVIS_DAYS": "workdays:XX"}))]
    assert [each.level for each in found] == ["bad"]
    assert "DEVIS_DAYS" in found[0].message


@pytest.mark.parametrize(
    "values",
    [
        {"DAYS": "sundays"},
        {"DAYS": "workdays"},
        {"DAYS": "workdays:"},
        {"DAYS": "weekdays:SE"},
        {"CLOSED": "2027-02-30"},
        {"CLOSED": "2027-01-05..2027-01-01"},
        {"CLOSED": "Christmas"},
    ],
)
def test_a_malformed_setting_is_refused(tmp_path: Path, values: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=f"DEVIS_{next(iter(values))}"):
        settings(tmp_path, **values)


def test_a_region_is_read_without_case(tmp_path: Path) -> None:
    assert settings(tmp_path, DAYS="Workdays:de-BY").days == "workdays:DE-BY"


def test_the_api_and_the_page_say_when_the_next_one_comes(weekdays: Installation) -> None:
    on(weekdays, "2026-11-20", DAYS="weekdays").publish()
    for day, following, says in (
        ("2026-11-20", "2026-11-23", True),
        ("2026-11-21", "2026-11-23", True),
        ("2026-11-22", "2026-11-23", True),
        ("2026-11-23", "2026-11-24", False),
    ):
        made = on(weekdays, day, DAYS="weekdays")
        made.publish()
        client = made.client()
        today = client.get("/api/v1/today").json
        assert today is not None
        assert (today["date"], today["next"]) == (min(day, today["date"]), following)
        assert client.get(f"/api/v1/editions/{today['date']}").json == today
        for path, note in (
            ("/en/", "The next one comes on Monday."),
            ("/sv/", "Nästa kommer på måndag."),
            ("/sv/widget/", "Nästa kommer på måndag."),
        ):
            assert (note in client.get(path).text) == says
        assert ('class="today"' in client.get("/en/").text) == (day == today["date"])


def test_each_item_names_the_edition_after_it(weekdays: Installation) -> None:
    weekdays.publish()
    listed = weekdays.client().get("/api/v1/editions").json
    assert listed is not None
    found = [(item["date"], item["next"]) for item in listed["items"]]
    assert found[0] == ("2026-11-20", "2026-11-23")
    assert [following for _, following in found[1:]] == [day for day, _ in found[:-1]]


def test_the_next_one_after_a_day_that_was_left_empty_comes_later(
    weekdays: Installation,
) -> None:
    monday = on(weekdays, "2026-11-23", DAYS="weekdays")
    monday.publish()
    with monday.open() as db:
        site, day = monday.site(), date(2026, 11, 23)
        editions.withdraw(db, site, monday.config, day, "a test", monday.now, replace=False)
    today = monday.client().get("/api/v1/today").json
    assert today is not None
    assert (today["date"], today["next"]) == ("2026-11-20", "2026-11-24")


def test_a_long_closure_names_the_date(install: Install) -> None:
    made = filled(install(CLOSED="2026-11-23..2027-01-10"))
    made.publish()
    client = made.client()
    assert "The next one comes on Monday 11 January 2027." in client.get("/en/").text
    assert "Nästa kommer måndag 11 januari 2027." in client.get("/sv/widget/").text


def test_feeds_and_the_calendar_stay_as_they_are_on_a_day_off(weekdays: Installation) -> None:
    on(weekdays, "2026-11-20", DAYS="weekdays").publish()
    paths = ("/en/feed.rss", "/en/feed.atom", "/en/feed.json", "/en/calendar.ics", "/en/today.txt")
    friday, saturday = (
        [on(weekdays, day, DAYS="weekdays").client().get(path).data for path in paths]
        for day in ("2026-11-20", "2026-11-21")
    )
    assert friday == saturday


def test_a_week_without_editions_is_not_in_the_weekly_feed(install: Install) -> None:
    made = filled(install(CLOSED="2026-11-09..2026-11-15"))
    on(made, "2026-11-23", CLOSED="2026-11-09..2026-11-15").publish()
    later = on(made, "2026-11-23", CLOSED="2026-11-09..2026-11-15")
    feed = later.client().get("/en/weekly.json").json
    assert feed is not None
    weeks = [item["id"][-8:] for item in feed["items"]]
    assert "2026-W46" not in weeks
    assert weeks[0] == "2026-W47"
