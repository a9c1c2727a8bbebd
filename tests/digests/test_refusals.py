"""Refusals of the sender: nobody is marked, the rest waits, and one delivery at a time is tried."""

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from feed.errors import MailRefusedError
from feed.smtp import Outcome
from feed.smtp.refusal_streaks import EVERY_DOMAIN, MAX_REFUSALS, RefusalStreaks
from feed.store import refusals
from tests.conftest import Installation
from tests.desk_client import Desk
from tests.mail_harness import MailHarness, later, mail_harness
from tests.smtp_servers import AcceptingScript, ReceivedMail, scripted_server

SEVEN = "2026-11-23T07:00:02+01:00"
US, DEAD = "550 5.7.1 Blocked by local policy", "550 5.1.1 no such user"
Replies = Callable[[str], str | None]


@pytest.fixture(params=["here", pytest.param("workers", marks=pytest.mark.needs("redis"))])
def harness(request: pytest.FixtureRequest, devis: Installation) -> MailHarness:
    """Digests are sent from here, or by mail workers: the rules are the same."""
    there = request.getfixturevalue("empty_redis").broker if request.param == "workers" else None
    return mail_harness(devis, bounce_address="bounces@example.org", broker=there, reports=there)


class Sending:
    """Answers RCPT with `reply(address)`; runs the mail job at an instant with `send`."""

    def __init__(self, harness: MailHarness) -> None:
        self.harness = harness
        self.connections = 2
        self.tried: list[str] = []
        self.sent: Counter[str] = Counter()
        self.mails: list[ReceivedMail] = []

    def send(self, minutes: float, reply: Replies, start: str = SEVEN) -> list[str]:
        """The addresses that were tried, so many minutes after the start."""
        tried: list[str] = []

        def answer(number: int, verb: str, text: str) -> str | None:
            if verb != "RCPT":
                return None
            tried.append(text.partition("<")[2].partition(">")[0])
            return reply(tried[-1])

        server = AcceptingScript(answer)
        with scripted_server(server) as there:
            self.harness.config = replace(
                self.harness.config, smtp=there.server, mail_connections=self.connections
            )
            self.harness.send(later(start, seconds=int(minutes * 60)))
        self.mails += server.mails
        self.sent.update(mail.recipient for mail in server.mails)
        self.tried += tried
        return tried

    def recover(self, minutes: float) -> list[str]:
        """All is accepted from now on: one delivery is tried, and then what waits."""
        return self.send(minutes, refuse()) + self.send(minutes + 0.1, refuse())


def refuse(*domains: str, reply: str = US) -> Replies:
    return lambda address: reply if address.rpartition("@")[2] in domains else None


def refusing(harness: MailHarness) -> dict[str, str]:
    with harness.open() as (db, _):
        return {each.domain: each.reply for each in refusals.all_current(db)}


def subscribe(harness: MailHarness, *domains: str, each: int = 1) -> list[str]:
    """So many subscribers of each domain, in turns."""
    addresses = [f"p{number}@{domain}" for number in range(each) for domain in domains]
    for address in addresses:
        harness.subscribe(address)
    return addresses


def nobody_is_marked(harness: MailHarness) -> bool:
    return harness.rows("SELECT * FROM bounces") == [] and not harness.rows(
        "SELECT 1 FROM subscribers WHERE status <> 'active'"
    )


def test_a_domain_that_refuses_ten_in_a_row_waits_and_others_go_on(harness: MailHarness) -> None:
    addresses = subscribe(harness, "a.example", "b.example", each=25)
    server = Sending(harness)
    tried = server.send(0, refuse("a.example"))
    assert sum(address.endswith("@b.example") for address in tried) == 25
    assert 10 <= sum(address.endswith("@a.example") for address in tried) <= 13
    assert refusing(harness) == {"a.example": US}
    assert server.send(5, refuse("a.example")) == []
    (probe,) = server.send(15.1, refuse("a.example"))
    assert server.tried.count(probe) == 1  # one that was not tried yet
    assert server.send(20, refuse("a.example")) == []
    server.recover(30.3)
    assert server.sent == dict.fromkeys(addresses, 1)
    assert refusing(harness) == {}
    assert nobody_is_marked(harness)


def test_what_waits_for_a_domain_keeps_its_order(harness: MailHarness) -> None:
    subscribe(harness, "a.example", each=30)
    server = Sending(harness)
    server.connections = 1
    seen = set(server.send(0, refuse("a.example")))
    rest = [address for address in server.recover(15.1)[1:] if address not in seen]
    assert rest == sorted(rest, key=lambda address: int(address[1 : address.index("@")]))


def test_ten_in_a_row_over_several_domains_stop_the_run(harness: MailHarness) -> None:
    domains = [f"d{number}.example" for number in range(10)]
    addresses = subscribe(harness, *domains, each=4)
    server = Sending(harness)
    quota = "550 5.4.5 Daily sending quota exceeded"
    assert 10 <= len(server.send(0, refuse(*domains, reply=quota))) <= 13
    assert refusing(harness) == {EVERY_DOMAIN: quota}
    for minutes, expected in ((5, 0), (15.1, 1), (25, 0), (30.2, 1)):
        assert len(server.send(minutes, refuse(*domains, reply=quota))) == expected
    server.recover(45.3)
    assert refusing(harness) == {}
    assert server.sent == dict.fromkeys(addresses, 1)
    assert nobody_is_marked(harness)


def test_thirty_refused_before_twenty_good_ones_are_deferred_with_one_try_a_quarter(
    harness: MailHarness,
) -> None:
    bad = subscribe(harness, *[f"d{number}.example" for number in range(30)])
    good = subscribe(harness, *[f"g{number}.example" for number in range(20)])
    answers = refuse(*[address.partition("@")[2] for address in bad])
    server = Sending(harness)
    server.send(0, answers)
    assert len(server.tried) <= 13
    for minutes in (1, 2, 5, 14):
        assert server.send(minutes, answers) == []
    assert len(server.send(15.1, answers)) == 1
    states = Counter(state for _, state, _ in harness.states())
    assert set(states) == {"deferred"}
    assert nobody_is_marked(harness)
    assert server.sent == {}
    assert good


def test_a_domain_that_refuses_all_its_recipients_waits_from_the_end_of_the_run(
    harness: MailHarness,
) -> None:
    subscribe(harness, "a.example", "b.example", each=3)
    server = Sending(harness)
    server.send(0, refuse("a.example"))
    assert refusing(harness) == {"a.example": US}
    assert server.send(5, refuse("a.example")) == []
    assert len(server.recover(15.1)) == 3


def test_one_recipient_who_is_refused_alone_holds_up_nobody(harness: MailHarness) -> None:
    subscribe(harness, "a.example", each=5)
    server = Sending(harness)

    def answers(address: str) -> str | None:
        return US if address == "p2@a.example" else None

    server.send(0, answers)
    assert server.send(1.1, answers) == ["p2@a.example"]  # a retry of its own
    assert refusing(harness) == {}
    assert len(server.send(24 * 60, answers)) == 5


def test_the_next_day_begins_with_one_try_to_a_domain_that_refused(harness: MailHarness) -> None:
    addresses = subscribe(harness, "a.example", each=20)
    server = Sending(harness)
    server.send(0, refuse("a.example"))
    server.send(7 * 60, refuse("a.example"))  # the day is over
    states = Counter((state, reason) for _, state, reason in harness.states())
    assert states["skipped", "late"] + states["failed", US] == 20
    assert server.send(24 * 60, refuse("a.example")) == [addresses[0]]
    server.recover(24 * 60 + 15.1)
    assert server.sent == dict.fromkeys(addresses, 1)


def test_who_leaves_while_a_domain_refuses_is_not_tried(harness: MailHarness) -> None:
    tokens = [harness.subscribe(f"p{number}@a.example") for number in range(20)]
    server = Sending(harness)
    seen = server.send(0, refuse("a.example"))
    for number, token in enumerate(tokens):
        if f"p{number}@a.example" not in seen:
            harness.unsubscribe(token)
    server.recover(15.1)
    assert set(server.sent) <= set(seen)
    assert harness.rows("SELECT 1 FROM deliveries WHERE waits_for IS NOT NULL") == []


def test_a_mail_server_that_recovers_lets_what_waits_for_a_domain_be_tried(
    harness: MailHarness,
) -> None:
    """Nothing is left but what waits for a domain, so that is the one delivery to try."""
    subscribe(harness, "a.example", each=12)
    subscribe(harness, "b.example")
    server = Sending(harness)
    server.send(0, refuse("a.example"))
    with harness.open() as (db, _):
        when = datetime.fromisoformat(later(SEVEN, minutes=2))
        refusals.save(db, EVERY_DOMAIN, US, when, when)
    server.recover(16)
    assert len(server.sent) == 13


def outcome(kind: str) -> Outcome:
    return {
        "us": Outcome(1, "deferred", 550, "no", blames_sender=True),
        "unexplained": Outcome(1, "failed", 554, "no", blames_sender=True),
        "temporary": Outcome(1, "deferred", 451, "not now", blames_sender=True),
        "lost": Outcome(1, "deferred", 0, "connection lost"),
        "full": Outcome(1, "failed", 552, "full"),
        "dead": Outcome(1, "bounced", 550, "no such user"),
        "sent": Outcome(1, "sent", 250, "ok"),
    }[kind]


@pytest.mark.parametrize(
    ("between", "ends"),
    [
        ("sent", True),
        ("dead", True),
        ("full", True),
        ("temporary", False),
        ("lost", False),
        ("unexplained", False),
    ],
)
def test_what_ends_a_row_of_refusals(between: str, ends: bool) -> None:
    streaks = RefusalStreaks()
    for _ in range(MAX_REFUSALS - 1):
        assert streaks.count("a.example", outcome("us")) is None
    streaks.count("a.example", outcome(between))
    assert streaks.count("a.example", outcome("us")) == (None if ends else "a.example")


def test_a_row_over_two_domains_is_the_mail_servers() -> None:
    streaks = RefusalStreaks()
    for number in range(MAX_REFUSALS - 1):
        assert streaks.count(f"d{number % 2}.example", outcome("us")) is None
    assert streaks.count("d1.example", outcome("us")) == EVERY_DOMAIN


def test_a_server_that_refuses_the_sender_is_an_alarm_until_a_message_is_accepted(
    devis: Installation,
) -> None:
    harness = mail_harness(devis)
    Desk(devis).account("administrator")
    addresses = subscribe(harness, "a.example", "b.example")

    def send(reply: str | None) -> set[str]:
        script = AcceptingScript(lambda number, verb, text: reply if verb == "MAIL" else None)
        with scripted_server(script) as there, contextlib.suppress(MailRefusedError):
            harness.config = replace(harness.config, smtp=there.server)
            harness.send(SEVEN)
        return {mail.recipient for mail in script.mails}

    refused = "550 5.7.60 Client does not have permissions to send as this sender"
    assert send(refused) == send(refused) == set()
    assert refusing(harness) == {EVERY_DOMAIN: refused}
    # As soon as the setting is corrected, one is tried, and then the rest and the notice.
    probed = send(None)
    assert refusing(harness) == {}
    rest = send(None)
    assert {*addresses} < probed | rest
    assert "administrator@example.org" in probed | rest
