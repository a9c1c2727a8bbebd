"""From the ledger to a real mail server and back: whatever the server does, nobody is lost."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from feed import digests, editions
from feed.accounts import people
from feed.digests.queue import Queue
from feed.errors import MailError, MailRefusedError, MailUnavailableError
from feed.smtp import SmtpServer
from feed.subscribers import subscriptions
from tests.conftest import Installation, free_port
from tests.mail_harness import PREFERENCES, MailHarness, later, mail_harness, parse
from tests.smtp_servers import DROP, AcceptingScript, mail_server, scripted_server

SEVEN = "2026-11-23T07:00:02+01:00"
EDITOR = {"address": "eva@example.org", "name": "Eva", "role": "editor", "language": "en"}


@pytest.fixture(params=["here", pytest.param("workers", marks=pytest.mark.needs("redis"))])
def harness(request: pytest.FixtureRequest, devis: Installation) -> MailHarness:
    """Three who read Swedish and three who read English, all at seven.

    Each test sends from this process and through mail workers.
    """
    there = request.getfixturevalue("empty_redis").broker if request.param == "workers" else None
    made = mail_harness(devis, bounce_address="bounces@example.org", broker=there, reports=there)
    for number in range(6):
        made.subscribe(f"p{number}@example.org", language=("en", "sv")[number % 2])
    return made


def to(harness: MailHarness, server: SmtpServer, connections: int = 2) -> MailHarness:
    """The same installation, with that mail server."""
    harness.config = replace(harness.config, smtp=server, mail_connections=connections)
    return harness


def states(harness: MailHarness) -> Counter[str]:
    return Counter(state for _, state, _ in harness.states())


def test_every_subscriber_gets_a_personal_digest(harness: MailHarness) -> None:
    with mail_server() as box:
        assert to(harness, box.server).send(SEVEN) == {"sent": 6}
    assert sorted(mail.recipient for mail in box.mails) == [f"p{n}@example.org" for n in range(6)]
    assert len({mail.sender for mail in box.mails}) == 6  # each its own return path
    letters = [parse(mail.content) for mail in box.mails]
    assert len({letter["Message-ID"] for letter in letters}) == 6
    assert len({letter["List-Unsubscribe"] for letter in letters}) == 6
    assert {letter["Content-Language"] for letter in letters} == {"en", "sv"}
    assert [letter["To"] for letter in letters] == [mail.recipient for mail in box.mails]
    assert states(harness) == {"sent": 6}


def test_over_tls_with_a_login(harness: MailHarness) -> None:
    with mail_server("starttls", login=True) as box:
        to(harness, box.server).send(SEVEN)
    assert len(box.mails) == 6
    assert set(box.logins) == {"devis"}


def test_a_recipient_refused_for_good_bounces_and_the_others_get_theirs(
    harness: MailHarness,
) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "550 5.1.1 <p2@example.org> unknown" if verb == "RCPT" and "p2@" in text else None

    server = AcceptingScript(answer)
    with scripted_server(server) as there:
        assert to(harness, there.server, 1).send(SEVEN) == {"sent": 5, "bounced": 1}
    reasons = [reason for _, state, reason in harness.states() if state == "bounced"]
    assert reasons == ["550 5.1.1 <…> unknown"]
    assert harness.rows("SELECT subscriber, kind FROM bounces") == [(3, "hard")]


def test_bounces_on_three_days_suspend_the_subscription(harness: MailHarness) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "550 5.1.1 unknown" if verb == "RCPT" and "p2@" in text else None

    with scripted_server(*[AcceptingScript(answer) for _ in range(4)]) as there:
        to(harness, there.server, 1)
        told = [harness.send(later(SEVEN, days=day)) for day in range(4)]
    assert [day.get("bounced", 0) for day in told] == [1, 1, 1, 0]
    assert harness.rows("SELECT id FROM subscribers WHERE status = 'suspended'") == [(3,)]


@pytest.mark.parametrize("code", [421, 450, 451, 452])
@pytest.mark.parametrize("verb", ["RCPT", "."])
def test_a_deferred_digest_is_retried_with_the_same_message_id(
    harness: MailHarness, verb: str, code: int
) -> None:
    seen: list[str] = []

    def answer(number: int, said: str, text: str) -> str | None:
        if said != verb or "p1@" not in text:
            return None
        seen.append(text)
        return f"{code} 4.0.0 later" if len(seen) == 1 else None

    servers = [AcceptingScript(answer) for _ in range(4)]
    with scripted_server(*servers) as there:
        to(harness, there.server, 1).send(SEVEN)
        assert states(harness)["deferred"] in (
            0,
            1,
        )  # a letter whose body had not gone goes at once
        harness.send(later(SEVEN, seconds=61))
    taken = Counter(mail.recipient for server in servers for mail in server.mails)
    assert taken == {f"p{n}@example.org": 1 for n in range(6)}
    assert states(harness) == {"sent": 6}
    if verb == ".":
        ids = {parse(text.encode())["Message-ID"] for text in seen}
        assert len(seen) == 2
        assert len(ids) == 1


@pytest.mark.parametrize(
    ("timezone", "hour", "due"),
    [
        ("Asia/Tokyo", "7", "2026-11-24T22:00:02+00:00"),
        ("Pacific/Auckland", "7", "2026-11-24T18:00:02+00:00"),
        ("Europe/Stockholm", "0", "2026-11-24T23:00:02+00:00"),
    ],
)
def test_a_retry_on_the_day_a_pause_ends_counts_the_days_of_the_subscribers_zone(
    harness: MailHarness, timezone: str, hour: str, due: str
) -> None:
    token = harness.subscribe("back@example.org", timezone=timezone, hour=hour)
    harness.change(token, timezone=timezone, hour=hour, paused_until="2026-11-25")
    seen: list[str] = []

    def answer(number: int, said: str, text: str) -> str | None:
        if said != "RCPT" or "back@" not in text:
            return None
        seen.append(text)
        return "450 4.2.0 greylisted" if len(seen) == 1 else None

    with scripted_server(*[AcceptingScript(answer) for _ in range(4)]) as there:
        to(harness, there.server, 1).send(due)
        assert [state for number, state, _ in harness.states() if number == 7] == ["deferred"]
        harness.send(later(due, seconds=61))
    assert [row for row in harness.states() if row[0] == 7] == [(7, "sent", None)]


def test_a_digest_refused_for_its_content_fails_without_a_retry(
    harness: MailHarness,
) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "552 5.3.4 too big" if verb == "." and " p4@" in text else None

    with scripted_server(AcceptingScript(answer), AcceptingScript()) as there:
        assert to(harness, there.server, 1).send(SEVEN) == {"sent": 5, "failed": 1}
        assert harness.send(later(SEVEN, minutes=10)) == {}
    assert ("failed", "552 5.3.4 too big") in [(s, reason) for _, s, reason in harness.states()]
    assert harness.rows("SELECT * FROM bounces") == []


def test_a_connection_that_breaks_in_a_message_loses_no_digest(harness: MailHarness) -> None:
    dropped: list[str] = []

    def answer(number: int, verb: str, text: str) -> str | None:
        if verb == "." and number == 0 and not dropped:
            dropped.append(text)
            return DROP
        return None

    servers = [AcceptingScript(answer) for _ in range(4)]
    with scripted_server(*servers) as there:
        to(harness, there.server, 1).send(SEVEN)
        harness.send(later(SEVEN, seconds=61))
    taken = Counter(mail.recipient for server in servers for mail in server.mails)
    assert taken == {f"p{n}@example.org": 1 for n in range(6)}


@pytest.mark.slow
def test_a_server_that_is_away_costs_nothing_but_time(harness: MailHarness) -> None:
    with pytest.raises(MailUnavailableError):
        to(harness, SmtpServer("127.0.0.1", free_port(), "none")).send(SEVEN)
    with mail_server() as box:
        assert to(harness, box.server).send(later(SEVEN, hours=5))["sent"] == 6
    assert len(box.mails) == 6


@pytest.mark.slow
def test_digests_are_skipped_when_the_server_is_down_all_day(harness: MailHarness) -> None:
    with pytest.raises(MailUnavailableError):
        to(harness, SmtpServer("127.0.0.1", free_port(), "none")).send(SEVEN)
    with mail_server() as box:
        to(harness, box.server).send(later(SEVEN, hours=7))
    assert box.mails == []
    assert {(state, reason) for _, state, reason in harness.states()} == {("skipped", "late")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "reply", "kind"),
    [
        ("MAIL", "550 5.7.1 you may not send", MailRefusedError),
        ("MAIL", "452 4.3.1 insufficient system storage", MailUnavailableError),
        ("CONNECT", "554 5.7.1 no service for you", MailError),
    ],
)
def test_a_server_that_refuses_the_sender_stops_the_run_and_bounces_nobody(
    harness: MailHarness, verb: str, reply: str, kind: type[MailError]
) -> None:
    def answer(number: int, said: str, text: str) -> str | None:
        return reply if said == verb else None

    with (
        scripted_server(*[AcceptingScript(answer) for _ in range(20)]) as there,
        pytest.raises(kind) as told,
    ):
        to(harness, there.server, 1).send(SEVEN)
    assert "p0@" not in str(told.value)
    assert harness.rows("SELECT * FROM bounces") == []
    with mail_server() as box:
        for _ in range(2):  # a probe may come first
            to(harness, box.server).send(later(SEVEN, minutes=5))
    assert len(box.mails) == 6
    assert states(harness) == {"sent": 6}


def test_what_stays_refused_for_now_fails_when_it_is_too_late(harness: MailHarness) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "450 4.2.1 busy" if verb == "RCPT" and "p5@" in text else None

    with scripted_server(*[AcceptingScript(answer) for _ in range(9)]) as there:
        to(harness, there.server, 1)
        for minutes in (0, 2, 7, 23, 60, 130, 200, 300, 361):
            harness.send(later(SEVEN, minutes=minutes))
    assert harness.states()[-1][1:] == ("failed", "450 4.2.1 busy")


@pytest.mark.slow
def test_unsubscribing_during_a_run_stops_the_digest(harness: MailHarness) -> None:
    """A message that no connection has begun to send is stopped.

    With a worker it takes until producer and worker poll.
    """
    tokens = {n: harness.subscribe(f"q{n}@example.org") for n in range(30)}
    left = threading.Event()

    def answer(number: int, verb: str, text: str) -> str | None:
        if verb == "." and not left.is_set():
            harness.unsubscribe(tokens[29])
            left.set()
        return None

    server = AcceptingScript(answer, delay=0.02 if harness.config.broker else 0.004)
    with scripted_server(server) as there:
        told = to(harness, there.server, 1).send(SEVEN)
    assert "q29@example.org" not in {mail.recipient for mail in server.mails}
    assert told["sent"] == 35
    assert harness.states()[-1][1:] == ("skipped", "left")


@pytest.mark.slow
def test_a_sign_in_link_does_not_wait_for_all_digests(harness: MailHarness) -> None:
    """A worker of mail takes it with the next batch."""
    for number in range(30):
        harness.subscribe(f"q{number}@example.org")
    invited = threading.Event()

    def answer(line: int, verb: str, argument: str) -> None:
        if verb == "." and not invited.is_set():
            with harness.open() as (db, _):
                people.invite(db, EDITOR, ("en", "sv"), harness.clock()())
            invited.set()

    server = AcceptingScript(answer, delay=0.004)
    with scripted_server(server) as there:
        told = to(harness, there.server, 1).send(SEVEN)
    assert told == {"sent": 36, "notices sent": 1}
    place = [mail.recipient for mail in server.mails].index("eva@example.org")
    assert place < 30 or harness.config.broker is not None


def test_a_withdrawal_halts_what_is_not_sent(harness: MailHarness) -> None:
    for number in range(30):
        harness.subscribe(f"q{number}@example.org")
    halted = threading.Event()

    def answer(number: int, verb: str, text: str) -> str | None:
        if verb == "." and not halted.is_set():
            with harness.open() as (db, site):
                day = site.today(harness.now)
                editions.withdraw(db, site, harness.config, day, "no", harness.now, replace=False)
            halted.set()
        return None

    server = AcceptingScript(answer, delay=0.02 if harness.config.broker else 0.004)
    with scripted_server(server) as there:
        told = to(harness, there.server, 1).send(SEVEN)
    assert 1 <= len(server.mails) <= (30 if harness.config.broker else 6)
    assert told == {"sent": len(server.mails), "skipped": 36 - len(server.mails)}
    assert {(state, reason) for _, state, reason in harness.states()} == {
        ("sent", None),
        ("skipped", "withdrawn"),
    }


def test_a_stop_finishes_the_message_in_flight_and_leaves_the_rest_queued(
    harness: MailHarness,
) -> None:
    stop = threading.Event()

    def answer(number: int, verb: str, text: str) -> str | None:
        if verb == ".":
            stop.set()
        return None

    server = AcceptingScript(answer)
    with scripted_server(server, AcceptingScript()) as there:
        to(harness, there.server, 1).at(SEVEN).start_due_runs()
        with harness.open() as (db, site):
            digests.send(db, site, harness.config, harness.clock(), stop)
        assert 1 <= len(server.mails) <= 2
        harness.send(later(SEVEN, seconds=5))
    assert states(harness) == {"sent": 6}


def test_a_server_without_smtputf8_takes_an_internationalised_domain(harness: MailHarness) -> None:
    harness.subscribe("du@räksmörgås.example", hour="8")
    with mail_server(enable_SMTPUTF8=False) as box:
        assert to(harness, box.server).send("2026-11-23T08:00:02+01:00") == {"sent": 7}
    (mail,) = (each for each in box.mails if each.recipient.startswith("du@"))
    assert mail.recipient == "du@xn--rksmrgs-5wao1o.example"
    assert b"\r\nTo: du@xn--rksmrgs-5wao1o.example\r\n" in mail.content
    assert mail.content.isascii()


def test_an_internationalised_address_needs_a_server_with_smtputf8(harness: MailHarness) -> None:
    harness.subscribe("åsa@exempel.example", hour="8")
    eight = "2026-11-23T08:00:02+01:00"
    with mail_server(enable_SMTPUTF8=False) as box:
        assert to(harness, box.server).send(eight) == {"sent": 6, "failed": 1}
    harness.at("2026-11-23T12:00+01:00")
    with mail_server(enable_SMTPUTF8=True) as box:
        assert to(harness, box.server).send("2026-11-24T08:00:02+01:00")["sent"] == 7
    assert "åsa@exempel.example" in {mail.recipient for mail in box.mails}


def test_the_answer_of_a_server_never_brings_an_address_into_the_logs(
    harness: MailHarness, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return f"550 5.1.1 {text}: nobody" if verb == "RCPT" else None

    with scripted_server(AcceptingScript(answer)) as there:
        to(harness, there.server, 1).send(SEVEN)
    held = str(harness.states()) + caplog.text
    assert "example.org" not in held


def test_notices_are_sent_before_digests(harness: MailHarness) -> None:
    with harness.open() as (db, site):
        given = {"address": "new@example.org", **PREFERENCES}
        subscriptions.sign_up(db, site, harness.config, given, "/en/subscribe/", harness.now)
    server = AcceptingScript()
    with scripted_server(server) as there:
        to(harness, there.server, 1).send(SEVEN)
    assert server.mails[0].recipient == "new@example.org"
    notice = parse(server.mails[0].content)
    assert notice["List-Unsubscribe"] is None
    assert notice["Auto-Submitted"] == "auto-generated"
    assert harness.rows("SELECT state FROM outbox") == [("sent",)]


def test_a_notice_is_tried_again_for_half_a_day(harness: MailHarness) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "451 4.7.1 greylisted" if verb == "RCPT" and "new@" in text else None

    with harness.open() as (db, site):
        given = {"address": "new@example.org", **PREFERENCES}
        subscriptions.sign_up(db, site, harness.config, given, "/en/subscribe/", harness.now)
    last = AcceptingScript()
    with scripted_server(AcceptingScript(answer), last) as there:
        to(harness, there.server, 1).send(harness.now.isoformat())
        assert harness.rows("SELECT state, attempts FROM outbox") == [("due", 1)]
        harness.send((harness.now + timedelta(seconds=61)).isoformat())
    assert [mail.recipient for mail in last.mails] == ["new@example.org"]


def test_a_notice_that_an_ended_sender_had_claimed_is_sent_by_the_next(
    harness: MailHarness,
) -> None:
    """It was still to be sent, or its outcome to be recorded."""
    with harness.open() as (db, site):
        given = {"address": "new@example.org", **PREFERENCES}
        subscriptions.sign_up(db, site, harness.config, given, "/en/subscribe/", harness.now)
        queue = Queue(db, site, harness.config, harness.key, harness.clock())
        assert next(queue).recipient == "new@example.org"
        assert not digests.is_idle(db, harness.now)
    server = AcceptingScript()
    with scripted_server(server) as there:
        to(harness, there.server, 1).send(harness.now.isoformat())
    assert [mail.recipient for mail in server.mails] == ["new@example.org"]
    assert harness.rows("SELECT state, attempts FROM outbox") == [("sent", 1)]
