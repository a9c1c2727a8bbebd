"""Errors of the SMTP client."""

from pathlib import Path
from typing import Literal

SmtpProblem = Literal[
    "authorities",  # the file of CA certificates cannot be read
    "certificate",  # the server's is not trusted
    "tls",  # the handshake failed
    "starttls",  # is not offered
    "login",  # is refused
    "connection",  # is refused by the server
    "sender",  # MAIL FROM is refused
    "unreachable",  # temporary: no connection, or a temporary reply before the first message
    "busy",  # temporary: it takes no messages now
]


class SmtpError(Exception):
    """The server takes no messages.

    `server` is its host and port, `code` its reply code (0 if it gave none), and `text` its reply
    or the system's error message, in one printable line without e-mail addresses. `file` is the
    file of CA certificates where that is the problem.
    """

    def __init__(
        self,
        problem: SmtpProblem,
        server: str,
        text: str = "",
        code: int = 0,
        file: Path | None = None,
    ) -> None:
        self.problem = problem
        self.server = server
        self.code = code
        self.text = text
        self.file = file
        super().__init__(f"{server}: {problem}: {self.reply}")

    @property
    def reply(self) -> str:
        """The reply code, if there is one, and the text."""
        return f"{self.code} {self.text}" if self.code else self.text


class SmtpRefusedError(SmtpError):
    """Permanent: the configuration, the credentials, the sender or the messages are refused."""


class SmtpUnavailableError(SmtpError):
    """Temporary: the server cannot be reached or takes no messages now."""
