"""Subscribers administered from the command line: found, stopped, resumed, erased, suppressed."""

import json
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from feed.store import subscribers
from feed.store.connection import transaction
from feed.subscribers import administration
from feed.subscribers.administration import Suspension
from tests.cli.test_cli import refused
from tests.conftest import NOON, Command, Installation
from tests.site_client import SiteClient, site_client

ANNA = "anna@example.org"
WHY = ["--reason", "asked by telephone"]
KINDS = ("pending", "known", "left", "suspended")


@pytest.fixture
def client(install: Callable[..., Installation]) -> SiteClient:
    return site_client(install())


@pytest.fixture
def run(client: SiteClient, command: Command) -> Callable[..., str]:
    """Runs `devis subscriber …` on that database; what it prints."""
    return lambda *arguments, **options: (
        command("subscriber", *arguments, **rehearsal(), **options).stdout
    )


def rehearsal() -> dict[str, Any]:
    return {"NOW": NOON.isoformat(), "BASE_URL": "http://127.0.0.1:8000"}


def acts(client: SiteClient) -> list[tuple[Any, ...]]:
    """The audit log: act, subscriber, number, reason, oldest first."""
    return client.harness.rows("SELECT act, subscriber, number, reason FROM subscriber_audit")


def bounce(client: SiteClient, address: str, kind: str = "hard") -> None:
    """Suspend a subscriber, with a bounce or complaint on record."""
    with client.harness.open() as (db, _), transaction(db):
        number = client.subscriber(address).id
        subscribers.record_bounce(db, number, kind, client.harness.now)
        subscribers.suspend(db, number, client.harness.now)


def status(client: SiteClient, address: str = ANNA) -> str:
    return client.subscriber(address).status


@pytest.mark.parametrize(
    "typed", [ANNA, "  ANNA@Example.ORG ", "<anna@example.org>,", "mailto:anna@example.org", "1"]
)
def test_a_person_is_found_by_address_however_it_is_written(
    client: SiteClient, run: Callable[..., str], typed: str
) -> None:
    client.make_subscriber("known")
    assert "     1  active     every day at 07:00" in run("find", typed)


def test_an_address_can_come_from_standard_input(
    client: SiteClient, run: Callable[..., str]
) -> None:
    client.make_subscriber("known")
    assert "active" in run("find", "-", given=f"{ANNA}\n")
    assert run("suppress", "-", given=f"{ANNA}\n\n@evil.example\n") == (
        "2 of 2 entries are new; 1 people unsubscribed.\n"
    )
    assert status(client) == "left"


def test_nobody_found_is_one_line_without_the_address(client: SiteClient, command: Command) -> None:
    message = refused(command, "subscriber", "find", "nobody@example.org", **rehearsal())
    assert message == "Error: Nobody is subscribed with this address.\n"
    assert "no @" in refused(command, "subscriber", "find", "nobody", **rehearsal())
    assert "no subscriber" in refused(command, "subscriber", "show", "99", **rehearsal())


def test_a_person_of_another_domain_than_the_present_ones_is_found(
    client: SiteClient, run: Callable[..., str]
) -> None:
    client.make_subscriber("known")
    assert "active" in run("find", ANNA, MAIL_DOMAINS="corp.example")


def test_show_has_consent_deliveries_bounces_and_acts(
    client: SiteClient, run: Callable[..., str]
) -> None:
    client.make_subscriber("known")
    bounce(client, ANNA)
    with client.harness.open() as (db, _), transaction(db):
        db.execute("INSERT INTO letters VALUES (1, 'daily', '2026-11-21')")
        db.execute(
            "INSERT INTO deliveries (letter, subscriber, language, state, due, at, reason)"
            " VALUES (1, 1, 'en', 'bounced', ?, ?, '550 5.1.1 No such user')",
            [NOON.isoformat()] * 2,
        )
    run("export", ANNA, *WHY)
    shown = run("show", ANNA)
    for part in (
        "suspended",
        "asked      /en/subscribe/  “Send me",
        "2026-11-21  daily   en  bounced   550 5.1.1 No such user",
        "2026-11-22 11:00  hard",
        "export   command line: asked by telephone",
    ):
        assert part in shown


def test_stopping_a_subscription_voids_its_links_and_records_why(
    client: SiteClient, run: Callable[..., str], command: Command
) -> None:
    client.make_subscriber("pending")
    link = client.link(ANNA, "confirm")
    assert run("stop", ANNA, *WHY) == "Subscriber 1 gets no more emails.\n"
    assert status(client) == "left"
    assert client.post(link + "/confirm").status_code == 404
    assert acts(client) == [("stop", 1, 1, "asked by telephone")]
    assert client.harness.rows("SELECT act, source FROM consents ORDER BY id DESC LIMIT 1") == [
        ("left", "command line")
    ]
    assert "gets no emails" in refused(command, "subscriber", "stop", "1", *WHY, **rehearsal())


def test_resuming_activates_the_suspended_and_asks_those_who_left(
    client: SiteClient, run: Callable[..., str], command: Command
) -> None:
    for kind in KINDS:
        client.make_subscriber(kind, f"{kind}@example.org")
    bounce(client, "suspended@example.org")
    before = len(client.notices())
    assert "gets emails again" in run("resume", "suspended@example.org", *WHY)
    assert client.harness.rows("SELECT * FROM bounces") == []
    assert "asked by email to confirm" in run("resume", "left@example.org", *WHY)
    assert "asked by email to confirm" in run("resume", "pending@example.org", *WHY)
    assert client.notices()[before:] == [
        ("left@example.org", "confirm"),
        ("pending@example.org", "confirm"),
    ]
    assert [status(client, f"{kind}@example.org") for kind in KINDS] == [
        *("pending", "active", "left", "active")
    ]
    client.post(client.link("left@example.org", "confirm") + "/confirm")
    assert status(client, "left@example.org") == "active"
    message = refused(command, "subscriber", "resume", "left@example.org", *WHY, **rehearsal())
    assert "already gets emails" in message


def test_nobody_is_asked_to_confirm_more_than_three_times(
    client: SiteClient, run: Callable[..., str], command: Command
) -> None:
    client.make_subscriber("left")
    for _ in range(3):
        run("resume", ANNA, *WHY)
    assert "no more are sent" in refused(command, "subscriber", "resume", "1", *WHY, **rehearsal())
    assert len(client.notices()) == 3


def test_all_of_a_day_or_domain_are_resumed_after_a_preview(
    client: SiteClient, run: Callable[..., str]
) -> None:
    for name in ("a@one.example", "b@one.example", "c@two.example", "d@notone.example"):
        client.make_subscriber("known", name)
        bounce(client, name)
    client.make_subscriber("known", "angry@one.example")
    bounce(client, "angry@one.example", "complaint")
    client.set_time(NOON - timedelta(days=1))
    client.make_subscriber("known", "early@one.example")
    bounce(client, "early@one.example")

    day, domain = ["--day", "2026-11-22"], ["--domain", "One.example"]
    assert run("resume", *day, *domain, *WHY).startswith("2 people would be resumed.")
    assert status(client, "a@one.example") == "suspended"
    assert run("resume", *domain, *WHY).startswith("3 people")
    assert run("resume", *day, *WHY).startswith("4 people")
    assert run("resume", *day, *domain, *WHY, "--yes") == "2 people are resumed.\n"
    found = [status(client, f"{name}@one.example") for name in ("a", "b", "angry", "early")]
    assert found == ["active", "active", "suspended", "suspended"]
    assert status(client, "d@notone.example") == "suspended"
    assert acts(client) == [("resume", n, 1, "asked by telephone") for n in (1, 2)]


def test_an_export_is_what_the_person_can_download_and_names_the_act(
    client: SiteClient, run: Callable[..., str]
) -> None:
    client.make_subscriber("known")
    theirs = json.loads(client.get(client.link(ANNA, "private") + "/export").text)
    ours = json.loads(run("export", ANNA, *WHY))
    act = {"at": NOON.isoformat(), "act": "export", "reason": "asked by telephone"}
    assert ours == {**theirs, "administration": [act]}


def test_erasing_leaves_the_act_and_no_address(client: SiteClient, run: Callable[..., str]) -> None:
    client.make_subscriber("known")
    run("erase", ANNA, *WHY)
    assert client.harness.rows("SELECT * FROM subscribers") == []
    assert acts(client) == [("erase", 1, 1, "asked by telephone")]
    assert client.sign_up(ANNA).status_code == 303
    assert client.notices() == [(ANNA, "confirm")]


@pytest.mark.parametrize("entry", [ANNA, "@example.org", "@Example.ORG"])
def test_a_suppressed_address_signs_up_like_any_other_and_gets_nothing(
    client: SiteClient, run: Callable[..., str], entry: str
) -> None:
    run("suppress", entry)
    answers = [client.sign_up(each) for each in ("Anna@example.org", "bo@elsewhere.example")]
    for each in answers:
        del each.headers["X-Request-Id"]
    first, second = ((a.status_code, a.data, dict(a.headers)) for a in answers)
    assert first == second
    assert client.notices() == [("bo@elsewhere.example", "confirm")]
    assert "anna" not in str(client.harness.rows("SELECT * FROM suppressions"))
    run("suppress", "--remove", entry)
    client.sign_up(ANNA)
    assert (ANNA, "confirm") in client.notices()


def test_an_erased_person_can_stay_suppressed(client: SiteClient, run: Callable[..., str]) -> None:
    client.make_subscriber("known")
    run("erase", ANNA, *WHY, "--suppress")
    client.sign_up(ANNA)
    assert client.notices() == []


def test_a_suppressed_person_comes_back_by_no_link(
    client: SiteClient, run: Callable[..., str]
) -> None:
    client.make_subscriber("known")
    client.make_subscriber("known", "bo@new.example")
    letter, private = client.link(ANNA, "letter"), client.link("bo@new.example", "private")
    answer = client.post(private + "/address", {"address": "cecilia@example.org"})
    move = client.link("bo@new.example", "move")
    sent = client.notices()
    assert run("suppress", "@example.org").endswith("1 people unsubscribed.\n")
    assert client.post(letter + "/resume").status_code == 404
    assert status(client) == "left"
    assert client.post(move + "/move").status_code == 404
    again = client.post(private + "/address", {"address": "david@example.org"})
    assert (again.status_code, again.data) == (answer.status_code, answer.data)
    assert client.notices() == sent
    assert client.post(letter + "/unsubscribe").status_code == 200


def test_a_list_with_a_bad_line_is_refused_with_its_number(
    client: SiteClient, run: Callable[..., str], command: Command
) -> None:
    listed = command.folder / "list.txt"
    listed.write_text("anna@example.org\n\nnobody\n@..\n", encoding="utf-8-sig")
    done = command("subscriber", "suppress", "--file", str(listed), code=1, **rehearsal())
    for part in ("entry 3: “nobody” has no @", "entry 4: ", "Nothing was changed."):
        assert part in done.stderr
    assert client.harness.rows("SELECT * FROM suppressions") == []
    listed.write_text("anna@example.org\n@evil.example\n")
    assert run("suppress", "--file", str(listed)).startswith("2 of 2 entries are new")


@pytest.mark.parametrize(
    ("reason", "said"),
    [("  ", "Write a reason"), ("a" * 301, "at most 300"), ("as anna@example.org asked", "Leave")],
)
def test_an_act_needs_a_reason_without_an_address(
    client: SiteClient, command: Command, reason: str, said: str
) -> None:
    client.make_subscriber("known")
    for act in ("stop", "resume", "export", "erase"):
        message = refused(command, "subscriber", act, ANNA, "--reason", reason, **rehearsal())
        assert said in message
        command("subscriber", act, ANNA, code=2, **rehearsal())
    assert status(client) == "active"
    assert acts(client) == []


def test_no_address_is_logged(
    client: SiteClient, run: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.make_subscriber("known")
    for act in ("show", "stop", "resume", "export", "erase"):
        run(act, ANNA, *(WHY if act != "show" else []))
    run("suppress", ANNA)
    assert "anna" not in caplog.text


def test_a_person_is_found_by_indexes_among_any_number(client: SiteClient) -> None:
    client.make_subscriber("known")
    ran: list[str] = []
    with client.harness.open() as (db, site):
        db.conn.set_trace_callback(ran.append)
        found = administration.find(db, client.harness.config, ANNA)
        assert found
        administration.record(db, client.harness.key, found.id)
        administration.suspended(db, site, Suspension(NOON.date(), None))
        db.conn.set_trace_callback(None)
        plans = [
            str(db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
            for query in ran
            if query.startswith("SELECT")
        ]
    assert len(plans) > 6
    scans = re.findall(r"SCAN (\w+)", " ".join(plans))
    assert set(scans) <= {"letters", "l", "CONSTANT"}, plans
