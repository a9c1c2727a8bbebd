"""Parsers of the URLs of mail servers: SMTP, and a folder on an IMAP server."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from feed.smtp import SmtpServer

_SMTP = (
    "smtp://user:password@host:587 (STARTTLS) or smtps://host:465; add ?tls=off for a server"
    " without TLS, or ?ca=/path/to/file.pem for one with a certificate authority of its own"
)
_IMAP = (
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


def smtp(text: str) -> SmtpServer | None:
    """Parse the URL of a server; None for an empty one. Raises ValueError with what is expected."""
    if not text:
        return None
    parts, options, authorities = _split(text, ("smtp", "smtps"), {"tls", "ca"}, _SMTP)
    host, wanted = parts.hostname or "", options.get("tls", "on")
    if (
        parts.path not in ("", "/")
        or wanted not in ("on", "off")
        or (parts.scheme, wanted) == ("smtps", "off")
    ):
        raise ValueError(_SMTP)
    local = host == "localhost" or host.startswith(("127.", "::1"))
    plain = wanted == "off" or (local and "tls" not in options)
    implicit = parts.scheme == "smtps"
    return SmtpServer(
        host=host,
        port=parts.port or (465 if implicit else 25 if plain else 587),
        tls="implicit" if implicit else "none" if plain else "starttls",
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        authorities=authorities,
    )


def imap_folder(text: str) -> ImapFolder | None:
    """Parse the URL of a folder; None for an empty one. Raises ValueError with what is expected."""
    if not text:
        return None
    parts, _, authorities = _split(text, ("imap", "imaps"), {"ca"}, _IMAP)
    name = unquote(parts.path.strip("/")) or "INBOX"
    if not parts.username or parts.password is not None or not name.isprintable():
        raise ValueError(_IMAP)
    implicit = parts.scheme == "imaps"
    return ImapFolder(
        host=parts.hostname or "",
        port=parts.port or (993 if implicit else 143),
        tls="implicit" if implicit else "starttls",
        user=unquote(parts.username),
        name=name,
        authorities=authorities,
    )


def _split(
    text: str, schemes: tuple[str, str], known: set[str], expected: str
) -> tuple[SplitResult, dict[str, str], Path | None]:
    """The parts of a URL with a host, its options, and the file of certificate authorities."""
    try:
        parts = urlsplit(text)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        is_valid = parts.port != 0 and parts.hostname and not parts.fragment
    except ValueError:
        raise ValueError(expected) from None
    if not is_valid or parts.scheme not in schemes or set(options) - known:
        raise ValueError(expected)
    authorities = Path(options["ca"]) if "ca" in options else None
    if authorities is not None and not authorities.is_file():
        raise ValueError(f"{expected}; there is no file {authorities}")
    return parts, options, authorities
