"""Bounces and complaints are counted, and suspend a subscription where they must."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from feed.digests import bounces
from feed.digests.bounces import BounceResult, Kind
from feed.model import tokens
from tests.conftest import Installation
from tests.mail_harness import MailHarness, mail_harness, move_address

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
LATER = timedelta(days=1)


@pytest.fixture
def harness(devis: Installation) -> MailHarness:
    return mail_harness(devis, bounce_address="bounces@example.org")


def report(status: str, about: str, to: str = "bounces@example.org", letter: str = "") -> bytes:
    """A delivery status notification (RFC 3464), as Postfix writes one."""
    sent_back = letter.partition("\n\n")[0]
    return f"""\
From: mailer-daemon@mx.example
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="line"

--line
Content-Type: text/plain

I am sorry to have to inform you …

--line
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {about}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {status} no

--line
Content-Type: text/rfc822-headers

{sent_back}

--line--
""".encode()


def complaint(letter: str, kind: str = "abuse", fields: str = "") -> bytes:
    """A feedback report (RFC 5965), as mail providers pass them on."""
    return f"""\
From: fbl@mx.example
To: bounces@example.org
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="line"

--line
Content-Type: text/plain

This is an email abuse report.

--line
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: X/1.0
Version: 1
{fields}

--line
Content-Type: message/rfc822

{letter}

--line--
""".encode()


def jmrp(letter: str) -> bytes:
    """A complaint as Outlook.com passes it on: the message and no report."""
    return f"""\
From: staff@hotmail.com
To: bounces@example.org
Subject: complaint about message from 192.0.2.1
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="line"

--line
Content-Type: message/rfc822

X-HmXmrOriginalRecipient: angry@outlook.example
{letter}

--line--
""".encode()


def handle(harness: MailHarness, message: bytes, now: datetime = NOW) -> BounceResult:
    with harness.open() as (db, site):
        return bounces.handle(db, site, harness.config, harness.key, message, now)


def raw(harness: MailHarness) -> str:
    """The only message in the outbox, as it was sent."""
    (path,) = (harness.config.instance / "outbox").glob("*.eml")
    return path.read_text()


def status(harness: MailHarness) -> str:
    ((found,),) = harness.rows("SELECT status FROM subscribers")
    return str(found)


@pytest.mark.parametrize("known_by", ["return path", "older return path", "letter", "address"])
def test_hard_bounces_on_three_days_suspend(harness: MailHarness, known_by: str) -> None:
    token = harness.subscribe("gone@example.org")
    harness.new_messages("2026-11-23T07:01+01:00")
    about, to = "who@else.example", "bounces@example.org"
    if known_by == "return path":
        to = f"Bounces+{tokens.lasting(harness.key, 'bounce', 1, 0).upper()}@example.org"
    elif known_by == "older return path":
        to = f"bounces+{token}@example.org"
    elif known_by == "address":
        harness.config = replace(harness.config, bounce_address=None)
        about = "Gone@example.org"
    message = report("5.1.1", about, to, raw(harness) if known_by == "letter" else "")
    assert handle(harness, message) == BounceResult("dead", known=True, stopped=False)
    assert handle(harness, message) == BounceResult(
        "dead", known=True, stopped=False
    )  # the same day
    assert handle(harness, message, NOW + LATER).stopped is False
    assert status(harness) == "active"
    assert handle(harness, message, NOW + 2 * LATER).stopped is True
    assert status(harness) == "suspended"
    assert harness.new_messages("2026-12-08T07:01+01:00") == []


def test_knowing_an_address_is_not_enough_to_suspend_it(harness: MailHarness) -> None:
    harness.subscribe("anna@example.org")
    for day in range(5):
        forged = report("5.1.1", "anna@example.org")
        assert handle(harness, forged, NOW + day * LATER) == BounceResult(
            "dead", False, stopped=False
        )
    assert harness.rows("SELECT * FROM bounces") == []


def test_a_bounce_from_an_earlier_address_does_not_count_for_the_present_one(
    harness: MailHarness,
) -> None:
    harness.subscribe("anna@example.org")
    move_address(harness, "anna@new.example")
    for purpose in ("bounce", "letter"):
        for moves, known in ((0, False), (1, True)):
            token = tokens.lasting(harness.key, purpose, 1, moves)
            message = report("5.1.1", "anna@example.org", f"bounces+{token}@example.org")
            assert handle(harness, message).known is known


def test_an_unsubscribe_request_counts_from_any_digest_however_old(harness: MailHarness) -> None:
    token = harness.subscribe("anna@example.org")
    move_address(harness, "anna@new.example")
    wish = EmailMessage()
    wish["To"], wish["Subject"] = f"bounces+{token}@example.org", "unsubscribe"
    assert handle(harness, wish.as_bytes()) == BounceResult("unsubscribe", known=True, stopped=True)
    assert status(harness) == "left"


def test_a_bounce_token_cannot_unsubscribe(harness: MailHarness) -> None:
    """Only the token in the digest's links does."""
    harness.subscribe("anna@example.org")
    wish = EmailMessage()
    wish["To"] = f"bounces+{tokens.lasting(harness.key, 'bounce', 1, 0)}@example.org"
    wish["Subject"] = "unsubscribe"
    assert handle(harness, wish.as_bytes()) == BounceResult(
        "unsubscribe", known=False, stopped=False
    )
    assert status(harness) == "active"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(status, "later") for status in ("4.2.2", "4.4.7", "5.2.2", "5.3.4")],
        *[
            (status, "us")
            for status in ("5.6.0", "5.7.1", "5.7.26", "5.7.606", "5.4.5 quota for sending")
        ],
    ],
)
def test_temporary_failures_and_those_of_the_sender_suspend_nobody(
    harness: MailHarness, status: str, kind: Kind
) -> None:
    token = harness.subscribe("full@example.org")
    message = report(status, "full@example.org", f"bounces+{token}@example.org")
    for day in range(30):
        assert handle(harness, message, NOW + day * LATER) == BounceResult(
            kind, True, stopped=False
        )
    assert harness.rows("SELECT * FROM bounces") == []


def test_a_complaint_suspends_the_subscription_at_once(harness: MailHarness) -> None:
    harness.subscribe("angry@example.org")
    harness.new_messages("2026-11-23T07:01+01:00")
    assert handle(harness, complaint(raw(harness))) == BounceResult(
        "complaint", known=True, stopped=True
    )
    assert status(harness) == "suspended"


def test_a_complaint_of_outlook_com_suspends_at_once(harness: MailHarness) -> None:
    harness.subscribe("angry@outlook.example")
    harness.new_messages("2026-11-23T07:01+01:00")
    assert handle(harness, jmrp(raw(harness))) == BounceResult(
        "complaint", known=True, stopped=True
    )


def test_a_complaint_is_known_by_the_envelope_sender_that_it_names(harness: MailHarness) -> None:
    harness.subscribe("angry@example.org")
    token = tokens.lasting(harness.key, "bounce", 1, 0)
    fields = f"Original-Mail-From: <bounces+{token}@example.org>"
    report = complaint("Subject: redacted", fields=fields)
    assert handle(harness, report) == BounceResult("complaint", known=True, stopped=True)


def test_apple_mail_unsubscribes_though_it_says_that_it_is_automatic(harness: MailHarness) -> None:
    token = harness.subscribe("anna@example.org")
    wish = EmailMessage()
    wish["To"], wish["Subject"] = f"bounces+{token}@example.org", "unsubscribe"
    wish["Auto-Submitted"], wish["X-Apple-Unsubscribe"] = "auto-replied", "true"
    assert handle(harness, wish.as_bytes()) == BounceResult("unsubscribe", known=True, stopped=True)
    assert status(harness) == "left"


@pytest.mark.parametrize("kind", ["not-spam", "Not-Spam", "auth-failure"])
def test_feedback_that_is_no_complaint_stops_nothing(harness: MailHarness, kind: str) -> None:
    harness.subscribe("glad@example.org")
    harness.new_messages("2026-11-23T07:01+01:00")
    assert handle(harness, complaint(raw(harness), kind)).stopped is False
    assert status(harness) == "active"


def test_an_email_to_the_unsubscribe_address_ends_the_subscription(harness: MailHarness) -> None:
    harness.subscribe("leaver@example.org")
    (letter,) = harness.new_messages("2026-11-23T07:01+01:00")
    (_, mailto) = str(letter["List-Unsubscribe"]).replace("\r\n", "").split(",")
    address, _, subject = mailto.strip(" <>").removeprefix("mailto:").partition("?subject=")
    wish = EmailMessage()
    wish["From"], wish["To"], wish["Subject"] = "leaver@example.org", address, subject
    wish.set_content("")
    assert handle(harness, wish.as_bytes()) == BounceResult("unsubscribe", known=True, stopped=True)
    assert status(harness) == "left"
    assert handle(harness, wish.as_bytes()).stopped is True  # again, and nothing changes


def test_the_unsubscribe_address_is_good_for_nothing_else(harness: MailHarness) -> None:
    """Servers on the way write down where a message goes."""
    token = harness.subscribe("leaver@example.org")
    (letter,) = harness.new_messages("2026-11-23T07:01+01:00")
    found = re.search(r"mailto:bounces\+(\w{42})@", str(letter["List-Unsubscribe"]))
    assert found
    assert found[1] != token
    stranger = Installation(harness.config, harness.now).client()
    for path in ("", "unsubscribe", "confirm", "move", "export", "erase"):
        assert stranger.get(f"/subscription/{found[1]}/{path}").status_code == 404
    assert stranger.post(f"/subscription/{found[1]}/", data={"hour": "9"}).status_code == 404
    back = report("5.1.1", "leaver@example.org", to=f"bounces+{found[1]}@example.org")
    for _ in range(5):
        assert handle(harness, back).known is False
    assert status(harness) == "active"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00\xff\xfe",
        b"Subject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nBack on Monday",
        b"To: bounces+" + b"a" * 42 + b"@example.org\r\nSubject: unsubscribe\r\n\r\n",
        b"To: bounces@example.org\r\nSubject: =?utf-8?b?/////w==?=\r\n\r\nhej",
        b"Content-Type: message/rfc822\r\n\r\n" * 30_000,
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
            for n in range(3000)
        ),
    ],
    ids=lambda message: ascii(message)[:40],
)
def test_anything_else_changes_nothing(harness: MailHarness, message: bytes) -> None:
    harness.subscribe("calm@example.org")
    assert handle(harness, message).stopped is False
    assert status(harness) == "active"
    assert harness.rows("SELECT * FROM bounces") == []


def test_an_automatic_reply_to_a_digest_is_no_unsubscribe_request(harness: MailHarness) -> None:
    token = harness.subscribe("away@example.org")
    answer = EmailMessage()
    answer["To"], answer["Subject"] = f"bounces+{token}@example.org", "Away: unsubscribe?"
    answer["Auto-Submitted"] = "auto-replied"
    answer.set_content("I am away")
    assert handle(harness, answer.as_bytes()) == BounceResult("none", known=True, stopped=False)
    assert status(harness) == "active"
