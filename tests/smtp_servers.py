"""SMTP servers for the tests: a real one (aiosmtpd), and scripted ones that misbehave."""

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from feed.smtp import SmtpServer
from tests.conftest import free_port

USER, PASSWORD = "devis", "correct horse"


@dataclass(frozen=True)
class ReceivedMail:
    """A message that a server accepted, with its envelope."""

    sender: str
    recipient: str
    content: bytes
    options: tuple[str, ...] = ()


@dataclass
class MailServer:
    """A real SMTP server; `mails` is what it accepted, in order, `server` its address."""

    server: SmtpServer
    pipelining: bool = True
    mails: list[ReceivedMail] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], *["250-PIPELINING"] * self.pipelining, *responses[1:]]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        (recipient,) = envelope.rcpt_tos
        options = tuple(envelope.mail_options)
        self.mails.append(ReceivedMail(envelope.mail_from, recipient, envelope.content, options))
        return "250 2.0.0 Ok: queued"

    def authenticate(self, server: Any, session: Any, envelope: Any, how: str, data: Any) -> Any:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password.decode() == PASSWORD, handled=False)


class TidyController(Controller):
    """A server that closes the connections that are still open before it stops."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sessions: list[SMTP] = []

    def factory(self) -> SMTP:
        session: SMTP = super().factory()  # type: ignore[no-untyped-call]
        self._sessions.append(session)
        return session

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result()
        super().stop(no_assert)

    async def _close(self) -> None:
        for session in self._sessions:
            if session.transport is not None:
                session.transport.close()
        await asyncio.sleep(0)  # transports let go of their sockets in the next turn


@contextmanager
def mail_server(
    tls: str = "none", *, login: bool = False, pipelining: bool = True, **options: Any
) -> Iterator[MailServer]:
    """A real mail server; a login is offered if `login`, and then it must be right."""
    with ExitStack() as stack:
        authorities = None
        if tls != "none":
            context, authorities = stack.enter_context(tls_certificate("127.0.0.1"))
            options["ssl_context" if tls == "implicit" else "tls_context"] = context
            options["require_starttls"] = tls == "starttls"
        options.setdefault("enable_SMTPUTF8", False)
        made = MailServer(SmtpServer("127.0.0.1", free_port(), "none"), pipelining)
        if login:
            options |= {"auth_required": True, "authenticator": made.authenticate}
            options["auth_require_tls"] = tls == "starttls"
        controller = TidyController(made, made.server.host, made.server.port, **options)
        user, password = (USER, PASSWORD) if login else (None, None)
        made.server = SmtpServer(
            "127.0.0.1",
            made.server.port,
            tls,  # type: ignore[arg-type]
            user,
            password,
            authorities,
        )
        controller.start()
        try:
            yield made
        finally:
            controller.stop()


@contextmanager
def tls_certificate(host: str) -> Iterator[tuple[ssl.SSLContext, Path]]:
    """The TLS context of a server for this host, and the file with its certificate authority."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    with authority.cert_pem.tempfile() as file:
        yield context, Path(file)


class DisconnectedError(Exception):
    """The other side closed the connection."""


class ScriptedConnection:
    """One connection to a scripted server, seen from the server."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.number = number  # of the connection, from 0
        self._sock = sock
        self._heard = b""

    def say(self, *lines: str) -> None:
        self._sock.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def pending(self, seconds: float = 0.1) -> bytes:
        """What the client has sent and the script has not read, after waiting for `seconds`."""
        self._sock.settimeout(seconds)
        with suppress(TimeoutError):
            while data := self._sock.recv(65536):
                self._heard += data
        self._sock.settimeout(10)
        return self._heard

    def until(self, end: bytes) -> bytes:
        """Read up to `end`, which is not returned."""
        while end not in self._heard:
            try:
                data = self._sock.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise DisconnectedError
            self._heard += data
        said, _, self._heard = self._heard.partition(end)
        return said

    def line(self) -> str:
        return self.until(b"\r\n").decode()

    def expect(self, *commands: str) -> None:
        """Read lines and check that they begin with these commands."""
        for command in commands:
            line = self.line()
            assert line.upper().startswith(command.upper()), f"{line!r} instead of {command}"

    def body(self) -> bytes:
        """Read a message and undo its dot-stuffing."""
        self._heard = b"\r\n" + self._heard
        return (self.until(b"\r\n.\r\n") + b"\r\n")[2:].replace(b"\r\n..", b"\r\n.")

    def greet(self, *extensions: str) -> None:
        """Greet and answer EHLO."""
        self.say("220 there.example.net ESMTP")
        self.expect("EHLO ")
        said = ["there.example.net", *extensions]
        self.say(*(f"250-{line}" for line in said[:-1]), f"250 {said[-1]}")

    def reset(self) -> None:
        """Reset the connection (TCP RST)."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()
        raise DisconnectedError


Script = Callable[[ScriptedConnection], None]
PIPELINING = "PIPELINING"
DROP, STALL = "drop", "stall"


@dataclass
class ScriptedServer:
    """A scripted server: `connections` counts them, `open` those that last, `most` at a time."""

    server: SmtpServer
    connections: int = 0
    open: int = 0
    most: int = 0


@contextmanager
def scripted_server(
    *scripts: Script, context: ssl.SSLContext | None = None
) -> Iterator[ScriptedServer]:
    """A server that follows its scripts, one for each connection, and the last for all others.

    What a script asserts fails the test.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    state = ScriptedServer(SmtpServer("127.0.0.1", port, "none"))
    threads: list[threading.Thread] = []
    failures: list[BaseException] = []
    lock = threading.Lock()

    def serve(sock: socket.socket, number: int) -> None:
        with sock:
            try:
                scripts[min(number, len(scripts) - 1)](ScriptedConnection(sock, number))
            except (DisconnectedError, ConnectionError):
                pass
            except BaseException as error:
                failures.append(error)
        with lock:
            state.open -= 1

    def accept() -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                sock.settimeout(10)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with lock:
                    state.connections += 1
                    state.open += 1
                    state.most = max(state.most, state.open)
                thread = threading.Thread(target=serve, args=(sock, state.connections - 1))
                threads.append(thread)
                thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield state
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        acceptor.join()
        listener.close()
        for thread in threads:
            thread.join()
        if failures:  # rather than what the test makes of them
            raise failures[0]


@dataclass
class AcceptingScript:
    """A script that accepts every message, except where `answer` gives another reply.

    `answer` is called with the connection's number, a verb (`.` for a message) and its argument;
    it returns a reply, DROP, STALL, or None. `mails` is what was accepted, `log` every command.
    """

    answer: Callable[[int, str, str], str | None] = lambda number, verb, text: None
    extensions: tuple[str, ...] = (PIPELINING,)
    delay: float = 0
    mails: list[ReceivedMail] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __call__(self, connection: ScriptedConnection) -> None:
        sender, recipient = "", ""
        if not self.tell(connection, "CONNECT", "", None):
            return
        connection.greet(*self.extensions)
        while True:
            verb, _, text = connection.line().partition(" ")
            self.log.append(f"{verb} {text}".strip())
            if verb == "QUIT":
                connection.say("221 bye")
                return
            reply = self.tell(connection, verb, text, self.usual(verb, sender, recipient))
            if verb in ("MAIL", "RSET"):
                sender, recipient = text if reply.startswith("2") else "", ""
            elif verb == "RCPT" and reply.startswith("2"):
                recipient = text
            if verb != "DATA" or not reply.startswith("354"):
                continue
            content = connection.body()
            self.log.append(".")
            if self.tell(connection, ".", content.decode(), "250 2.0.0 Ok: queued").startswith("2"):
                self.mails.append(ReceivedMail(_path(sender), _path(recipient), content))
            sender, recipient = "", ""

    def usual(self, verb: str, sender: str, recipient: str) -> str:
        if verb == "MAIL" and sender:
            return "503 5.5.1 nested MAIL command"
        if verb == "RCPT" and not sender:
            return "503 5.5.1 need MAIL command"
        if verb == "DATA" and not recipient:
            return "554 5.5.1 no valid recipients"
        return "354 go on" if verb == "DATA" else "250 ok"

    def tell(self, connection: ScriptedConnection, verb: str, text: str, usual: str | None) -> str:
        reply = self.answer(connection.number, verb, text) or usual or "220"
        time.sleep(self.delay)
        if reply == DROP:
            connection.reset()
        if reply == STALL:
            connection.until(b"never said")
        if usual is not None or not reply.startswith("220"):
            connection.say(reply)
        if reply.startswith("421"):
            raise DisconnectedError
        return reply


def _path(text: str) -> str:
    return text.partition("<")[2].partition(">")[0]
