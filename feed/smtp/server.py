"""The address, encryption and login of a mail server."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class SmtpServer:
    """A mail server that takes messages.

    `tls` is "implicit" (from the first byte), "starttls" (after EHLO) or "none". `authorities` is
    a file of CA certificates to trust; None trusts those of the machine.
    """

    host: str
    port: int
    tls: Literal["implicit", "starttls", "none"]
    user: str | None = None
    password: str | None = None
    authorities: Path | None = None

    @property
    def address(self) -> str:
        """Host and port, for error messages."""
        return f"{self.host}:{self.port}"
