"""Write e-mails as .eml files into a folder, for an installation without a mail server."""

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from feed.errors import MailUnavailableError
from feed.smtp import Envelope, Outcome

RECORD_BATCH = 50  # outcomes in one call: a message written again replaces its own file
_MESSAGE_ID = re.compile(rb"^message-id:\s*<([^@>]+)@", re.IGNORECASE | re.MULTILINE)
_LONGEST_NAME = 200


def deliver(
    folder: Path,
    envelopes: Iterator[Envelope],
    record: Callable[[Sequence[Outcome]], None],
    stop: threading.Event,
) -> None:
    """Write envelopes into the folder until `stop`; `record` gets the outcomes, in batches.

    A file is named after the Message-ID, so that a message written twice is there once.
    Raises MailUnavailableError where a file cannot be written.
    """
    written: list[Outcome] = []
    try:
        while not stop.is_set() and (envelope := next(envelopes, None)) is not None:
            name = _name(envelope)
            _write(folder, name, envelope.message)
            written.append(Outcome(envelope.key, "sent", 250, name))
            if len(written) == RECORD_BATCH:
                batch, written = written, []
                record(batch)
    finally:
        if written:
            record(written)


def _name(envelope: Envelope) -> str:
    head = envelope.message.partition(b"\r\n\r\n")[0]
    found = _MESSAGE_ID.search(head)
    name = quote(found[1].strip(), safe="") if found else f"letter-{envelope.key}"
    return f"{name[:_LONGEST_NAME]}.eml"


def _write(folder: Path, name: str, message: bytes) -> None:
    """Write a file atomically, for its owner only."""
    draft = folder / f"{name}.part"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(message)
        draft.replace(folder / name)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise MailUnavailableError(
            "Emails cannot be written to %(folder)s: %(reason)s.",
            folder=folder,
            reason=error.strerror or error,
        ) from None
