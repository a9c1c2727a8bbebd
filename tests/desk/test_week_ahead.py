"""The email to editors on Friday about the coming week."""

import re
import threading
from datetime import date
from email.message import EmailMessage

import pytest
from filelock import FileLock

from feed import editions, worker
from feed.accounts import people
from feed.checks.machine import WORKER_LOCK
from feed.editions import pins
from feed.store import library
from feed.store.connection import transaction
from tests.conftest import NOON, Installation
from tests.desk_client import Desk
from tests.mail_harness import MailHarness, mail_harness, recipients

FRIDAY = "2026-11-27T07:00:00+00:00"  # eight o'clock in Stockholm


@pytest.fixture
def desk(devis: Installation) -> Desk:
    made = Desk(devis)
    for role in ("translator", "curator", "editor", "administrator"):
        made.account(role)
    return made


def weeks(made: MailHarness) -> list[EmailMessage]:
    """The emails about a week that the worker's hourly job sends now."""
    lock = FileLock(made.config.instance / WORKER_LOCK)
    with lock:
        worker.clean_up(made.config, made.clock(), lock, threading.Event())
    return [
        each for each in made.new_messages() if re.search("(week|vecka) [0-9]+$", each["Subject"])
    ]


def words(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return " ".join(part.get_content().split())


def test_editors_get_the_week_ahead_once_on_friday_morning(desk: Desk) -> None:
    made = mail_harness(desk.installation)
    for instant in ("2026-11-26T12:00:00+00:00", "2026-11-27T06:59:00+00:00"):
        assert weeks(made.at(instant)) == []
    assert recipients(weeks(made.at(FRIDAY))) == ["administrator@example.org", "editor@example.org"]
    for instant in ("2026-11-27T08:00:00+00:00", "2026-11-28T07:00:00+00:00"):
        assert weeks(made.at(instant)) == []
    assert len(weeks(made.at("2026-12-04T07:00:00+00:00"))) == 2


def test_the_week_ahead_names_each_day_and_what_it_lacks(desk: Desk) -> None:
    me = desk.account("editor")
    site, config = desk.installation.site(), desk.installation.config
    with desk.installation.open() as db:
        people.set_language(db, me, "sv")
        planned = {each.date: each.principle for each in editions.plan(db, site, config, NOON, 60)}
        pinned, idle = planned[date(2027, 1, 10)], planned[date(2027, 1, 11)]
        pins.pin(db, site, date(2026, 12, 2), pinned, NOON)
        pins.pin(db, site, date(2026, 12, 3), idle, NOON)
        with transaction(db):
            db.execute("UPDATE principles SET status = 'draft' WHERE slug = ?", [idle])
        planned = {each.date: each.principle for each in editions.plan(db, site, config, NOON, 60)}
        week = [planned[date(2026, 11, 30)], *(planned[date(2026, 12, n)] for n in range(1, 7))]
        lacking = week[0]
        with transaction(db):
            text = [lacking, "sv"]
            db.execute("DELETE FROM texts WHERE principle = ? AND language = ?", text)
        principles = library.principles(db)
    (message,) = [
        each
        for each in weeks(mail_harness(desk.installation).at(FRIDAY))
        if recipients([each]) == ["editor@example.org"]
    ]
    assert message["Subject"].endswith(" vecka 49")
    said = words(message)
    for slug in week:
        texts = principles[slug].texts
        assert texts["sv" if "sv" in texts else "en"].title in said, slug
    assert "Mån 30 nov.: " in said
    assert "svenska: saknas" in said
    assert re.search(r"Ons 2 dec\.: .*? Fäst vid dagen Tors 3 dec\.: ", said)
    assert f"”{principles[idle].texts['sv'].title}” är fäst, men kan inte visas" in said
    assert "/desk/calendar/" in said
    assert "7 dec" not in said


def test_nobody_who_turned_desk_emails_off_gets_the_week(desk: Desk) -> None:
    gone = desk.account("editor", "Gone Away")
    with desk.installation.open() as db:
        people.disable(db, gone.id, NOON)
        with transaction(db):
            db.execute("UPDATE curators SET emails = 0 WHERE address = 'editor@example.org'")
    sent = weeks(mail_harness(desk.installation).at(FRIDAY))
    assert recipients(sent) == ["administrator@example.org"]
