"""A whole day with mail servers that refuse in every way: who is living gets the digest once."""

from collections import Counter
from contextlib import suppress

import pytest

from feed import checks
from feed import config as settings
from feed.errors import MailError
from tests.conftest import Installation
from tests.desk_client import Desk
from tests.digests.test_bounce_breaker import enter, suspended
from tests.digests.test_refusals import SEVEN, Sending
from tests.mail_harness import MailHarness, mail_harness, parse

QUOTA = "550 5.4.5 Daily sending quota of <admin@quota.example> exceeded"
LISTED = "554 5.7.1 Service unavailable; <b>192.0.2.1</b> is listed at bl.example"
REFUSED_UNTIL = {"quota.example": 200, "listed.example": 90}  # minutes
SIZES = {
    "good.example": 12,
    "quota.example": 14,
    "listed.example": 14,
    "grey.example": 12,
    "closing.example": 3,
    "full.example": 3,
    "gone.example": 2,
}

pytestmark = pytest.mark.slow


class HostileDay(Sending):
    """Mail servers that recover in the course of the day, but for full and missing mailboxes."""

    seen: Counter[str]

    def play(self, minutes: float, start: str = SEVEN) -> None:
        def reply(address: str) -> str | None:
            domain = address.rpartition("@")[2]
            seen = self.seen[address]
            self.seen[address] += 1
            if minutes < REFUSED_UNTIL.get(domain, 0):
                return QUOTA if domain == "quota.example" else LISTED
            if domain == "grey.example" and not seen:
                return "451 4.2.0 Greylisted, try again in 300 seconds"
            if domain == "closing.example" and not seen:
                return "421 4.3.2 Service not available, closing transmission channel"
            if domain == "full.example":
                return "552 5.2.2 Mailbox full"
            return "550 5.1.1 No such user here" if domain == "gone.example" else None

        with suppress(MailError):  # a server that closes connections ends a run
            self.send(minutes, reply, start)


@pytest.fixture
def harness(devis: Installation) -> MailHarness:
    return mail_harness(devis)


def messages(harness: MailHarness) -> dict[str, str]:
    validation = settings.Validation(harness.config, (), ())
    return {each.check: each.finding.message for each in checks.run(validation, harness.now)}


def test_nobody_is_wrongly_marked_and_the_operator_reads_why(
    harness: MailHarness, devis: Installation
) -> None:
    desk = Desk(devis)
    desk.account("administrator")
    for number in range(max(SIZES.values())):
        for domain, size in SIZES.items():
            if number < size:
                enter(harness, domain, 1, first=number)
    day = HostileDay(harness)
    day.seen = Counter()
    day.play(0)
    day.play(0.1)

    sending = messages(harness)["sending"]
    assert "listed.example refuses what is sent since 2026-11-23 06:00 UTC" in sending
    assert "550 5.4.5 Daily sending quota of <…> exceeded" in sending
    assert "admin@" not in sending
    devis.now = harness.now
    page = desk.sign_in("administrator", now=harness.now).get("/desk/sending/").text
    assert "554 5.7.1 Service unavailable; &lt;b&gt;192.0.2.1&lt;/b&gt; is listed" in page
    metrics = devis.client().get("/metrics").text
    assert 'devis_mail_refused{domain="quota.example",reply="550 5.4.5 Daily' in metrics
    (notice,) = [parse(mail.content) for mail in day.mails if "administrator" in mail.recipient]
    assert "listed at bl.example" in str(notice.get_body(("plain",)))

    for minutes in (*range(1, 8), *range(10, 350, 5)):
        day.play(minutes)
    living = {
        f"p{number}@{domain}"
        for domain in ("good.example", "quota.example", "listed.example", "grey.example")
        for number in range(SIZES[domain])
    }
    assert {address for address in living if day.sent[address] != 1} == set()
    assert max(day.sent.values()) == 1
    assert suspended(harness) == 0
    assert harness.rows(
        "SELECT address FROM bounces b JOIN subscribers s ON s.id = b.subscriber ORDER BY 1"
    ) == [("p0@gone.example",), ("p1@gone.example",)]
    assert harness.rows(
        "SELECT domain, accepted, later, dead, us FROM domain_answers WHERE domain IN"
        " ('quota.example', 'full.example', 'gone.example', 'grey.example') ORDER BY domain"
    ) == [
        ("full.example", 0, 3, 0, 0),
        ("gone.example", 0, 0, 2, 0),
        ("grey.example", 12, 0, 0, 0),
        ("quota.example", 14, 0, 0, 0),
    ]
    assert messages(harness)["sending"] == "No mail server refuses what is sent."
