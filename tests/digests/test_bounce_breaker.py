"""Many addresses that are reported dead at once: nobody is suspended until somebody decides."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from feed import digests
from feed.digests import alarms, bounces
from feed.digests.bounce_breaker import trips
from feed.i18n import translator
from feed.store.bounce_alarms import Decision
from tests.conftest import Installation
from tests.digests.test_bounces import handle, report
from tests.digests.test_refusals import SEVEN, Sending, refuse
from tests.mail_harness import MailHarness, later, mail_harness

DEAD = "550 5.1.1 no such user"


@pytest.fixture
def harness(devis: Installation) -> MailHarness:
    return mail_harness(devis, bounce_limit=1)


def enter(harness: MailHarness, domain: str, number: int, first: int = 0) -> None:
    """Subscribers of a domain, as if long ago."""
    with harness.open() as (db, _):
        db.conn.executemany(
            "INSERT INTO subscribers (address, identity, language, cadence, workdays, hour,"
            " timezone, status, asked, confirmed, since)"
            " VALUES (?1, ?1, 'en', 'daily', 0, 7, 'Europe/Stockholm', 'active', ?2, ?2, ?2)",
            [(f"p{n}@{domain}", "2026-01-01T00:00:00+00:00") for n in range(first, first + number)],
        )
        db.conn.commit()


def suspended(harness: MailHarness) -> int:
    ((number,),) = harness.rows("SELECT count(*) FROM subscribers WHERE status = 'suspended'")
    return int(number)


def texts(harness: MailHarness) -> list[str]:
    with harness.open() as (db, _):
        return alarms.current(db, harness.now).texts(translator("en"))


def decide(harness: MailHarness, decision: Decision) -> int:
    with harness.open() as (db, _):
        return bounces.decide(db, harness.config, decision, harness.now)


@pytest.mark.parametrize(
    ("dead", "recipients", "expected"),
    [(19, 19, False), (20, 399, True), (20, 400, False), (21, 419, True), (500, 10_000, False)],
)
def test_an_alarm_needs_twenty_and_more_than_a_twentieth(
    dead: int, recipients: int, expected: bool
) -> None:
    assert trips(dead, recipients) is expected


@pytest.mark.parametrize("decision", ["accepted", "discarded"])
def test_nobody_is_suspended_until_it_is_decided(harness: MailHarness, decision: Decision) -> None:
    enter(harness, "a.example", 30)
    enter(harness, "b.example", 70)
    server = Sending(harness)
    server.send(0, refuse("a.example", reply=DEAD))
    assert suspended(harness) == 0
    by_domain, by_day = sorted(texts(harness))
    assert by_domain.startswith("30 of 100 addresses that the email of 2026-11-23 went to")
    assert by_day.startswith("30 of 30 addresses at a.example that")
    assert all("“550 5.1.1 no such user”" in text for text in (by_domain, by_day))
    server.send(24 * 60, refuse("a.example", reply=DEAD))
    assert suspended(harness) == 0
    assert decide(harness, decision) == (30 if decision == "accepted" else 0)
    assert texts(harness) == []
    assert suspended(harness) == (30 if decision == "accepted" else 0)
    assert decide(harness, decision) == 0
    if decision == "discarded":
        assert harness.rows("SELECT * FROM bounces") == []
        assert len(server.send(2 * 24 * 60, refuse())) == 100


def test_what_was_suspended_before_the_alarm_is_resumed(harness: MailHarness) -> None:
    """At a limit of one the first nineteen are suspended before there are twenty."""
    enter(harness, "a.example", 50)
    harness.config = replace(harness.config, bounce_address=None)
    Sending(harness).send(0, refuse())
    for number in range(19):
        assert handle(harness, report("5.1.1", f"p{number}@a.example"), harness.now).stopped
    assert suspended(harness) == 19
    assert not handle(harness, report("5.1.1", "p19@a.example"), harness.now).stopped
    assert suspended(harness) == 0
    assert decide(harness, "accepted") == 20


def test_a_second_report_about_one_email_counts_once(harness: MailHarness) -> None:
    enter(harness, "a.example", 50)
    harness.config = replace(harness.config, bounce_address=None)
    Sending(harness).send(0, refuse())
    for _ in range(3):
        for number in range(10):
            handle(harness, report("5.1.1", f"p{number}@a.example"), harness.now)
    assert texts(harness) == []
    assert harness.rows("SELECT dead FROM domain_answers") == [(10,), (10,)]


def test_few_among_many_are_suspended_even_where_they_come_first(harness: MailHarness) -> None:
    enter(harness, "a.example", 15)
    enter(harness, "b.example", 10)
    enter(harness, "c.example", 500)
    Sending(harness).send(0, refuse("a.example", "b.example", reply=DEAD))
    assert texts(harness) == []
    assert suspended(harness) == 25


def test_a_complaint_suspends_also_while_nothing_is_decided(harness: MailHarness) -> None:
    enter(harness, "a.example", 30)
    Sending(harness).send(0, refuse("a.example", reply=DEAD))
    with harness.open() as (db, site):
        at = datetime.fromisoformat(later(SEVEN, hours=1))
        message = (
            b"From: staff@hotmail.com\r\nSubject: complaint about message from 192.0.2.1\r\n"
            b"X-HmXmrOriginalRecipient: p3@a.example\r\n\r\n"
        )
        config = replace(harness.config, bounce_address=None)
        assert bounces.handle(db, site, config, harness.key, message, at).stopped
    assert suspended(harness) == 1


def test_old_alarms_and_numbers_are_deleted_with_the_deliveries(harness: MailHarness) -> None:
    enter(harness, "a.example", 30)
    Sending(harness).send(0, refuse("a.example", reply=DEAD))
    with harness.open() as (db, _):
        digests.delete_old_deliveries(db, harness.config, harness.now + timedelta(days=400))
    assert texts(harness) == []
    assert harness.rows("SELECT * FROM domain_answers") == []
