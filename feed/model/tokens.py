"""Signed tokens in links and mailbox names: for one subscriber or notice, and one purpose.

A token is 42 lower-case letters and digits (base32), so that it survives a mailbox name and every
mail program: the id of a subscriber (or of a notice to staff), an expiry or a count, and the first
128 bits of an HMAC-SHA256 over these, the purpose, and a state. When the state changes, the token
becomes void.
"""

import hmac
from base64 import b32decode, b32encode
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# letter: preferences and unsubscribing, from any digest; bounce: only identifies the subscriber of
# a returned digest; leave: only unsubscribing by email. The last two are logged by every mail
# server on the way. These three do not expire; the others do.
Purpose = Literal["letter", "bounce", "leave", "confirm", "private", "move", "desk"]
LASTING = frozenset({"letter", "bounce", "leave"})

_NUMBER, _WHEN, _MAC = 6, 4, 16  # bytes


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was parsed, but whose signature is not verified yet."""

    subscriber: int
    when: int  # expiry in Unix time; of a lasting token the subscriber's changes of address
    mac: bytes

    def is_valid(self, key: bytes, purpose: Purpose, now: datetime, state: str = "") -> bool:
        """Whether it was signed for this purpose and state, and has not expired."""
        head = _head(self.subscriber, self.when)
        genuine = hmac.compare_digest(self.mac, _sign(key, purpose, head, state))
        return genuine and (purpose in LASTING or now.timestamp() < self.when)


def make(key: bytes, purpose: Purpose, subscriber: int, expires: datetime, state: str) -> str:
    """A token that expires."""
    return _signed(key, purpose, _head(subscriber, int(expires.timestamp())), state)


def lasting(key: bytes, purpose: Purpose, subscriber: int, moves: int) -> str:
    """A token that does not expire; `moves` counts the subscriber's changes of address."""
    return _signed(key, purpose, _head(subscriber, moves), "")


def read(text: str) -> Token | None:
    """Parse a token; None where the text cannot be one."""
    if len(text) != 42 or not text.isascii():
        return None
    try:
        data = b32decode(text.upper() + "======")
    except ValueError:
        return None
    if _encoded(data) != text:  # the last character has unused bits: accept one spelling only
        return None
    number, when = data[:_NUMBER], data[_NUMBER : _NUMBER + _WHEN]
    mac = data[_NUMBER + _WHEN :]
    return Token(int.from_bytes(number), int.from_bytes(when), mac)


def keyed_hash(key: bytes, text: str) -> str:
    """A short hash of a text that cannot be reversed or made without the key."""
    return hmac.digest(key, b"mark\0" + text.encode(), "sha256")[:10].hex()


def _signed(key: bytes, purpose: Purpose, head: bytes, state: str) -> str:
    return _encoded(head + _sign(key, purpose, head, state))


def _encoded(data: bytes) -> str:
    return b32encode(data).decode().rstrip("=").lower()


def _head(subscriber: int, when: int) -> bytes:
    return subscriber.to_bytes(_NUMBER) + when.to_bytes(_WHEN)


def _sign(key: bytes, purpose: Purpose, head: bytes, state: str) -> bytes:
    message = b"\0".join((purpose.encode(), head, state.encode()))
    return hmac.digest(key, message, "sha256")[:_MAC]
