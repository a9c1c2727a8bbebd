"""Send many messages to one mail server: an event loop over several pipelined connections.

The outcome of a message is recorded before its connection sends the next body. So a crash leaves
at most one message per connection that was accepted and is not recorded.
"""

import selectors
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from socket import socket
from time import monotonic

from feed.smtp.connection import (
    Connector,
    OpenConnection,
    connect,
    open_connection,
    server_name,
    tls_context,
)
from feed.smtp.envelope import Envelope, Outcome
from feed.smtp.envelope_queue import EnvelopeQueue
from feed.smtp.errors import SmtpRefusedError, SmtpUnavailableError
from feed.smtp.failure_limits import FailureLimits
from feed.smtp.protocol import SmtpProtocol
from feed.smtp.server import SmtpServer

TIMEOUT = 60.0  # seconds for a reply: RFC 5321 4.5.3.2 grants minutes, but a relay is near
# Multiples of the timeout: for each step of opening a connection; after a body, where RFC 5321
# asks for ten minutes and giving up earlier would send a duplicate; after QUIT; between checks of
# timeouts; and before the next connection after failed ones.
_CONNECT, _AFTER_BODY, _QUIT, _CHECK, _RETRY = 1 / 2, 10, 1 / 10, 1 / 10, 1 / 60
_STOP_DELAY = 0.25  # seconds until a stop is noticed when nothing else happens
_READ_SIZE = 16_384  # bytes: a whole TLS record, since select() does not see what is left of one
_BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

Record = Callable[[Sequence[Outcome]], None]


def deliver(
    server: SmtpServer,
    envelopes: Iterator[Envelope],
    record: Record,
    *,
    connections: int,
    rate: int,
    stop: threading.Event,
    hostname: str,
    timeout: float = TIMEOUT,
) -> None:
    """Send `envelopes` until there are no more or `stop` is set; `record` gets outcomes in batches.

    At most `connections` are open at once and `rate` messages are sent a second (0: no limit).
    What has no outcome in the end was not sent. Raises SmtpRefusedError, SmtpUnavailableError, and
    what `envelopes` and `record` raise.
    """
    context = tls_context(server)
    connector = Connector(lambda: open_connection(server, hostname, context, timeout * _CONNECT))
    source = EnvelopeQueue(envelopes, rate, stop)
    SmtpClient(server, source, record, connector, connections, timeout).run()


def check(server: SmtpServer, hostname: str) -> str:
    """Connect, secure and log in, without sending; the server's host name. Raises SmtpError."""
    smtp = connect(server, hostname, tls_context(server), TIMEOUT * _CONNECT)
    name = server_name(smtp)
    try:
        smtp.quit()
    except OSError:
        smtp.close()  # the login succeeded
    return name


@dataclass(slots=True, eq=False)
class _ClientConnection:
    """An open connection; `active_at` is the monotonic time at which data last went over it.

    `generation` is that of FailureLimits when it was opened.
    """

    sock: socket
    protocol: SmtpProtocol
    generation: int
    active_at: float
    unsent: bytes = b""
    quitting: bool = False

    @property
    def may_send(self) -> bool:
        return not (self.protocol.pending or self.unsent or self.quitting)


class SmtpClient:
    """One run: until the source is over and every message in flight has its outcome."""

    def __init__(
        self,
        server: SmtpServer,
        source: EnvelopeQueue,
        record: Record,
        connector: Connector,
        max_connections: int,
        timeout: float,
    ) -> None:
        self._server = server.address
        self._source = source
        self._record = record
        self._connector = connector
        self._max_connections = max_connections
        self._timeout = timeout
        self._selector = selectors.DefaultSelector()
        self._selector.register(connector.signal, selectors.EVENT_READ)
        self._outcomes: list[Outcome] = []
        self._counted = 0  # of the outcomes, by the limits
        self._connections: set[_ClientConnection] = set()
        self._ready: list[_ClientConnection] = []
        self._idle: list[_ClientConnection] = []
        self._now = self._check_at = monotonic()
        self._limits = FailureLimits(timeout * _RETRY, self._now)

    def run(self) -> None:
        """Send; raises the error that ended it, once messages in flight have their outcome."""
        try:
            while self._connections or not self._source.is_over:
                self._run_once()
        finally:
            for connection in list(self._connections):
                self._discard(connection)
            self._selector.close()
            self._connector.close()
        if self._source.error is not None:
            raise self._source.error

    def _run_once(self) -> None:
        """Read all replies, record their outcomes, and only then send more."""
        self._open_connections()
        events = self._selector.select(self._seconds_to_wait())
        self._now = monotonic()
        for key, event in events:
            if key.data is None:
                self._add_connections()
                continue
            if event & selectors.EVENT_WRITE:
                self._flush(key.data)
            if event & selectors.EVENT_READ:
                self._read(key.data)
        self._record_outcomes()
        for connection in self._ready:
            self._advance(connection)
        self._ready.clear()
        while self._idle and (self._source.has_next(self._now) or self._source.is_over):
            self._advance(self._idle.pop())
        if self._now >= self._check_at:
            self._check_timeouts()
        self._record_outcomes()

    def _record_outcomes(self) -> None:
        if self._outcomes:
            self._count_outcomes()
            outcomes = self._outcomes.copy()
            self._outcomes.clear()
            self._counted = 0
            self._record(outcomes)

    def _count_outcomes(self) -> None:
        for outcome in self._outcomes[self._counted :]:
            self._limits.count(outcome)
        self._counted = len(self._outcomes)

    def _read(self, connection: _ClientConnection) -> None:
        try:
            data = connection.sock.recv(_READ_SIZE)
        except _BLOCKED:
            return
        except OSError as error:
            self._lose(connection, 0, f"connection lost: {error.strerror or error}")
            return
        protocol = connection.protocol
        if connection.quitting:
            self._discard(connection)
        elif not data:
            self._lose(connection, 0, "connection closed without an answer")
        else:
            connection.active_at = self._now
            protocol.data_received(data)
            if protocol.closed:
                self._lose(connection, *protocol.closed)
            elif not protocol.pending:
                self._ready.append(connection)

    def _advance(self, connection: _ClientConnection) -> None:
        """Send what comes next, when no reply is outstanding and all outcomes are recorded."""
        if not connection.may_send or connection not in self._connections:
            return
        protocol = connection.protocol
        if self._source.error is not None and protocol.current is not None:
            self._discard(connection)
            return
        data = protocol.next_bytes()
        if protocol.can_begin:
            data += self._begin_next(protocol)
        if data:
            connection.active_at = monotonic()  # the caller's iterator may have taken long
            self._send(connection, data)
        elif self._source.is_over:
            connection.quitting = True
            self._send(connection, b"QUIT\r\n")
        else:
            self._idle.append(connection)

    def _begin_next(self, protocol: SmtpProtocol) -> bytes:
        """Begin the next message that this server can take; empty if there is none."""
        while (envelope := self._source.next(self._now)) is not None:
            if commands := protocol.begin(envelope):
                return commands
            self._record_outcomes()
        return b""

    def _send(self, connection: _ClientConnection, data: bytes) -> None:
        try:
            sent = connection.sock.send(data)
        except _BLOCKED:
            sent = 0
        except OSError:  # reading from the socket will report it
            sent = len(data)
        if sent < len(data) or connection.unsent:
            connection.unsent = data[sent:]
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
            self._selector.modify(connection.sock, events, connection)

    def _flush(self, connection: _ClientConnection) -> None:
        connection.active_at = self._now
        self._send(connection, connection.unsent)
        self._ready.append(connection)  # the reply may have come already

    def _open_connections(self) -> None:
        """Open more while there is more to send than the open ones can take."""
        if len(self._connections) >= self._max_connections or self._idle:
            return
        if self._now >= self._limits.retry_at and self._source.has_next(self._now):
            while self._wants_another():
                self._connector.start()

    def _wants_another(self) -> bool:
        """Whether one more connection pays: grow with the number of messages, in steps."""
        opened, pending = len(self._connections), self._connector.pending
        if opened + pending == 0:
            return True
        if opened + pending >= self._max_connections or pending >= max(1, opened):
            return False
        if self._source.requeued:
            return pending < len(self._source.requeued)
        return self._source.taken > 2 * (opened + pending)

    def _add_connections(self) -> None:
        for result in self._connector.results():
            if isinstance(result, OpenConnection):
                protocol = SmtpProtocol(result.extensions, self._outcomes)
                generation = self._limits.generation
                connection = _ClientConnection(result.sock, protocol, generation, self._now)
                self._selector.register(result.sock, selectors.EVENT_READ, connection)
                self._connections.add(connection)
                self._ready.append(connection)
            elif any(not connection.quitting for connection in self._connections):
                self._limits.retry_at = self._now + self._timeout  # the open ones are enough
            elif isinstance(result, SmtpUnavailableError):
                self._count_failure(result)
            else:
                self._source.fail(result)

    def _lose(self, connection: _ClientConnection, code: int, detail: str) -> None:
        """A connection ended early: requeue the envelope whose body was not sent."""
        self._count_outcomes()
        protocol = connection.protocol
        had_message = protocol.current or protocol.in_doubt
        at_recipient = protocol.awaits_recipient
        unsent = protocol.connection_lost(code, detail)
        self._discard(connection)
        if code >= 500:
            self._source.fail(SmtpRefusedError("sender", self._server, detail, code))
        elif connection.generation == self._limits.generation and (
            had_message or code not in (0, 421)
        ):
            self._count_failure(SmtpUnavailableError("busy", self._server, detail, code))
        if unsent is not None and not self._source.requeue(unsent, at_recipient):
            self._outcomes.append(Outcome(unsent.key, "deferred", code, detail))

    def _count_failure(self, error: SmtpUnavailableError) -> None:
        if given_up := self._limits.connection_failed(error, self._now):
            self._source.fail(given_up)

    def _discard(self, connection: _ClientConnection) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._selector.unregister(connection.sock)
        connection.sock.close()

    def _seconds_to_wait(self) -> float:
        """Seconds until there is something to do although no socket is ready."""
        seconds = min(_STOP_DELAY, self._timeout * _CHECK)
        if self._idle and self._source.due > self._now:
            seconds = min(seconds, self._source.due - self._now)
        if self._limits.retry_at > self._now:
            seconds = min(seconds, self._limits.retry_at - self._now)
        return seconds

    def _check_timeouts(self) -> None:
        self._check_at = self._now + self._timeout * _CHECK
        for connection in list(self._connections):
            silent = self._now - connection.active_at
            if connection.quitting:
                if silent > self._timeout * _QUIT:
                    self._discard(connection)
            elif silent > self._timeout_of(connection):
                self._lose(connection, 0, f"no answer in {silent:.0f} seconds")

    def _timeout_of(self, connection: _ClientConnection) -> float:
        """Seconds without data until it is given up: more after a body, unless stopping."""
        is_accepting = connection.protocol.in_doubt is not None and not connection.unsent
        return self._timeout * (_AFTER_BODY if is_accepting and not self._source.is_stopped else 1)
