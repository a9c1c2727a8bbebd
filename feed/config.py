"""One typed Config, read once from the environment. Nothing else looks there.

Every setting is named DEVIS_…; the README lists them all. A malformed value raises `SettingError`
naming the setting and what was expected.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from feed.errors import SettingError, mark
from feed.i18n import is_language
from feed.model import Site

PREFIX = "DEVIS_"
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_NAMED = re.compile(r"\s*([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\s*=\s*(.+?)\s*", re.DOTALL)
_BETWEEN_NAMES = re.compile(r"[;,](?=\s*[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*\s*=)")
_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?")

Value = TypeVar("Value")


@dataclass(frozen=True)
class Config:
    """Every setting, typed. Paths are absolute."""

    database: Path
    host: str
    port: int
    base_url: str
    site_names: Mapping[str, str]
    languages: tuple[str, ...]
    timezone: ZoneInfo
    fallback: bool
    backfill_days: int
    web_workers: int
    contact: str | None
    embed_origins: tuple[str, ...]
    api_rate: int
    rehearsal: datetime | None

    @property
    def instance(self) -> Path:
        """The folder of the database, with everything else that belongs to this installation."""
        return self.database.parent

    def site(self, authority: str, since: datetime) -> Site:
        """The site these settings describe, with the identity that the database remembers."""
        return Site(
            base_url=self.base_url,
            names=self.site_names,
            languages=self.languages,
            timezone=self.timezone,
            authority=authority,
            since=since,
            contact=self.contact,
        )


def load(environ: Mapping[str, str] = os.environ) -> Config:
    """Read the settings from a mapping such as the environment.

    Raises SettingError at the first malformed value.
    """

    def read(name: str, default: str, parse: Callable[[str], Value]) -> Value:
        text = environ.get(PREFIX + name, "").strip() or default
        try:
            return parse(text)
        except ValueError as error:
            raise SettingError(
                mark("%(setting)s is “%(value)s”: expected %(expected)s."),
                setting=PREFIX + name,
                value=text,
                expected=str(error),
            ) from None

    host = read("HOST", "127.0.0.1", _host)
    port = read("PORT", "8000", _whole(1, 65535))
    languages = read("LANGUAGES", "en,sv", _languages)
    shown_host = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104
    shown_host = f"[{shown_host}]" if ":" in shown_host else shown_host
    return Config(
        database=read("DATABASE", "instance/devis.sqlite3", _path),
        host=host,
        port=port,
        base_url=read("BASE_URL", f"http://{shown_host}:{port}", _base_url),
        site_names=read("SITE_NAME", "Devis", _names(languages)),
        languages=languages,
        timezone=read("TIMEZONE", "Europe/Stockholm", _timezone),
        fallback=read("FALLBACK", "on", _switch),
        backfill_days=read("BACKFILL_DAYS", "14", _whole(0, 3660)),
        web_workers=read("WEB_WORKERS", "2", _whole(1, 64)),
        contact=read("CONTACT", "", _contact),
        embed_origins=read("EMBED_ORIGINS", "*", _origins),
        api_rate=read("API_RATE", "600", _whole(1, 1_000_000)),
        rehearsal=read("NOW", "", _instant),
    )


def environment(now: datetime) -> dict[str, str]:
    """The environment for a process started now: in a rehearsal its clock goes on from here."""
    return {
        name: now.isoformat() if name == PREFIX + "NOW" and value.strip() else value
        for name, value in os.environ.items()
    }


def _host(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", text):
            raise ValueError("a host name or an IP address, such as 127.0.0.1") from None
    return text


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _path(text: str) -> Path:
    try:
        path = Path(text).expanduser().absolute()
        is_folder = path.is_dir()
    except PermissionError:  # for whoever opens it to say
        return path
    except (OSError, RuntimeError) as error:
        raise ValueError(f"the path of a file ({error})") from None
    if is_folder:
        raise ValueError("the path of a file, but this is a folder")
    return path


def _base_url(text: str) -> str:
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


def _languages(text: str) -> tuple[str, ...]:
    codes = [code.strip() for code in text.split(",")]
    if not all(_LANGUAGE.fullmatch(code) for code in codes) or len(set(codes)) != len(codes):
        raise ValueError("language codes with commas between, each once, such as en,sv")
    for code in codes:
        if not is_language(code):
            raise ValueError(f"languages whose dates are known (CLDR), but {code} is not")
    return tuple(codes)


def _names(languages: tuple[str, ...]) -> Callable[[str], dict[str, str]]:
    def parse(text: str) -> dict[str, str]:
        if not text.isprintable():
            raise ValueError("a name without control characters, in UTF-8")
        if not re.match(r"\s*[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\s*=", text):
            return dict.fromkeys(languages, text)
        found = [_NAMED.fullmatch(part) for part in _BETWEEN_NAMES.split(text)]
        names = {match[1]: match[2] for match in found if match}
        if len(names) != len(found) or languages[0] not in names or set(names) - set(languages):
            expected = ",".join(f"{code}=…" for code in languages)
            raise ValueError(f"one name, or one for each language: {expected}")
        return names

    return parse


def _timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise ValueError("a timezone name such as Europe/Stockholm") from None


def _switch(text: str) -> bool:
    if text.lower() not in ("on", "off"):
        raise ValueError("on or off")
    return text.lower() == "on"


def _contact(text: str) -> str | None:
    if text and not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+|https?://\S+", text):
        raise ValueError("an e-mail address or a web address")
    return text or None


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.rstrip("/") for part in text.replace(",", " ").split())
    if origins != ("*",) and not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("*, or origins such as https://intranet.example.org https://*.example.com")
    return origins


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    expected = "an instant with its zone, 1970 to 2999, such as 2027-03-01T06:00:00+01:00"
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(expected) from None
    if instant.tzinfo is None or not 1970 <= instant.year <= 2999:
        raise ValueError(expected)
    return instant
