"""Parser of the URL of an IMAP folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

_EXPECTED = (
    "imaps://user@host/INBOX, or imap://… for STARTTLS, with the password in"
    " DEVIS_BOUNCE_IMAP_PASSWORD; add ?ca=/path/to/file.pem for a server with a certificate"
    " authority of its own"
)


@dataclass(frozen=True)
class ImapFolder:
    """A folder on an IMAP server; without `authorities` those of the system are trusted."""

    host: str
    port: int
    tls: Literal["implicit", "starttls"]
    user: str
    name: str
    authorities: Path | None = None

    @property
    def place(self) -> str:
        """The folder and its server, without the user."""
        return f"{self.name} at {self.host}:{self.port}"


def imap_folder(text: str) -> ImapFolder | None:
    """Parse the URL of a folder; None for an empty one. Raises ValueError with what is expected."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        port = parts.port
    except ValueError:
        raise ValueError(_EXPECTED) from None
    name = unquote(parts.path.strip("/")) or "INBOX"
    if (
        parts.scheme not in ("imap", "imaps")
        or not parts.hostname
        or not parts.username
        or parts.password is not None
        or port == 0
        or parts.fragment
        or set(options) - {"ca"}
        or not name.isprintable()
    ):
        raise ValueError(_EXPECTED)
    authorities = Path(options["ca"]) if "ca" in options else None
    if authorities is not None and not authorities.is_file():
        raise ValueError(f"{_EXPECTED}; there is no file {authorities}")
    implicit = parts.scheme == "imaps"
    return ImapFolder(
        host=parts.hostname,
        port=port or (993 if implicit else 143),
        tls="implicit" if implicit else "starttls",
        user=unquote(parts.username),
        name=name,
        authorities=authorities,
    )
