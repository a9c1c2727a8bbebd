"""Sanitise the text of SMTP replies before storing or logging it."""

import re

MAX_LENGTH = 200
_ADDRESS = re.compile(r'(?:"[^"]*"|[^\s<>()\[\],;:"]+)(?:@|%40)[^\s<>(),;"]+')
_READ_LENGTH = 1000  # characters examined: one line of a reply has up to 512 bytes


def sanitised(reply: bytes) -> str:
    """The reply as one printable line of at most 200 characters, without e-mail addresses."""
    text = reply.decode("utf-8", "replace").strip()
    if len(text) > _READ_LENGTH:  # cut between words: half an address is not recognised as one
        text = text[:_READ_LENGTH].rpartition(" ")[0]
    if "@" in text or "%40" in text:
        text = _ADDRESS.sub("…", text)
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    return text[:MAX_LENGTH]
