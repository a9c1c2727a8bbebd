"""A batch of letters on its way to a mail worker: what they share once, and what is personal.

As JSON, which can hold nothing but data: whoever can write to the broker can have letters sent, but
cannot have anything else done.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from itertools import count
from typing import Any

from feed.digests import handover
from feed.digests.message import OutgoingMessage
from feed.digests.mime import MessageTemplate, Recipient
from feed.errors import InputError
from feed.smtp import Envelope


@dataclass(frozen=True, slots=True)
class BatchedMessage:
    """One message of a batch; `name` is what the ledger knows it by."""

    name: str
    form: int
    sender: str
    to: Recipient


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that one worker sends; `hostname` is how it greets the mail server."""

    id: str
    hostname: str
    forms: tuple[MessageTemplate, ...]
    letters: tuple[BatchedMessage, ...]

    def envelope(self, number: int, now: datetime) -> Envelope | None:
        """The letter of that number; None for an address that no header can hold."""
        letter = self.letters[number]
        try:
            message = self.forms[letter.form].fill(letter.to, now)
        except InputError:
            return None
        return Envelope(number, letter.sender, letter.to.address, message)


def made(identity: str, hostname: str, copies: Sequence[OutgoingMessage]) -> Batch:
    """A batch of some copies."""
    numbers: Iterator[int] = count()
    forms: dict[MessageTemplate, int] = {}
    letters = []
    for copy in copies:
        if copy.form not in forms:
            forms[copy.form] = next(numbers)
        letters.append(
            BatchedMessage(handover.name(copy.about), forms[copy.form], copy.sender, copy.to)
        )
    return Batch(identity, hostname, tuple(forms), tuple(letters))


def packed(batch: Batch) -> dict[str, Any]:
    """A batch as JSON values."""
    return {
        "id": batch.id,
        "hostname": batch.hostname,
        "forms": [[part.decode() for part in form.parts] for form in batch.forms],
        "letters": [
            [each.name, each.form, each.sender, *astuple(each.to)] for each in batch.letters
        ],
    }


def unpacked(values: dict[str, Any]) -> Batch:
    """A batch from JSON values, as `packed` made them."""
    return Batch(
        id=values["id"],
        hostname=values["hostname"],
        forms=tuple(
            MessageTemplate.of([part.encode() for part in parts]) for parts in values["forms"]
        ),
        letters=tuple(
            BatchedMessage(name, form, sender, Recipient(*to))
            for name, form, sender, *to in values["letters"]
        ),
    )
