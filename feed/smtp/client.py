"""The loop that serves many connections to a mail server in one thread.

Before a connection gets another body, `record` has returned with the outcome of the one before: so
whatever happens, at most one letter per connection was accepted without being recorded.
"""

import selectors
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from socket import socket
from time import monotonic

from feed.config.parsing import Smtp
from feed.errors import MailRefusedError, MailUnavailableError, gettext_noop
from feed.smtp.connect import OpenConnection, place
from feed.smtp.connector import Connector
from feed.smtp.envelope import Outcome
from feed.smtp.protocol import SmtpProtocol
from feed.smtp.source import EnvelopeSource

# Parts of the patience with a server. After a body RFC 5321 asks for ten minutes, and gets them:
# who gives up on a letter that is being accepted sends it twice.
AFTER_BODY, GOODBYE, LOOK, PAUSE = 10, 1 / 10, 1 / 10, 1 / 60
STOPPED = 0.25  # seconds until a stop is seen when nothing else happens

TROUBLES = 3  # connections in a row that end without one letter taken: the server is not there
ROW = 10  # letters refused in a row: all would be

RECORD = 16_384  # bytes to read at once: TLS leaves nothing behind that select() does not see
_BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_SENDER = gettext_noop(
    "The mail server %(server)s refuses the sender: %(answer)s. Correct DEVIS_MAIL_FROM or"
    " DEVIS_BOUNCE_ADDRESS, or log in as one who may send for it."
)
_ALL = gettext_noop(
    "The mail server %(server)s refused %(count)s letters in a row: %(answer)s. Ask who runs it"
    " what is wrong with them."
)
_NOT_NOW = gettext_noop(
    "The mail server %(server)s takes no letters now: %(answer)s. The letters wait."
)

Record = Callable[[Sequence[Outcome]], None]


def _is_refused(outcome: Outcome) -> bool:
    """Whether it was refused for good, because of the message or of the sender."""
    return (outcome.result == "failed" and outcome.code > 0) or (
        outcome.result == "deferred" and outcome.code >= 500
    )


@dataclass(slots=True, eq=False)
class _ClientConnection:
    """`since` is when something last went over it, `wave` the trouble after which it was opened."""

    sock: socket
    session: SmtpProtocol
    wave: int
    since: float
    unsent: bytes = b""
    leaving: bool = False

    @property
    def may_speak(self) -> bool:
        return not (self.session.awaited or self.unsent or self.leaving)


class SmtpClient:
    """One delivery, until the supply is over and what was in flight is settled."""

    def __init__(
        self,
        server: Smtp,
        supply: EnvelopeSource,
        record: Record,
        opener: Connector,
        limit: int,
        patience: float,
    ) -> None:
        self._place = place(server)
        self._supply = supply
        self._record = record
        self._opener = opener
        self._limit = limit
        self._patience = patience
        self._selector = selectors.DefaultSelector()
        self._selector.register(opener.signal, selectors.EVENT_READ)
        self._outcomes: list[Outcome] = []
        self._connections: set[_ClientConnection] = set()
        self._heard: list[_ClientConnection] = []
        self._idle: list[_ClientConnection] = []
        self._wave = self._troubles = self._failed = self._tallied = 0
        self._now = self._not_before = self._look = monotonic()

    def go(self) -> None:
        """Raises why it ended, if not because all was sent."""
        try:
            while self._connections or not self._supply.is_over:
                self._turn()
        finally:
            for connection in list(self._connections):
                self._discard(connection)
            self._selector.close()
            self._opener.close()
        if self._supply.error is not None:
            raise self._supply.error

    def _turn(self) -> None:
        """Hear all who speak, record what they said, and only then answer."""
        self._grow()
        events = self._selector.select(self._timeout())
        self._now = monotonic()
        for key, event in events:
            if key.data is None:
                self._welcome()
                continue
            if event & selectors.EVENT_WRITE:
                self._flush(key.data)
            if event & selectors.EVENT_READ:
                self._hear(key.data)
        self._commit()
        for connection in self._heard:
            self._advance(connection)
        self._heard.clear()
        while self._idle and (self._supply.has_next(self._now) or self._supply.is_over):
            self._advance(self._idle.pop())
        if self._now >= self._look:
            self._look_at_clocks()
        self._commit()

    def _commit(self) -> None:
        """Tell what became of letters."""
        if self._outcomes:
            self._tally()
            outcomes = self._outcomes.copy()
            self._outcomes.clear()
            self._tallied = 0
            self._record(outcomes)

    def _tally(self) -> None:
        """See whether the server takes any letters at all."""
        for outcome in self._outcomes[self._tallied :]:
            if outcome.result == "sent":
                self._troubles = self._failed = 0
            elif _is_refused(outcome):
                self._failed += 1
                if self._failed == ROW:
                    answer = f"{outcome.code} {outcome.detail}"
                    error = MailRefusedError(_ALL, server=self._place, count=ROW, answer=answer)
                    self._supply.fail(error)
        self._tallied = len(self._outcomes)

    def _hear(self, connection: _ClientConnection) -> None:
        try:
            data = connection.sock.recv(RECORD)
        except _BLOCKED:
            return
        except OSError as error:
            self._lose(connection, 0, f"connection lost: {error.strerror or error}")
            return
        session = connection.session
        if connection.leaving:
            self._discard(connection)
        elif not data:
            self._lose(connection, 0, "connection closed without an answer")
        else:
            connection.since = self._now
            session.hear(data)
            if session.closed:
                self._lose(connection, *session.closed)
            elif not session.awaited:
                self._heard.append(connection)

    def _advance(self, connection: _ClientConnection) -> None:
        """Say what comes next: all that was said is answered, and the answers are recorded."""
        if not connection.may_speak or connection not in self._connections:
            return
        session = connection.session
        if self._supply.error is not None and session.announced is not None:
            self._discard(connection)
            return
        data = session.speak()
        if session.has_room:
            data += self._announce(session)
        if data:
            connection.since = monotonic()  # to get a letter may have taken long
            self._send(connection, data)
        elif self._supply.is_over:
            connection.leaving = True
            self._send(connection, b"QUIT\r\n")
        else:
            self._idle.append(connection)

    def _announce(self, session: SmtpProtocol) -> bytes:
        """What announces the next letter that this server can take, if there is one."""
        while (letter := self._supply.next(self._now)) is not None:
            if said := session.announce(letter):
                return said
            self._commit()
        return b""

    def _send(self, connection: _ClientConnection, data: bytes) -> None:
        try:
            sent = connection.sock.send(data)
        except _BLOCKED:
            sent = 0
        except OSError:  # what there is to know about it comes when the socket is read
            sent = len(data)
        if sent < len(data) or connection.unsent:
            connection.unsent = data[sent:]
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
            self._selector.modify(connection.sock, events, connection)

    def _flush(self, connection: _ClientConnection) -> None:
        connection.since = self._now
        self._send(connection, connection.unsent)
        self._heard.append(connection)  # what it waits for may have come already

    def _grow(self) -> None:
        """Open lines while there is more to send than those there can take."""
        if len(self._connections) >= self._limit or self._idle or self._now < self._not_before:
            return
        if self._supply.has_next(self._now):
            while self._wants_another():
                self._opener.start()

    def _wants_another(self) -> bool:
        """Never for nothing, hardly for a few letters, and not all at once."""
        opened, pending = len(self._connections), self._opener.pending
        if opened + pending == 0:
            return True
        if opened + pending >= self._limit or pending >= max(1, opened):
            return False
        supply = self._supply
        if supply.returned:
            return pending < len(supply.returned)
        return supply.given > 2 * (opened + pending)

    def _welcome(self) -> None:
        for result in self._opener.results():
            if isinstance(result, OpenConnection):
                session = SmtpProtocol(result.abilities, self._outcomes)
                connection = _ClientConnection(result.sock, session, self._wave, self._now)
                self._selector.register(result.sock, selectors.EVENT_READ, connection)
                self._connections.add(connection)
                self._heard.append(connection)
            elif any(not connection.leaving for connection in self._connections):
                self._not_before = self._now + self._patience  # those that are open will do
            elif isinstance(result, MailUnavailableError):
                self._trouble(result)
            else:
                self._supply.fail(result)

    def _lose(self, connection: _ClientConnection, code: int, detail: str) -> None:
        """A connection ended before its time. The letter that was only announced comes back."""
        self._tally()  # what it took before
        session, supply = connection.session, self._supply
        held = session.announced or session.in_doubt
        at_recipient = session.at_recipient
        letter = session.abandon(code, detail)
        self._discard(connection)
        answer = f"{code} {detail}" if code else detail
        if code >= 500:
            supply.fail(MailRefusedError(_SENDER, server=self._place, answer=answer))
        elif connection.wave == self._wave and (held or code not in (0, 421)):
            self._trouble(MailUnavailableError(_NOT_NOW, server=self._place, answer=answer))
        if letter is not None and not supply.take_back(letter, at_recipient):
            self._outcomes.append(Outcome(letter.key, "deferred", code, detail))

    def _trouble(self, error: MailUnavailableError) -> None:
        """Once more nothing was taken. What befalls several connections at once is one trouble."""
        self._wave += 1
        self._troubles += 1
        self._not_before = self._now + (self._troubles - 1) * self._patience * PAUSE
        if self._troubles >= TROUBLES:
            self._supply.fail(error)

    def _discard(self, connection: _ClientConnection) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._selector.unregister(connection.sock)
        connection.sock.close()

    def _timeout(self) -> float:
        """Seconds until something is to be done without being told."""
        seconds = min(STOPPED, self._patience * LOOK)
        if self._idle and self._supply.due > self._now:
            seconds = min(seconds, self._supply.due - self._now)
        if self._not_before > self._now:
            seconds = min(seconds, self._not_before - self._now)
        return seconds

    def _look_at_clocks(self) -> None:
        """Part from servers that no longer answer, and from lines that are not needed."""
        self._look = self._now + self._patience * LOOK
        for connection in list(self._connections):
            silent = self._now - connection.since
            if connection.leaving:
                if silent > self._patience * GOODBYE:
                    self._discard(connection)
            elif silent > self._patience_with(connection):
                self._lose(connection, 0, f"no answer in {silent:.0f} seconds")

    def _patience_with(self, connection: _ClientConnection) -> float:
        """Seconds that it may be silent: many after a body, unless the run is to stop."""
        accepting = connection.session.in_doubt is not None and not connection.unsent
        return self._patience * (AFTER_BODY if accepting and not self._supply.is_stopped else 1)
