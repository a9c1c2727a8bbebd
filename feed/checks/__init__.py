"""Checks of an installation, for the operator and for monitoring scripts: `devis check`.

Each check is a function that returns a `Finding`. A check that fails does not hide the others:
without a database, everything that does not need it is still checked.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial

from feed import config as settings
from feed import editions
from feed.checks import bounces, content, email, machine, mail_dns, sign_on
from feed.checks.finding import Finding, bad, good, warn
from feed.config import Config
from feed.editions import publication_days
from feed.errors import DevisError, SettingError
from feed.store import backup_files, migrations
from feed.store.connection import opened

__all__ = ["CheckResult", "Finding", "check_settings", "run", "run_quick"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A finding with the name of its check."""

    check: str
    finding: Finding

    def row(self) -> dict[str, str]:
        """As texts: `check`, `level`, `message` and `advice` (empty if the level is good)."""
        return {"check": self.check, **asdict(self.finding)}


MACHINE: dict[str, Callable[[Config, datetime], Finding]] = {
    "privacy": machine.file_permissions,
    "disk": machine.disk_space,
    "clock": machine.clock,
    "address": machine.base_url,
    "contact": machine.contact,
    "proxies": machine.trusted_proxies,
    "worker": machine.worker,
    "sender": email.sender,
    "returns": email.bounce_address,
    "mail server": email.mail_server,
    "SPF": mail_dns.spf,
    "DKIM": mail_dns.dkim,
    "DMARC": mail_dns.dmarc,
    "broker": email.broker,
    "bounce folder": bounces.bounce_folder,
    "sign-on": sign_on.provider,
}
# Checks that ask other servers.
SLOW = frozenset({"mail server", "SPF", "DKIM", "DMARC", "broker", "bounce folder", "sign-on"})
CONTENT: dict[str, content.Check] = {
    "secret key": content.secret_key,
    "ids": content.feed_ids,
    "time": content.clock_not_behind,
    "desk": content.strong_sign_in,
    "edition": content.todays_edition,
    "languages": content.translations,
    "letters": email.deliveries_on_time,
    "sending": email.alarms_of_sending,
    "sign-up": email.sign_ups,
    "suspended": email.suspended_subscribers,
    "backup": content.last_backup,
}


def run(validation: settings.Validation, now: datetime) -> list[CheckResult]:
    """Run every check."""
    config = validation.config
    results = [CheckResult("settings", finding) for finding in check_settings(validation)]
    results += [_run_check(name, partial(check, config, now)) for name, check in MACHINE.items()]
    return results + _check_database(config, now)


def run_quick(config: Config, now: datetime) -> list[CheckResult]:
    """Run the checks that are cheap enough for every minute.

    Not among them: connections to other servers, and the integrity check of the database.
    """
    results = [
        _run_check(name, partial(check, config, now))
        for name, check in MACHINE.items()
        if name not in SLOW
    ]
    return results + _check_database(config, now, integrity=False)


def check_settings(validation: settings.Validation) -> Iterable[Finding]:
    """Findings on settings that are malformed, unknown or retired."""
    advice = "Correct it. The other checks ran as if it were not set."
    for error in validation.errors:
        yield Finding("bad", str(error), advice)
    region = _unknown_region(validation.config)
    if region is not None:
        yield Finding("bad", str(region), "Correct it.")
    for name in validation.retired:
        yield warn(
            "%(name)s is no longer a setting.",
            "Use %(instead)s.",
            name=name,
            instead=settings.RETIRED[name],
        )
    if not validation.errors and not validation.retired and region is None:
        yield good("All settings are valid.")


def _unknown_region(config: Config) -> SettingError | None:
    try:
        publication_days.rule(config.days, config.closed)
    except SettingError as error:
        return error
    return None


def _check_database(config: Config, now: datetime, *, integrity: bool = True) -> list[CheckResult]:
    """The checks that need the database; a finding that it cannot be read, if so."""
    results: list[CheckResult] = []
    try:
        with opened(config.database, read_only=True) as db:
            migrations.check(db)
            results.append(CheckResult("schema", good("The schema is up to date.")))
            if integrity:
                results.append(
                    _run_check("database", lambda: _integrity(backup_files.fault(db, quick=True)))
                )
            site = editions.site(db, config, now)
            context = content.CheckContext(db, site, config, now)
            return results + [
                _run_check(name, partial(check, context)) for name, check in CONTENT.items()
            ]
    except DevisError as error:
        done = {result.check for result in results}
        skipped = [name for name in CONTENT if name not in done]
        not_checked = warn(
            "Not checked without the database: %(names)s.",
            "Run “devis check” again once the database can be read.",
            names=", ".join(skipped),
        )
        return [
            *results,
            CheckResult("database", Finding("bad", str(error))),
            CheckResult("database", not_checked),
        ]


def _integrity(fault: str | None) -> Finding:
    if fault is None:
        return good("SQLite finds no damage.")
    return bad(
        "The database is damaged: %(detail)s.",
        "Stop Devis, move the database away, and restore a backup with “devis restore”.",
        detail=fault,
    )


def _run_check(name: str, check: Callable[[], Finding]) -> CheckResult:
    try:
        return CheckResult(name, check())
    except DevisError as error:
        return CheckResult(name, Finding("bad", str(error)))
    except Exception as error:  # a bug in one check must not hide the others
        detail = f"{type(error).__name__}: {error}"
        return CheckResult(name, bad("This check failed: %(detail)s.", detail=detail))
