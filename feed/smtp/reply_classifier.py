"""Classify SMTP refusals: dead address, temporary failure, or a fault of the sender.

Enhanced status codes (RFC 3463) decide first, then reply codes (RFC 5321), then phrases. Where they
contradict each other, the more specific one decides: a code that only means "failed" (5.0.0,
5.1.0, 5.5.0) gives way to phrases, and so does a code that servers are known to misuse.
"""

import re
from dataclasses import dataclass
from typing import Literal

from feed.smtp import reply_phrases as phrases
from feed.smtp.reply_text import sanitised

# dead: there is no such mailbox or domain; later: the receiving side may take a later message;
# us: about the sender; complaint: the recipient reports spam; none: nothing of these.
Verdict = Literal["dead", "later", "us", "complaint", "none"]
# The SMTP command that was refused; "unknown" of a server's reply, "" where no server replied.
Stage = Literal["", "mail", "rcpt", "data", "unknown"]

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d]|\.\d)")
_REPLY = re.compile(r"(?<![\d.:+-])([245][0-7]\d)(?=[-\s#:\])]|$)")
_NO_MAILBOX = re.compile(r"5\.1\.(?:1|2|3|6|10|35[01])$|5\.4\.310$")
_UNSPECIFIC = re.compile(r"[245]\.0\.\d+$|2\.|[45]\.1\.0$|[45]\.5\.0$")
_SENDER_OR_CONTENT = re.compile(r"5\.1\.[78]$|[45]\.7\.\d+$|5\.6\.\d+$")
_TEMPORARY = re.compile(r"4\.\d+\.\d+$|5\.2\.[234]$|5\.3\.4$|5\.4\.(?:6|7|3(?!10)\d\d)$|5\.7\.13$")
_NAMES_RECIPIENT = re.compile(r"(?:@@ ?: )?5\d\d:? @@ ?:")
_MAX_TEXT = 1000  # characters of a text in which to look for a reason
# How specific the evidence is: a status code or an unmistakable phrase, a phrase, or neither.
CERTAIN, LIKELY, GUESS = 3, 2, 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """The classification of a reply or a returned message.

    `status` is the enhanced status code, else the reply code, else empty; `reason` is one
    printable line without addresses; `addresses` are the recipients that it is about, empty for
    replies. `confidence` is CERTAIN, LIKELY or GUESS.
    """

    verdict: Verdict
    status: str = ""
    reason: str = ""
    addresses: tuple[str, ...] = ()
    confidence: int = GUESS


def judge_reply(
    code: int, text: str, stage: Stage = "", *, status: str = "", final: bool = False
) -> Judgement:
    """Classify one refusal. `code` is 0 if there is none, `stage` the command that was refused.

    `status` is the enhanced status code that a report gives apart from the text; a specific one in
    the text outranks it. `final` means that the reporting server has given up delivery.
    """
    text = text[:_MAX_TEXT]
    status = codes(f"{text} {status}")[1]
    verdict, confidence = _decide(code, status, phrases.normalise(text), stage, final)
    return Judgement(
        verdict, status or (str(code) if code else ""), sanitised(text.encode()), (), confidence
    )


def codes(text: str) -> tuple[int, str]:
    """The first reply code (0 if none) and the first specific enhanced code (empty if none)."""
    reply = _REPLY.search(text)
    found = [hit[0] for hit in _ENHANCED.finditer(text)]
    enhanced = next((one for one in found if not _UNSPECIFIC.match(one)), found[0] if found else "")
    return int(reply[1]) if reply else 0, enhanced


def _decide(code: int, status: str, text: str, stage: Stage, final: bool) -> tuple[Verdict, int]:
    gone = bool(phrases.MAILBOX.search(text) or phrases.DOMAIN.search(text))
    sender = bool(phrases.SENDER.search(text))
    if phrases.EXPLICIT.search(text) or (code, status) == (521, "5.3.2"):
        return "dead", CERTAIN
    if _NO_MAILBOX.match(status):
        return _no_mailbox(text, gone, sender)
    if final and not sender and _is_gone_for_good(status, text, gone):
        return "dead", LIKELY
    if status.startswith("4.") or (not status and 400 <= code < 500):
        confidence = GUESS if _UNSPECIFIC.match(status) else CERTAIN if status else LIKELY
        about_us = sender or status.startswith("4.7.")
        return ("us" if about_us and not phrases.NOT_YET.search(text) else "later"), confidence
    if _TEMPORARY.match(status):
        return ("us", LIKELY) if sender else ("later", CERTAIN)
    if status.startswith("5.4.1") and "recipient address rejected: access denied" in text:
        return "dead", CERTAIN  # Exchange Online to an address that is not in its directory
    if _SENDER_OR_CONTENT.match(status):
        return _about_sender(status, text, gone, sender, stage)
    return _by_words(code, status, text, sender, stage)


def _is_gone_for_good(status: str, text: str, gone: bool) -> bool:
    """Whether a temporary status is contradicted by the words of a report that gives up."""
    if status.startswith("4.1."):
        return gone
    return status == "4.0.0" and bool(phrases.DOMAIN.search(text))


def _no_mailbox(text: str, gone: bool, sender: bool) -> tuple[Verdict, int]:
    if phrases.UNWRITABLE.search(text):
        return "later", CERTAIN
    if gone:
        return "dead", CERTAIN
    if sender:
        return "us", LIKELY
    exists = (phrases.FULL, phrases.DISABLED, phrases.NOT_YET)
    alive = any(phrase.search(text) for phrase in exists)
    return ("later" if alive else "dead"), CERTAIN


def _about_sender(
    status: str, text: str, gone: bool, sender: bool, stage: Stage
) -> tuple[Verdict, int]:
    """5.7.x and 5.6.x: some servers give them to mailboxes that are absent, full or disabled."""
    no_domain = status.startswith("5.7.") and phrases.DOMAIN.search(text)
    if not sender and (no_domain or (gone and stage in ("", "rcpt"))):
        return "dead", LIKELY
    if not sender and status.startswith("5.7.") and phrases.FULL.search(text):
        return "later", LIKELY
    return "us", CERTAIN


def _by_words(code: int, status: str, text: str, sender: bool, stage: Stage) -> tuple[Verdict, int]:
    if sender or (stage == "mail" and not phrases.FULL.search(text)):
        return "us", LIKELY
    if phrases.DOMAIN.search(text) or code == 556:
        return "dead", LIKELY
    if phrases.FULL.search(text):
        return "later", LIKELY
    if phrases.MAILBOX.search(text):
        # After the message itself, "user unknown" is what filters of a recipient say.
        if stage == "rcpt":
            return "dead", CERTAIN
        # A reply that begins with the recipient, without a stage, answers RCPT.
        named = status == "5.1.0" or _NAMES_RECIPIENT.match(text)
        dead = (named and stage != "data") or (stage == "" and not code)
        return ("dead" if dead else "later"), LIKELY
    refused = stage == "rcpt" or (code == 550 and stage == "unknown")
    may_be_absent = refused and not status.startswith("5.2.")
    if may_be_absent and phrases.UNAVAILABLE.search(text):
        return "dead", LIKELY
    if phrases.DISABLED.search(text) or phrases.UNREACHABLE.search(text):
        return "later", LIKELY
    if status.startswith(("5.2.", "5.3.")):
        return "later", LIKELY
    if phrases.REFUSED.search(text):
        return "us", LIKELY
    return "later", GUESS
