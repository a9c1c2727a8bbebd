"""Mail that comes to the address for returns: what it means, and which e-mail it is about."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import Literal

from feed.smtp import bounce_classifier
from feed.smtp.message_text import text_of
from feed.smtp.reply_classifier import Judgement, Verdict

log = logging.getLogger(__name__)

# A verdict, or the wish of a person or their mail program to get no more e-mail.
Kind = Verdict | Literal["unsubscribe"]

_OURS = r"([a-z2-7]{42})"
_LINK = re.compile(rf"/subscription/{_OURS}(?:/|>)")
_TAGGED = re.compile(rf"\+{_OURS}@", re.IGNORECASE)
_TO = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
_HEADERS = ("text/rfc822-headers", "message/global-headers")


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back: about whom, by the token of an e-mail, or only by address."""

    kind: Kind
    token: str | None
    addresses: tuple[str, ...]


def read(message: bytes) -> Returned:
    """What a message that came to the address for returns means."""
    try:
        parsed = message_from_bytes(message)
        judged = bounce_classifier.judge(parsed)
        token = _token(parsed)
    except RecursionError:  # no mail server wraps anything so often
        log.warning("a returned message could not be read: it is nested too deeply")
        return Returned("none", None, ())
    kind: Kind = "unsubscribe" if token and _is_unsubscribe(parsed, judged) else judged.verdict
    return Returned(kind, token, judged.addresses)


def _is_unsubscribe(message: Message, judged: Judgement) -> bool:
    """Whether a person, or Apple Mail in the name of one, asks for no more e-mail."""
    if "unsubscribe" not in str(message.get("Subject", "")).lower():
        return False
    automatic = str(message.get("Auto-Submitted", "no")).lower() != "no"
    by_person = judged.verdict == "none" and not automatic
    return by_person or message.get(bounce_classifier.UNSUBSCRIBES) is not None


def _token(message: Message) -> str | None:
    """The token of the e-mail that this is about: where it was sent to, else what it holds."""
    sent_to = [str(value) for name in _TO for value in message.get_all(name, [])]
    for value in (*sent_to, *bounce_classifier.feedback_senders(message)):
        found = _TAGGED.search(value)
        if found:
            return found[1].lower()
    subject = re.search(_OURS, str(message.get("Subject", "")))
    if subject:
        return subject[1]
    return next(_links(message), None)


def _links(message: Message) -> Iterator[str]:
    """The tokens in the headers of what was sent back, whole or as its headers only."""
    for part in message.walk():
        texts = [str(value) for value in part.get_all("List-Unsubscribe", [])]
        if part.get_content_type() in _HEADERS:
            texts.append(text_of(part))
        for text in texts:
            yield from _LINK.findall(re.sub(r"\s", "", text))
