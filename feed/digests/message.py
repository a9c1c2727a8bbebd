"""One copy of a letter or of a notice, before it is a message."""

from dataclasses import dataclass

from feed.digests import mime
from feed.store.deliveries import Claim
from feed.store.notices import Notice
from feed.store.staff_notices import DeskNotice

About = Claim | Notice | DeskNotice


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A form, and to whom it goes; `sender` is the return path, `about` what the ledger has."""

    about: About
    sender: str
    to: mime.Recipient
    form: mime.MessageTemplate
