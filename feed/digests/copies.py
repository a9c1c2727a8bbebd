"""One copy of a letter or of a notice, before it is a message."""

from dataclasses import dataclass

from feed.mail import mime
from feed.store.deliveries import Claim
from feed.store.desk_notices import DeskNotice
from feed.store.notices import Notice

About = Claim | Notice | DeskNotice


@dataclass(frozen=True, slots=True)
class Copy:
    """A form, and to whom it goes; `sender` is the return path, `about` what the ledger has."""

    about: About
    sender: str
    to: mime.Recipient
    form: mime.Form
