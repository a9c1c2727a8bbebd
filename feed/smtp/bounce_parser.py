"""Parse a bounce: the text and DSN fields of its parts, without the message that it returns."""

import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from html import unescape

_MAX_TEXT = 20_000  # characters of a text, in which to look for a reason
_MAX_HEADER = 1000
_MAX_HTML = 100_000  # the same of a text with mark-up
_STATUS_PARTS = ("message/delivery-status", "message/global-delivery-status")
_ORIGINAL_PARTS = (
    "message/rfc822",
    "message/global",
    "message/global-headers",
    "text/rfc822-headers",
)
_TAG = re.compile(r"<(style|script)\b(?:(?!</\1\b).)*|<[a-z/!][^<>@]*>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/td|/tr|/li|/h\d)\b", re.IGNORECASE)  # ends a paragraph
# Where the original message begins in a notice in plain text.
_ORIGINAL = re.compile(
    r"^[-=*|# ]{0,80}(?:(?:below this line|enclosed|included|attached) is a copy|this is a copy of"
    r"|(?:the )?(?:header|text|copy|body) of (?:the|your) (?:original )?message"
    r"|(?:your )?(?:original|unsent)[ -](?:message|mail)(?: text| info| follows?| headers?)?\W*$"
    r"|message (?:headers?|text) follows?|below is a copy|message from \S+ follows"
    r"|(?:message|e?mail) header\b|return-path: *<|received: *(?:from|by|\()|dkim-signature:)",
    re.MULTILINE | re.IGNORECASE,
)


def notice_and_statuses(message: Message) -> tuple[str, list[str]]:
    """The readable notice without the original message, and the machine-readable status parts."""
    plain: list[str] = []
    html: list[str] = []
    statuses: list[str] = []
    for part in _before_original(message):
        kind = part.get_content_type()
        if kind in _STATUS_PARTS:
            statuses.append(text_of(part)[:_MAX_TEXT])
        elif kind == "text/html":
            html.append(_text_of_html(text_of(part)))
        elif kind.startswith("text/") or (
            kind.startswith("multipart/") and not part.is_multipart()
        ):
            plain.append(
                text_of(part)[:_MAX_TEXT]
            )  # a multipart whose boundary is missing is text as well
    notice = "\n".join(plain if any(text.strip() for text in plain) else html)[:_MAX_TEXT]
    original = next((hit for hit in _ORIGINAL.finditer(notice) if hit.start()), None)
    return notice[: original.start()] if original else notice, statuses


def _text_of_html(page: str) -> str:
    return unescape(_TAG.sub(" ", _BREAK.sub(r"\n\n\g<0>", page[:_MAX_HTML])))[:_MAX_TEXT]


def _before_original(message: Message) -> Iterator[Message]:
    """The parts of a message without those of the original message."""
    if message.get_content_type() in _ORIGINAL_PARTS:
        return
    yield message
    if message.is_multipart() and message.get_content_maintype() != "message":
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from _before_original(part)


def text_of(part: Message) -> str:
    """The decoded text of a part; the nested parts of a status report as raw fields."""
    if part.is_multipart():
        inner = part.get_payload()
        encoding = str(part.get("Content-Transfer-Encoding", "")).lower()
        text = "\n\n".join(_as_written(block) for block in inner if isinstance(block, Message))
        if encoding not in ("base64", "quoted-printable"):
            return text.replace("\r\n", "\n")
        part = Message()
        part["Content-Transfer-Encoding"] = encoding
        part.set_payload(text)
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset() or "utf-8"
    if b"\x1b$" in content:
        charset = "iso-2022-jp"
    try:
        text = content.decode(charset, "replace")
    except LookupError:
        text = content.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")


def _as_written(block: Message) -> str:
    fields = "\n".join(f"{name}: {value}" for name, value in block.raw_items())
    text = fields if block.is_multipart() else f"{fields}\n\n{block.get_payload()}"
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def header(message: Message, name: str) -> str:
    """The decoded value of a header; empty if there is none."""
    value = str(message.get(name, ""))[:_MAX_HEADER]
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value
