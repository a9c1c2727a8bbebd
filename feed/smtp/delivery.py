"""Many letters to one mail server, over several connections at once.

Who calls it hands over letters and is told outcomes; nothing here knows of a ledger.
"""

import threading
from collections.abc import Iterator

from feed.config.parsing import Smtp
from feed.smtp.client import Record, SmtpClient
from feed.smtp.connect import connect, name, open_line, trust
from feed.smtp.connector import Connector
from feed.smtp.envelope import Envelope
from feed.smtp.source import EnvelopeSource

PATIENCE = 60.0  # seconds for an answer: RFC 5321 4.5.3.2 grants minutes, but a relay is near
OPENING = 1 / 2  # of it for each step of opening a connection


def deliver(
    server: Smtp,
    envelopes: Iterator[Envelope],
    record: Record,
    *,
    connections: int,
    rate: int,
    stop: threading.Event,
    hostname: str,
    patience: float = PATIENCE,
) -> None:
    """Send what `envelopes` gives; `record` is told what became of it, in batches.

    At most `connections` at once and `rate` letters a second (0: as fast as it goes), until there
    are no more letters or `stop` is set. What was given but has no outcome by the end was not sent.
    Raises MailRefusedError or MailUnavailableError, and whatever `envelopes` and `record` raise.
    """
    context = trust(server)
    opener = Connector(lambda: open_line(server, hostname, context, patience * OPENING))
    SmtpClient(
        server, EnvelopeSource(envelopes, rate, stop), record, opener, connections, patience
    ).go()


def check(server: Smtp, hostname: str) -> str:
    """Connect, secure and log in, send nothing; what the server calls itself. Raises MailError."""
    smtp = connect(server, hostname, trust(server), PATIENCE * OPENING)
    said = name(smtp)
    try:
        smtp.quit()
    except OSError:
        smtp.close()  # it let us in: that is what was asked
    return said
