"""SMTP client protocol of one connection, without I/O: replies go in, commands come out.

RFC 5321. With PIPELINING (RFC 2920) the commands of the next message are sent together with the
body of the one before.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from feed.smtp.envelope import Envelope, Outcome, Result, ascii_domain
from feed.smtp.reply_classifier import GUESS, Stage, judge_reply
from feed.smtp.reply_text import sanitised

TOO_LARGE = 552
MAX_DEFERRALS = 5  # consecutive bodies deferred before the connection is given up
_CLOSING = b"421"
_MAX_LINE = 8192  # bytes
_MAX_LINES = 100  # of one reply

ReplyHandler = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Extensions:
    """The extensions that the server offers.

    `size` is the longest message in bytes, 0 for any, None where SIZE is not offered.
    """

    pipelining: bool = False
    size: int | None = None
    smtputf8: bool = False
    eightbit: bool = False


class SmtpProtocol:
    """The mail transactions of one connection, one after the other.

    `current` is the envelope whose commands were sent and whose body was not. It becomes
    `in_doubt` when the body is sent, until the server replies; then its outcome is appended to
    `outcomes`. `pending` has a handler for each reply that is outstanding; only when it is empty
    may something be sent. `closed` is the code and text with which the server ended the
    connection: 5xx if it refuses the sender, 0 if the reply is not valid SMTP.
    """

    def __init__(self, extensions: Extensions, outcomes: list[Outcome]) -> None:
        self.extensions = extensions
        self.current: Envelope | None = None
        self.in_doubt: Envelope | None = None
        self.pending: deque[ReplyHandler] = deque()
        self.closed: tuple[int, str] | None = None
        self.awaits_recipient = False  # MAIL was accepted, RCPT has no reply yet
        self._outcomes = outcomes
        self._commands: deque[tuple[bytes, ReplyHandler]] = deque()  # without PIPELINING
        self._may_send_body = False
        self._needs_reset = False
        self._needs_smtputf8 = False
        self._deferrals = 0
        self._reply_lines: list[bytes] = []
        self._buffer = b""
        self._handlers = (self._on_mail, self._on_recipient, self._on_data)

    @property
    def can_begin(self) -> bool:
        """Whether the transaction of another message may begin now."""
        return self.current is None and (self.extensions.pipelining or not self.pending)

    def begin(self, envelope: Envelope) -> bytes:
        """Begin a transaction; the bytes to send.

        Empty if this server cannot take the message; the outcome then says why.
        """
        message = envelope.message
        size = self.extensions.size
        try:
            recipient, self._needs_smtputf8 = _mailbox(envelope.recipient)
        except ValueError:
            return self._unsendable(envelope, "bounced", 0, "this is no e-mail address")
        if self._needs_smtputf8 and not self.extensions.smtputf8:
            return self._unsendable(
                envelope, "failed", 0, "the mail server does not offer SMTPUTF8"
            )
        if size and len(message) > size:
            return self._unsendable(envelope, "failed", TOO_LARGE, f"longer than {size} bytes")
        options = b"" if size is None else b" SIZE=%d" % len(message)
        if self.extensions.eightbit and not message.isascii():
            options += b" BODY=8BITMIME"
        if self._needs_smtputf8:
            options += b" SMTPUTF8"
        self.current = envelope
        return self._transaction(
            b"MAIL FROM:<%b>%b\r\n" % (envelope.sender.encode(), options),
            b"RCPT TO:<%b>\r\n" % recipient,
        )

    def next_bytes(self) -> bytes:
        """The next command or body to send when no reply is outstanding; may be empty."""
        if self._commands:
            command, handler = self._commands.popleft()
            self.pending.append(handler)
            return command
        if not self._may_send_body:
            return b""
        self._may_send_body = False
        if self.current is None:  # DATA was accepted although RCPT was refused: RFC 2920, 3.1
            self._needs_reset = False
            self.pending.append(self._ignore)
            return b".\r\n"
        self.in_doubt, self.current = self.current, None
        self.pending.append(self._on_body)
        return _dot_stuffed(self.in_doubt.message)

    def data_received(self, data: bytes) -> None:
        """Parse replies and pass each to its handler."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > _MAX_LINE or len(self._reply_lines) > _MAX_LINES:
            self._close(b"")
        for line in lines:
            if line[3:4] == b"-":
                self._reply_lines.append(line[4:].rstrip())
                continue
            if self._reply_lines:
                line = line[:4] + b" ".join([*self._reply_lines, line[4:]])
                self._reply_lines.clear()
            if line[:3] == _CLOSING or not self.pending:
                self._close(line)
            else:
                self.pending.popleft()(line)
            if self.closed:
                break

    def connection_lost(self, code: int, detail: str) -> Envelope | None:
        """Defer the message in doubt; return the one whose body was not sent, for another try."""
        if self.in_doubt is not None:
            self._outcomes.append(Outcome(self.in_doubt.key, "deferred", code, detail))
        unsent, self.in_doubt, self.current = self.current, None, None
        return unsent

    def _transaction(self, mail: bytes, recipient: bytes) -> bytes:
        reset = b"RSET\r\n" if self._needs_reset else b""
        self.awaits_recipient = False
        self._needs_reset = False
        if self.extensions.pipelining:
            if reset:
                self.pending.append(self._ignore)
            self.pending.extend(self._handlers)
            return b"%b%b%bDATA\r\n" % (reset, mail, recipient)
        if reset:
            self._commands.append((reset, self._ignore))
        self._commands.extend(zip((mail, recipient, b"DATA\r\n"), self._handlers, strict=True))
        return self.next_bytes()

    def _on_mail(self, line: bytes) -> None:
        if line[:1] == b"2":
            self.awaits_recipient = True
        elif line[:1] == b"5" and (self._needs_smtputf8 or line[:3] == b"%d" % TOO_LARGE):
            self._refuse("failed", False, line)
        else:  # the sender is refused, or the server has no room: any other message would be, too
            self._close(line)

    def _on_recipient(self, line: bytes) -> None:
        self.awaits_recipient = False
        if line[:1] in (b"4", b"5"):
            self._refuse(*_judged(line, "rcpt"), line)
        elif line[:1] != b"2":
            self._close(line)

    def _on_data(self, line: bytes) -> None:
        if line[:1] == b"3":
            self._may_send_body = True
        elif line[:1] in (b"4", b"5"):
            self._refuse(*_judged(line, "data"), line)
        else:
            self._close(line)

    def _on_body(self, line: bytes) -> None:
        envelope = self.in_doubt
        if envelope is None or line[:1] not in (b"2", b"4", b"5") or not line[:3].isdigit():
            self._close(line)
            return
        self.in_doubt = None
        accepted: tuple[Result, bool] = ("sent", False)
        result, blames = accepted if line[:1] == b"2" else _judged(line, "data")
        self._outcomes.append(_outcome(envelope, result, blames, line))
        self._deferrals = self._deferrals + 1 if line[:1] == b"4" else 0
        if self._deferrals == MAX_DEFERRALS:
            self._close(line)

    def _ignore(self, line: bytes) -> None:
        """The reply to RSET or to a lone dot: whatever it is, the transaction is over."""

    def _refuse(self, result: Result, blames_sender: bool, line: bytes) -> None:
        """End the current transaction; replies to commands sent with it are still outstanding."""
        envelope = self.current
        self._commands.clear()
        self._needs_reset = True
        if not line[:3].isdigit():
            self._close(line)
        elif envelope is not None:
            self.current = None
            self._outcomes.append(_outcome(envelope, result, blames_sender, line))

    def _unsendable(self, envelope: Envelope, result: Result, code: int, detail: str) -> bytes:
        self._outcomes.append(Outcome(envelope.key, result, code, detail))
        return b""

    def _close(self, line: bytes) -> None:
        code = int(line[:3]) if line[:3].isdigit() else 0
        is_valid = 400 <= code < 600
        self.closed = (
            (code, sanitised(line[4:])) if is_valid else (0, "an answer that makes no sense")
        )


def _outcome(envelope: Envelope, result: Result, blames_sender: bool, line: bytes) -> Outcome:
    return Outcome(envelope.key, result, int(line[:3]), sanitised(line[4:]), blames_sender)


def _judged(line: bytes, stage: Stage) -> tuple[Result, bool]:
    """The result of a 4xx or 5xx reply, and whether it blames the sender or gives no reason.

    A refusal of the sender is deferred, as it may end.
    """
    if not line[:3].isdigit():
        return "deferred", False
    judged = judge_reply(int(line[:3]), line[4:].decode("utf-8", "replace"), stage)
    if judged.verdict == "us" or line[:1] == b"4":
        return "deferred", judged.verdict == "us"
    if judged.verdict == "dead":
        return "bounced", False
    return "failed", judged.confidence == GUESS


def _mailbox(address: str) -> tuple[bytes, bool]:
    """An address as a command carries it, its domain in ASCII, and whether it needs SMTPUTF8.

    Raises ValueError for what could break out of the command.
    """
    if not address.isprintable() or "@" not in address or ">" in address:
        raise ValueError(address)
    mailbox = ascii_domain(address).encode()
    return mailbox, not mailbox.isascii()


def _dot_stuffed(message: bytes) -> bytes:
    """A message as DATA sends it: lines that begin with a dot get another; a lone dot ends it."""
    body = message.replace(b"\r\n.", b"\r\n..")
    if body[:1] == b".":
        body = b"." + body
    return body + (b".\r\n" if body[-2:] == b"\r\n" else b"\r\n.\r\n")
