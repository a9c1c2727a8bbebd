"""Classify returned mail: bounces (DSN), abuse reports, and failure notices in plain text.

Delivery status notifications (RFC 3464, and RFC 6533 for international addresses), abuse reports
(RFC 5965, and Outlook.com's JMRP), notifications of Amazon SES, and what other servers write.
"""

import json
import re
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from functools import lru_cache
from typing import Any

from feed.smtp.bounce_parser import header, notice_and_statuses, text_of
from feed.smtp.reply_classifier import CERTAIN, Judgement, Stage, Verdict, codes, judge_reply
from feed.smtp.reply_text import sanitised

LARGEST = 1 << 18  # bytes of a message that are parsed: the report comes first
_MOST_RECIPIENTS = 100
UNSUBSCRIBES = "X-Apple-Unsubscribe"  # a header of the messages by which Apple Mail unsubscribes
_NO_COMPLAINT = {"not-spam"}  # RFC 6430
_BY_SERVERS = {"auth-failure", "dmarc"}  # RFC 6591, 7489: about the sender, not by the recipient
_SUCCESSES = ("delivered", "relayed", "expanded")
_SEVERITY: tuple[Verdict, ...] = ("dead", "us", "later", "complaint", "none")

_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'=@]{1,64}@[\w.-]{1,250}\.\w{2,63}", re.UNICODE)
_FIELD = re.compile(r"^([A-Za-z][A-Za-z-]*):[ \t]*(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_IS_FIELDS = re.compile(r"^[ \t]{0,9}(?:final-recipient|reporting-mta):", re.M | re.I)
_CONTINUED = re.compile(r"(?<!\d)([2-5]\d\d)-([^\n]{0,600})\n[^\w\n]{0,60}(?=\1[- ])")
_NEXT_REPLY = re.compile(r"\n(?=[^\w\n]*(?:\w+: )?[2-5]\d\d[ -])|: (?=[45]\d\d[ -])")
# The replies in the transcript of a session.
_REFUSALS = re.compile(
    r"^[^\n]{0,60}?<(?:<<|--) ?(?=\S)(?!RCPT|MAIL|DATA)([45]\d\d\b.*|\D.*)", re.MULTILINE
)
_REFUSAL = re.compile(r"<(?:<<|--) ?[45]\d\d\b")
_CONSEQUENCES = ("421", "503")  # replies to what follows a refusal
_ACCEPTED = re.compile(r"\W*(?:out: )?[23]\d\d[ -]", re.IGNORECASE)
_FAILURE = re.compile(
    r"undeliver|not (?:be )?deliver|did not reach"
    r"|deliver(?:y|ing)[^.\n]{0,40}(?:fail|status|problem|error|delay)"
    r"|fail(?:ed|ure)[^.\n]{0,20}(?:deliver|notice|mail)|returned (?:mail|to sender)|failure notice"
    r"|mail(?: system)? (?:delivery )?(?:error|fail)|could not (?:be )?(?:send|sent|deliver|reach)"
    r"|rejected|bounce|unable to deliver|wasn't able to deliver|permanent error|warning: message"
    r"|nondeliver|non-deliver|unzustellbar|non remis|недоставл|не доставл|no entregad"
    r"|(?:blocked|no such user|not been delivered|undelivered)",
    re.IGNORECASE,
)
_AUTOMATIC = re.compile(
    r"out of (?:the )?office|auto(?:matic|mated)?[- :]*(?:re(?:ply|sponse|sponder)?\b|answer"
    r"|antwort)|vacation|on holiday|away from|absen[ct]|abwesen|r[ée]ponse automatique"
    r"|respuesta autom|risposta autom|resposta autom|autosvar|automatisk|fr[åa]nvar"
    r"|fuori (?:sede|ufficio)|assen[tz]|aus[eê]n[tc]|f[ée]rias|vakantie|urlop|autoodpowied"
    r"|自動(?:返信|応答)|自动回复|автоответ|afwezig",
    re.IGNORECASE,
)
_ANSWERED = re.compile(r"\W*(?:re|aw|sv|antw|fwd?|wg|vs|tr|rv)\s*(?:\[\d+\])?:", re.IGNORECASE)
_CHALLENGE = re.compile(
    r"(?:confirm|verif|prove|authenticat)\w*[^.]{0,60}(?:your (?:message|e?-?mail|identity)"
    r"|that you|human|real person)|captcha|challenge|approved senders?|whitelist"
    r"|to have your (?:message|mail)",
    re.IGNORECASE,
)
_DAEMON = re.compile(
    r"daemon|post_?master|mail.?(?:delivery|system|server|router|admin)|no-?reply"
    r"|system admin|<>|^$",
    re.IGNORECASE,
)
_SENDER_LINE = re.compile(r"^[^\n]{0,60}?\b(?:from|sender)\b[^\n]{0,200}@", re.M | re.I)
_BEFORE = r"(?:pipelined |the |final |our |sending |end of |\W){0,9}"
_AT = r"(?:reply to|after|like our|following|command|>>>|-->|sent <<<|smtp:|smtp error,|\[)"
_STAGE_WORDS: tuple[tuple[Stage, str, str], ...] = (
    ("rcpt", "rcpt", r"(?:like|but) (?:the )?recipient|progress was rcpt|\(state 14\)"),
    ("data", "data", r"\(state 1[78]\)"),
    ("mail", "(?:mail|helo|ehlo)", r"but (?:sender|my name)|\(state 13\)"),
)
_STAGES = tuple(
    (stage, re.compile(rf"{_AT}{_BEFORE}{verb}|{words}", re.IGNORECASE))
    for stage, verb, words in _STAGE_WORDS
)


def judge_bytes(message: bytes) -> Judgement:
    """Classify a returned message, from its bytes."""
    try:
        return judge(message_from_bytes(message[:LARGEST].lstrip()))
    except RecursionError:  # nested more deeply than any mail server does it
        return Judgement("none", reason="nested too deeply")


def judge(message: Message) -> Judgement:
    """Classify a returned message; what is not understood is "none".

    Raises RecursionError where it is nested too deeply.
    """
    complaint = _complaint(message)
    if complaint is not None:
        return complaint
    if _is_receipt(message):
        return Judgement("none", reason="a receipt")
    notice, statuses = notice_and_statuses(message)
    if notice.lstrip().startswith("{"):
        return _notification(notice)
    blocks = [block for text in statuses or [notice] for block in _blocks(text)]
    if blocks:
        return _dsn(blocks, notice, message)
    enclosed = _enclosed_report(message)
    if enclosed is not None:
        return judge(enclosed)
    if _is_failure_notice(message, notice):
        return _plain_text(notice, message)
    return Judgement("none", reason="not a report of a failed delivery")


def _enclosed_report(message: Message) -> Message | None:
    """A status report that was forwarded as an attachment."""
    for part in message.walk():
        if part is not message and part.get_content_type() == "multipart/report":
            return part
    return None


def _complaint(message: Message) -> Judgement | None:
    """An abuse report, if it is one: RFC 5965, or Outlook.com's, which sends the message alone."""
    parts = list(message.walk())
    jmrp = any(part.get("X-HmXmrOriginalRecipient") for part in parts)
    report = str(message.get_param("report-type", "")).lower() == "feedback-report"
    fields = _feedback(parts)
    subject = header(message, "Subject").lower()
    wish = message.get(UNSUBSCRIBES)
    if not (jmrp or report or fields or wish or subject.startswith("complaint about message from")):
        return None
    kind = fields.get("feedback-type", "abuse").strip().lower()
    named = [fields.get("original-rcpt-to", "")]
    named += [str(part.get("X-HmXmrOriginalRecipient", "")) for part in parts]
    addresses = _addresses(" ".join(named))
    if kind in _NO_COMPLAINT:
        return Judgement("none", reason=f"feedback: {kind}", addresses=addresses)
    return Judgement("complaint", reason=f"feedback: {kind}", addresses=addresses)


def _feedback(parts: list[Message]) -> dict[str, str]:
    """The fields of the first feedback report, by their names in lower case."""
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            return _fields(text_of(part))
    return {}


def feedback_senders(message: Message) -> list[str]:
    """The envelope senders of the messages that an abuse report is about."""
    found = _feedback(list(message.walk())).get("original-mail-from")
    return [found] if found else []


def is_authentication_report(message: Message) -> bool:
    """Whether a server complains that SPF, DKIM or DMARC failed, and not a recipient."""
    kind = _feedback(list(message.walk())).get("feedback-type", "")
    return kind.strip().lower() in _BY_SERVERS


def _is_receipt(message: Message) -> bool:
    kind = str(message.get_param("report-type", "")).lower()
    types = {part.get_content_type() for part in message.walk()}
    return kind == "disposition-notification" or "message/disposition-notification" in types


def _fields(text: str) -> dict[str, str]:
    return {hit[1].lower(): " ".join(hit[2].split()) for hit in reversed([*_FIELD.finditer(text)])}


def _blocks(text: str) -> list[dict[str, str]]:
    """The fields of each recipient in a status report."""
    found = [_fields(block) for block in re.split(r"\n[ \t]*\n", text)]
    reported = [block for block in found if "action" in block or "diagnostic-code" in block]
    return reported[:_MOST_RECIPIENTS]


def _dsn(blocks: list[dict[str, str]], notice: str, message: Message) -> Judgement:
    """The most severe verdict of a status report about its recipients."""
    return _most_severe([_recipient(block, notice) for block in blocks], message, notice)


def _most_severe(judged: list[Judgement], message: Message, notice: str) -> Judgement:
    worst = min(judged, key=lambda one: _SEVERITY.index(one.verdict))
    named = [name for one in judged if one.verdict == worst.verdict for name in one.addresses]
    return replace(worst, addresses=tuple(dict.fromkeys(named)) or _named(message, notice))


def _recipient(block: dict[str, str], notice: str) -> Judgement:
    """What a status report says about one recipient."""
    named = (block.get("final-recipient", ""), block.get("original-recipient", ""))
    addresses = _addresses(" ".join(named))
    action = (block.get("action") or "failed").split()[0].lower()
    status = codes(block.get("status", ""))[1]
    if action != "failed" and (action in _SUCCESSES or status.startswith("2.")):
        return Judgement("none", status, action, addresses)
    final = action == "failed"
    kind, diagnostic = _diagnostic(block)
    if kind == "x-unix":  # what a program said that delivers into mailboxes
        return Judgement("later", status, sanitised(diagnostic.encode()), addresses)
    stage = _stage(notice) or ("" if kind.startswith("x-") else "unknown")
    if block.get("x-powermta-bouncecategory", "") in ("bad-mailbox", "bad-domain"):
        stage = "rcpt"
    found = judge_reply(codes(diagnostic)[0], diagnostic, stage, status=status, final=final)
    if found.confidence < CERTAIN or not diagnostic:
        found = _most_specific([found, _by_phrases(notice, final)])
    return replace(found, addresses=addresses)


def _diagnostic(block: dict[str, str]) -> tuple[str, str]:
    """The kind and the text of a diagnostic code; "smtp" where the kind is missing."""
    found = re.match(r"([\w-]+) *;(.*)", block.get("diagnostic-code", ""))
    return (
        (found[1].lower(), found[2].strip())
        if found
        else ("smtp", block.get("diagnostic-code", ""))
    )


def _plain_text(notice: str, message: Message) -> Judgement:
    return replace(_by_phrases(notice, final=True), addresses=_named(message, notice))


@lru_cache(maxsize=2)  # asked again for each recipient
def _by_phrases(notice: str, final: bool) -> Judgement:
    """The most specific of what the passages of a notice say; of equals, the most severe."""
    stage = _stage(notice)
    judged = [
        judge_reply(codes(passage)[0], passage, _stage(passage) or stage, final=final)
        for passage in _passages(notice)
    ]
    return _most_specific(judged) if judged else Judgement("later")


def _most_specific(judged: list[Judgement]) -> Judgement:
    """The most confident; of equals one that says "dead", then one with a code."""
    return min(judged, key=lambda one: (-one.confidence, one.verdict != "dead", not one.status))


def _passages(notice: str) -> list[str]:
    """Paragraphs, split into the replies of a server that they quote."""
    notice = _CONTINUED.sub(r"\1-\2 ", notice)
    paragraphs = (text for text in re.split(r"\n[ \t>]*\n", notice) if not _IS_FIELDS.search(text))
    return [
        " ".join(passage.split())
        for paragraph in paragraphs
        for passage in _replies(paragraph) or _NEXT_REPLY.split(paragraph)
        if passage.strip() and not _ACCEPTED.match(passage)
    ]


def _replies(paragraph: str) -> list[str]:
    """The refusals in the transcript of a session, without what the reporting server concludes."""
    refusals = _REFUSALS.findall(paragraph)
    return [reply for reply in refusals if reply[:3] not in _CONSEQUENCES] or refusals


@lru_cache(maxsize=2)
def _stage(text: str) -> Stage:
    """The SMTP command that was refused: the first that is named, in a transcript the last."""
    refusal = _REFUSAL.search(text)
    before = text[: refusal.start()] if refusal else text
    found = [(hit.start(), stage) for stage, pattern in _STAGES for hit in pattern.finditer(before)]
    return (max if refusal else min)(found)[1] if found else ""


def _notification(text: str) -> Judgement:
    """A notification of Amazon SES, in JSON, as it is or in an envelope of Amazon SNS."""
    try:
        read = json.JSONDecoder(strict=False).raw_decode  # a footer may follow
        event: Any = read(text.strip().replace("\n ", ""))[0]
        event = read(event["Message"])[0] if "Message" in event else event
        kind = str(event.get("notificationType", event.get("eventType", ""))).lower()
        recipients = event.get(kind, {}).get(
            "bouncedRecipients" if kind == "bounce" else "complainedRecipients", []
        )
        addresses = tuple(str(one["emailAddress"]) for one in recipients)
    except (ValueError, TypeError, AttributeError, KeyError):
        return Judgement("none", reason="not a report of a failed delivery")
    if kind == "complaint":
        return Judgement("complaint", reason="feedback", addresses=addresses)
    if kind != "bounce" or not recipients:
        return Judgement("none", reason=kind)
    blocks = [
        {
            "final-recipient": str(one["emailAddress"]),
            "status": str(one.get("status", "")),
            "diagnostic-code": str(one.get("diagnosticCode", "")),
        }
        for one in recipients
    ]
    return _dsn(blocks, "", Message())


def _is_failure_notice(message: Message, notice: str) -> bool:
    """Whether a mail server wrote this about a message that it could not deliver."""
    if message.get("X-Failed-Recipients"):
        return True
    subject = header(message, "Subject")
    has_code = any(codes(notice))
    if _AUTOMATIC.search(subject) or (_CHALLENGE.search(notice) and not has_code):
        return False
    replied = _is_reply(message)
    null_sender = header(message, "Return-Path").strip() == "<>" and not replied
    about_failure = _FAILURE.search(subject) and not _ANSWERED.match(subject) and not replied
    by_server = _DAEMON.search(header(message, "From")) or null_sender or about_failure
    return bool(by_server) and bool(has_code or _FAILURE.search(f"{subject}\n{notice}"))


def _is_reply(message: Message) -> bool:
    """Whether the headers say that a person's mail program answers (RFC 3834, and before it)."""
    submitted = header(message, "Auto-Submitted").lower()
    older = any(message.get(name) for name in ("X-Autoreply", "X-Autorespond"))
    return older or submitted.startswith("auto-replied")


def _named(message: Message, notice: str) -> tuple[str, ...]:
    """The addresses that a notice in plain text is about."""
    failed = _addresses(header(message, "X-Failed-Recipients"))
    return failed or _addresses(_SENDER_LINE.sub("", notice))[:1]


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_ADDRESS.findall(text)))
