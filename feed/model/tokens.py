"""The tokens in links: they name somebody and one purpose, and only we can make them.

A token is 42 letters and digits in lower case, so that it survives a mailbox name and every mail
program: the number of a subscriber (or of a message to the desk), a count or an expiry, and the
first 128 bits of an HMAC-SHA256 over these, the purpose, and a state that makes the link void when
it changes.
"""

import hmac
from base64 import b32decode, b32encode
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# letter: preferences and unsubscribing, from any letter; bounce: only whose letter it was that came
# back; leave: only unsubscribing by mail: every server on the way writes the last two down. These
# last; the others run out.
Purpose = Literal["letter", "bounce", "leave", "confirm", "private", "move", "desk"]
LASTING = frozenset({"letter", "bounce", "leave"})

_NUMBER, _WHEN, _MAC = 6, 4, 16  # bytes


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was read, but not yet found to be ours."""

    subscriber: int
    when: int  # one that lasts: after how many moves it was made; else when it runs out, Unix time
    mac: bytes

    def is_valid(self, key: bytes, purpose: Purpose, now: datetime, state: str = "") -> bool:
        """Whether we made it for this purpose in this state, and it has not run out."""
        head = _head(self.subscriber, self.when)
        genuine = hmac.compare_digest(self.mac, _sign(key, purpose, head, state))
        return genuine and (purpose in LASTING or now.timestamp() < self.when)


def make(key: bytes, purpose: Purpose, subscriber: int, expires: datetime, state: str) -> str:
    """A token that runs out."""
    return _made(key, purpose, _head(subscriber, int(expires.timestamp())), state)


def lasting(key: bytes, purpose: Purpose, subscriber: int, moves: int) -> str:
    """A token of a letter to somebody whose letters had moved so many times to another address."""
    return _made(key, purpose, _head(subscriber, moves), "")


def read(text: str) -> Token | None:
    """What a token says; None where the text cannot be one."""
    if len(text) != 42 or not text.isascii():
        return None
    try:
        data = b32decode(text.upper() + "======")
    except ValueError:
        return None
    if _written(data) != text:  # the last letter has bits to spare: one token, one spelling
        return None
    number, when = data[:_NUMBER], data[_NUMBER : _NUMBER + _WHEN]
    mac = data[_NUMBER + _WHEN :]
    return Token(int.from_bytes(number), int.from_bytes(when), mac)


def mark_of(key: bytes, text: str) -> str:
    """A short mark that is always the same for a text, and tells nothing of it."""
    return hmac.digest(key, b"mark\0" + text.encode(), "sha256")[:10].hex()


def _made(key: bytes, purpose: Purpose, head: bytes, state: str) -> str:
    return _written(head + _sign(key, purpose, head, state))


def _written(data: bytes) -> str:
    return b32encode(data).decode().rstrip("=").lower()


def _head(subscriber: int, when: int) -> bytes:
    return subscriber.to_bytes(_NUMBER) + when.to_bytes(_WHEN)


def _sign(key: bytes, purpose: Purpose, head: bytes, state: str) -> bytes:
    message = b"\0".join((purpose.encode(), head, state.encode()))
    return hmac.digest(key, message, "sha256")[:_MAC]
