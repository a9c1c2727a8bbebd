"""The OpenID Connect provider that people may sign in with: settings, parsers, combinations."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from feed.config import extras, identity
from feed.errors import SettingError

NAMES = ("issuer", "client_id", "client_secret", "domains")
LONGEST_ISSUER = 255  # characters
# Entra ID: every Microsoft account signs in to these. The last is the tenant of private ones.
_ENTRA_HOSTS = (
    ".microsoftonline.com",
    ".microsoftonline.us",
    ".windows.net",
    ".partner.microsoftonline.cn",
)
_MULTI_TENANT = ("common", "organizations", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad")


@dataclass(frozen=True)
class OidcClient:
    """This site as a client of an OpenID Connect provider, which its issuer identifies.

    Invited people with an address in one of the `domains` need no link by e-mail.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    domains: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call the provider: a well-known name, or its host."""
        host = urlsplit(self.issuer).hostname or ""
        if host == "accounts.google.com":
            return "Google"
        return "Microsoft" if is_entra(self.issuer) else host


def is_entra(issuer: str) -> bool:
    """Whether an issuer is a tenant of Microsoft Entra ID, in any of its clouds."""
    return f".{urlsplit(issuer).hostname or ''}".endswith(_ENTRA_HOSTS)


def issuer(text: str) -> str:
    """Parse an issuer, which stays as it is written. Raises ValueError."""
    if not text:
        return text
    expected = "the issuer of one organisation, such as https://id.example.org/realms/staff"
    try:
        parts = urlsplit(text)
        is_valid = parts.port != 0 and parts.hostname
    except ValueError:
        raise ValueError(expected) from None
    is_printable = text.isascii() and text.isprintable() and not set(text) & set(' "<>\\{}')
    if not is_valid or not is_printable or len(text) > LONGEST_ISSUER:
        raise ValueError(expected)
    if "@" in parts.netloc or parts.netloc.endswith(":") or "?" in text or "#" in text:
        raise ValueError(expected)
    host = (parts.hostname or "").lower()
    if parts.scheme != "https" and not (parts.scheme == "http" and identity.is_loopback(host)):
        raise ValueError("an issuer that begins with https:// (http:// on this machine only)")
    if is_entra(text) and set(parts.path.lower().split("/")) & {*_MULTI_TENANT}:
        raise ValueError(
            "the issuer of your own tenant, https://login.microsoftonline.com/TENANT-ID/v2.0: in"
            " “common”, “organizations” and “consumers” everybody with a Microsoft account signs in"
        )
    return text


def client_id(text: str) -> str:
    """Parse the client ID that the provider has given. Raises ValueError."""
    if not text.isascii() or not text.isprintable() or len(text) > LONGEST_ISSUER:
        raise ValueError("the client ID that the provider shows")
    return text


def check(issuer: str, client_id: str, client_secret: str, domains: tuple[str, ...]) -> None:
    """Raise SettingError if some of what a client needs is missing, or the extra."""
    values = {"ISSUER": issuer, "CLIENT_ID": client_id, "CLIENT_SECRET": client_secret}
    given = [name for name, value in {**values, "DOMAINS": domains}.items() if value]
    missing = [name for name, value in values.items() if not value]
    if not given:
        return
    extras.require("sign-on", f"DEVIS_OIDC_{given[0]}")
    if missing:
        raise SettingError(
            "%(setting)s also needs %(missing)s.",
            setting=f"DEVIS_OIDC_{given[0]}",
            missing=" and ".join(f"DEVIS_OIDC_{name}" for name in missing),
        )
