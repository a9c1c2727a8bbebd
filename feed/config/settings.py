"""The table of all settings: environment variable, attribute of `Config`, default and parser.

Names are without their prefix DEVIS_. A default is text, parsed like a value from the environment;
some are computed from settings further up in the table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from feed.config import brokers, identity, mail_servers, oidc, parsing
from feed.config.parsing import integer, optional
from feed.errors import SettingError

PREFIX = "DEVIS_"

Environ = Mapping[str, str]
Values = Mapping[str, Any]  # of the settings read so far, by attribute


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `parse` raises ValueError with what is expected; it gets the site's languages
    as a second argument if `by_language`. The value of a secret is never shown, and may be in the
    file that {name}_FILE names.
    """

    name: str
    attribute: str
    default: str | Callable[[Values], str]
    parse: Callable[..., object]
    is_secret: bool = False
    by_language: bool = False

    def read(self, environ: Environ, values: Values) -> object:
        """The setting's value. Raises SettingError with its name, its text and what is expected."""
        if self.is_secret:
            text = read_secret(environ, self.name)
        else:
            text = environ.get(PREFIX + self.name, "").strip()
        if not text:
            text = self.default if isinstance(self.default, str) else self.default(values)
        try:
            return self.parse(text, values["languages"]) if self.by_language else self.parse(text)
        except ValueError as error:
            raise malformed(self.name, "***" if self.is_secret else text, str(error)) from None


def _hours(text: str) -> timedelta:
    return timedelta(hours=integer(1, 20)(text))


def _days(text: str) -> timedelta:
    return timedelta(days=integer(30, 36_500)(text))


def _base_url(values: Values) -> str:
    return identity.default_base_url(values["host"], values["port"])


def _sender(values: Values) -> str:
    return f"devis@{parsing.mail_host(values['base_url'])}"


SETTINGS = (
    Setting("HOST", "host", "127.0.0.1", parsing.host),
    Setting("PORT", "port", "8000", integer(1, 65535)),
    Setting("LANGUAGES", "languages", "en,sv", parsing.languages),
    Setting("BASE_URL", "base_url", _base_url, parsing.base_url),
    Setting("NOW", "rehearsal", "", parsing.instant),
    Setting("SMTP_URL", "smtp", "", mail_servers.smtp, is_secret=True),
    Setting("BROKER_URL", "broker", "", brokers.broker, is_secret=True),
    Setting("REPORTS_URL", "reports", "", brokers.store, is_secret=True),
    Setting("WEBSUB_HUBS", "websub_hubs", "", parsing.hubs),
    Setting("WEBHOOKS", "webhooks", "", parsing.webhooks, is_secret=True, by_language=True),
    Setting("DATABASE", "database", "instance/devis.sqlite3", parsing.path),
    Setting("SITE_NAME", "site_names", "Devis", parsing.site_names, by_language=True),
    Setting("TIMEZONE", "timezone", "Europe/Stockholm", parsing.timezone),
    Setting("DAYS", "days", "all", parsing.publication_days),
    Setting("CLOSED", "closed", "", parsing.closed_days),
    Setting("FALLBACK", "fallback", "on", parsing.boolean),
    Setting("BACKFILL_DAYS", "backfill_days", "14", integer(0, 3660)),
    Setting("WEB_WORKERS", "web_workers", "2", integer(1, 64)),
    Setting("CARD_FONTS", "card_fonts", "", lambda text: parsing.fonts(text) if text else ()),
    Setting("CONTACT", "contact", "", parsing.contact),
    Setting("EMBED_ORIGINS", "embed_origins", "*", parsing.origins),
    Setting("API_RATE", "api_rate", "600", integer(1, 1_000_000)),
    Setting("SIGNUP_RATE", "signup_rate", "30", integer(1, 1_000_000)),
    Setting("SIGNUP_LIMIT", "signup_limit", "1000", integer(1, 1_000_000)),
    Setting("TRUSTED_PROXIES", "trusted_proxies", "", parsing.networks),
    Setting("SECRET_KEY", "secret", "", parsing.secret_key, is_secret=True),
    Setting("MAIL_FROM", "mail_from", _sender, parsing.sender),
    Setting("REPLY_TO", "reply_to", "", optional(parsing.address)),
    Setting("BOUNCE_ADDRESS", "bounce_address", "", optional(parsing.bounce_address)),
    Setting("DKIM_SELECTOR", "dkim_selector", "", optional(parsing.dkim_selector)),
    Setting("BOUNCE_IMAP", "bounce_imap", "", mail_servers.imap_folder),
    Setting("BOUNCE_IMAP_PASSWORD", "bounce_imap_password", "", str, is_secret=True),
    Setting("POSTAL", "postal", "", parsing.single_line),
    Setting("DIGEST_HOUR", "digest_hour", "7", integer(0, 23)),
    Setting("MAIL_DOMAINS", "mail_domains", "", parsing.domains),
    Setting("MAIL_LATEST", "mail_latest", "6", _hours),
    Setting("MAIL_CONNECTIONS", "mail_connections", "4", integer(1, 100)),
    Setting("MAIL_RATE", "mail_rate", "0", integer(0, 100_000)),
    Setting("BOUNCE_LIMIT", "bounce_limit", "3", integer(1, 100)),
    Setting("BACKUP_HOUR", "backup_hour", "", optional(integer(0, 23))),
    Setting("BACKUP_KEEP", "backup_keep", "14", integer(1, 10_000)),
    Setting("KEEP_DELIVERIES", "keep_deliveries", "365", _days),
    Setting("LOG_FORMAT", "log_format", "text", parsing.log_format),
    Setting("OIDC_ISSUER", "oidc_issuer", "", oidc.issuer),
    Setting("OIDC_CLIENT_ID", "oidc_client_id", "", oidc.client_id),
    Setting("OIDC_CLIENT_SECRET", "oidc_client_secret", "", str, is_secret=True),
    Setting("OIDC_DOMAINS", "oidc_domains", "", parsing.domains),
    Setting("OPERATOR_TOKEN", "operator_token", "", parsing.secret_key, is_secret=True),
)


def malformed(name: str, text: str, expected: str) -> SettingError:
    """The error for a malformed value; control characters in it are replaced."""
    return SettingError(
        "%(setting)s is “%(value)s”: expected %(expected)s.",
        setting=PREFIX + name,
        value="".join(char if char.isprintable() else "\ufffd" for char in text),
        expected=expected,
    )


def read_secret(environ: Environ, name: str) -> str:
    """A secret from its variable, or from the file that {name}_FILE names; empty if not set."""
    text = environ.get(PREFIX + name, "").strip()
    path = environ.get(f"{PREFIX}{name}_FILE", "").strip()
    if text or not path:
        return text
    try:
        text = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise malformed(f"{name}_FILE", path, f"a file that can be read ({error})") from None
    if not text:  # as if unset, e-mails would go to the outbox, or links get another key
        raise malformed(f"{name}_FILE", path, "a file that holds the setting, but it is empty")
    return text
