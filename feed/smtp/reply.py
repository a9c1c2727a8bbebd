"""What a mail server says, made fit for the ledger and the log."""

import re

LONGEST = 200
_ADDRESS = re.compile(r'(?:"[^"]*"|[^\s<>()\[\],;:"]+)(?:@|%40)[^\s<>(),;"]+')
_READ = 1000  # of a reply at most: its lines have up to 512 bytes


def plain(said: bytes) -> str:
    """The text of a reply: one printable line, at most 200 characters, without e-mail addresses."""
    text = said.decode("utf-8", "replace").strip()
    if len(text) > _READ:  # whole words only: half an address is not seen as one
        text = text[:_READ].rpartition(" ")[0]
    if "@" in text or "%40" in text:
        text = _ADDRESS.sub("…", text)
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text[:LONGEST]
