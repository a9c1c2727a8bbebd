"""One conversation with a mail server, without the connection: its bytes come in, ours go out.

RFC 5321; with PIPELINING (RFC 2920) a letter's envelope travels with the body before it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import idna

from feed.smtp.envelope import Envelope, Outcome, Result
from feed.smtp.reply import plain
from feed.smtp.verdict import Stage, judge_reply

TOO_LARGE = 552
PUT_OFF = 5  # bodies put off in a row: that is the server's trouble, and another connection may do
_CLOSING = b"421"
_LONGEST_LINE = 8192
_MOST_LINES = 100

Answer = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a server offers. `size` is the longest message, 0 for any, None if it does not say."""

    pipelining: bool = False
    size: int | None = None
    smtputf8: bool = False
    eightbit: bool = False


class SmtpProtocol:
    """The letters of one connection, one after the other.

    A letter is `announced` once its envelope was said, and `in_doubt` from its body on, until the
    server answers; by then its outcome stands in `outcomes`. `awaited` has what takes each answer
    still to come; something may be said only when it is empty. `closed` has the code and the text
    with which the server ended it: 5xx if it refuses the sender, 0 if it makes no sense.
    """

    def __init__(self, abilities: Abilities, outcomes: list[Outcome]) -> None:
        self.abilities = abilities
        self.announced: Envelope | None = None
        self.in_doubt: Envelope | None = None
        self.awaited: deque[Answer] = deque()
        self.closed: tuple[int, str] | None = None
        self.at_recipient = False  # the recipient of `announced` is all that was not answered
        self._outcomes = outcomes
        self._steps: deque[tuple[bytes, Answer]] = deque()
        self._go_ahead = False
        self._reset = False
        self._utf8 = False
        self._put_off = 0
        self._lines: list[bytes] = []
        self._rest = b""
        self._group = (self._on_mail, self._on_recipient, self._on_data)

    @property
    def has_room(self) -> bool:
        """Whether another letter may be announced now."""
        return self.announced is None and (self.abilities.pipelining or not self.awaited)

    def announce(self, letter: Envelope) -> bytes:
        """What announces a letter; nothing if this server cannot take it: its outcome says why."""
        message = letter.message
        size = self.abilities.size
        try:
            recipient, self._utf8 = _path(letter.recipient)
        except ValueError:
            return self._unsendable(letter, "bounced", 0, "this is no e-mail address")
        if self._utf8 and not self.abilities.smtputf8:
            return self._unsendable(letter, "failed", 0, "the mail server does not offer SMTPUTF8")
        if size and len(message) > size:
            return self._unsendable(letter, "failed", TOO_LARGE, f"longer than {size} bytes")
        options = b"" if size is None else b" SIZE=%d" % len(message)
        if self.abilities.eightbit and not message.isascii():
            options += b" BODY=8BITMIME"
        if self._utf8:
            options += b" SMTPUTF8"
        self.announced = letter
        return self._say(
            b"MAIL FROM:<%b>%b\r\n" % (letter.sender.encode(), options),
            b"RCPT TO:<%b>\r\n" % recipient,
        )

    def speak(self) -> bytes:
        """What to say next, nothing being awaited: a step, a body, or nothing."""
        if self._steps:
            command, answer = self._steps.popleft()
            self.awaited.append(answer)
            return command
        if not self._go_ahead:
            return b""
        self._go_ahead = False
        if self.announced is None:  # asked for a body that nobody is to get: RFC 2920, 3.1
            self._reset = False
            self.awaited.append(self._on_nothing)
            return b".\r\n"
        self.in_doubt, self.announced = self.announced, None
        self.awaited.append(self._on_body)
        return _stuffed(self.in_doubt.message)

    def hear(self, data: bytes) -> None:
        """Take what the server said."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE or len(self._lines) > _MOST_LINES:
            self._close(b"")
        for line in lines:
            if line[3:4] == b"-":
                self._lines.append(line[4:].rstrip())
                continue
            if self._lines:
                line = line[:4] + b" ".join([*self._lines, line[4:]])
                self._lines.clear()
            if line[:3] == _CLOSING or not self.awaited:
                self._close(line)
            else:
                self.awaited.popleft()(line)
            if self.closed:
                break

    def abandon(self, code: int, detail: str) -> Envelope | None:
        """The connection is gone: defer the letter in doubt, give back the one announced."""
        if self.in_doubt is not None:
            self._outcomes.append(Outcome(self.in_doubt.key, "deferred", code, detail))
        letter, self.in_doubt, self.announced = self.announced, None, None
        return letter

    def _say(self, mail: bytes, recipient: bytes) -> bytes:
        reset = b"RSET\r\n" if self._reset else b""
        self.at_recipient = False
        self._reset = False
        if self.abilities.pipelining:
            if reset:
                self.awaited.append(self._on_nothing)
            self.awaited.extend(self._group)
            return b"%b%b%bDATA\r\n" % (reset, mail, recipient)
        if reset:
            self._steps.append((reset, self._on_nothing))
        self._steps.extend(zip((mail, recipient, b"DATA\r\n"), self._group, strict=True))
        return self.speak()

    def _on_mail(self, line: bytes) -> None:
        if line[:1] == b"2":
            self.at_recipient = True
        elif line[:1] == b"5" and (self._utf8 or line[:3] == b"%d" % TOO_LARGE):
            self._refuse("failed", line)
        else:  # the sender is refused, or there is no room for mail: not this letter's fault
            self._close(line)

    def _on_recipient(self, line: bytes) -> None:
        self.at_recipient = False
        if line[:1] in (b"4", b"5"):
            self._refuse(_result(line, "rcpt"), line)
        elif line[:1] != b"2":
            self._close(line)

    def _on_data(self, line: bytes) -> None:
        if line[:1] == b"3":
            self._go_ahead = True
        elif line[:1] in (b"4", b"5"):
            self._refuse(_result(line, "data"), line)
        else:
            self._close(line)

    def _on_body(self, line: bytes) -> None:
        letter = self.in_doubt
        if letter is None or line[:1] not in (b"2", b"4", b"5") or not line[:3].isdigit():
            self._close(line)
            return
        result: Result = "sent" if line[:1] == b"2" else _result(line, "data")
        self.in_doubt = None
        self._outcomes.append(Outcome(letter.key, result, int(line[:3]), plain(line[4:])))
        self._put_off = self._put_off + 1 if line[:1] == b"4" else 0
        if self._put_off == PUT_OFF:
            self._close(line)

    def _on_nothing(self, line: bytes) -> None:
        """The answer to RSET or to a lone dot: whatever it is, the transaction is over."""

    def _refuse(self, result: Result, line: bytes) -> None:
        """The announced letter ends here; what was said with it is still to be answered."""
        letter = self.announced
        self._steps.clear()
        self._reset = True
        if not line[:3].isdigit():
            self._close(line)
        elif letter is not None:
            self.announced = None
            self._outcomes.append(Outcome(letter.key, result, int(line[:3]), plain(line[4:])))

    def _unsendable(self, letter: Envelope, result: Result, code: int, why: str) -> bytes:
        self._outcomes.append(Outcome(letter.key, result, code, why))
        return b""

    def _close(self, line: bytes) -> None:
        code = int(line[:3]) if line[:3].isdigit() else 0
        sense = 400 <= code < 600
        self.closed = (code, plain(line[4:])) if sense else (0, "an answer that makes no sense")


def _result(line: bytes, stage: Stage) -> Result:
    """What becomes of an e-mail that is refused: a refusal of the sender may be lifted."""
    if line[:1] == b"4" or not line[:3].isdigit():
        return "deferred"
    verdict = judge_reply(int(line[:3]), line[4:].decode("utf-8", "replace"), stage).verdict
    return {"dead": "bounced", "us": "deferred"}.get(verdict, "failed")  # type: ignore[return-value]


def _path(address: str) -> tuple[bytes, bool]:
    """An address as a command says it, and whether that needs SMTPUTF8.

    A domain is said in its ASCII form. Raises ValueError for what could break out of a command.
    """
    if not address.isprintable() or "@" not in address or ">" in address:
        raise ValueError(address)
    if address.isascii():
        return address.encode(), False
    name, _, domain = address.rpartition("@")
    path = name.encode() + b"@" + idna.encode(domain, uts46=True)
    return path, not path.isascii()


def _stuffed(message: bytes) -> bytes:
    """A message as SMTP carries it: no line begins with a lone dot but the last."""
    body = message.replace(b"\r\n.", b"\r\n..")
    if body[:1] == b".":
        body = b"." + body
    return body + (b".\r\n" if body[-2:] == b"\r\n" else b"\r\n.\r\n")
