"""From the ledger to a real mail server and back: whatever the server does, nobody is lost."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from feed import digests, editions
from feed.accounts import people
from feed.errors import MailError, MailRefusedError, MailUnavailableError
from feed.smtp import SmtpServer
from feed.subscribers import subscriptions
from tests.conftest import Installation, free_port
from tests.house import WISHES, House, house, later, parse
from tests.mailservers import DROP, Polite, inbox, scripted

SEVEN = "2026-11-23T07:00:02+01:00"
EDITOR = {"address": "eva@example.org", "name": "Eva", "role": "editor", "language": "en"}


@pytest.fixture(params=["here", pytest.param("workers", marks=pytest.mark.needs("redis"))])
def home(request: pytest.FixtureRequest, devis: Installation) -> House:
    """Three who read Swedish and three who read English, all at seven.

    Their letters are sent from here, or by mail workers: it is all the same to them.
    """
    there = request.getfixturevalue("redis_of_one").broker if request.param == "workers" else None
    made = house(devis, bounce_address="bounces@example.org", broker=there, reports=there)
    for number in range(6):
        made.subscribe(f"p{number}@example.org", language=("en", "sv")[number % 2])
    return made


def to(home: House, server: SmtpServer, connections: int = 2) -> House:
    """The same house, with that mail server."""
    home.config = replace(home.config, smtp=server, mail_connections=connections)
    return home


def states(home: House) -> Counter[str]:
    return Counter(state for _, state, _ in home.states())


def test_every_subscriber_gets_a_personal_digest(home: House) -> None:
    with inbox() as box:
        assert to(home, box.server).send(SEVEN) == {"sent": 6}
    assert sorted(mail.recipient for mail in box.mails) == [f"p{n}@example.org" for n in range(6)]
    assert len({mail.sender for mail in box.mails}) == 6  # each its own return path
    letters = [parse(mail.content) for mail in box.mails]
    assert len({letter["Message-ID"] for letter in letters}) == 6
    assert len({letter["List-Unsubscribe"] for letter in letters}) == 6
    assert {letter["Content-Language"] for letter in letters} == {"en", "sv"}
    assert [letter["To"] for letter in letters] == [mail.recipient for mail in box.mails]
    assert states(home) == {"sent": 6}


def test_over_tls_with_a_login(home: House) -> None:
    with inbox("starttls", login=True) as box:
        to(home, box.server).send(SEVEN)
    assert len(box.mails) == 6
    assert set(box.logins) == {"devis"}


def test_a_recipient_refused_for_good_bounces_and_the_others_get_theirs(home: House) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "550 5.1.1 <p2@example.org> unknown" if verb == "RCPT" and "p2@" in text else None

    server = Polite(answer)
    with scripted(server) as there:
        assert to(home, there.server, 1).send(SEVEN) == {"sent": 5, "bounced": 1}
    reasons = [reason for _, state, reason in home.states() if state == "bounced"]
    assert reasons == ["550 5.1.1 <…> unknown"]
    assert home.rows("SELECT subscriber, kind FROM bounces") == [(3, "hard")]


def test_bounces_on_three_days_suspend_the_subscription(home: House) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "550 5.1.1 unknown" if verb == "RCPT" and "p2@" in text else None

    with scripted(*[Polite(answer) for _ in range(4)]) as there:
        to(home, there.server, 1)
        told = [home.send(later(SEVEN, days=day)) for day in range(4)]
    assert [day.get("bounced", 0) for day in told] == [1, 1, 1, 0]
    assert home.rows("SELECT id FROM subscribers WHERE status = 'suspended'") == [(3,)]


@pytest.mark.parametrize("code", [421, 450, 451, 452])
@pytest.mark.parametrize("verb", ["RCPT", "."])
def test_a_deferred_digest_is_retried_with_the_same_message_id(
    home: House, verb: str, code: int
) -> None:
    seen: list[str] = []

    def answer(number: int, said: str, text: str) -> str | None:
        if said != verb or "p1@" not in text:
            return None
        seen.append(text)
        return f"{code} 4.0.0 later" if len(seen) == 1 else None

    servers = [Polite(answer) for _ in range(4)]
    with scripted(*servers) as there:
        to(home, there.server, 1).send(SEVEN)
        assert states(home)["deferred"] in (0, 1)  # a letter whose body had not gone goes at once
        home.send(later(SEVEN, seconds=61))
    taken = Counter(mail.recipient for server in servers for mail in server.mails)
    assert taken == {f"p{n}@example.org": 1 for n in range(6)}
    assert states(home) == {"sent": 6}
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
    home: House, timezone: str, hour: str, due: str
) -> None:
    token = home.subscribe("back@example.org", timezone=timezone, hour=hour)
    home.change(token, timezone=timezone, hour=hour, paused_until="2026-11-25")
    seen: list[str] = []

    def answer(number: int, said: str, text: str) -> str | None:
        if said != "RCPT" or "back@" not in text:
            return None
        seen.append(text)
        return "450 4.2.0 greylisted" if len(seen) == 1 else None

    with scripted(*[Polite(answer) for _ in range(4)]) as there:
        to(home, there.server, 1).send(due)
        assert [state for number, state, _ in home.states() if number == 7] == ["deferred"]
        home.send(later(due, seconds=61))
    assert [row for row in home.states() if row[0] == 7] == [(7, "sent", None)]


def test_a_letter_refused_for_its_content_fails_and_is_not_tried_again(home: House) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "552 5.3.4 too big" if verb == "." and "p4@" in text else None

    with scripted(Polite(answer), Polite()) as there:
        assert to(home, there.server, 1).send(SEVEN) == {"sent": 5, "failed": 1}
        assert home.send(later(SEVEN, minutes=10)) == {}
    assert ("failed", "552 5.3.4 too big") in [(s, reason) for _, s, reason in home.states()]
    assert home.rows("SELECT * FROM bounces") == []


def test_a_connection_that_breaks_in_a_message_loses_no_digest(home: House) -> None:
    dropped: list[str] = []

    def answer(number: int, verb: str, text: str) -> str | None:
        if verb == "." and number == 0 and not dropped:
            dropped.append(text)
            return DROP
        return None

    servers = [Polite(answer) for _ in range(4)]
    with scripted(*servers) as there:
        to(home, there.server, 1).send(SEVEN)
        home.send(later(SEVEN, seconds=61))
    taken = Counter(mail.recipient for server in servers for mail in server.mails)
    assert taken == {f"p{n}@example.org": 1 for n in range(6)}


@pytest.mark.slow
def test_a_server_that_is_away_costs_nothing_but_time(home: House) -> None:
    with pytest.raises(MailUnavailableError):
        to(home, SmtpServer("127.0.0.1", free_port(), "none")).send(SEVEN)
    with inbox() as box:
        assert to(home, box.server).send(later(SEVEN, hours=5))["sent"] == 6
    assert len(box.mails) == 6


@pytest.mark.slow
def test_a_server_that_is_away_all_day_and_the_letters_are_skipped(home: House) -> None:
    with pytest.raises(MailUnavailableError):
        to(home, SmtpServer("127.0.0.1", free_port(), "none")).send(SEVEN)
    with inbox() as box:
        to(home, box.server).send(later(SEVEN, hours=7))
    assert box.mails == []
    assert {(state, reason) for _, state, reason in home.states()} == {("skipped", "late")}


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
    home: House, verb: str, reply: str, kind: type[MailError]
) -> None:
    def answer(number: int, said: str, text: str) -> str | None:
        return reply if said == verb else None

    with scripted(*[Polite(answer) for _ in range(20)]) as there, pytest.raises(kind) as told:
        to(home, there.server, 1).send(SEVEN)
    assert "p0@" not in str(told.value)
    assert home.rows("SELECT * FROM bounces") == []
    with inbox() as box:
        to(home, box.server).send(later(SEVEN, minutes=5))
    assert len(box.mails) == 6
    assert states(home) == {"sent": 6}


def test_what_stays_refused_for_now_fails_when_it_is_too_late(home: House) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "450 4.2.1 busy" if verb == "RCPT" and "p5@" in text else None

    with scripted(*[Polite(answer) for _ in range(9)]) as there:
        to(home, there.server, 1)
        for minutes in (0, 2, 7, 23, 60, 130, 200, 300, 361):
            home.send(later(SEVEN, minutes=minutes))
    assert home.states()[-1][1:] == ("failed", "450 4.2.1 busy")


@pytest.mark.slow
def test_unsubscribing_during_a_run_stops_the_digest(home: House) -> None:
    """A letter that has not been handed to a connection is stopped.

    In the hands of a worker it takes the time that brain and worker need to look.
    """
    tokens = {n: home.subscribe(f"q{n}@example.org") for n in range(30)}
    left = threading.Event()

    def answer(number: int, verb: str, text: str) -> str | None:
        if verb == "." and not left.is_set():
            home.leave(tokens[29])
            left.set()
        return None

    server = Polite(answer, delay=0.02 if home.config.broker else 0.004)
    with scripted(server) as there:
        told = to(home, there.server, 1).send(SEVEN)
    assert "q29@example.org" not in {mail.recipient for mail in server.mails}
    assert told["sent"] == 35
    assert home.states()[-1][1:] == ("skipped", "left")


@pytest.mark.slow
def test_a_link_to_sign_in_does_not_wait_for_all_the_letters(home: House) -> None:
    """A worker of mail takes it with the next batch."""
    for number in range(30):
        home.subscribe(f"q{number}@example.org")
    invited = threading.Event()

    def answer(line: int, verb: str, argument: str) -> None:
        if verb == "." and not invited.is_set():
            with home.library() as (db, _):
                people.invite(db, EDITOR, ("en", "sv"), home.clock()())
            invited.set()

    server = Polite(answer, delay=0.004)
    with scripted(server) as there:
        told = to(home, there.server, 1).send(SEVEN)
    assert told == {"sent": 36, "notices sent": 1}
    place = [mail.recipient for mail in server.mails].index("eva@example.org")
    assert place < 30 or home.config.broker is not None


def test_a_withdrawal_halts_what_is_not_sent(home: House) -> None:
    for number in range(30):
        home.subscribe(f"q{number}@example.org")
    halted = threading.Event()

    def answer(number: int, verb: str, text: str) -> str | None:
        if verb == "." and not halted.is_set():
            with home.library() as (db, site):
                day = site.today(home.now)
                editions.withdraw(db, site, home.config, day, "no", home.now, replace=False)
            halted.set()
        return None

    server = Polite(answer, delay=0.02 if home.config.broker else 0.004)
    with scripted(server) as there:
        told = to(home, there.server, 1).send(SEVEN)
    assert 1 <= len(server.mails) <= (30 if home.config.broker else 6)
    assert told == {"sent": len(server.mails), "skipped": 36 - len(server.mails)}
    assert {(state, reason) for _, state, reason in home.states()} == {
        ("sent", None),
        ("skipped", "withdrawn"),
    }


def test_a_stop_lets_the_letter_in_flight_finish_and_the_rest_wait(home: House) -> None:
    stop = threading.Event()

    def answer(number: int, verb: str, text: str) -> str | None:
        if verb == ".":
            stop.set()
        return None

    server = Polite(answer)
    with scripted(server, Polite()) as there:
        to(home, there.server, 1).at(SEVEN).begin()
        with home.library() as (db, site):
            digests.send(db, site, home.config, home.clock(), stop)
        assert 1 <= len(server.mails) <= 2
        home.send(later(SEVEN, seconds=5))
    assert states(home) == {"sent": 6}


def test_an_internationalised_address_needs_a_server_that_takes_it(home: House) -> None:
    home.subscribe("åsa@exempel.example", hour="8")
    eight = "2026-11-23T08:00:02+01:00"
    with inbox(enable_SMTPUTF8=False) as box:
        assert to(home, box.server).send(eight) == {"sent": 6, "failed": 1}
    home.at("2026-11-23T12:00+01:00")
    with inbox(enable_SMTPUTF8=True) as box:
        assert to(home, box.server).send("2026-11-24T08:00:02+01:00")["sent"] == 7
    assert "åsa@exempel.example" in {mail.recipient for mail in box.mails}


def test_the_answer_of_a_server_never_brings_an_address_into_the_logs(
    home: House, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return f"550 5.1.1 {text}: nobody" if verb == "RCPT" else None

    with scripted(Polite(answer)) as there:
        to(home, there.server, 1).send(SEVEN)
    held = str(home.states()) + caplog.text
    assert "example.org" not in held


def test_notices_go_before_letters(home: House) -> None:
    with home.library() as (db, site):
        given = {"address": "new@example.org", **WISHES}
        subscriptions.sign_up(db, site, home.config, given, "/en/subscribe/", home.now)
    server = Polite()
    with scripted(server) as there:
        to(home, there.server, 1).send(SEVEN)
    assert server.mails[0].recipient == "new@example.org"
    notice = parse(server.mails[0].content)
    assert notice["List-Unsubscribe"] is None
    assert notice["Auto-Submitted"] == "auto-generated"
    assert home.rows("SELECT state FROM notices") == [("sent",)]


def test_a_notice_is_tried_again_for_half_a_day(home: House) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "451 4.7.1 greylisted" if verb == "RCPT" and "new@" in text else None

    with home.library() as (db, site):
        given = {"address": "new@example.org", **WISHES}
        subscriptions.sign_up(db, site, home.config, given, "/en/subscribe/", home.now)
    last = Polite()
    with scripted(Polite(answer), last) as there:
        to(home, there.server, 1).send(home.now.isoformat())
        assert home.rows("SELECT state, attempts FROM notices") == [("due", 1)]
        home.send((home.now + timedelta(seconds=61)).isoformat())
    assert [mail.recipient for mail in last.mails] == ["new@example.org"]


def test_a_server_that_refuses_the_sender_marks_nobody_and_the_run_stops(home: House) -> None:
    """All that is refused is put off: what waits goes out once the server takes it."""
    for number in range(24):
        home.subscribe(f"q{number}@example.org")

    def answer(number: int, verb: str, text: str) -> str | None:
        return "550 5.7.1 Blocked by local policy" if verb == "RCPT" else None

    with scripted(Polite(answer), Polite(answer)) as there:
        to(home, there.server, 1)
        for seconds in (0, 61):
            with pytest.raises(MailRefusedError, match="in a row: 550 5"):
                home.send(later(SEVEN, seconds=seconds))
    assert set(states(home)) <= {"deferred", "claimed", "due"}
    assert states(home)["deferred"] >= 10
    assert home.rows("SELECT * FROM bounces") == []
    with inbox() as box:
        to(home, box.server).send(later(SEVEN, minutes=10))
    assert len(box.mails) == 30
    assert states(home) == {"sent": 30}
