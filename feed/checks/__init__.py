"""Whether an installation is well, for the operator and for scripts: `devis check`.

One small function for each thing that is looked at. A check that fails hides no other: without a
database, everything else is still looked at. It stands here, above the worker and all that the
product does and below the two that may ask, the command line and the web.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from feed import config as settings
from feed import editions
from feed.checks import content, email, machine
from feed.checks.finding import Finding, bad, good, warn
from feed.config import Config
from feed.errors import DevisError
from feed.i18n import Translator
from feed.store import backup_copy, migrations
from feed.store.connection import opened

__all__ = ["Finding", "Told", "quick", "run", "settings_told"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check has found, under its name."""

    check: str
    finding: Finding

    def row(self, t: Translator) -> dict[str, str]:
        """It in words: `check`, `level`, `message` and `advice`, which is empty if all is well."""
        finding = self.finding
        return {
            "check": self.check,
            "level": finding.level,
            "message": finding.say(t),
            "advice": finding.advise(t),
        }


MACHINE: dict[str, Callable[[Config, datetime], Finding]] = {
    "secret key": machine.secret_key,
    "privacy": machine.privacy,
    "disk": machine.disk,
    "clock": machine.clock,
    "address": machine.address,
    "contact": machine.contact,
    "worker": machine.working,
    "sender": email.sender,
    "returns": email.returns,
    "mail server": email.server,
    "broker": email.broker,
}
SLOW = frozenset({"mail server", "broker"})  # they are asked over the network
CONTENT: dict[str, content.Check] = {
    "ids": content.ids,
    "time": content.time,
    "edition": content.edition,
    "languages": content.languages,
    "letters": email.sending,
    "backup": content.backup,
}


def run(examined: settings.Examined, now: datetime) -> list[CheckResult]:
    """Look at everything."""
    config = examined.config
    told = [CheckResult("settings", finding) for finding in settings_told(examined)]
    told += [_tried(name, partial(check, config, now)) for name, check in MACHINE.items()]
    return told + _database(config, now)


def quick(config: Config, now: datetime) -> list[CheckResult]:
    """Look at what can be looked at every minute: other servers are left in peace, and so is all of
    the database that does not tell of today.
    """
    told = [
        _tried(name, partial(check, config, now))
        for name, check in MACHINE.items()
        if name not in SLOW
    ]
    return told + _database(config, now, whole=False)


def settings_told(examined: settings.Examined) -> Iterable[Finding]:
    """The settings that are malformed, those that do not exist, and those that are retired."""
    again = "Correct it; the rest was checked as if it were not set."
    for error in examined.errors:
        yield bad(error.message, again, **error.values)
    for name in examined.retired:
        yield warn(
            "%(name)s is no longer a setting.",
            "Use %(instead)s.",
            name=name,
            instead=settings.RETIRED[name],
        )
    if not examined.errors and not examined.retired:
        yield good("All of them are well formed.")


def _database(config: Config, now: datetime, *, whole: bool = True) -> list[CheckResult]:
    """What needs the database; only that it is away, if it is."""
    told: list[CheckResult] = []
    try:
        with opened(config.database, reading=True) as db:
            migrations.check(db)
            told.append(CheckResult("schema", good("It is that of this program.")))
            if whole:
                told.append(_tried("database", lambda: _integrity(backup_copy.fault(db))))
            site = editions.site(db, config, now)
            place = content.Place(db, site, config, now)
            return told + [_tried(name, partial(check, place)) for name, check in CONTENT.items()]
    except DevisError as error:
        unseen = [name for name in CONTENT if name not in {each.check for each in told}]
        hidden = warn(
            "Not checked without the database: %(names)s.",
            "Run “devis check” again when it can be read.",
            names=", ".join(unseen),
        )
        return [
            *told,
            CheckResult("database", Finding("bad", error.message, error.values)),
            CheckResult("database", hidden),
        ]


def _integrity(fault: str | None) -> Finding:
    if fault is None:
        return good("SQLite finds no fault in it.")
    return bad(
        "The database is damaged: %(detail)s.",
        "Stop Devis, move the database away, and bring a backup back with “devis restore”.",
        detail=fault,
    )


def _tried(name: str, check: Callable[[], Finding]) -> CheckResult:
    try:
        return CheckResult(name, check())
    except DevisError as error:
        return CheckResult(name, Finding("bad", error.message, error.values))
    except Exception as error:  # whatever it is: the other checks are to be seen, too
        detail = f"{type(error).__name__}: {error}"
        return CheckResult(name, bad("This check failed: %(detail)s.", detail=detail))
