"""Open connections to a mail server: connect, TLS, EHLO and login, each in a thread of its own."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from feed.smtp.errors import SmtpError, SmtpRefusedError, SmtpUnavailableError
from feed.smtp.protocol import Extensions
from feed.smtp.reply_text import sanitised
from feed.smtp.server import SmtpServer


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A non-blocking socket after EHLO, TLS and login, ready for MAIL FROM."""

    sock: socket.socket
    extensions: Extensions


class Connector:
    """Opens connections in threads, so that a slow handshake does not delay sending.

    `signal` becomes readable when an attempt has succeeded or failed.
    """

    def __init__(self, open_one: Callable[[], OpenConnection]) -> None:
        self.pending = 0
        self.signal, self._notifier = socket.socketpair()
        self._open_one = open_one
        self._results: SimpleQueue[OpenConnection | Exception] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Begin to open one more connection."""
        self.pending += 1
        threading.Thread(target=self._open, name="smtp-connect", daemon=True).start()

    def results(self) -> Iterator[OpenConnection | Exception]:
        """The attempts that have ended since the last call."""
        self.signal.recv(4096)
        while True:
            try:
                result = self._results.get_nowait()
            except Empty:
                return
            self.pending -= 1
            yield result

    def close(self) -> None:
        """Stop; connections that open later are closed at once."""
        with self._lock:
            self._closed = True
        while self.pending:
            try:
                result = self._results.get_nowait()
            except Empty:
                break
            if isinstance(result, OpenConnection):
                result.sock.close()
        self.signal.close()
        self._notifier.close()

    def _open(self) -> None:
        result: OpenConnection | Exception
        try:
            result = self._open_one()
        except Exception as error:  # raised by the thread that sends
            result = error
        with self._lock:
            if not self._closed:
                self._results.put(result)
                self._notifier.send(b"\0")
            elif isinstance(result, OpenConnection):
                result.sock.close()


def tls_context(server: SmtpServer) -> ssl.SSLContext | None:
    """The context that verifies the server's certificate and host name; None without TLS.

    Raises SmtpRefusedError where the file of CA certificates cannot be read.
    """
    if server.tls == "none":
        return None
    try:
        return ssl.create_default_context(cafile=server.authorities)
    except OSError as error:
        text = error.strerror or str(error)
        raise SmtpRefusedError(
            "authorities", server.address, text, file=server.authorities
        ) from None


def open_connection(
    server: SmtpServer, hostname: str, context: ssl.SSLContext | None, timeout: float
) -> OpenConnection:
    """Connect, secure and log in; each step may take `timeout` seconds. Raises SmtpError."""
    smtp = connect(server, hostname, context, timeout)
    sock = smtp.sock
    if sock is None:
        raise SmtpUnavailableError("unreachable", server.address, "closed")
    if smtp.file is not None:
        smtp.file.close()
    smtp.sock = smtp.file = None  # smtplib no longer owns the socket
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return OpenConnection(sock, _extensions(smtp))


def server_name(smtp: smtplib.SMTP) -> str:
    """The host name in the server's reply to EHLO or HELO."""
    reply = smtp.ehlo_resp or smtp.helo_resp or b""
    return sanitised(reply.split(maxsplit=1)[0]) if reply.strip() else ""


def connect(
    server: SmtpServer, hostname: str, context: ssl.SSLContext | None, timeout: float
) -> smtplib.SMTP:
    """A connection of the standard library, secured and logged in. Raises SmtpError."""
    try:
        smtp = _connect(server, hostname, context, timeout)
        try:
            _start_tls(smtp, server, context)
            _log_in(smtp, server)
        except BaseException:
            smtp.close()
            raise
    except ssl.SSLCertVerificationError as error:
        raise SmtpRefusedError("certificate", server.address, error.verify_message) from None
    except ssl.SSLEOFError as error:
        raise _unreachable(server, error) from None
    except ssl.SSLError as error:
        raise SmtpRefusedError("tls", server.address, str(error.reason or error)) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(server, error) from None
    except OSError as error:
        raise _unreachable(server, error) from None
    return smtp


def _connect(
    server: SmtpServer, hostname: str, context: ssl.SSLContext | None, timeout: float
) -> smtplib.SMTP:
    if server.tls == "implicit":
        return smtplib.SMTP_SSL(
            server.host, server.port, hostname, timeout=timeout, context=context
        )
    return smtplib.SMTP(server.host, server.port, hostname, timeout=timeout)


def _start_tls(smtp: smtplib.SMTP, server: SmtpServer, context: ssl.SSLContext | None) -> None:
    smtp.ehlo_or_helo_if_needed()
    if server.tls != "starttls":
        return
    if not smtp.has_extn("starttls"):
        raise SmtpRefusedError("starttls", server.address)
    smtp.starttls(context=context)
    smtp.ehlo_or_helo_if_needed()


def _log_in(smtp: smtplib.SMTP, server: SmtpServer) -> None:
    if server.user is None:
        return
    try:
        smtp.login(server.user, server.password or "")
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code < 500:
            raise
        raise SmtpRefusedError("login", server.address, _text(error), error.smtp_code) from None
    except (smtplib.SMTPResponseException, smtplib.SMTPServerDisconnected):
        raise
    except smtplib.SMTPException:  # no login is offered, or none that smtplib knows
        raise SmtpRefusedError("login", server.address, "PLAIN, LOGIN, CRAM-MD5?") from None
    except UnicodeError:
        raise SmtpRefusedError("login", server.address, "ASCII?") from None


def _refused(server: SmtpServer, error: smtplib.SMTPResponseException) -> SmtpError:
    code = error.smtp_code
    if 500 <= code < 600:
        return SmtpRefusedError("connection", server.address, _text(error), code)
    return SmtpUnavailableError("unreachable", server.address, _text(error), code)


def _unreachable(server: SmtpServer, error: OSError) -> SmtpUnavailableError:
    return SmtpUnavailableError("unreachable", server.address, error.strerror or str(error))


def _text(error: smtplib.SMTPResponseException) -> str:
    reply = error.smtp_error  # text where smtplib itself made it up
    return sanitised(reply if isinstance(reply, bytes) else reply.encode())


def _extensions(smtp: smtplib.SMTP) -> Extensions:
    size = smtp.esmtp_features.get("size")
    return Extensions(
        pipelining=smtp.has_extn("pipelining"),
        size=None if size is None else int(size) if size.isascii() and size.isdigit() else 0,
        smtputf8=smtp.has_extn("smtputf8"),
        eightbit=smtp.has_extn("8bitmime"),
    )
