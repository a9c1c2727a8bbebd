"""Returned mail in a folder on an IMAP server, in place of a pipe into `devis bounce`."""

import imaplib
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from time import mktime
from typing import TYPE_CHECKING

from sqlite_utils import Database

from feed.config import Config
from feed.config.mail_servers import ImapFolder
from feed.digests import bounces
from feed.errors import DevisError, MailError
from feed.model import Site
from feed.smtp import bounce_classifier
from feed.store import signing_key
from feed.store.connection import DriverError

if TYPE_CHECKING:
    from imap_tools import BaseMailBox

log = logging.getLogger(__name__)

HANDLED = "Handled"  # the folder below, into which handled messages are moved
TIMEOUT = 10  # seconds, for each answer of the server
AT_ONCE = 20  # messages between two moves


class BounceFolder:
    """Handles the messages of the folder that the settings name, and moves them to another.

    A message is moved after what it means was stored. If the process is killed in between, it is
    handled again: that changes nothing, since it counts for the day on which it arrived. What is
    not about a delivery stays in the folder for a person, and is looked at once per process.
    """

    def __init__(self, config: Config, folder: ImapFolder) -> None:
        self._config, self._folder = config, folder
        self._left: set[str] = set()  # UIDs of messages that stay
        self._validity = 0  # of those UIDs: RFC 3501, UIDVALIDITY

    def read(
        self, db: Database, site: Site, clock: Callable[[], datetime], stop: Callable[[], bool]
    ) -> int:
        """Handle what is in the folder; the number of messages that were moved.

        Returns early when `stop` says so. Raises MailError if the server fails or refuses, and
        StoreError; messages that were not handled stay.
        """
        key = signing_key.get(db, self._config)
        moved = 0
        with connected(self._folder, self._config.bounce_imap_password) as mailbox:
            self._forget_if_renumbered(mailbox)
            uids = [uid for uid in mailbox.uids("UNDELETED", charset=None) if uid not in self._left]
            while uids and not stop():
                some, uids = uids[:AT_ONCE], uids[AT_ONCE:]
                handled: list[str] = []
                try:
                    for uid in some:
                        arrived, message = _fetch(mailbox, uid)
                        is_handled = self._handle(db, site, key, message, min(arrived, clock()))
                        (handled.append if is_handled else self._left.add)(uid)
                finally:
                    moved += _move(mailbox, handled, self._folder.name)
        return moved

    def _handle(
        self, db: Database, site: Site, key: bytes, message: bytes, arrived: datetime
    ) -> bool:
        """Whether a message was about a delivery or a subscription, and is stored."""
        try:
            done = bounces.handle(db, site, self._config, key, message, arrived)
        except (DevisError, DriverError):
            raise
        except Exception:  # one message must not keep the others from being handled
            log.exception("a returned message could not be handled, and stays in the folder")
            return False
        return done.kind != "none"

    def _forget_if_renumbered(self, mailbox: "BaseMailBox") -> None:
        validity = mailbox.folder.status(self._folder.name, ["UIDVALIDITY"])["UIDVALIDITY"]
        if validity != self._validity:
            self._left, self._validity = set(), validity


@contextmanager
def connected(folder: ImapFolder, password: str) -> Iterator["BaseMailBox"]:
    """A connection with the folder selected. Raises MailError with the reason in plain words."""
    from imap_tools import MailBox, MailBoxStartTls
    from imap_tools.errors import ImapToolsError

    box = MailBox if folder.tls == "implicit" else MailBoxStartTls
    context = ssl.create_default_context(cafile=folder.authorities)
    try:
        mailbox = box(folder.host, folder.port, timeout=TIMEOUT, ssl_context=context)
        try:
            mailbox.login(folder.user, password, initial_folder=folder.name)
            yield mailbox
            mailbox.logout()
        except BaseException:
            with suppress(OSError):
                mailbox.client.shutdown()
            raise
    except (ImapToolsError, imaplib.IMAP4.error, OSError) as error:
        raise MailError(
            "The bounce folder %(place)s cannot be read: %(reason)s",
            place=folder.place,
            reason=_reason(error).replace(password, "***"),
        ) from error


def _reason(error: Exception) -> str:
    """The server's own words, if there are any, as one line."""
    from imap_tools.errors import UnexpectedCommandStatusError

    text = str(error)
    if isinstance(error, UnexpectedCommandStatusError):
        text = b" ".join(part for part in error.command_result[1] if part).decode(errors="replace")
    return " ".join(text.split())[:200] or type(error).__name__


def count(folder: ImapFolder, password: str) -> int:
    """The number of messages in the folder. Raises MailError."""
    with connected(folder, password) as mailbox:
        return len(mailbox.uids("UNDELETED", charset=None))


def _fetch(mailbox: "BaseMailBox", uid: str) -> tuple[datetime, bytes]:
    """When a message arrived, and as much of it as is parsed. It stays unread."""
    _, answer = mailbox.client.uid(
        "FETCH", uid, f"(INTERNALDATE BODY.PEEK[]<0.{bounce_classifier.LARGEST}>)"
    )
    for part in answer:
        if isinstance(part, tuple):
            local = imaplib.Internaldate2tuple(part[0])
            return datetime.fromtimestamp(mktime(local) if local else 0, UTC), part[1]
    raise imaplib.IMAP4.error(f"message {uid} is gone")


def _move(mailbox: "BaseMailBox", uids: list[str], folder: str) -> int:
    if uids:
        (info,) = mailbox.folder.list(search_args=folder) or (None,)
        delimiter = info.delim if info else "/"
        target = f"{folder}{delimiter}{HANDLED}"
        if not mailbox.folder.exists(target):
            mailbox.folder.create(target)
        mailbox.move(uids, target)
    return len(uids)
