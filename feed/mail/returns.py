"""Mail that comes to the address for returns: bounces, complaints, and wishes to leave."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import Literal

log = logging.getLogger(__name__)

# What a mail server tells (hard, soft), a mail provider passes on (complaint), or a person or their
# mail program writes (unsubscribe); other: nothing of these, such as an automatic answer.
Kind = Literal["hard", "soft", "complaint", "unsubscribe", "other"]

# Feedback that is not about a letter that somebody does not want (RFC 6430, 6591, 7489).
_NO_COMPLAINTS = {"not-spam", "auth-failure", "dmarc"}
LARGEST = 1 << 20  # bytes of a message that are looked at: a letter has a tenth of it

_OURS = r"([a-z2-7]{42})"
_LINK = re.compile(rf"/subscription/{_OURS}(?:/|>)")
_TAGGED = re.compile(rf"\+{_OURS}@", re.IGNORECASE)
_TO = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back: about whom, by a token of a letter, or only by address."""

    kind: Kind
    token: str | None
    addresses: tuple[str, ...]


def read(message: bytes) -> Returned:
    """What a message that came to the address for returns means."""
    try:
        return _read(message_from_bytes(message))
    except RecursionError:  # no mail server wraps anything so often
        log.warning("a returned message could not be read: it is nested too deeply")
        return Returned("other", None, ())


def _read(parsed: Message) -> Returned:
    token = _token(parsed)
    if _is_complaint(parsed):
        return Returned("complaint", token, ())
    temporary, permanent = _failures(parsed)
    if permanent or temporary:
        found = permanent or temporary
        return Returned("hard" if permanent else "soft", token, tuple(map(_text, sorted(found))))
    automatic = str(parsed.get("Auto-Submitted", "no")).lower() != "no"
    if token and not automatic and "unsubscribe" in str(parsed.get("Subject", "")).lower():
        return Returned("unsubscribe", token, ())
    return Returned("other", token, ())


def _is_complaint(message: Message) -> bool:
    """Whether this is a feedback report (RFC 5965) of somebody who does not want a letter."""
    kind = str(message.get_param("report-type", "")).lower()
    if message.get_content_type() != "multipart/report" or kind != "feedback-report":
        return False
    told = (str(part.get("Feedback-Type", "")).strip().lower() for part in message.walk())
    return not _NO_COMPLAINTS & set(told)


def _failures(message: Message) -> tuple[set[bytes], set[bytes]]:
    """The addresses that a message says were not reached, for now or for good."""
    from flufl.bounce import all_failures  # slow to load, and seldom needed

    if not message.get("From"):  # its readers count on one
        del message["From"]
        message["From"] = "nobody@invalid"
    try:
        temporary, permanent = all_failures(message)
    except Exception as error:  # they are made for what servers write, and this may be anything
        log.warning("a returned message could not be read: %s", type(error).__name__)
        return set(), set()
    return set(temporary), set(permanent)


def _token(message: Message) -> str | None:
    """The token of the letter that this is about: where it was sent to, else what it holds."""
    for name in _TO:
        for value in message.get_all(name, []):
            found = _TAGGED.search(str(value))
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
        if part.get_content_type() == "text/rfc822-headers":
            texts.append(str(part.get_payload()))
        for text in texts:
            yield from _LINK.findall(re.sub(r"\s", "", text))


def _text(address: object) -> str:
    return address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)
