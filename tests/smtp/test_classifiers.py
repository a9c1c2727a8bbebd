"""Classification of SMTP replies and bounces, with examples written for these tests."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from feed.smtp.bounce_classifier import judge_bytes
from feed.smtp.reply_classifier import Stage, Verdict, judge_reply

FOLDER = Path(__file__).with_name("bounces")


def replies() -> Iterator[tuple[str, str, str]]:
    """The verdict, the refused command and the reply of each line; "-" where no server replied."""
    for line in (FOLDER / "replies.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            verdict, stage, reply = line.split(" ", 2)
            yield verdict, stage, reply


def test_replies_are_judged_by_codes_and_by_words_of_many_servers() -> None:
    wrong = []
    for verdict, stage, reply in replies():
        code = int(reply[:3]) if re.match(r"\d{3}[ -]", reply) else 0
        command = cast(Stage, stage.replace("-", ""))
        judged = judge_reply(code, reply, command, final=stage == "-")
        assert "@" not in judged.reason
        if judged.verdict != verdict:
            wrong.append(f"{judged.verdict} instead of {verdict}: {stage} {reply}")
    assert wrong == []


def messages() -> Iterator[tuple[str, str, bytes]]:
    """The verdict, a name and the bytes of each message; the head says how its body is encoded."""
    text = (FOLDER / "messages.txt").read_text(encoding="utf-8")
    for part in re.split(r"^%% ", text, flags=re.MULTILINE)[1:]:
        title, _, message = part.partition("\n")
        head, _, body = message.partition("\n\n")
        charset = re.search(r"text/plain; charset=([\w-]+)", head)
        content = body.encode(charset[1] if charset else "utf-8")
        if "Encoding: base64" in head:
            content = base64.encodebytes(content)
        yield *title.split(" ", 1), head.encode() + b"\n\n" + content


@pytest.mark.parametrize(
    ("verdict", "message"), [pytest.param(one[0], one[2], id=one[1]) for one in messages()]
)
def test_messages_of_many_mail_servers_are_judged(verdict: str, message: bytes) -> None:
    judged = judge_bytes(message)
    assert judged.verdict == verdict
    assert all(name.startswith(("anna@", "änna@")) for name in judged.addresses)


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


def test_a_report_about_a_forwarded_message_names_both_addresses() -> None:
    forwarded = dsn("5.1.1").replace(
        b"Action:", b"Original-Recipient: rfc822; bo@example.org\nAction:"
    )
    assert judge_bytes(forwarded).addresses == ("anna@example.org", "bo@example.org")


@pytest.mark.parametrize(
    "text",
    ["a", "<style", "<a ", "user ", "550 ", "550-", "from @\n", "after ", "Action: failed\n\n"],
)
def test_hostile_text_costs_little(text: str) -> None:
    """Text made for regular expressions that backtrack is judged, within the test's timeout."""
    text *= 900_000 // len(text)
    html = notice(text).replace(b"text/plain", b"text/html")
    for message in (notice(text), html, dsn("5.0.0", f"smtp; {text}")):
        assert judge_bytes(message).verdict in ("later", "none", "us")
