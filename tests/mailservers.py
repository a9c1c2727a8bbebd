"""Mail servers for the tests: a real one that behaves, and scripted ones that need not."""

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
class Mail:
    """What arrived."""

    sender: str
    recipient: str
    content: bytes
    options: tuple[str, ...] = ()


@dataclass
class Inbox:
    """A real mail server; `mails` is what it took, in order, `server` how to reach it."""

    server: SmtpServer
    pipelining: bool = True
    mails: list[Mail] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], *["250-PIPELINING"] * self.pipelining, *responses[1:]]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        (recipient,) = envelope.rcpt_tos
        options = tuple(envelope.mail_options)
        self.mails.append(Mail(envelope.mail_from, recipient, envelope.content, options))
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
def inbox(
    tls: str = "none", *, login: bool = False, pipelining: bool = True, **options: Any
) -> Iterator[Inbox]:
    """A real mail server; a login is offered if `login`, and then it must be right."""
    with ExitStack() as stack:
        authorities = None
        if tls != "none":
            context, authorities = stack.enter_context(certified("127.0.0.1"))
            options["ssl_context" if tls == "implicit" else "tls_context"] = context
            options["require_starttls"] = tls == "starttls"
        options.setdefault("enable_SMTPUTF8", False)
        made = Inbox(SmtpServer("127.0.0.1", free_port(), "none"), pipelining)
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
def certified(host: str) -> Iterator[tuple[ssl.SSLContext, Path]]:
    """What a server for this host has, and the file with the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    with authority.cert_pem.tempfile() as file:
        yield context, Path(file)


class GoneError(Exception):
    """The other side closed the connection."""


class Talk:
    """One connection to a scripted server: what it hears and what it says."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.number = number  # of the connection, from 0
        self._sock = sock
        self._heard = b""

    def say(self, *lines: str) -> None:
        self._sock.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def pending(self, seconds: float = 0.1) -> bytes:
        """What was said without waiting for more than `seconds`, and not yet taken."""
        self._sock.settimeout(seconds)
        with suppress(TimeoutError):
            while data := self._sock.recv(65536):
                self._heard += data
        self._sock.settimeout(10)
        return self._heard

    def until(self, end: bytes) -> bytes:
        """What is said up to this, which is not part of it."""
        while end not in self._heard:
            try:
                data = self._sock.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise GoneError
            self._heard += data
        said, _, self._heard = self._heard.partition(end)
        return said

    def line(self) -> str:
        return self.until(b"\r\n").decode()

    def expect(self, *commands: str) -> None:
        """Hear lines that begin like this."""
        for command in commands:
            line = self.line()
            assert line.upper().startswith(command.upper()), f"{line!r} instead of {command}"

    def body(self) -> bytes:
        """A message, as it was before it got its dots."""
        self._heard = b"\r\n" + self._heard
        return (self.until(b"\r\n.\r\n") + b"\r\n")[2:].replace(b"\r\n..", b"\r\n.")

    def greet(self, *extensions: str) -> None:
        """Up to the point where letters may come."""
        self.say("220 there.example.net ESMTP")
        self.expect("EHLO ")
        said = ["there.example.net", *extensions]
        self.say(*(f"250-{line}" for line in said[:-1]), f"250 {said[-1]}")

    def reset(self) -> None:
        """Break the connection, without a goodbye."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()
        raise GoneError


Script = Callable[[Talk], None]
PIPELINING = "PIPELINING"
DROP, STALL = "drop", "stall"


@dataclass
class Server:
    """A scripted server: `connections` counts them, `open` those that last, `most` at a time."""

    server: SmtpServer
    connections: int = 0
    open: int = 0
    most: int = 0


@contextmanager
def scripted(*scripts: Script, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that follows its scripts, one for each connection, and the last for all others.

    What a script asserts fails the test.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    state = Server(SmtpServer("127.0.0.1", port, "none"))
    threads: list[threading.Thread] = []
    failures: list[BaseException] = []
    lock = threading.Lock()

    def serve(sock: socket.socket, number: int) -> None:
        with sock:
            try:
                scripts[min(number, len(scripts) - 1)](Talk(sock, number))
            except (GoneError, ConnectionError):
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
class Polite:
    """A script that takes every letter, but for what `answer` says otherwise.

    It is asked with the connection's number, a verb (`.` for a message) and what came with it, and
    gives a reply, DROP, STALL, or None. `mails` is what was taken; `log` has all that was heard.
    """

    answer: Callable[[int, str, str], str | None] = lambda number, verb, text: None
    extensions: tuple[str, ...] = (PIPELINING,)
    delay: float = 0
    mails: list[Mail] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __call__(self, talk: Talk) -> None:
        sender, recipient = "", ""
        if not self.tell(talk, "CONNECT", "", None):
            return
        talk.greet(*self.extensions)
        while True:
            verb, _, text = talk.line().partition(" ")
            self.log.append(f"{verb} {text}".strip())
            if verb == "QUIT":
                talk.say("221 bye")
                return
            reply = self.tell(talk, verb, text, self.usual(verb, sender, recipient))
            if verb in ("MAIL", "RSET"):
                sender, recipient = text if reply.startswith("2") else "", ""
            elif verb == "RCPT" and reply.startswith("2"):
                recipient = text
            if verb != "DATA" or not reply.startswith("354"):
                continue
            content = talk.body()
            self.log.append(".")
            if self.tell(talk, ".", content.decode(), "250 2.0.0 Ok: queued").startswith("2"):
                self.mails.append(Mail(_path(sender), _path(recipient), content))
            sender, recipient = "", ""

    def usual(self, verb: str, sender: str, recipient: str) -> str:
        if verb == "MAIL" and sender:
            return "503 5.5.1 nested MAIL command"
        if verb == "RCPT" and not sender:
            return "503 5.5.1 need MAIL command"
        if verb == "DATA" and not recipient:
            return "554 5.5.1 no valid recipients"
        return "354 go on" if verb == "DATA" else "250 ok"

    def tell(self, talk: Talk, verb: str, text: str, usual: str | None) -> str:
        reply = self.answer(talk.number, verb, text) or usual or "220"
        time.sleep(self.delay)
        if reply == DROP:
            talk.reset()
        if reply == STALL:
            talk.until(b"never said")
        if usual is not None or not reply.startswith("220"):
            talk.say(reply)
        if reply.startswith("421"):
            raise GoneError
        return reply


def _path(text: str) -> str:
    return text.partition("<")[2].partition(">")[0]
