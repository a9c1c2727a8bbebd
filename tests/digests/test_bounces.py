"""What comes back from the mail system: counted, and letters stop where they must."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from feed.digests import bounces
from feed.digests.bounces import BounceResult, Kind
from feed.model import tokens
from tests.conftest import Installation
from tests.house import House, house, moved

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
LATER = timedelta(days=1)


@pytest.fixture
def home(devis: Installation) -> House:
    return house(devis, bounce_address="bounces@example.org")


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


def handle(home: House, message: bytes, now: datetime = NOW) -> BounceResult:
    with home.library() as (db, site):
        return bounces.handle(db, site, home.config, home.key, message, now)


def raw(home: House) -> str:
    """The only letter in the outbox, as it was sent."""
    (path,) = (home.config.instance / "outbox").glob("*.eml")
    return path.read_text()


def status(home: House) -> str:
    ((found,),) = home.rows("SELECT status FROM subscribers")
    return str(found)


@pytest.mark.parametrize("known_by", ["return path", "older return path", "letter", "address"])
def test_hard_bounces_on_three_days_suspend(home: House, known_by: str) -> None:
    token = home.subscribe("gone@example.org")
    home.post("2026-11-23T07:01+01:00")
    about, to = "who@else.example", "bounces@example.org"
    if known_by == "return path":
        to = f"Bounces+{tokens.lasting(home.key, 'bounce', 1, 0).upper()}@example.org"
    elif known_by == "older return path":
        to = f"bounces+{token}@example.org"
    elif known_by == "address":
        home.config = replace(home.config, bounce_address=None)
        about = "Gone@example.org"
    message = report("5.1.1", about, to, raw(home) if known_by == "letter" else "")
    assert handle(home, message) == BounceResult("dead", known=True, stopped=False)
    assert handle(home, message) == BounceResult("dead", known=True, stopped=False)  # the same day
    assert handle(home, message, NOW + LATER).stopped is False
    assert status(home) == "active"
    assert handle(home, message, NOW + 2 * LATER).stopped is True
    assert status(home) == "suspended"
    assert home.post("2026-12-08T07:01+01:00") == []


def test_knowing_an_address_is_not_enough_to_suspend_it(home: House) -> None:
    home.subscribe("anna@example.org")
    for day in range(5):
        forged = report("5.1.1", "anna@example.org")
        assert handle(home, forged, NOW + day * LATER) == BounceResult("dead", False, stopped=False)
    assert home.rows("SELECT * FROM bounces") == []


def test_a_bounce_from_an_earlier_address_does_not_count_for_the_present_one(
    home: House,
) -> None:
    home.subscribe("anna@example.org")
    moved(home, "anna@new.example")
    for purpose in ("bounce", "letter"):
        for moves, known in ((0, False), (1, True)):
            token = tokens.lasting(home.key, purpose, 1, moves)
            message = report("5.1.1", "anna@example.org", f"bounces+{token}@example.org")
            assert handle(home, message).known is known


def test_an_unsubscribe_request_counts_from_any_digest_however_old(home: House) -> None:
    token = home.subscribe("anna@example.org")
    moved(home, "anna@new.example")
    wish = EmailMessage()
    wish["To"], wish["Subject"] = f"bounces+{token}@example.org", "unsubscribe"
    assert handle(home, wish.as_bytes()) == BounceResult("unsubscribe", known=True, stopped=True)
    assert status(home) == "left"


def test_a_bounce_token_cannot_unsubscribe(home: House) -> None:
    """Only the one in the letter does."""
    home.subscribe("anna@example.org")
    wish = EmailMessage()
    wish["To"] = f"bounces+{tokens.lasting(home.key, 'bounce', 1, 0)}@example.org"
    wish["Subject"] = "unsubscribe"
    assert handle(home, wish.as_bytes()) == BounceResult("unsubscribe", known=False, stopped=False)
    assert status(home) == "active"


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
    home: House, status: str, kind: Kind
) -> None:
    token = home.subscribe("full@example.org")
    message = report(status, "full@example.org", f"bounces+{token}@example.org")
    for day in range(30):
        assert handle(home, message, NOW + day * LATER) == BounceResult(kind, True, stopped=False)
    assert home.rows("SELECT * FROM bounces") == []


def test_a_complaint_suspends_the_subscription_at_once(home: House) -> None:
    home.subscribe("angry@example.org")
    home.post("2026-11-23T07:01+01:00")
    assert handle(home, complaint(raw(home))) == BounceResult("complaint", known=True, stopped=True)
    assert status(home) == "suspended"


def test_a_complaint_of_outlook_com_suspends_at_once(home: House) -> None:
    home.subscribe("angry@outlook.example")
    home.post("2026-11-23T07:01+01:00")
    assert handle(home, jmrp(raw(home))) == BounceResult("complaint", known=True, stopped=True)


def test_a_complaint_is_known_by_the_envelope_sender_that_it_names(home: House) -> None:
    home.subscribe("angry@example.org")
    token = tokens.lasting(home.key, "bounce", 1, 0)
    fields = f"Original-Mail-From: <bounces+{token}@example.org>"
    report = complaint("Subject: redacted", fields=fields)
    assert handle(home, report) == BounceResult("complaint", known=True, stopped=True)


def test_apple_mail_unsubscribes_though_it_says_that_it_is_automatic(home: House) -> None:
    token = home.subscribe("anna@example.org")
    wish = EmailMessage()
    wish["To"], wish["Subject"] = f"bounces+{token}@example.org", "unsubscribe"
    wish["Auto-Submitted"], wish["X-Apple-Unsubscribe"] = "auto-replied", "true"
    assert handle(home, wish.as_bytes()) == BounceResult("unsubscribe", known=True, stopped=True)
    assert status(home) == "left"


@pytest.mark.parametrize("kind", ["not-spam", "Not-Spam", "auth-failure"])
def test_feedback_that_is_no_complaint_stops_nothing(home: House, kind: str) -> None:
    home.subscribe("glad@example.org")
    home.post("2026-11-23T07:01+01:00")
    assert handle(home, complaint(raw(home), kind)).stopped is False
    assert status(home) == "active"


def test_an_email_to_the_unsubscribe_address_ends_the_subscription(home: House) -> None:
    home.subscribe("leaver@example.org")
    (letter,) = home.post("2026-11-23T07:01+01:00")
    (_, mailto) = str(letter["List-Unsubscribe"]).replace("\r\n", "").split(",")
    address, _, subject = mailto.strip(" <>").removeprefix("mailto:").partition("?subject=")
    wish = EmailMessage()
    wish["From"], wish["To"], wish["Subject"] = "leaver@example.org", address, subject
    wish.set_content("")
    assert handle(home, wish.as_bytes()) == BounceResult("unsubscribe", known=True, stopped=True)
    assert status(home) == "left"
    assert handle(home, wish.as_bytes()).stopped is True  # again, and nothing changes


def test_the_unsubscribe_address_is_good_for_nothing_else(home: House) -> None:
    """Servers on the way write down where a message goes."""
    token = home.subscribe("leaver@example.org")
    (letter,) = home.post("2026-11-23T07:01+01:00")
    found = re.search(r"mailto:bounces\+(\w{42})@", str(letter["List-Unsubscribe"]))
    assert found
    assert found[1] != token
    stranger = Installation(home.config, home.now).client()
    for path in ("", "unsubscribe", "confirm", "move", "export", "erase"):
        assert stranger.get(f"/subscription/{found[1]}/{path}").status_code == 404
    assert stranger.post(f"/subscription/{found[1]}/", data={"hour": "9"}).status_code == 404
    back = report("5.1.1", "leaver@example.org", to=f"bounces+{found[1]}@example.org")
    for _ in range(5):
        assert handle(home, back).known is False
    assert status(home) == "active"


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
def test_anything_else_changes_nothing(home: House, message: bytes) -> None:
    home.subscribe("calm@example.org")
    assert handle(home, message).stopped is False
    assert status(home) == "active"
    assert home.rows("SELECT * FROM bounces") == []


def test_an_automatic_reply_to_a_digest_is_no_unsubscribe_request(home: House) -> None:
    token = home.subscribe("away@example.org")
    answer = EmailMessage()
    answer["To"], answer["Subject"] = f"bounces+{token}@example.org", "Away: unsubscribe?"
    answer["Auto-Submitted"] = "auto-replied"
    answer.set_content("I am away")
    assert handle(home, answer.as_bytes()) == BounceResult("none", known=True, stopped=False)
    assert status(home) == "active"
