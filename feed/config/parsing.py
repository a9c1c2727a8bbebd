"""Parsers of settings: from text to a value, or ValueError with what is expected."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from feed.config.logs import LogFormat
from feed.i18n import canonical, is_language
from feed.model.language_tags import lookup

_TAG = r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*"
_NAMED = re.compile(rf"\s*({_TAG})\s*=\s*(.+?)\s*", re.DOTALL)
_BETWEEN_NAMES = re.compile(rf"[;,](?=\s*{_TAG}\s*=)")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_DOMAIN.pattern}")
Value = TypeVar("Value")
Network = IPv4Network | IPv6Network
SHORTEST_KEY = 16  # characters
LONGEST_BOUNCE_NAME = 20  # of the 64 characters of a local part: the rest is the VERP token
_HUB = re.compile(r"https?://[A-Za-z0-9.\-:\[\]]+(/[!$-;=?-Z_a-z~]*)?")
_WEBHOOK = re.compile(r"(?:([A-Za-z0-9+-]+)=)?([a-z][a-z0-9]*://\S+)")
_REGION = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9 ]{1,40})?")
_FONTS = (".ttf", ".otf", ".ttc")
_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?")


@dataclass(frozen=True)
class Webhook:
    """A chat that each edition is posted to, in its languages; `url`, for Apprise, is a secret."""

    languages: tuple[str, ...]
    url: str = field(repr=False)


def host(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", text):
            raise ValueError("a host name or an IP address, such as 127.0.0.1") from None
    return text


def integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def path(text: str) -> Path:
    try:
        path = Path(text).expanduser().absolute()
        is_folder = path.is_dir()
    except PermissionError:  # reported when it is opened
        return path
    except (OSError, RuntimeError) as error:
        raise ValueError(f"the path of a file ({error})") from None
    if is_folder:
        raise ValueError("the path of a file, but this is a folder")
    return path


def base_url(text: str) -> str:
    expected = "an address such as https://devis.example.org, without a path"
    try:
        parts = urlsplit(text)
        valid = parts.port != 0
    except ValueError:
        raise ValueError(expected) from None
    if (
        not valid
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.netloc.endswith(":")
        or not re.fullmatch(r"[A-Za-z0-9.\-:\[\]]+", parts.netloc)
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise ValueError(expected)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def languages(text: str) -> tuple[str, ...]:
    given = [code.strip() for code in text.split(",")]
    codes = [canonical(code) for code in given]
    if not all(re.fullmatch(_TAG, code) for code in given) or len(set(codes)) != len(codes):
        raise ValueError("language codes with commas between, each once, such as en,sv,sv-simple")
    for code in codes:
        if not is_language(code):
            raise ValueError(f"languages whose dates are known (CLDR), which {code} is not")
    return tuple(codes)


def site_names(text: str, languages: tuple[str, ...]) -> dict[str, str]:
    if not text.isprintable():
        raise ValueError("a name without control characters, in UTF-8")
    if not re.match(rf"\s*{_TAG}\s*=", text):
        return dict.fromkeys(languages, text)
    found = [_NAMED.fullmatch(part) for part in _BETWEEN_NAMES.split(text)]
    names = {canonical(match[1]): match[2] for match in found if match}
    if len(names) != len(found) or languages[0] not in names or set(names) - set(languages):
        expected = ",".join(f"{code}=…" for code in languages)
        raise ValueError(f"one name, or one for each language: {expected}")
    first = names[languages[0]]
    return {
        code: next((names[tag] for tag in lookup(code) if tag in names), first)
        for code in languages
    }


def timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise ValueError("a timezone name such as Europe/Stockholm") from None


def publication_days(text: str) -> str:
    """Which dates have an edition; whether the region is known is checked when it is first used."""
    kind, colon, region = text.partition(":")
    kind, region = kind.strip().lower(), region.strip()
    if kind in ("all", "weekdays") and not colon:
        return kind
    if kind != "workdays" or not _REGION.fullmatch(region):
        raise ValueError(
            "all, weekdays, or workdays of a country or one of its subdivisions,"
            " such as workdays:SE or workdays:DE-BY"
        )
    country, _, subdivision = region.partition("-")
    return f"workdays:{country.upper()}" + (f"-{subdivision}" if subdivision else "")


def closed_days(text: str) -> tuple[tuple[date, date], ...]:
    """The first and the last date of each period, in order."""
    expected = "dates with commas between, such as 2027-06-25,2027-12-27..2028-01-05"
    found = []
    for part in text.replace(",", " ").split():
        first, _, last = part.partition("..")
        try:
            period = date.fromisoformat(first), date.fromisoformat(last or first)
        except ValueError:
            raise ValueError(f"{expected}; {part} is not one") from None
        if period[0] > period[1]:
            raise ValueError(f"{expected}; {part} ends before it begins")
        found.append(period)
    return tuple(sorted(found))


def fonts(text: str) -> tuple[Path, ...]:
    """Font files, and those in folders and their subfolders, in that order."""
    whole = Path(text).expanduser()
    given = [whole] if whole.exists() else map(Path, text.replace(",", " ").split())
    found: dict[Path, None] = {}
    for name in given:
        path = name.expanduser().absolute()
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        files = [file for file in inside if file.suffix.lower() in _FONTS and file.is_file()]
        if not files:
            raise ValueError(f"font files (TTF or OTF), or folders of them; {path} is neither")
        found |= dict.fromkeys(files)
    return tuple(found)


def boolean(text: str) -> bool:
    if text.lower() not in ("on", "off"):
        raise ValueError("on or off")
    return text.lower() == "on"


def log_format(text: str) -> LogFormat:
    if text not in ("text", "json"):
        raise ValueError("text or json")
    return text  # type: ignore[return-value]


def contact(text: str) -> str | None:
    if text and not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+|https?://\S+", text):
        raise ValueError("an e-mail address or a web address")
    return text or None


def origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.rstrip("/") for part in text.replace(",", " ").split())
    if origins != ("*",) and not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("*, or origins such as https://intranet.example.org https://*.example.com")
    return origins


def optional(parse: Callable[[str], Value]) -> Callable[[str], Value | None]:
    return lambda text: parse(text) if text else None


def address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("an e-mail address such as devis@example.org, without a name")
    return text


def bounce_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text) or len(text.partition("@")[0]) > LONGEST_BOUNCE_NAME:
        raise ValueError(
            f"an e-mail address with at most {LONGEST_BOUNCE_NAME} characters before its @"
        )
    return text


def dkim_selector(text: str) -> str:
    if not _DOMAIN.fullmatch(text):
        raise ValueError("a DKIM selector: what stands before “._domainkey”, such as selector1")
    return text.lower()


def sender(text: str) -> tuple[str, str]:
    name, address = parseaddr(text)
    if not _ADDRESS.fullmatch(address) or not text.isprintable():
        raise ValueError("an address such as Devis <devis@example.org>")
    return name, address


def single_line(text: str) -> str | None:
    if not text.isprintable():
        raise ValueError("one line of text")
    return text or None


def domains(text: str) -> tuple[str, ...]:
    names = tuple(part.lower().lstrip("@") for part in text.replace(",", " ").split())
    if not all(_DOMAIN.fullmatch(name) for name in names):
        raise ValueError("domains with blanks between, such as example.org example.com")
    return names


def networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise ValueError("addresses or networks, such as 127.0.0.1 10.0.0.0/8 ::1") from None


def hubs(text: str) -> tuple[str, ...]:
    found = tuple(text.replace(",", " ").split())
    if not all(_is_hub(part) for part in found) or len(set(found)) != len(found):
        raise ValueError("web addresses with blanks between, such as https://hub.example.org/")
    return found


def _is_hub(text: str) -> bool:
    """Whether it is a URL without credentials, safe to publish in feeds and headers."""
    try:
        parts = urlsplit(text)
        valid = parts.port != 0
    except ValueError:
        return False
    return (
        valid
        and bool(parts.hostname)
        and not parts.netloc.endswith(":")
        and _HUB.fullmatch(text) is not None
    )


def webhooks(text: str, languages: tuple[str, ...]) -> tuple[Webhook, ...]:
    expected = "addresses with blanks between, languages before each: sv=slack://… sv+en=json://…"
    found: list[Webhook] = []
    for number, part in enumerate(text.split(), start=1):
        match = _WEBHOOK.fullmatch(part)
        if match is None:
            raise ValueError(f"{expected}; number {number} is not one")
        asked = tuple(map(canonical, match[1].split("+"))) if match[1] else languages[:1]
        if not set(asked) <= set(languages):
            raise ValueError(
                f"{expected}; number {number} has a language that the site does not have"
            )
        hook = Webhook(tuple(dict.fromkeys(asked)), match[2])
        if hook in found:
            raise ValueError(f"{expected}, each once; number {number} is a duplicate")
        found.append(hook)
    return tuple(found)


def secret_key(text: str) -> str | None:
    if text and len(text) < SHORTEST_KEY:
        raise ValueError(f"at least {SHORTEST_KEY} random characters")
    return text or None


def mail_host(base_url: str) -> str:
    """The host of a base URL if it can be the domain of an e-mail address, else localhost."""
    host = urlsplit(base_url).hostname or ""
    return host if _DOMAIN.fullmatch(host) and not host[-1].isdigit() else "localhost"


def instant(text: str) -> datetime | None:
    if not text:
        return None
    # The links in notices have four bytes for the end of their time.
    expected = "a time with its UTC offset, 1970 to 2099, such as 2027-03-01T06:00:00+01:00"
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(expected) from None
    if instant.tzinfo is None or not 1970 <= instant.year <= 2099:
        raise ValueError(expected)
    return instant
