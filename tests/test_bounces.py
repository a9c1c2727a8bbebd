"""What comes back from the mail system: counted, and letters stop where they must."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from feed.mail import tokens
from feed.subscriptions import returned
from feed.subscriptions.returned import Handled, is_too_much
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
    action = "failed" if status.startswith("5") else "delayed"
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
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {status} no

--line
Content-Type: text/rfc822-headers

{sent_back}

--line--
""".encode()


def complaint(letter: str, kind: str = "abuse") -> bytes:
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

--line
Content-Type: message/rfc822

{letter}

--line--
""".encode()


def handle(home: House, message: bytes, now: datetime = NOW) -> Handled:
    with home.library() as (db, site):
        return returned.handle(db, site, home.config, home.key, message, now)


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
    assert handle(home, message) == Handled("hard", known=True, stopped=False)
    assert handle(home, message) == Handled("hard", known=True, stopped=False)  # the same day
    assert handle(home, message, NOW + LATER).stopped is False
    assert status(home) == "active"
    assert handle(home, message, NOW + 2 * LATER).stopped is True
    assert status(home) == "suspended"
    assert home.post("2026-12-08T07:01+01:00") == []


def test_who_only_knows_an_address_cannot_stop_letters_to_it(home: House) -> None:
    home.subscribe("anna@example.org")
    for day in range(5):
        forged = report("5.1.1", "anna@example.org")
        assert handle(home, forged, NOW + day * LATER) == Handled("hard", False, stopped=False)
    assert home.rows("SELECT * FROM bounces") == []


def test_what_comes_back_from_an_earlier_address_tells_nothing_of_the_present_one(
    home: House,
) -> None:
    home.subscribe("anna@example.org")
    moved(home, "anna@new.example")
    for purpose in ("bounce", "letter"):
        for moves, known in ((0, False), (1, True)):
            token = tokens.lasting(home.key, purpose, 1, moves)
            message = report("5.1.1", "anna@example.org", f"bounces+{token}@example.org")
            assert handle(home, message).known is known


def test_a_wish_to_leave_counts_from_any_letter_however_old(home: House) -> None:
    token = home.subscribe("anna@example.org")
    moved(home, "anna@new.example")
    wish = EmailMessage()
    wish["To"], wish["Subject"] = f"bounces+{token}@example.org", "unsubscribe"
    assert handle(home, wish.as_bytes()) == Handled("unsubscribe", known=True, stopped=True)
    assert status(home) == "left"


def test_an_address_for_what_comes_back_ends_nothing(home: House) -> None:
    """Only the one in the letter does."""
    home.subscribe("anna@example.org")
    wish = EmailMessage()
    wish["To"] = f"bounces+{tokens.lasting(home.key, 'bounce', 1, 0)}@example.org"
    wish["Subject"] = "unsubscribe"
    assert handle(home, wish.as_bytes()) == Handled("unsubscribe", known=False, stopped=False)
    assert status(home) == "active"


def test_a_full_mailbox_suspends_after_a_fortnight(home: House) -> None:
    token = home.subscribe("full@example.org")
    message = report("4.2.2", "full@example.org", f"bounces+{token}@example.org")
    for day in range(14):
        assert handle(home, message, NOW + day * LATER) == Handled("soft", True, stopped=False)
    assert handle(home, message, NOW + 14 * LATER).stopped is True


def test_soft_bounces_begin_anew_after_a_week_without() -> None:
    week = [(NOW + day * LATER, "soft") for day in (0, 5, 10)]
    assert not is_too_much(week, 3, NOW)
    assert is_too_much([*week, (NOW + 14 * LATER, "soft")], 3, NOW)
    assert not is_too_much([*week, (NOW + 18 * LATER, "soft"), (NOW + 20 * LATER, "soft")], 3, NOW)


def test_a_complaint_stops_the_letters_at_once(home: House) -> None:
    home.subscribe("angry@example.org")
    home.post("2026-11-23T07:01+01:00")
    assert handle(home, complaint(raw(home))) == Handled("complaint", known=True, stopped=True)
    assert status(home) == "suspended"


@pytest.mark.parametrize("kind", ["not-spam", "Not-Spam", "auth-failure"])
def test_feedback_that_is_no_complaint_stops_nothing(home: House, kind: str) -> None:
    home.subscribe("glad@example.org")
    home.post("2026-11-23T07:01+01:00")
    assert handle(home, complaint(raw(home), kind)).stopped is False
    assert status(home) == "active"


def test_a_letter_to_the_unsubscribe_address_ends_the_subscription(home: House) -> None:
    home.subscribe("leaver@example.org")
    (letter,) = home.post("2026-11-23T07:01+01:00")
    (_, mailto) = str(letter["List-Unsubscribe"]).replace("\r\n", "").split(",")
    address, _, subject = mailto.strip(" <>").removeprefix("mailto:").partition("?subject=")
    wish = EmailMessage()
    wish["From"], wish["To"], wish["Subject"] = "leaver@example.org", address, subject
    wish.set_content("")
    assert handle(home, wish.as_bytes()) == Handled("unsubscribe", known=True, stopped=True)
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


def test_an_automatic_answer_to_a_letter_is_no_wish_to_leave(home: House) -> None:
    token = home.subscribe("away@example.org")
    answer = EmailMessage()
    answer["To"], answer["Subject"] = f"bounces+{token}@example.org", "Away: unsubscribe?"
    answer["Auto-Submitted"] = "auto-replied"
    answer.set_content("I am away")
    assert handle(home, answer.as_bytes()) == Handled("other", known=True, stopped=False)
    assert status(home) == "active"
