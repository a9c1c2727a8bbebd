"""Digests arrive once, in the reader's language, at the reader's hour, and are recorded."""

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
from tests.mail_harness import MailHarness, later, mail_harness, recipients

SUNDAY = "2026-11-22T12:00+01:00"
MONDAY_6 = "2026-11-23T06:59:58+01:00"
MONDAY_7 = "2026-11-23T07:00:02+01:00"


@pytest.fixture
def harness(devis: Installation) -> MailHarness:
    """The shipped library, on a Sunday at noon, without subscribers."""
    return mail_harness(devis)


def title(harness: MailHarness, day: str, language: str) -> str:
    """The title of the edition of a day."""
    with harness.open() as (db, site):
        view = editions.on(db, site, date.fromisoformat(day), harness.now)
    return view.showing.text(language).title


def test_every_subscriber_gets_the_daily_digest_once_at_their_hour_in_their_language(
    harness: MailHarness,
) -> None:
    harness.subscribe("anna@example.org", language="sv")
    harness.subscribe("bo@example.org", hour="8")
    assert harness.new_messages(MONDAY_6) == []
    (first,) = harness.new_messages(MONDAY_7)
    assert (first["To"], first["Subject"]) == (
        "anna@example.org",
        title(harness, "2026-11-23", "sv"),
    )
    assert first["Content-Language"] == "sv"
    assert harness.new_messages(later(MONDAY_7, seconds=4)) == []
    (second,) = harness.new_messages("2026-11-23T08:00:01+01:00")
    assert (second["To"], second["Subject"]) == (
        "bo@example.org",
        title(harness, "2026-11-23", "en"),
    )
    assert recipients(harness.new_messages("2026-11-24T08:00:05+01:00")) == [
        "anna@example.org",
        "bo@example.org",
    ]
    assert {state for _, state, _ in harness.states()} == {"sent"}


def test_the_hour_is_in_the_subscribers_timezone_not_the_sites(harness: MailHarness) -> None:
    harness.subscribe("ada@example.org", timezone="America/New_York")
    assert harness.new_messages(MONDAY_7) == []
    (letter,) = harness.new_messages("2026-11-23T07:00:01-05:00")
    assert letter["Subject"] == title(harness, "2026-11-23", "en")


def test_workdays_follow_the_subscribers_date(harness: MailHarness) -> None:
    harness.subscribe("work@example.org", days="workdays")
    harness.subscribe("all@example.org")
    assert (
        len(harness.new_messages("2026-11-27T07:01+01:00")) == 2
    )  # Friday; the days before came late
    assert recipients(harness.new_messages("2026-11-28T07:01+01:00")) == ["all@example.org"]
    assert recipients(harness.new_messages("2026-11-29T07:01+01:00")) == ["all@example.org"]
    assert len(harness.new_messages("2026-11-30T07:01+01:00")) == 2


def test_the_heading_is_the_date_where_the_reader_is(harness: MailHarness) -> None:
    harness.subscribe("kiri@example.org", timezone="Pacific/Auckland")
    harness.subscribe("anna@example.org")
    (far,) = harness.new_messages("2026-11-24T07:00:02+13:00")  # still Monday at the site
    text = far.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert far["Subject"] == title(harness, "2026-11-23", "en")
    assert text.startswith("Tuesday 24 November 2026")
    (near,) = harness.new_messages("2026-11-24T07:00:02+01:00")
    text = near.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert text.startswith("Tuesday 24 November 2026")


def test_the_weekly_digest_has_the_weeks_editions_in_order(harness: MailHarness) -> None:
    harness.subscribe("vera@example.org", cadence="weekly", language="sv")
    for day in range(23, 30):
        assert harness.new_messages(f"2026-11-{day}T07:01+01:00") == [] or day == 23
    (letter,) = harness.new_messages("2026-11-30T07:01+01:00")
    text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    titles = [title(harness, f"2026-11-{day}", "sv") for day in range(23, 30)]
    lead = next(each for each in titles if each in letter["Subject"])
    head, _, rest = text.partition("Resten av veckan")
    assert f"\n{lead}\n" in head.replace("\r\n", "\n")
    places = [rest.index(each) for each in titles if each != lead]
    assert places == sorted(places)
    assert "48" in letter["Subject"]


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Europe/Stockholm", "Pacific/Honolulu"])
def test_the_weekly_digest_is_complete_and_comes_every_monday_in_every_timezone(
    harness: MailHarness, zone: str
) -> None:
    """As the form, the confirmation e-mail and the consent say."""
    harness.subscribe("vera@example.org", cadence="weekly", timezone=zone)
    for monday in (date(2026, 11, 23), date(2026, 11, 30)):
        local = datetime.combine(monday, time(7, 0, 2), ZoneInfo(zone))
        assert (
            harness.new_messages((local - timedelta(seconds=4)).astimezone(UTC).isoformat()) == []
        )
        (letter,) = harness.new_messages(local.astimezone(UTC).isoformat())
        text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        for ago in range(1, 8):
            assert title(harness, (monday - timedelta(days=ago)).isoformat(), "en") in text


def test_a_change_of_hour_or_language_at_noon_sends_no_second_digest(
    harness: MailHarness,
) -> None:
    token = harness.subscribe("ida@example.org")
    assert len(harness.new_messages(MONDAY_7)) == 1
    harness.at("2026-11-23T12:00+01:00").change(token, hour="15", language="sv")
    assert harness.new_messages("2026-11-23T15:00:03+01:00") == []
    assert harness.states() == [(1, "sent", None)]
    (letter,) = harness.new_messages("2026-11-24T15:00:03+01:00")
    assert letter["Content-Language"] == "sv"


def test_a_change_of_language_during_a_run_misses_no_digest(
    harness: MailHarness,
) -> None:
    token = harness.subscribe("eva@example.org")
    harness.at(MONDAY_7).start_due_runs()
    harness.at(later(MONDAY_7, seconds=3)).change(token, language="sv")
    (letter,) = harness.new_messages(later(MONDAY_7, seconds=5))
    assert letter["Content-Language"] == "sv"


def test_changing_to_an_earlier_hour_waits_for_the_next_day(harness: MailHarness) -> None:
    token = harness.subscribe("sam@example.org", hour="20")
    harness.at("2026-11-23T12:00+01:00").start_due_runs()
    harness.change(token, hour="7")
    assert harness.new_messages("2026-11-23T20:01+01:00") == []
    assert len(harness.new_messages("2026-11-24T07:01+01:00")) == 1


def test_a_late_digest_is_skipped_and_recorded(harness: MailHarness) -> None:
    harness.subscribe("liv@example.org")
    assert harness.new_messages("2026-11-23T13:00:01+01:00") == []
    assert harness.states() == [(1, "skipped", "late")]
    assert len(harness.new_messages("2026-11-24T12:59:59+01:00")) == 1  # under six hours late


def test_days_without_the_machine_are_recorded_each_and_not_made_up_for(
    harness: MailHarness,
) -> None:
    harness.subscribe("kim@example.org")
    (letter,) = harness.new_messages("2026-11-25T07:30+01:00")
    assert letter["Subject"] == title(harness, "2026-11-25", "en")
    assert [reason for _, _, reason in harness.states()] == ["late", "late", None]


def test_a_pause_lasts_until_its_day(harness: MailHarness) -> None:
    token = harness.subscribe("per@example.org")
    harness.change(token, paused_until="2026-11-25")
    assert (
        harness.new_messages("2026-11-23T07:01+01:00")
        == harness.new_messages("2026-11-24T07:01+01:00")
        == []
    )
    assert len(harness.new_messages("2026-11-25T07:01+01:00")) == 1


def test_an_unsubscribed_person_gets_nothing_not_even_queued_digests(harness: MailHarness) -> None:
    token = harness.subscribe("out@example.org")
    harness.at(MONDAY_7).start_due_runs()
    harness.unsubscribe(token)
    assert harness.new_messages(MONDAY_7) == []
    assert harness.states() == []


def test_a_withdrawn_edition_without_another_in_its_place_is_not_sent(harness: MailHarness) -> None:
    harness.subscribe("ola@example.org")
    harness.at(MONDAY_7).start_due_runs()
    with harness.open() as (db, site):
        day = site.today(harness.now)
        editions.withdraw(db, site, harness.config, day, "wrong", harness.now, replace=False)
    assert harness.new_messages(MONDAY_7) == []
    assert harness.states() == [(1, "skipped", "withdrawn")]


def test_the_digest_has_the_content_at_the_moment_of_sending(harness: MailHarness) -> None:
    harness.subscribe("pia@example.org")
    harness.at(MONDAY_7).start_due_runs()
    before = title(harness, "2026-11-23", "en")
    with harness.open() as (db, site):
        editions.withdraw(db, site, harness.config, site.today(harness.now), "wrong", harness.now)
    (letter,) = harness.new_messages(MONDAY_7)
    assert letter["Subject"] == title(harness, "2026-11-23", "en") != before


def test_one_edition_is_one_digest_where_two_daylight_savings_disagree(
    harness: MailHarness,
) -> None:
    """18:00 in New York is midnight at home, but an hour before it while only one has moved."""
    harness.at("2027-03-05T12:00+01:00").start_due_runs()
    harness.subscribe("ny@example.org", timezone="America/New_York", hour="18")
    subjects = [
        letter["Subject"]
        for day in range(6, 18)
        for letter in harness.new_messages(f"2027-03-{day:02}T22:00:01-05:00")
        + harness.new_messages(f"2027-03-{day:02}T23:59:01-05:00")
    ]
    assert len(subjects) == len(set(subjects)) >= 11


def test_claims_of_a_dead_sender_are_sent_with_the_same_message_id(harness: MailHarness) -> None:
    harness.subscribe("tor@example.org")
    (first,) = harness.new_messages(MONDAY_7)
    with harness.open() as (db, _):
        db.execute("UPDATE deliveries SET state = 'claimed'")
    for path in (harness.config.instance / digests.OUTBOX_FOLDER).glob("*.eml"):
        path.unlink()
    harness.read.clear()
    (again,) = harness.new_messages(later(MONDAY_7, seconds=30))
    assert again["Message-ID"] == first["Message-ID"]
    assert [state for _, state, _ in harness.states()] == ["sent"]


@pytest.mark.parametrize(
    "ahead", ["2026-11-23T12:00+01:00", "2026-11-24T07:01+01:00", "2030-01-01"]
)
def test_a_clock_that_was_ahead_costs_no_digest(harness: MailHarness, ahead: str) -> None:
    """Digests of future dates were claimed, and skipped because they had no edition yet."""
    harness.subscribe("una@example.org")
    with harness.open() as (db, site):
        harness.at(f"{ahead}T07:01+01:00" if len(ahead) == 10 else ahead)
        digests.start_due_runs(db, site, harness.now)
    harness.at(SUNDAY)
    with harness.open() as (db, site), digests.sending_lock(harness.config):
        queue = Queue(db, site, harness.config, harness.key, harness.clock())
        assert list(queue) == []
    assert harness.new_messages(later(SUNDAY, hours=4)) == []
    for day in ("2026-11-23", "2026-11-24"):
        (letter,) = harness.new_messages(f"{day}T07:00:02+01:00")
        assert letter["Subject"] == title(harness, day, "en")


def test_a_clock_that_is_set_back_a_little_sends_nothing_again(harness: MailHarness) -> None:
    harness.subscribe("zoe@example.org")
    assert len(harness.new_messages(MONDAY_7)) == 1
    assert harness.send(MONDAY_6) == harness.send(later(MONDAY_7, seconds=3)) == {}


def test_one_process_sends_at_a_time(harness: MailHarness) -> None:
    with (
        digests.sending_lock(harness.config) as mine,
        digests.sending_lock(harness.config) as another,
    ):
        assert mine
        assert not another


def test_two_processes_claim_each_delivery_once(harness: MailHarness) -> None:
    for number in range(40):
        harness.subscribe(f"p{number}@example.org")
    harness.at(MONDAY_7)
    together = threading.Barrier(4)

    def begin() -> None:
        together.wait()
        harness.start_due_runs()

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert harness.rows("SELECT cadence FROM letters l JOIN runs r ON r.letter = l.id") == [
        ("daily",)
    ]
    assert len(harness.new_messages(MONDAY_7)) == 40
    assert harness.new_messages(MONDAY_7) == []


def test_the_report_counts_what_was_due_and_why_it_was_not_sent(harness: MailHarness) -> None:
    harness.subscribe("a@example.org")
    harness.subscribe("b@example.org", language="sv")
    leaving = harness.subscribe("c@example.org")
    harness.at(MONDAY_7).start_due_runs()
    with harness.open() as (db, site):
        today = site.today(harness.now)
        waiting = {
            (p.language, p.due, p.waiting) for p in delivery_report.reports(db, today, today)
        }
    assert waiting == {("en", 2, 2), ("sv", 1, 1)}
    harness.unsubscribe(leaving)
    harness.send(MONDAY_7)
    harness.send("2026-11-24T20:00+01:00")
    with harness.open() as (db, site):
        found = delivery_report.reports(db, today, site.today(harness.now))
    told = [(p.date, p.language, p.due, p.sent, p.skipped, p.why) for p in found]
    assert sorted(told) == [
        ("2026-11-23", "en", 1, 1, 0, {}),
        ("2026-11-23", "sv", 1, 1, 0, {}),
        ("2026-11-24", "en", 1, 0, 1, {"late": 1}),
        ("2026-11-24", "sv", 1, 0, 1, {"late": 1}),
    ]


def test_addresses_lie_in_one_table_only(harness: MailHarness) -> None:
    token = harness.subscribe("secret.person@example.org")
    harness.send(MONDAY_7)
    harness.change(token, hour="9")
    with harness.open() as (db, _):
        holding = [
            table
            for table in db.table_names()
            if any("secret.person" in str(row) for row in db.query(f"SELECT * FROM [{table}]"))
        ]
    assert holding == ["subscribers"]


def test_the_outbox_holds_what_would_have_been_sent(harness: MailHarness, tmp_path: Path) -> None:
    harness.subscribe("box@example.org")
    harness.send(MONDAY_7)
    (path,) = (harness.config.instance / "outbox").glob("*.eml")
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n")


def test_content_version_stays_while_digests_are_sent(harness: MailHarness) -> None:
    """A delivery must not flush the page cache."""
    harness.subscribe("x@example.org")
    harness.at(MONDAY_7).start_due_runs()
    with opened(harness.config.database) as db:
        before = meta.content_version(db)
    harness.send(MONDAY_7)
    with opened(harness.config.database) as db:
        assert meta.content_version(db) == before


def test_a_site_without_editions_sends_nothing_and_says_why(
    install: Callable[..., Installation],
) -> None:
    made = mail_harness(install())
    made.subscribe("first@example.org")
    assert made.new_messages(MONDAY_7) == []
    assert made.states() == [(1, "skipped", "nothing to send")]
