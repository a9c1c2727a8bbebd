"""A batch of messages for a mail worker: shared templates once, and the parts of each recipient.

It is serialised as JSON, so that write access to the broker allows to send e-mail, but not to run
code in a worker.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from feed.digests.message import OutgoingMessage
from feed.digests.mime import MessageTemplate, Recipient
from feed.digests.outcomes import message_key
from feed.errors import InputError
from feed.smtp import Envelope


@dataclass(frozen=True, slots=True)
class BatchedMessage:
    """One message of a batch: its `message_key`, and the position of its template."""

    key: str
    template: int
    sender: str
    to: Recipient


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that one worker sends; `hostname` is for its EHLO."""

    id: str
    hostname: str
    templates: tuple[MessageTemplate, ...]
    messages: tuple[BatchedMessage, ...]

    def envelope(self, number: int, now: datetime) -> Envelope | None:
        """The envelope of a message; None for an address that cannot stand in a header."""
        message = self.messages[number]
        try:
            mail = self.templates[message.template].fill(message.to, now)
        except InputError:
            return None
        return Envelope(number, message.sender, message.to.address, mail)


def make(identity: str, hostname: str, messages: Sequence[OutgoingMessage]) -> Batch:
    """A batch of messages, with each template once."""
    templates: dict[MessageTemplate, int] = {}
    batched = []
    for message in messages:
        position = templates.setdefault(message.template, len(templates))
        batched.append(
            BatchedMessage(message_key(message.item), position, message.sender, message.to)
        )
    return Batch(identity, hostname, tuple(templates), tuple(batched))


def to_json(batch: Batch) -> dict[str, Any]:
    """A batch as JSON values."""
    return {
        "id": batch.id,
        "hostname": batch.hostname,
        "forms": [[part.decode() for part in each.parts] for each in batch.templates],
        "letters": [
            [each.key, each.template, each.sender, *astuple(each.to)] for each in batch.messages
        ],
    }


def from_json(values: dict[str, Any]) -> Batch:
    """A batch from the values of `to_json`."""
    return Batch(
        id=values["id"],
        hostname=values["hostname"],
        templates=tuple(
            MessageTemplate.of([part.encode() for part in parts]) for parts in values["forms"]
        ),
        messages=tuple(
            BatchedMessage(key, template, sender, Recipient(*to))
            for key, template, sender, *to in values["letters"]
        ),
    )
