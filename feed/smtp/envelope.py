"""What is handed to a mail server, and what became of it."""

from dataclasses import dataclass
from typing import Literal

# sent: accepted; deferred: try again later, as the server says or because it refuses the sender;
# bounced: there is no such mailbox or domain; failed: refused for good for any other reason.
Result = Literal["sent", "deferred", "bounced", "failed"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message to one person. `key` is what the caller knows it by.

    `message` is complete, with CRLF line ends, and without the dots that SMTP adds.
    """

    key: int
    sender: str
    recipient: str
    message: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a server said to one envelope; `code` is 0 where it said nothing."""

    key: int
    result: Result
    code: int
    detail: str
