"""Letters arrive once, in the reader's language, at the reader's hour; the ledger says so."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from feed import digests, editions
from feed.digests import delivery_report
from feed.digests.queue import Queue
from feed.store import meta
from feed.store.connection import opened
from tests.conftest import Installation
from tests.house import House, house, later, recipients

SUNDAY = "2026-11-22T12:00+01:00"
MONDAY_6 = "2026-11-23T06:59:58+01:00"
MONDAY_7 = "2026-11-23T07:00:02+01:00"


@pytest.fixture
def home(devis: Installation) -> House:
    """The shipped library, on a Sunday at noon, before anybody has subscribed."""
    return house(devis)


def title(home: House, day: str, language: str) -> str:
    """The title of the edition of a day."""
    with home.library() as (db, site):
        view = editions.on(db, site, date.fromisoformat(day), home.now)
    return view.showing.text(language).title


def test_everybody_gets_the_days_letter_once_at_their_hour_in_their_language(home: House) -> None:
    home.subscribe("anna@example.org", language="sv")
    home.subscribe("bo@example.org", hour="8")
    assert home.post(MONDAY_6) == []
    (first,) = home.post(MONDAY_7)
    assert (first["To"], first["Subject"]) == ("anna@example.org", title(home, "2026-11-23", "sv"))
    assert first["Content-Language"] == "sv"
    assert home.post(later(MONDAY_7, seconds=4)) == []
    (second,) = home.post("2026-11-23T08:00:01+01:00")
    assert (second["To"], second["Subject"]) == ("bo@example.org", title(home, "2026-11-23", "en"))
    assert recipients(home.post("2026-11-24T08:00:05+01:00")) == [
        "anna@example.org",
        "bo@example.org",
    ]
    assert {state for _, state, _ in home.states()} == {"sent"}


def test_the_hour_is_the_subscribers_not_the_houses(home: House) -> None:
    home.subscribe("ada@example.org", timezone="America/New_York")
    assert home.post(MONDAY_7) == []
    (letter,) = home.post("2026-11-23T07:00:01-05:00")
    assert letter["Subject"] == title(home, "2026-11-23", "en")


def test_workdays_follow_the_subscribers_date(home: House) -> None:
    home.subscribe("work@example.org", days="workdays")
    home.subscribe("all@example.org")
    assert len(home.post("2026-11-27T07:01+01:00")) == 2  # Friday; the days before came late
    assert recipients(home.post("2026-11-28T07:01+01:00")) == ["all@example.org"]
    assert recipients(home.post("2026-11-29T07:01+01:00")) == ["all@example.org"]
    assert len(home.post("2026-11-30T07:01+01:00")) == 2


def test_the_weekly_letter_has_the_weeks_editions_in_order(home: House) -> None:
    home.subscribe("vera@example.org", cadence="weekly", language="sv")
    for day in range(23, 30):
        assert home.post(f"2026-11-{day}T07:01+01:00") == [] or day == 23
    (letter,) = home.post("2026-11-30T07:01+01:00")
    text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    titles = [title(home, f"2026-11-{day}", "sv") for day in range(23, 30)]
    places = [text.index(each) for each in titles]
    assert places == sorted(places)
    assert "48" in letter["Subject"]


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Europe/Stockholm", "Pacific/Honolulu"])
def test_the_week_comes_whole_and_every_monday_wherever_somebody_lives(
    home: House, zone: str
) -> None:
    """As the form, the letter that asks to confirm, and what was agreed to have said."""
    home.subscribe("vera@example.org", cadence="weekly", timezone=zone)
    for monday in (date(2026, 11, 23), date(2026, 11, 30)):
        local = datetime.combine(monday, time(7, 0, 2), ZoneInfo(zone))
        assert home.post((local - timedelta(seconds=4)).astimezone(UTC).isoformat()) == []
        (letter,) = home.post(local.astimezone(UTC).isoformat())
        text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        for ago in range(1, 8):
            assert title(home, (monday - timedelta(days=ago)).isoformat(), "en") in text


def test_nobody_gets_a_letter_twice_who_changes_hour_or_language_at_noon(home: House) -> None:
    token = home.subscribe("ida@example.org")
    assert len(home.post(MONDAY_7)) == 1
    home.at("2026-11-23T12:00+01:00").change(token, hour="15", language="sv")
    assert home.post("2026-11-23T15:00:03+01:00") == []
    assert home.states() == [(1, "sent", None)]
    (letter,) = home.post("2026-11-24T15:00:03+01:00")
    assert letter["Content-Language"] == "sv"


def test_who_changes_only_the_language_while_letters_are_handed_out_is_not_missed(
    home: House,
) -> None:
    token = home.subscribe("eva@example.org")
    home.at(MONDAY_7).begin()
    home.at(later(MONDAY_7, seconds=3)).change(token, language="sv")
    (letter,) = home.post(later(MONDAY_7, seconds=5))
    assert letter["Content-Language"] == "sv"


def test_changing_to_an_earlier_hour_waits_for_the_next_day(home: House) -> None:
    token = home.subscribe("sam@example.org", hour="20")
    home.at("2026-11-23T12:00+01:00").begin()
    home.change(token, hour="7")
    assert home.post("2026-11-23T20:01+01:00") == []
    assert len(home.post("2026-11-24T07:01+01:00")) == 1


def test_a_late_letter_is_skipped_and_recorded(home: House) -> None:
    home.subscribe("liv@example.org")
    assert home.post("2026-11-23T13:00:01+01:00") == []
    assert home.states() == [(1, "skipped", "late")]
    assert len(home.post("2026-11-24T12:59:59+01:00")) == 1  # under six hours late


def test_days_without_the_machine_are_recorded_each_and_not_made_up_for(home: House) -> None:
    home.subscribe("kim@example.org")
    (letter,) = home.post("2026-11-25T07:30+01:00")
    assert letter["Subject"] == title(home, "2026-11-25", "en")
    assert [reason for _, _, reason in home.states()] == ["late", "late", None]


def test_a_pause_lasts_until_its_day(home: House) -> None:
    token = home.subscribe("per@example.org")
    home.change(token, paused_until="2026-11-25")
    assert home.post("2026-11-23T07:01+01:00") == home.post("2026-11-24T07:01+01:00") == []
    assert len(home.post("2026-11-25T07:01+01:00")) == 1


def test_who_leaves_gets_nothing_more_not_even_what_is_queued(home: House) -> None:
    token = home.subscribe("out@example.org")
    home.at(MONDAY_7).begin()
    home.leave(token)
    assert home.post(MONDAY_7) == []
    assert home.states() == []


def test_a_withdrawn_edition_without_another_in_its_place_is_not_sent(home: House) -> None:
    home.subscribe("ola@example.org")
    home.at(MONDAY_7).begin()
    with home.library() as (db, site):
        day = site.today(home.now)
        editions.withdraw(db, site, home.config, day, "wrong", home.now, replace=False)
    assert home.post(MONDAY_7) == []
    assert home.states() == [(1, "skipped", "withdrawn")]


def test_the_letter_carries_what_stands_at_the_moment_of_sending(home: House) -> None:
    home.subscribe("pia@example.org")
    home.at(MONDAY_7).begin()
    before = title(home, "2026-11-23", "en")
    with home.library() as (db, site):
        editions.withdraw(db, site, home.config, site.today(home.now), "wrong", home.now)
    (letter,) = home.post(MONDAY_7)
    assert letter["Subject"] == title(home, "2026-11-23", "en") != before


def test_one_edition_is_one_letter_where_two_daylight_savings_disagree(home: House) -> None:
    """18:00 in New York is midnight at home, but an hour before it while only one has moved."""
    home.at("2027-03-05T12:00+01:00").begin()
    home.subscribe("ny@example.org", timezone="America/New_York", hour="18")
    subjects = [
        letter["Subject"]
        for day in range(6, 18)
        for letter in home.post(f"2027-03-{day:02}T22:00:01-05:00")
        + home.post(f"2027-03-{day:02}T23:59:01-05:00")
    ]
    assert len(subjects) == len(set(subjects)) >= 11


def test_claims_of_a_dead_sender_are_sent_with_the_same_message_id(home: House) -> None:
    home.subscribe("tor@example.org")
    (first,) = home.post(MONDAY_7)
    with home.library() as (db, _):
        db.execute("UPDATE deliveries SET state = 'claimed'")
    for path in (home.config.instance / digests.OUTBOX_FOLDER).glob("*.eml"):
        path.unlink()
    home.read.clear()
    (again,) = home.post(later(MONDAY_7, seconds=30))
    assert again["Message-ID"] == first["Message-ID"]
    assert [state for _, state, _ in home.states()] == ["sent"]


@pytest.mark.parametrize(
    "ahead", ["2026-11-23T12:00+01:00", "2026-11-24T07:01+01:00", "2030-01-01"]
)
def test_a_clock_that_was_ahead_for_a_while_costs_nobody_a_letter(home: House, ahead: str) -> None:
    """Letters to come were handed out, and skipped as there was nothing to send yet."""
    home.subscribe("una@example.org")
    with home.library() as (db, site):
        home.at(f"{ahead}T07:01+01:00" if len(ahead) == 10 else ahead)
        digests.start_due_runs(db, site, home.now)
    home.at(SUNDAY)
    with home.library() as (db, site), digests.sending_lock(home.config):
        queue = Queue(db, site, home.config, home.key, home.clock())
        assert list(queue) == []
    assert home.post(later(SUNDAY, hours=4)) == []
    for day in ("2026-11-23", "2026-11-24"):
        (letter,) = home.post(f"{day}T07:00:02+01:00")
        assert letter["Subject"] == title(home, day, "en")


def test_a_clock_that_is_set_back_a_little_sends_nothing_again(home: House) -> None:
    home.subscribe("zoe@example.org")
    assert len(home.post(MONDAY_7)) == 1
    assert home.send(MONDAY_6) == home.send(later(MONDAY_7, seconds=3)) == {}


def test_one_process_sends_at_a_time(home: House) -> None:
    with digests.sending_lock(home.config) as mine, digests.sending_lock(home.config) as another:
        assert mine
        assert not another


def test_two_at_once_begin_and_hand_out_each_letter_once(home: House) -> None:
    for number in range(40):
        home.subscribe(f"p{number}@example.org")
    home.at(MONDAY_7)
    together = threading.Barrier(4)

    def begin() -> None:
        together.wait()
        home.begin()

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert home.rows("SELECT cadence FROM letters l JOIN runs r ON r.letter = l.id") == [("daily",)]
    assert len(home.post(MONDAY_7)) == 40
    assert home.post(MONDAY_7) == []


def test_the_report_counts_what_was_due_and_why_it_was_not_sent(home: House) -> None:
    home.subscribe("a@example.org")
    home.subscribe("b@example.org", language="sv")
    leaving = home.subscribe("c@example.org")
    home.at(MONDAY_7).begin()
    with home.library() as (db, site):
        today = site.today(home.now)
        waiting = {
            (p.language, p.due, p.waiting) for p in delivery_report.reports(db, today, today)
        }
    assert waiting == {("en", 2, 2), ("sv", 1, 1)}
    home.leave(leaving)
    home.send(MONDAY_7)
    home.send("2026-11-24T20:00+01:00")
    with home.library() as (db, site):
        found = delivery_report.reports(db, today, site.today(home.now))
    told = [(p.date, p.language, p.due, p.sent, p.skipped, p.why) for p in found]
    assert sorted(told) == [
        ("2026-11-23", "en", 1, 1, 0, {}),
        ("2026-11-23", "sv", 1, 1, 0, {}),
        ("2026-11-24", "en", 1, 0, 1, {"late": 1}),
        ("2026-11-24", "sv", 1, 0, 1, {"late": 1}),
    ]


def test_addresses_lie_in_one_table_only(home: House) -> None:
    token = home.subscribe("secret.person@example.org")
    home.send(MONDAY_7)
    home.change(token, hour="9")
    with home.library() as (db, _):
        holding = [
            table
            for table in db.table_names()
            if any("secret.person" in str(row) for row in db.query(f"SELECT * FROM [{table}]"))
        ]
    assert holding == ["subscribers"]


def test_the_outbox_holds_what_would_have_been_sent(home: House, tmp_path: Path) -> None:
    home.subscribe("box@example.org")
    home.send(MONDAY_7)
    (path,) = (home.config.instance / "outbox").glob("*.eml")
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n")


def test_content_version_stays_while_letters_are_sent(home: House) -> None:
    """A delivery must not flush the page cache."""
    home.subscribe("x@example.org")
    home.at(MONDAY_7).begin()
    with opened(home.config.database) as db:
        before = meta.content_version(db)
    home.send(MONDAY_7)
    with opened(home.config.database) as db:
        assert meta.content_version(db) == before


def test_a_site_without_editions_sends_nothing_and_says_why(
    install: Callable[..., Installation],
) -> None:
    made = house(install())
    made.subscribe("first@example.org")
    assert made.post(MONDAY_7) == []
    assert made.states() == [(1, "skipped", "nothing to send")]
