"""An outgoing message: a MIME template, its recipient, and the database row that it is about."""

from dataclasses import dataclass

from feed.digests import mime
from feed.store.deliveries import Claim
from feed.store.outbox import OutboxItem

QueueItem = Claim | OutboxItem


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message before it is rendered; `sender` is the envelope sender, `item` the database row."""

    item: QueueItem
    sender: str
    to: mime.Recipient
    template: mime.MessageTemplate
