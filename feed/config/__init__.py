"""Settings: one typed `Config`, read once from the environment, by nothing else.

Every setting is named DEVIS_…, see the table in `feed.config.settings`. A malformed value raises
`SettingError` with the setting's name, its value and what was expected; so does an unknown name.

Not pydantic-settings: importing it takes 0.8 s of processor time, this whole package 0.2 s.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from feed.config import extras, identity, logs, oidc
from feed.config.brokers import Broker
from feed.config.mail_servers import ImapFolder
from feed.config.oidc import OidcClient
from feed.config.parsing import Network, Webhook
from feed.config.settings import PREFIX, SETTINGS
from feed.errors import SettingError
from feed.model import Site
from feed.smtp import SmtpServer

log = logging.getLogger(__name__)

# Names of settings that no longer exist, each with its replacement: they only cause a warning.
RETIRED: dict[str, str] = {}


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
    days: str  # as in `DaysRule`
    closed: tuple[tuple[date, date], ...]
    fallback: bool
    backfill_days: int
    web_workers: int
    card_fonts: tuple[Path, ...]
    contact: str | None
    embed_origins: tuple[str, ...]
    api_rate: int
    signup_rate: int
    signup_limit: int
    trusted_proxies: tuple[Network, ...]
    rehearsal: datetime | None
    secret: str | None
    smtp: SmtpServer | None
    mail_from: tuple[str, str]
    reply_to: str | None
    bounce_address: str | None
    dkim_selector: str | None
    bounce_imap: ImapFolder | None  # a folder of bounces that the worker reads
    bounce_imap_password: str = field(repr=False)
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
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str = field(repr=False)
    oidc_domains: tuple[str, ...]
    websub_hubs: tuple[str, ...]
    webhooks: tuple[Webhook, ...]
    broker: Broker | None
    reports: Broker | None  # the Redis that stores workers' reports; None without a broker

    @property
    def sends_email(self) -> bool:
        """Whether e-mails are really sent, from here or by mail workers."""
        return self.smtp is not None or self.broker is not None

    @property
    def is_public(self) -> bool:
        """Whether the base URL is reachable from other machines; otherwise this is a trial."""
        return identity.is_public(self.base_url)

    @property
    def oidc_client(self) -> OidcClient | None:
        """This site as a client of the organisation's OpenID Connect provider, if there is one."""
        if not self.oidc_issuer:
            return None
        return OidcClient(
            self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret, self.oidc_domains
        )

    @property
    def accepts_sign_ups(self) -> bool:
        """Whether sign-up is offered: e-mails are sent, or it is a trial or a rehearsal."""
        return self.sends_email or not self.is_public or self.rehearsal is not None

    @property
    def instance(self) -> Path:
        """The folder of the database, with all other files of this installation."""
        return self.database.parent

    def site(self, authority: str, since: datetime) -> Site:
        """The site of these settings, with the feed authority and first start from the database."""
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
            reply_to=self.reply_to,
            offers_sign_up=self.accepts_sign_ups,
        )


def load(environ: Mapping[str, str] = os.environ) -> Config:
    """Read the settings from a mapping such as the environment; retired names are logged.

    Raises SettingError for the first malformed value, or for an unknown name.
    """
    config = _read(environ)
    for error in _unknown_names(environ):
        raise error
    for name in _retired_names(environ):
        log.warning("%s is no longer a setting: use %s.", name, RETIRED[name])
    return config


@dataclass(frozen=True)
class Validation:
    """All errors of the settings, and the settings with each malformed one as if it were not set.

    `errors` include unknown names; `retired` are the names of RETIRED that are set.
    """

    config: Config
    errors: tuple[SettingError, ...]
    retired: tuple[str, ...]


def validate(environ: Mapping[str, str] = os.environ) -> Validation:
    """Read the settings like `load`, collecting the errors instead of raising the first."""
    remaining, errors = dict(environ), []
    while True:
        try:
            config = _read(remaining)
            break
        except SettingError as error:
            errors.append(error)
            name = str(error.values["setting"]).removesuffix("_FILE")
            if remaining.pop(name, None) is None and remaining.pop(f"{name}_FILE", None) is None:
                raise  # it was not set: nothing that could be left out
    return Validation(config, (*errors, *_unknown_names(environ)), tuple(_retired_names(environ)))


def child_environment(now: datetime) -> dict[str, str]:
    """The environment of a process started now; a rehearsed clock continues from `now`."""
    return {
        name: now.isoformat() if name == PREFIX + "NOW" and value.strip() else value
        for name, value in os.environ.items()
    }


def _read(environ: Mapping[str, str]) -> Config:
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        values[setting.attribute] = setting.read(environ, values)
    _check_combinations(**values)
    oidc.check(*(values[f"oidc_{name}"] for name in oidc.NAMES))
    values["reports"] = (values["reports"] or values["broker"]) if values["broker"] else None
    return Config(**values)


def _check_combinations(
    *,
    rehearsal: datetime | None,
    smtp: SmtpServer | None,
    broker: Broker | None,
    reports: Broker | None,
    websub_hubs: tuple[str, ...],
    webhooks: tuple[Webhook, ...],
    bounce_imap: ImapFolder | None,
    bounce_imap_password: str,
    **others: object,
) -> None:
    """Raise SettingError for settings that exclude or require each other, or need an extra."""
    if broker or reports:
        extras.require("workers", PREFIX + ("BROKER_URL" if broker else "REPORTS_URL"))
    if webhooks:
        extras.require("chats", f"{PREFIX}WEBHOOKS")
    if rehearsal and (smtp or broker):
        raise SettingError(
            "DEVIS_NOW is for rehearsals, but %(other)s sends real emails: unset one of them.",
            setting=f"{PREFIX}NOW",
            other=PREFIX + ("SMTP_URL" if smtp else "BROKER_URL"),
        )
    if rehearsal and (websub_hubs or webhooks):
        raise SettingError(
            "DEVIS_NOW is for rehearsals, but %(setting)s notifies others: unset one of them.",
            setting=PREFIX + ("WEBSUB_HUBS" if websub_hubs else "WEBHOOKS"),
        )
    if rehearsal and bounce_imap:
        raise SettingError(
            "DEVIS_NOW is for rehearsals, but %(setting)s reads real messages: unset one of them.",
            setting=f"{PREFIX}BOUNCE_IMAP",
        )
    if bounce_imap and not bounce_imap_password:
        raise SettingError(
            "DEVIS_BOUNCE_IMAP also needs the password of its user: DEVIS_BOUNCE_IMAP_PASSWORD,"
            " or DEVIS_BOUNCE_IMAP_PASSWORD_FILE.",
            setting=f"{PREFIX}BOUNCE_IMAP",
        )
    if broker and not broker.keeps_reports and reports is None:
        raise SettingError(
            "RabbitMQ also needs DEVIS_REPORTS_URL, the Redis where mail workers record outcomes.",
            setting=f"{PREFIX}BROKER_URL",
        )


def _retired_names(environ: Mapping[str, str]) -> list[str]:
    return sorted(environ.keys() & RETIRED.keys())


def _unknown_names(environ: Mapping[str, str]) -> list[SettingError]:
    """An error for each DEVIS_ name that is set and that no setting has, with the nearest one."""
    secrets = (f"{setting.name}_FILE" for setting in SETTINGS if setting.is_secret)
    known = sorted({*(setting.name for setting in SETTINGS), *secrets})
    given = {name.removeprefix(PREFIX) for name in environ if name.startswith(PREFIX)}
    retired = {name.removeprefix(PREFIX) for name in RETIRED}
    return [_unknown(name, known) for name in sorted(given - {*known} - retired)]


def _unknown(name: str, known: list[str]) -> SettingError:
    nearest = get_close_matches(name, known, 1)
    if not nearest:
        return SettingError(
            "There is no setting %(setting)s: docs/settings.md lists all of them.",
            setting=PREFIX + name,
        )
    return SettingError(
        "There is no setting %(setting)s: did you mean %(nearest)s?",
        setting=PREFIX + name,
        nearest=PREFIX + nearest[0],
    )
