"""A message with its envelope, and the outcome of sending it."""

from dataclasses import dataclass
from typing import Literal

import idna

# sent: accepted; deferred: try again later, because of a temporary reply or a refused sender;
# bounced: there is no such mailbox or domain; failed: refused permanently for any other reason.
Result = Literal["sent", "deferred", "bounced", "failed"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message to one recipient; `key` is the caller's identifier of it.

    `message` is complete, with CRLF line ends and without dot-stuffing.
    """

    key: int
    sender: str
    recipient: str
    message: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """The server's reply to one envelope; `code` is 0 where there was none.

    `blames_sender` is set where a refusal is about the sender, or gives no reason.
    """

    key: int
    result: Result
    code: int
    detail: str
    blames_sender: bool = False


def ascii_domain(address: str) -> str:
    """An address with its domain in ASCII; the part before the @ stays as it is.

    Raises ValueError for a malformed domain.
    """
    if address.isascii():
        return address
    name, _, domain = address.rpartition("@")
    return f"{name}@{idna.encode(domain, uts46=True).decode()}"
