"""One typed Config, read once from the environment. Nothing else looks there.

Every setting is named DEVIS_…; the README lists them all. A malformed value raises `SettingError`
naming the setting and what was expected, and so does a name that no setting has.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from feed.config import brokers, extras, identity, logs, parsing
from feed.config.brokers import Broker
from feed.config.parsing import Network, Webhook
from feed.errors import SettingError
from feed.model import Site
from feed.smtp import SmtpServer

log = logging.getLogger(__name__)

PREFIX = "DEVIS_"
# Names of settings that no longer exist, each with what to use instead: a start only warns of them.
RETIRED: dict[str, str] = {}

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
    signup_rate: int
    trusted_proxies: tuple[Network, ...]
    rehearsal: datetime | None
    secret: str | None
    smtp: SmtpServer | None
    mail_from: tuple[str, str]
    reply_to: str | None
    bounce_address: str | None
    postal: str | None
    digest_hour: int
    mail_domains: tuple[str, ...]
    mail_latest: timedelta
    mail_connections: int
    mail_rate: int
    bounce_limit: int
    backup_hour: int | None
    backup_keep: int
    keep_deliveries: timedelta
    log_format: logs.LogFormat
    operator_token: str | None
    websub_hubs: tuple[str, ...]
    webhooks: tuple[Webhook, ...]
    broker: Broker | None
    reports: Broker | None  # the store for what workers report; None without a broker

    @property
    def delivers(self) -> bool:
        """Whether letters leave this installation, from here or from mail workers."""
        return self.smtp is not None or self.broker is not None

    @property
    def is_public(self) -> bool:
        """Whether the base address is for other machines, too; otherwise this is a trial."""
        return identity.is_public(self.base_url)

    @property
    def takes_sign_ups(self) -> bool:
        """Whether sign-up is offered: mail goes out, or the outbox will do (trial, rehearsal)."""
        return self.delivers or not self.is_public or self.rehearsal is not None

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
            postal=self.postal,
            hubs=self.websub_hubs,
        )


def load(environ: Mapping[str, str] = os.environ) -> Config:
    """Read the settings from a mapping such as the environment, and log a warning of retired names.

    Raises SettingError at the first malformed value, or at a name that no setting has.
    """
    looked = _Looked(environ)
    config = _load(looked)
    if unknown := looked.unknown():
        raise unknown[0]
    for name in looked.retired():
        log.warning("%s is no longer a setting: use %s.", name, RETIRED[name])
    return config


def _load(environ: Mapping[str, str]) -> Config:
    def read(name: str, default: str, parse: Callable[[str], Value]) -> Value:
        text = environ.get(PREFIX + name, "").strip() or default
        try:
            return parse(text)
        except ValueError as error:
            raise _malformed(name, text, str(error)) from None

    def read_secret(name: str, parse: Callable[[str], Value]) -> Value:
        """The same for what must not be shown; …_FILE may name a file that holds it."""
        text = _secret(environ, name)
        try:
            return parse(text)
        except ValueError as error:
            raise _malformed(name, "***", str(error)) from None

    host = read("HOST", "127.0.0.1", parsing.host)
    port = read("PORT", "8000", parsing.whole(1, 65535))
    languages = read("LANGUAGES", "en,sv", parsing.languages)
    base_url = read("BASE_URL", identity.default_base_url(host, port), parsing.base_url)
    rehearsal = read("NOW", "", parsing.instant)
    smtp = read_secret("SMTP_URL", parsing.smtp)
    broker = read_secret("BROKER_URL", brokers.broker)
    reports = read_secret("REPORTS_URL", brokers.store)
    if broker or reports:
        extras.require("workers", PREFIX + ("BROKER_URL" if broker else "REPORTS_URL"))
    if rehearsal and smtp:
        raise SettingError(
            "DEVIS_NOW is for rehearsals, and DEVIS_SMTP_URL for real letters: unset one.",
            setting=f"{PREFIX}NOW",
        )
    hubs = read("WEBSUB_HUBS", "", parsing.hubs)
    webhooks = read_secret("WEBHOOKS", parsing.webhooks(languages))
    if webhooks:
        extras.require("chats", f"{PREFIX}WEBHOOKS")
    if rehearsal and (hubs or webhooks):
        raise SettingError(
            "DEVIS_NOW is for rehearsals, and %(setting)s tells others: unset one.",
            setting=PREFIX + ("WEBSUB_HUBS" if hubs else "WEBHOOKS"),
        )
    if rehearsal and broker:
        raise SettingError(
            "DEVIS_NOW is for rehearsals, and DEVIS_BROKER_URL for real letters: unset one.",
            setting=f"{PREFIX}NOW",
        )
    if broker and not broker.keeps_reports and reports is None:
        raise SettingError(
            "With RabbitMQ, DEVIS_REPORTS_URL names the Redis where workers keep what is sent.",
            setting=f"{PREFIX}BROKER_URL",
        )
    return Config(
        database=read("DATABASE", "instance/devis.sqlite3", parsing.path),
        host=host,
        port=port,
        base_url=base_url,
        site_names=read("SITE_NAME", "Devis", parsing.names(languages)),
        languages=languages,
        timezone=read("TIMEZONE", "Europe/Stockholm", parsing.timezone),
        fallback=read("FALLBACK", "on", parsing.switch),
        backfill_days=read("BACKFILL_DAYS", "14", parsing.whole(0, 3660)),
        web_workers=read("WEB_WORKERS", "2", parsing.whole(1, 64)),
        contact=read("CONTACT", "", parsing.contact),
        embed_origins=read("EMBED_ORIGINS", "*", parsing.origins),
        api_rate=read("API_RATE", "600", parsing.whole(1, 1_000_000)),
        signup_rate=read("SIGNUP_RATE", "30", parsing.whole(1, 1_000_000)),
        trusted_proxies=read("TRUSTED_PROXIES", "", parsing.networks),
        rehearsal=rehearsal,
        secret=read_secret("SECRET_KEY", parsing.key),
        smtp=smtp,
        mail_from=read("MAIL_FROM", f"devis@{parsing.mail_host(base_url)}", parsing.sender),
        reply_to=read("REPLY_TO", "", parsing.optional(parsing.address)),
        bounce_address=read("BOUNCE_ADDRESS", "", parsing.optional(parsing.bounces)),
        postal=read("POSTAL", "", parsing.line),
        digest_hour=read("DIGEST_HOUR", "7", parsing.whole(0, 23)),
        mail_domains=read("MAIL_DOMAINS", "", parsing.domains),
        mail_latest=timedelta(hours=read("MAIL_LATEST", "6", parsing.whole(1, 20))),
        mail_connections=read("MAIL_CONNECTIONS", "4", parsing.whole(1, 100)),
        mail_rate=read("MAIL_RATE", "0", parsing.whole(0, 100_000)),
        bounce_limit=read("BOUNCE_LIMIT", "3", parsing.whole(1, 100)),
        backup_hour=read("BACKUP_HOUR", "", parsing.optional(parsing.whole(0, 23))),
        backup_keep=read("BACKUP_KEEP", "14", parsing.whole(1, 10_000)),
        keep_deliveries=timedelta(days=read("KEEP_DELIVERIES", "365", parsing.whole(30, 36_500))),
        log_format=read("LOG_FORMAT", "text", parsing.log_format),
        operator_token=read_secret("OPERATOR_TOKEN", parsing.key),
        websub_hubs=hubs,
        webhooks=webhooks,
        broker=broker,
        reports=(reports or broker) if broker else None,
    )


@dataclass(frozen=True)
class Examined:
    """The settings with each malformed one as if it were not set, and what is wrong with them.

    `errors` include the names that no setting has; `retired` are the names of RETIRED that are set.
    """

    config: Config
    errors: tuple[SettingError, ...]
    retired: tuple[str, ...]


class _Looked(dict[str, str]):
    """An environment that remembers what was asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.names: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.names.add(name)
        return super().get(name, default)

    def retired(self) -> list[str]:
        """The retired names that are set."""
        return sorted(self.keys() & RETIRED.keys())

    def unknown(self) -> list[SettingError]:
        """An error for each DEVIS_ name that is set and that no setting has."""
        given = {name for name in self if name.startswith(PREFIX)}
        return [_unknown(name, self.names) for name in sorted(given - self.names - RETIRED.keys())]


def examine(environ: Mapping[str, str] = os.environ) -> Examined:
    """Read the settings as `load` does, past everything that is malformed."""
    looked, errors = _Looked(environ), []
    while True:
        try:
            config = _load(looked)
            break
        except SettingError as error:
            errors.append(error)
            name = str(error.values["setting"]).removesuffix("_FILE")
            if looked.pop(name, None) is None and looked.pop(f"{name}_FILE", None) is None:
                raise  # it was not set: nothing that could be left out
    return Examined(config, (*errors, *looked.unknown()), tuple(looked.retired()))


def _unknown(name: str, known: set[str]) -> SettingError:
    names = sorted(each.removeprefix(PREFIX) for each in known)
    nearest = get_close_matches(name.removeprefix(PREFIX), names, 1)
    if not nearest:
        return SettingError(
            "There is no setting %(setting)s: the README lists all of them.",
            setting=name,
        )
    return SettingError(
        "There is no setting %(setting)s: did you mean %(nearest)s?",
        setting=name,
        nearest=PREFIX + nearest[0],
    )


def _malformed(name: str, text: str, expected: str) -> SettingError:
    return SettingError(
        "%(setting)s is “%(value)s”: expected %(expected)s.",
        setting=PREFIX + name,
        value="".join(sign if sign.isprintable() else "�" for sign in text),
        expected=expected,
    )


def _secret(environ: Mapping[str, str], name: str) -> str:
    """A setting that must not be shown, from the environment or from the file that …_FILE names."""
    text = environ.get(PREFIX + name, "").strip()
    place = environ.get(PREFIX + name + "_FILE", "").strip()
    if not place or text:
        return text
    try:
        text = Path(place).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _malformed(f"{name}_FILE", place, f"a file that can be read ({error})") from None
    if not text:  # or letters would go to the outbox, or be signed with another key
        raise _malformed(f"{name}_FILE", place, "a file with the setting in it, but it is empty")
    return text


def environment(now: datetime) -> dict[str, str]:
    """The environment for a process started now: in a rehearsal its clock goes on from here."""
    return {
        name: now.isoformat() if name == PREFIX + "NOW" and value.strip() else value
        for name, value in os.environ.items()
    }
