"""The SMTP client against real and scripted servers: replies, failures and outcomes."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from feed.digests import outbox_folder
from feed.digests.smtp_errors import translated_errors
from feed.errors import MailRefusedError, MailUnavailableError
from feed.smtp import Envelope, Outcome, SmtpServer, client
from feed.smtp.client import Record, deliver
from feed.smtp.envelope_queue import BURST
from feed.smtp.reply_text import sanitised
from tests.conftest import free_port
from tests.smtp_servers import (
    DROP,
    PIPELINING,
    STALL,
    USER,
    AcceptingScript,
    ScriptedConnection,
    mail_server,
    scripted_server,
)

HOSTNAME = "here.example.org"
PATIENT = 3.0  # seconds; where nothing stalls
SHORT = 0.3


def check(server: SmtpServer) -> str:
    """The name of a server that a login succeeds at."""
    with translated_errors():
        return client.check(server, HOSTNAME)


def letter(number: int, recipient: str = "", message: bytes = b"") -> Envelope:
    """A message to person {number}."""
    head = f"To: person {number}\r\nMessage-ID: <l{number}@example.org>\r\n\r\n".encode()
    return Envelope(
        number,
        f"bounce+{number}@example.org",
        recipient or f"anna.{number}@example.org",
        message or head + b"Good morning.\r\n" * 20,
    )


def letters(count: int) -> list[Envelope]:
    return [letter(number) for number in range(count)]


@dataclass
class Ledger:
    """The caller of the client: gives envelopes and records outcomes."""

    stop: threading.Event = field(default_factory=threading.Event)
    pulled: list[int] = field(default_factory=list)
    batches: list[list[Outcome]] = field(default_factory=list)

    @property
    def outcomes(self) -> dict[int, tuple[str, int]]:
        """Key to result and code; each message has one."""
        told = [outcome for batch in self.batches for outcome in batch]
        assert len({outcome.key for outcome in told}) == len(told)
        return {outcome.key: (outcome.result, outcome.code) for outcome in told}

    @property
    def details(self) -> list[str]:
        return [outcome.detail for batch in self.batches for outcome in batch]

    def record(self, outcomes: Sequence[Outcome]) -> None:
        self.batches.append(list(outcomes))

    def give(self, envelopes: Iterable[Envelope]) -> Iterator[Envelope]:
        for envelope in envelopes:
            self.pulled.append(envelope.key)
            yield envelope

    def send(
        self,
        server: SmtpServer,
        envelopes: Iterable[Envelope],
        connections: int = 1,
        rate: int = 0,
        timeout: float = PATIENT,
        record: Record | None = None,
    ) -> "Ledger":
        with translated_errors():
            deliver(
                server,
                self.give(envelopes),
                record or self.record,
                connections=connections,
                rate=rate,
                stop=self.stop,
                hostname=HOSTNAME,
                timeout=timeout,
            )
        return self


SENT = ("sent", 250)


# Letters that arrive


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lock step"])
@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_messages_arrive_byte_for_byte(tls: str, pipelining: bool) -> None:
    texts = [
        b".\r\n..\r\n.a\r\n\r\n.\r\nend\r\n",
        b"To: anna\r\n\r\n" + b"x" * 998 + b"\r\n.\r\n",
        b"To: anna\r\n\r\nlast line without an end".ljust(20_000, b"."),
    ]
    sent = [letter(number, message=text) for number, text in enumerate(texts)]
    with mail_server(tls, pipelining=pipelining) as there:
        ledger = Ledger().send(there.server, [*sent[:2], replace(sent[0], key=7)])
        assert ledger.outcomes == {0: SENT, 1: SENT, 7: SENT}
        assert [mail.content for mail in there.mails] == [texts[0], texts[1], texts[0]]
        assert there.mails[1].sender == "bounce+1@example.org"
        assert there.mails[1].recipient == "anna.1@example.org"
    with scripted_server(accepting_script := AcceptingScript()) as server:
        Ledger().send(server.server, sent[2:])
    assert [mail.content for mail in accepting_script.mails] == [texts[2] + b"\r\n"]


@pytest.mark.parametrize("tls", ["none", "starttls"])
def test_a_message_larger_than_the_socket_buffers_arrives(tls: str) -> None:
    long = b"To: anna\r\n\r\n" + (b"y" * 76 + b"\r\n") * 60_000
    with mail_server(tls) as there:
        ledger = Ledger().send(there.server, [letter(0, message=long), letter(1)])
        assert ledger.outcomes == {0: SENT, 1: SENT}
        assert there.mails[0].content == long


def test_a_login_is_used() -> None:
    with mail_server("starttls", login=True) as there:
        assert Ledger().send(there.server, letters(3)).outcomes == dict.fromkeys(range(3), SENT)
        assert there.logins == [USER]


# Round trips


def test_the_next_envelope_travels_with_the_end_of_a_body() -> None:
    """The server replies to a body only after it has read what follows it."""

    def script(connection: ScriptedConnection) -> None:
        connection.greet(PIPELINING)
        connection.expect(
            "MAIL FROM:<bounce+0@example.org>", "RCPT TO:<anna.0@example.org>", "DATA"
        )
        connection.say("250 ok", "250 ok", "354 go on")
        for number in (1, 2):
            connection.body()
            connection.expect(f"MAIL FROM:<bounce+{number}@", f"RCPT TO:<anna.{number}@", "DATA")
            assert connection.pending(0.02) == b""
            connection.say("250-2.0.0 Ok:", "250 2.0.0 queued", "250 ok", "250 ok", "354 go on")
        connection.body()
        connection.say("250 ok")
        connection.expect("QUIT")

    with scripted_server(script) as server:
        ledger = Ledger().send(server.server, letters(3))
    assert ledger.outcomes == dict.fromkeys(range(3), SENT)
    assert ledger.details == ["2.0.0 Ok: 2.0.0 queued"] * 2 + ["ok"]


def test_without_pipelining_every_command_waits_for_its_answer() -> None:
    def script(connection: ScriptedConnection) -> None:
        connection.greet("8BITMIME")
        for _ in range(2):
            for verb, reply in (("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go")):
                connection.expect(verb)
                assert connection.pending(0.02) == b""
                connection.say(reply)
            connection.body()
            assert connection.pending(0.02) == b""
            connection.say("250 ok")
        connection.expect("QUIT")

    with scripted_server(script) as server:
        assert Ledger().send(server.server, letters(2)).outcomes == {0: SENT, 1: SENT}


@pytest.mark.parametrize("together", [True, False])
def test_an_outcome_is_recorded_before_the_next_body(together: bool) -> None:
    happened: list[str] = []

    def script(connection: ScriptedConnection) -> None:
        connection.greet(PIPELINING)
        connection.expect("MAIL", "RCPT", "DATA")
        connection.say("250 ok", "250 ok", "354 go on")
        for number in range(3):
            connection.body()
            if number < 2:
                connection.expect("MAIL", "RCPT", "DATA")
            happened.append(f"took {number}")
            if together:
                connection.say("250 taken", "250 ok", "250 ok", "354 go on")
            else:
                for reply in ("250 taken", "250 ok", "250 ok", "354 go on"):
                    connection.say(reply)
                    time.sleep(0.01)
            if number < 2:
                connection.until(b":")
                happened.append(f"hears {number + 1}")

    def slow(outcomes: Sequence[Outcome]) -> None:
        time.sleep(0.05)
        happened.extend(f"recorded {outcome.key}" for outcome in outcomes)

    with scripted_server(script) as server:
        Ledger().send(server.server, letters(3), record=slow)
    steps = ("took 0 recorded 0 hears 1", "took 1 recorded 1 hears 2", "took 2 recorded 2")
    assert " ".join(happened) == " ".join(steps)


def test_what_several_connections_say_at_once_is_recorded_at_once() -> None:
    ledger = Ledger()

    def slow(outcomes: Sequence[Outcome]) -> None:
        ledger.record(outcomes)
        time.sleep(0.02)

    with scripted_server(AcceptingScript()) as server:
        ledger.send(server.server, letters(60), connections=4, record=slow)
    assert ledger.outcomes == dict.fromkeys(range(60), SENT)
    assert max(map(len, ledger.batches)) in (2, 3, 4)


def test_at_most_one_message_per_connection_is_accepted_without_being_recorded() -> None:
    class CrashError(Exception):
        pass

    there, ledger = AcceptingScript(delay=0.001), Ledger()

    def crash(outcomes: Sequence[Outcome]) -> None:
        if len(ledger.outcomes) >= 20:
            raise CrashError
        ledger.record(outcomes)

    with scripted_server(there) as server, pytest.raises(CrashError):
        ledger.send(server.server, letters(60), connections=4, record=crash)
    assert len(ledger.outcomes) <= len(there.mails) <= len(ledger.outcomes) + 4


# How many, how fast, how long


@pytest.mark.parametrize(("count", "connections"), [(1, 1), (2, 1), (60, 3)])
def test_connections_are_opened_as_they_are_needed(count: int, connections: int) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        time.sleep(0.05 if verb == "CONNECT" else 0.005)
        return None

    with scripted_server(there := AcceptingScript(answer)) as server:
        ledger = Ledger().send(server.server, letters(count), connections=3)
    assert server.most == server.connections == connections
    assert ledger.outcomes == dict.fromkeys(range(count), SENT)
    assert len(there.mails) == count
    assert there.log.count("QUIT") == connections


def test_messages_are_requested_only_when_they_can_be_sent() -> None:
    settled: list[int] = []
    ahead: list[int] = []

    def give() -> Iterator[Envelope]:
        for envelope in letters(30):
            ahead.append(envelope.key - len(settled))
            yield envelope

    def record(outcomes: Sequence[Outcome]) -> None:
        settled.extend(outcome.key for outcome in outcomes)

    with scripted_server(AcceptingScript(delay=0.001)) as server:
        Ledger().send(server.server, give(), connections=2, record=record)
    assert len(settled) == 30
    assert max(ahead) in (1, 2, 3)  # others beside the one asked for: two a connection at most


def test_a_rate_holds_over_all_connections() -> None:
    with scripted_server(AcceptingScript()) as server:
        began = time.monotonic()
        ledger = Ledger().send(server.server, letters(25), connections=3, rate=50)
        taken = time.monotonic() - began
    assert ledger.outcomes == dict.fromkeys(range(25), SENT)
    assert taken > 24 / 50 - BURST


def test_a_stop_finishes_messages_in_flight_and_requests_no_others() -> None:
    ledger = Ledger()

    def record(outcomes: Sequence[Outcome]) -> None:
        ledger.record(outcomes)
        if len(ledger.outcomes) >= 5:
            ledger.stop.set()

    with scripted_server(there := AcceptingScript()) as server:
        ledger.send(server.server, letters(1000), record=record)
    assert sorted(ledger.outcomes) == ledger.pulled == list(range(len(there.mails)))
    assert len(there.mails) in (5, 6)
    assert there.log[-1] == "QUIT"


def test_a_stop_ends_waiting_for_a_rate() -> None:
    ledger = Ledger()

    def record(outcomes: Sequence[Outcome]) -> None:
        ledger.record(outcomes)
        threading.Timer(0.1, ledger.stop.set).start()

    with scripted_server(AcceptingScript()) as server:
        began = time.monotonic()
        ledger.send(server.server, letters(20), rate=1, record=record)
        assert time.monotonic() - began < 10
    assert len(ledger.outcomes) < 5


def test_a_stop_does_not_wait_for_a_server_that_says_nothing() -> None:
    ledger = Ledger()

    def script(connection: ScriptedConnection) -> None:
        ledger.stop.set()
        connection.pending(0.5)

    with scripted_server(script) as server:
        began = time.monotonic()
        ledger.send(server.server, letters(2), timeout=60)
        assert time.monotonic() - began < 10
    assert ledger.pulled == []


def test_an_error_of_the_iterator_is_raised_when_messages_in_flight_have_their_outcome() -> None:
    class BrokenError(Exception):
        pass

    def give() -> Iterator[Envelope]:
        yield from letters(2)
        raise BrokenError

    ledger = Ledger()
    with scripted_server(there := AcceptingScript()) as server:
        with pytest.raises(BrokenError):
            ledger.send(server.server, give())
        assert ledger.outcomes == dict.fromkeys(range(len(there.mails)), SENT)
        assert len(there.mails) == 2


# Letters that are refused


@pytest.mark.parametrize("extensions", [(PIPELINING,), ("HELP",)], ids=["pipelined", "lock step"])
@pytest.mark.parametrize(
    ("verb", "reply", "result"),
    [
        ("RCPT", "450 4.2.0 greylisted", "deferred"),
        ("RCPT", "550 5.1.1 <anna.1@example.org>: no such user", "bounced"),
        ("RCPT", "554 5.7.1 <anna.1@example.org>: Relay access denied", "deferred"),
        ("RCPT", "550 relay not permitted", "deferred"),
        ("RCPT", "550 5.4.5 Daily sending quota exceeded", "deferred"),
        ("RCPT", "554 Your address 192.0.2.1 is listed at bl.example", "deferred"),
        ("RCPT", "550 rejected by local policy", "deferred"),
        ("RCPT", "552 5.2.2 Mailbox full", "failed"),
        ("DATA", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", "bounced"),
        (".", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", "bounced"),
        ("DATA", "451 4.3.0 queue file write error", "deferred"),
        ("DATA", "554 5.5.1 no", "failed"),
        (".", "452 4.3.1 full", "deferred"),
        (".", "554 5.7.1 looks like spam", "deferred"),
        ("MAIL", "552 5.3.4 too large", "failed"),
    ],
)
def test_a_refused_message_is_settled_and_the_others_arrive(
    verb: str, reply: str, result: str, extensions: tuple[str, ...]
) -> None:
    mine: list[str] = []

    def answer(number: int, said: str, text: str) -> str | None:
        if said == "MAIL":
            mine[:] = [text]
        return reply if said == verb and "bounce+1@" in mine[0] else None

    with scripted_server(there := AcceptingScript(answer, extensions)) as server:
        ledger = Ledger().send(server.server, letters(4))
    assert ledger.outcomes == {0: SENT, 1: (result, int(reply[:3])), 2: SENT, 3: SENT}
    assert [mail.recipient for mail in there.mails] == [f"anna.{n}@example.org" for n in (0, 2, 3)]
    assert server.connections == 1
    assert "anna" not in "".join(ledger.details)
    assert ("RSET" in there.log) == (verb != ".")
    assert there.log.count(".") == (4 if verb == "." else 3)


def test_data_accepted_without_a_recipient_is_ended_by_a_lone_dot() -> None:
    """RFC 2920: the recipient is refused, but DATA travelled with him and is accepted."""

    def script(connection: ScriptedConnection) -> None:
        connection.greet(PIPELINING)
        connection.expect("MAIL", "RCPT", "DATA")
        connection.say("250 ok", "550 5.1.1 unknown", "354 go on")
        assert connection.until(b".\r\n") == b""
        connection.expect("MAIL FROM:<bounce+1@", "RCPT", "DATA")
        connection.say("554 no valid recipients", "250 ok", "250 ok", "354 go on")
        assert b"person 1" in connection.body()
        connection.say("250 ok")
        connection.expect("QUIT")

    with scripted_server(script) as server:
        ledger = Ledger().send(server.server, letters(2))
    assert ledger.outcomes == {0: ("bounced", 550), 1: SENT}


def test_a_message_above_the_servers_size_limit_is_not_sent() -> None:
    long = letter(1, message=b"To: anna\r\n\r\n" + b"x\r\n" * 4000)
    with scripted_server(there := AcceptingScript(extensions=(PIPELINING, "SIZE 10000"))) as server:
        ledger = Ledger().send(server.server, [letter(0), long, letter(2)])
    assert ledger.outcomes == {0: SENT, 1: ("failed", 552), 2: SENT}
    assert there.log[0] == f"MAIL FROM:<bounce+0@example.org> SIZE={len(letter(0).message)}"
    assert len(there.mails) == 2


def test_relaying_denied_is_not_the_recipients_fault() -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "554 5.7.1 Relay access denied" if verb == "RCPT" else None

    with scripted_server(AcceptingScript(answer)) as server:
        ledger = Ledger().send(server.server, letters(3))
    assert list(ledger.outcomes.values()) == [("deferred", 554)] * 3


def test_a_refused_sender_ends_sending_and_fails_no_message() -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        if verb == "MAIL" and "bounce+3@" in text:
            return "550 5.7.1 <bounce+3@example.org>: Sender rejected: not yours"
        return None

    ledger = Ledger()
    there = AcceptingScript(answer)
    match = r"sender: 550 5.7.1 <…>: Sender rejected: not yours. Correct DEVIS_MAIL_FROM"
    with scripted_server(there) as server, pytest.raises(MailRefusedError, match=match):
        ledger.send(server.server, letters(10))
    assert ledger.outcomes == dict.fromkeys(range(3), SENT)
    assert len(there.mails) == 3


# Servers that break off


@pytest.mark.parametrize("extensions", [(PIPELINING,), ("HELP",)], ids=["pipelined", "lock step"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", [DROP, "421 4.3.2 shutting down", STALL])
def test_a_message_whose_body_was_not_sent_is_tried_again_first(
    reply: str, verb: str, extensions: tuple[str, ...]
) -> None:
    """It goes first on the next connection, and nothing is held against it."""

    def answer(number: int, said: str, text: str) -> str | None:
        return reply if said == verb and number == 0 and len(there.mails) == 2 else None

    there = AcceptingScript(answer, extensions)
    with scripted_server(there) as server:
        timeout = SHORT if reply == STALL else PATIENT
        ledger = Ledger().send(server.server, letters(5), timeout=timeout)
    assert ledger.outcomes == dict.fromkeys(range(5), SENT)
    assert [mail.sender for mail in there.mails] == [f"bounce+{n}@example.org" for n in range(5)]
    assert server.connections == 2


@pytest.mark.parametrize(
    ("reply", "code"), [(DROP, 0), ("421 4.3.2 shutting down", 421), ("354 what?", 0)]
)
def test_a_message_without_a_reply_is_deferred_and_the_next_is_sent(reply: str, code: int) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return reply if verb == "." and "person 2\r" in text else None

    with scripted_server(there := AcceptingScript(answer)) as server:
        ledger = Ledger().send(server.server, letters(5))
    assert ledger.outcomes == {n: ("deferred", code) if n == 2 else SENT for n in range(5)}
    assert ledger.pulled == list(range(5))
    assert [mail.sender for mail in there.mails][2] == "bounce+3@example.org"
    assert server.connections == 2


def test_a_message_is_deferred_when_the_connection_is_lost_within_its_body() -> None:
    def script(connection: ScriptedConnection) -> None:
        connection.greet(PIPELINING)
        connection.expect("MAIL", "RCPT", "DATA")
        connection.say("250 ok", "250 ok", "354 go on")
        connection.until(b"Good")
        connection.reset()

    long = letter(0, message=b"To: anna\r\n\r\n" + b"Good morning.\r\n" * 200_000)
    with scripted_server(script, there := AcceptingScript()) as server:
        ledger = Ledger().send(server.server, [long, letter(1)])
    assert ledger.outcomes == {0: ("deferred", 0), 1: SENT}
    assert len(there.mails) == 1


@pytest.mark.slow
def test_a_server_that_is_silent_after_a_body_is_given_more_time() -> None:
    """Giving up earlier would send an accepted message twice."""

    def answer(number: int, verb: str, text: str) -> str | None:
        if verb == "." and number == 0:
            if "person 1\r" in text:
                return STALL
            time.sleep(0.3)
        return None

    with scripted_server(AcceptingScript(answer)) as server:
        ledger = Ledger().send(server.server, letters(3), timeout=0.1)
    assert ledger.outcomes == {0: SENT, 1: ("deferred", 0), 2: SENT}
    assert "no answer in 1 seconds" in ledger.details


@pytest.mark.parametrize(("verb", "mine"), [("RCPT", "anna.2@"), ("MAIL", "bounce+2@")])
def test_a_message_that_always_loses_the_connection_stops_no_other(verb: str, mine: str) -> None:
    def answer(number: int, said: str, text: str) -> str | None:
        return "421 4.7.0 go away" if said == verb and mine in text else None

    with scripted_server(AcceptingScript(answer)) as server:
        ledger = Ledger().send(server.server, letters(5))
    assert ledger.outcomes == {n: ("deferred", 421) if n == 2 else SENT for n in range(5)}


def test_a_server_may_accept_one_message_per_connection() -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "421 4.7.0 enough for once" if verb == "MAIL" and len(there.mails) > number else None

    there = AcceptingScript(answer)
    with scripted_server(there) as server:
        ledger = Ledger().send(server.server, letters(8))
    assert ledger.outcomes == dict.fromkeys(range(8), SENT)
    assert server.connections == 8


def test_a_server_with_fewer_connections_than_wanted_gets_fewer() -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "421 too many connections" if verb == "CONNECT" and number >= 2 else None

    with scripted_server(AcceptingScript(answer, delay=0.002)) as server:
        ledger = Ledger().send(server.server, letters(60), connections=5)
    assert ledger.outcomes == dict.fromkeys(range(60), SENT)
    assert 3 <= server.connections < 5  # another may be under way when one is refused


@pytest.mark.parametrize("reply", ["452 4.3.1 disk full", "451 4.3.0 try later", "421 bye", DROP])
def test_sending_ends_after_three_connections_without_a_message_accepted(reply: str) -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return reply if verb == "MAIL" and len(there.mails) == 3 else None

    there, ledger = AcceptingScript(answer), Ledger()
    with scripted_server(there) as server:
        match = "connection" if reply == DROP else reply
        with pytest.raises(MailUnavailableError, match=match):
            ledger.send(server.server, letters(100))
    assert ledger.outcomes == dict.fromkeys(range(3), SENT)
    assert len(ledger.pulled) == 5  # another one than the first may have more luck
    assert server.connections == 3


def test_sending_ends_when_every_body_is_deferred() -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "452 4.3.1 disk full" if verb == "." else None

    ledger = Ledger()
    with (
        scripted_server(AcceptingScript(answer)) as server,
        pytest.raises(MailUnavailableError, match="disk full"),
    ):
        ledger.send(server.server, letters(1000))
    assert set(ledger.outcomes.values()) == {("deferred", 452)}
    assert len(ledger.outcomes) < 20


def test_greylisting_defers_messages_and_does_not_end_sending() -> None:
    def answer(number: int, verb: str, text: str) -> str | None:
        return "450 4.2.0 greylisted" if verb == "RCPT" else None

    with scripted_server(AcceptingScript(answer)) as server:
        ledger = Ledger().send(server.server, letters(50), connections=3)
    assert ledger.outcomes == dict.fromkeys(range(50), ("deferred", 450))


def test_connections_lost_together_count_as_one_failure() -> None:
    """A mail server that starts anew does not end the run."""
    gate = threading.Barrier(4)

    def answer(number: int, verb: str, text: str) -> str | None:
        if number < 4 and verb == "MAIL" and len(there.mails) >= 40:
            gate.wait(5)
            return DROP
        return None

    there = AcceptingScript(answer, delay=0.001)
    with scripted_server(there) as server:
        ledger = Ledger().send(server.server, letters(90), connections=4)
    assert ledger.outcomes == dict.fromkeys(range(90), SENT)
    assert server.connections > 4


def test_an_unreachable_server_is_named() -> None:
    ledger = Ledger()
    nowhere = SmtpServer("127.0.0.1", free_port(), "none")
    with pytest.raises(MailUnavailableError, match=rf"127.0.0.1:{nowhere.port} cannot be reached"):
        ledger.send(nowhere, letters(3))
    assert (ledger.batches, ledger.pulled) == ([], [])


def test_an_endless_answer_ends_the_connection() -> None:
    def script(connection: ScriptedConnection) -> None:
        connection.greet(PIPELINING)
        connection.expect("MAIL", "RCPT", "DATA")
        for _ in range(3000):
            connection.say(*["250-" + "x" * 100] * 100)
        raise AssertionError("it still listens")

    with scripted_server(script, AcceptingScript()) as server:
        assert Ledger().send(server.server, letters(2)).outcomes == {0: SENT, 1: SENT}


@pytest.mark.parametrize("extensions", [(PIPELINING,), ("HELP",)], ids=["pipelined", "lock step"])
@pytest.mark.parametrize("seed", range(3))
def test_every_accepted_message_has_the_outcome_sent_whatever_the_server_does(
    seed: int, extensions: tuple[str, ...]
) -> None:
    """An accepted message is sent or in doubt; a refused one is not sent."""
    chance = random.Random(seed)
    odd = [DROP, "421 4.3.2 bye", "451 4.3.0 later", "550 5.1.1 no", "250-a\r\n250 b", "200 ok"]
    verbs = {"MAIL": [0, 1, 2, 4], "RCPT": [*range(6)], "DATA": [*range(4)], ".": [*range(6)]}

    def answer(number: int, verb: str, text: str) -> str | None:
        return odd[chance.choice(verbs[verb])] if verb in verbs and chance.random() < 0.03 else None

    there, ledger = AcceptingScript(answer, extensions, 0.0005), Ledger()
    with scripted_server(there) as server, suppress(MailUnavailableError):
        ledger.send(server.server, letters(400), connections=3)
    taken = Counter(int(mail.sender[7:].partition("@")[0]) for mail in there.mails)
    results = {key: result for key, (result, _) in ledger.outcomes.items()}
    assert set(taken.values()) == {1}
    assert {key for key, result in results.items() if result == "sent"} == set(taken)
    assert len(results) > 100


# Getting in


def test_a_refused_login_names_the_setting() -> None:
    with mail_server("starttls", login=True) as there, pytest.raises(MailRefusedError) as raised:
        Ledger().send(replace(there.server, password="wrong"), letters(3))
    assert "refuses the login: 535 5.7.8" in str(raised.value)
    assert "DEVIS_SMTP_URL" in str(raised.value)
    assert "wrong" not in str(raised.value)


def test_a_login_that_the_server_does_not_offer_is_refused() -> None:
    with mail_server() as there, pytest.raises(MailRefusedError, match="refuses the login"):
        Ledger().send(replace(there.server, user="devis", password="x"), letters(1))


def test_a_temporary_failure_of_the_login_is_not_permanent() -> None:
    def script(connection: ScriptedConnection) -> None:
        connection.greet("AUTH PLAIN")
        connection.expect("AUTH PLAIN")
        connection.say("454 4.7.0 Temporary authentication failure")
        connection.pending(0.5)

    with scripted_server(script) as server:
        known = replace(server.server, user="devis", password="x")
        with pytest.raises(MailUnavailableError, match=r"454 4.7.0"):
            Ledger().send(known, letters(1))


def test_nothing_is_sent_in_clear_text_where_starttls_is_required() -> None:
    ledger = Ledger()
    with mail_server() as there:
        with pytest.raises(MailRefusedError, match=r"offers no STARTTLS.*tls=off"):
            ledger.send(replace(there.server, tls="starttls"), letters(2))
        assert there.mails == []
    assert ledger.pulled == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_an_untrusted_certificate_is_refused(tls: str) -> None:
    with mail_server(tls) as there:
        with pytest.raises(MailRefusedError, match=r"is not trusted: .*\?ca="):
            Ledger().send(replace(there.server, authorities=None), letters(2))
        assert there.mails == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_of_another_host_is_refused(tls: str) -> None:
    with mail_server(tls) as there:
        with pytest.raises(MailRefusedError, match="is not trusted: Hostname mismatch"):
            Ledger().send(replace(there.server, host="localhost"), letters(2))
        assert there.mails == []


def test_a_malformed_file_of_ca_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    server = SmtpServer("127.0.0.1", 1, "starttls", authorities=tmp_path / "ca.pem")
    with pytest.raises(MailRefusedError, match=r"ca\.pem cannot be read"):
        Ledger().send(server, letters(1))


def test_implicit_tls_on_a_plain_port_names_the_setting() -> None:
    with mail_server() as there, pytest.raises(MailRefusedError, match="smtps://"):
        Ledger().send(replace(there.server, tls="implicit"), letters(1))


def test_a_refused_connection_says_so() -> None:
    def script(connection: ScriptedConnection) -> None:
        connection.say("554 5.7.1 No service for you")

    match = r"refuses this client: 554 5.7.1 No service"
    with scripted_server(script) as server, pytest.raises(MailRefusedError, match=match):
        Ledger().send(server.server, letters(1))


def test_a_check_logs_in_and_sends_nothing() -> None:
    with mail_server("starttls", login=True, server_hostname="there.example.net") as there:
        assert check(there.server) == "there.example.net"
        assert there.logins == [USER]
        with pytest.raises(MailRefusedError, match="login"):
            check(replace(there.server, password="wrong"))
        assert there.mails == []
    with pytest.raises(MailUnavailableError):
        check(SmtpServer("127.0.0.1", free_port(), "none"))


# Addresses that are not ASCII


def test_a_recipient_that_is_not_ascii_needs_smtputf8() -> None:
    message = "To: åsa@example.org\r\n\r\nHej!\r\n".encode()
    mine = [letter(0), letter(1, "åsa@exämple.org", message), letter(2)]
    with mail_server(enable_SMTPUTF8=True) as there:
        assert Ledger().send(there.server, mine).outcomes == dict.fromkeys(range(3), SENT)
    assert there.mails[1].recipient == "åsa@xn--exmple-cua.org"
    assert there.mails[1].content == message
    assert there.mails[1].options == (f"SIZE={len(message)}", "BODY=8BITMIME", "SMTPUTF8")
    assert there.mails[0].options == (f"SIZE={len(letter(0).message)}",)


def test_without_smtputf8_such_a_message_fails_and_the_others_arrive() -> None:
    mine = [letter(n, "åsa@example.org" if n == 1 else "") for n in range(3)]
    with mail_server() as there:
        ledger = Ledger().send(there.server, mine)
    assert ledger.outcomes == {0: SENT, 1: ("failed", 0), 2: SENT}
    assert "the mail server does not offer SMTPUTF8" in ledger.details


def test_a_domain_alone_needs_no_smtputf8() -> None:
    with mail_server() as there:
        Ledger().send(there.server, [letter(0, "anna@Exämple.org")])
    assert [mail.recipient for mail in there.mails] == ["anna@xn--exmple-cua.org"]


@pytest.mark.parametrize(
    "address", ["a@b.org>\r\nRCPT TO:<c@d.org", "a@b.org> X=<", "nobody", "a@\u2603..org"]
)
def test_a_malformed_address_bounces_without_being_sent(address: str) -> None:
    with scripted_server(there := AcceptingScript()) as server:
        ledger = Ledger().send(server.server, [letter(0, address), letter(1)])
    assert ledger.outcomes == {0: ("bounced", 0), 1: SENT}
    assert [line for line in there.log if line.startswith("RCPT")] == [
        "RCPT TO:<anna.1@example.org>"
    ]


# What is kept of an answer


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("5.1.1 <Anna.Ö@example.org>: no", "5.1.1 <…>: no"),
        (
            '"a b"@example.org, and see https://x.org/?id=anna%40example.org;ip=1',
            "…, and see https:…;ip=1",
        ),
        ("anna@example.org", "…"),
        ("two\tlines\x1b[31m", "two lines [31m"),
        ("x" * 500, "x" * 200),
        ("anna.svensson@example.org " * 60, " ".join("…" * 38)),
    ],
)
def test_replies_are_sanitised(reply: str, expected: str) -> None:
    assert sanitised(reply.encode()) == expected


# The outbox


def test_the_outbox_has_one_file_per_message_however_often_it_is_written(
    tmp_path: Path,
) -> None:
    folder, ledger, stop = tmp_path / "outbox", Ledger(), threading.Event()
    odd = letter(2, message=b"To: a\r\nmessage-id:\r\n <../../up@example.org>\r\n\r\nbody\r\n")
    for _ in range(2):
        ledger.batches.clear()
        outbox_folder.deliver(folder, iter([*letters(2), odd]), ledger.record, stop)
    assert ledger.outcomes == dict.fromkeys(range(3), SENT)
    assert sorted(path.name for path in folder.iterdir()) == [
        "..%2F..%2Fup.eml",
        "l0.eml",
        "l1.eml",
    ]
    assert (folder / "l1.eml").read_bytes() == letter(1).message
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_the_outbox_stops_on_request(tmp_path: Path) -> None:
    ledger, stop = Ledger(), threading.Event()

    def give() -> Iterator[Envelope]:
        for envelope in letters(500):
            if envelope.key == 70:
                stop.set()
            yield envelope

    outbox_folder.deliver(tmp_path, give(), ledger.record, stop)
    assert ledger.outcomes == dict.fromkeys(range(71), SENT)
    assert len(list(tmp_path.iterdir())) == 71


def test_an_outbox_that_cannot_be_written_names_its_folder(tmp_path: Path) -> None:
    ledger, folder = Ledger(), tmp_path / "outbox"
    folder.mkdir()
    (folder / "l1.eml").mkdir()
    with pytest.raises(MailUnavailableError, match=f"written to {folder}: Is a directory"):
        outbox_folder.deliver(folder, iter(letters(3)), ledger.record, threading.Event())
    assert ledger.outcomes == {0: SENT}
    assert sorted(path.name for path in folder.iterdir()) == ["l0.eml", "l1.eml"]
