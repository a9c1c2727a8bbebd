"""What a refusal means: replies, and the reports that come back, written for these tests."""

import base64

import pytest

from feed.smtp.bounce_classifier import judge_bytes
from feed.smtp.reply_classifier import Stage, Verdict, judge_reply

REPLIES: list[tuple[Verdict, Stage, str]] = [
    # no such mailbox, no such domain
    ("dead", "rcpt", "550 5.1.1 <anna@example.org>: Recipient address rejected: User unknown"),
    ("dead", "data", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found"),
    ("dead", "rcpt", "550 No such user here"),
    ("dead", "rcpt", "550 Requested action not taken: mailbox unavailable"),
    ("dead", "rcpt", "550 5.4.1 Recipient address rejected: Access denied. [AM0EUR02.example]"),
    ("dead", "rcpt", "550 5.2.1 <anna@example.org>: user unknown"),
    ("dead", "rcpt", "550 Benutzer unbekannt"),
    ("dead", "rcpt", "550 Utilisateur inconnu"),
    ("dead", "rcpt", "550 El usuario no existe"),
    ("dead", "rcpt", "550 Такого пользователя нет"),
    ("dead", "rcpt", "550 Mottagaren finns inte"),
    ("dead", "rcpt", "550 ユーザーが存在しません"),
    ("dead", "", "5.1.2 Host unknown (Name server: example.invalid: host not found)"),
    ("dead", "", "5.4.4 Host or domain name not found. Name service error: Host not found"),
    ("dead", "rcpt", "556 5.1.10 Domain example.org does not accept mail (nullMX)"),
    # it may pass
    ("later", "rcpt", "552 5.2.2 Mailbox full"),
    ("later", "rcpt", "452 4.2.2 Over quota"),
    ("later", "rcpt", "450 4.2.0 Greylisted, try again"),
    ("later", "data", "552 5.3.4 Message size exceeds fixed limit"),
    ("later", "rcpt", "550 5.2.1 The account is disabled"),
    ("later", "", "5.4.4 Unable to route to the host"),
    ("later", "", "5.4.6 Too many hops"),
    ("later", "", "4.4.7 Delivery time expired"),
    ("later", "data", "550 User unknown"),  # filters of the recipient say so
    ("later", "rcpt", "450 4.1.1 User unknown"),  # the server may know more tomorrow
    ("later", "rcpt", "550"),
    # about the sender
    ("us", "rcpt", "550 5.4.5 Daily sending quota exceeded"),
    ("us", "rcpt", "554 Your IP 192.0.2.1 is listed at bl.example"),
    ("us", "rcpt", "550 Rejected by local policy"),
    ("us", "rcpt", "550 5.7.1 Relay access denied"),
    ("us", "data", "550 5.7.26 This mail is unauthenticated"),
    ("us", "data", "550 5.7.606 Access denied, banned sending IP"),
    ("us", "rcpt", "421 4.7.0 Messages temporarily deferred due to user complaints"),
    ("us", "rcpt", "550 5.1.1 Rejected: your reputation is too low"),
    ("us", "rcpt", "550 5.1.8 Domain of sender address does not exist"),
    ("us", "rcpt", "450 Client host rejected: cannot find your reverse hostname"),
    ("us", "data", "550 5.6.0 Headers too large"),
    ("us", "rcpt", "550 5.7.1 No such user, or the sender is blacklisted"),
]


@pytest.mark.parametrize(("verdict", "stage", "reply"), REPLIES)
def test_a_reply_is_judged_by_its_codes_then_by_its_words(
    verdict: Verdict, stage: Stage, reply: str
) -> None:
    code = int(reply[:3]) if reply[:3].isdigit() else 0
    judged = judge_reply(code, reply.removeprefix(reply[:3]) if code else reply, stage)
    assert judged.verdict == verdict
    assert "@" not in judged.reason


def dsn(
    status: str,
    diagnostic: str = "",
    notice: str = "It could not be delivered.",
    action: str = "failed",
    kind: str = "delivery-status",
) -> bytes:
    line = f"Diagnostic-Code: {diagnostic}\n" if diagnostic else ""
    return f"""\
From: MAILER-DAEMON@mx.example
To: bounces@example.org
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

{notice}

--b
Content-Type: message/{kind}

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; anna@example.org
Action: {action}
Status: {status}
{line}
--b
Content-Type: message/rfc822

Subject: User unknown in this subject says nothing
To: anna@example.org

550 5.1.1 nor does the text.
--b--
""".encode()


@pytest.mark.parametrize(
    ("verdict", "status", "message"),
    [
        ("dead", "5.1.1", dsn("5.1.1")),
        ("dead", "5.1.1", dsn("5.0.0", "smtp; 550 5.1.1 <anna@example.org> User unknown")),
        ("dead", "5.0.0", dsn("5.0.0", "smtp; 550 no such user", "(in reply to RCPT TO command)")),
        ("later", "5.0.0", dsn("5.0.0", "smtp; 550 no such user", "(in reply to end of DATA)")),
        ("dead", "5.0.0", dsn("5.0.0", "X-Notes; User not listed in Domino Directory")),
        ("dead", "5.1.1", dsn("5.1.1", kind="global-delivery-status")),
        ("us", "5.7.1", dsn("5.1.1", "smtp; 550 5.7.1 IP address is blacklisted")),
        ("us", "5.7.26", dsn("5.0.0", "smtp; 550-5.7.26 fails SPF")),
        ("later", "5.2.2", dsn("5.2.2")),
        ("later", "4.4.7", dsn("4.4.7")),
        ("later", "4.4.1", dsn("4.4.1", action="delayed")),
        ("none", "2.0.0", dsn("2.0.0", action="delivered")),
        ("later", "5.0.0", dsn("5.0.0")),
    ],
)
def test_a_status_notification_is_judged_by_its_most_specific_evidence(
    verdict: Verdict, status: str, message: bytes
) -> None:
    judged = judge_bytes(message)
    assert (judged.verdict, judged.status) == (verdict, status)
    assert judged.addresses == ("anna@example.org",)


def notice(text: str, sender: str = "MAILER-DAEMON@mx.example", *, encoded: bool = False) -> bytes:
    head = f"From: {sender}\nSubject: failure notice\nContent-Type: text/plain; charset=utf-8\n"
    if encoded:
        body = base64.encodebytes(text.encode()).decode()
        return f"{head}Content-Transfer-Encoding: base64\n\n{body}".encode()
    return f"{head}\n{text}".encode()


QMAIL = (
    "I wasn't able to deliver your message.\n\n<anna@example.org>:\n{}\n\n"
    "--- Below this line is a copy of the message.\n\nReturn-Path: <a@b.example>\n\nmailbox full\n"
)


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("dead", "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("dead", "Sorry, I couldn't find any host named example.invalid. (#5.1.2)"),
        ("dead", "192.0.2.1 does not like recipient.\nRemote host said: 550 Unknown user"),
        ("us", "Connected to 192.0.2.1 but sender was rejected.\nRemote host said: 550 no"),
        ("us", "Remote host said: 554 Service unavailable; blocked using bl.example"),
        ("later", "The user's mailbox is full."),
        ("later", "I wasn't able to establish an SMTP connection. (#4.4.1)"),
    ],
)
def test_a_notice_in_plain_text_is_read_up_to_the_message_sent_back(
    verdict: Verdict, text: str, encoded: bool
) -> None:
    judged = judge_bytes(notice(QMAIL.format(text), encoded=encoded))
    assert judged.verdict == verdict
    assert judged.addresses == ("anna@example.org",)
    assert judged.reason.isprintable()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00\xff\xfe",
        b"From: anna@example.org\nSubject: Out of office\n\nMy mailbox is full of work.",
        b"From: anna@example.org\nSubject: Automatic reply: Today\nReturn-Path: <>\n\nI no longer"
        b" work here: user unknown, as it were. Undeliverable mail goes to Bo.",
        b"From: mailer-daemon@example.org\nSubject: Please confirm\n\nTo have your message"
        b" delivered, confirm that you are human.",
        b"From: anna@example.org\nContent-Type: multipart/report;"
        b" report-type=disposition-notification; boundary=b\n\n--b\n\nRejected\n--b--\n",
        b'From: no-reply@sns.example\n\n{"notificationType": "Delivery", "delivery": {}}',
        b'From: no-reply@sns.example\n\n{"notificationType": ',
        b"From: x@example.org\nSubject: Re: Today\n\nI know no such user; delete my account.",
    ],
)
def test_what_is_not_about_a_delivery_is_nothing(message: bytes) -> None:
    assert judge_bytes(message).verdict == "none"


def test_a_notification_in_json_is_read() -> None:
    bounce = (
        '{"notificationType": "Bounce", "bounce": {"bouncedRecipients": [{"emailAddress":'
        ' "anna@example.org", "status": "5.1.1", "diagnosticCode": "smtp; 550 unknown"}]}}'
    )
    judged = judge_bytes(f"From: no-reply@sns.example\n\n{bounce}".encode())
    assert (judged.verdict, judged.addresses) == ("dead", ("anna@example.org",))
    complaint = bounce.replace('"Bounce"', '"Complaint"').replace('"bounce"', '"complaint"')
    complaint = complaint.replace("bouncedRecipients", "complainedRecipients")
    judged = judge_bytes(f"From: no-reply@sns.example\n\n{complaint}\n--\nfooter".encode())
    assert (judged.verdict, judged.addresses) == ("complaint", ("anna@example.org",))


def test_hostile_text_costs_little() -> None:
    """Text made for regular expressions that backtrack is judged, within the test's timeout."""
    for text in ("a" * 900_000, "<style" * 150_000, "user " * 180_000, "550 " * 200_000):
        assert judge_bytes(notice(text)).verdict in ("later", "none", "us")
        assert judge_bytes(dsn("5.0.0", f"smtp; {text}")).verdict in ("later", "us")
