"""Checks of the database's content: feed ids, editions, translations, backups."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.checks.finding import Finding, bad, good, warn
from feed.config import Config, identity
from feed.editions import upcoming
from feed.model import Site
from feed.store import backups, ledger, meta, signing_key

COMING_DAYS = upcoming.URGENT_DAYS
MAX_BACKUP_AGE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The arguments of a check that needs the database."""

    db: Database
    site: Site
    config: Config
    now: datetime


Check = Callable[[CheckContext], Finding]


def secret_key(context: CheckContext) -> Finding:
    """The secret key that signs links is there, and no readable or unused file has another one."""
    config, path = context.config, context.config.instance / signing_key.FILE
    if config.secret is not None:
        return good("It comes from the settings.")
    key = signing_key.find(context.db, config)
    if key is None:
        return good("There is none yet: it is made when first needed.")
    if not path.exists():
        return good("It is in the database.")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return bad(
            "Others may read or change the secret key %(path)s: its mode is %(mode)s.",
            "Run: chmod 600 %(path)s",
            path=path,
            mode=f"{mode:03o}",
        )
    if path.read_text().strip() != key.decode():
        return warn(
            "The database has another secret key than %(path)s, and that file is not used.",
            "Delete the file, or set DEVIS_SECRET_KEY_FILE to it if links were signed with it.",
            path=path,
        )
    return good("It is in the database; %(path)s is for earlier versions only.", path=path)


def feed_ids(context: CheckContext) -> Finding:
    """A public site's feed ids are not those of a trial."""
    authority, config = meta.get(context.db, "authority") or "", context.config
    values = {"ids": f"tag:{authority}"}
    if not config.is_public:
        return good("They begin with %(ids)s.", **values)
    if identity.is_trial(authority):
        return bad(
            "Those in feeds are still a trial’s: %(ids)s.",
            "Restart Devis with this DEVIS_BASE_URL: it replaces them once, for good.",
            **values,
        )
    if identity.is_loopback(authority):
        return bad(
            "Those in feeds begin with %(ids)s, which every trial of older versions has.",
            (
                "Run “devis migrate --new-ids” and restart: feed readers then show every edition"
                " once more, as new."
            ),
            **values,
        )
    return good("They begin with %(ids)s.", **values)


def clock_not_behind(context: CheckContext) -> Finding:
    """The clock is not behind the newest edition."""
    last = ledger.last_date(context.db)
    if last is not None and context.site.today(context.now) < last:
        return bad(
            "The clock says %(now)s, but the newest edition is that of %(last)s.",
            "Set the machine’s clock; until it is past that date, nothing is published.",
            now=context.site.today(context.now).isoformat(),
            last=last.isoformat(),
        )
    return good("The clock is not behind the editions.")


def todays_edition(context: CheckContext) -> Finding:
    """Today’s edition is published."""
    today = context.site.today(context.now)
    found = ledger.on(context.db, today)
    values = {"date": today.isoformat()}
    if found is None:
        return bad(
            "There is no edition for today, %(date)s.",
            "Run “devis publish”, and see that a worker runs.",
            **values,
        )
    if found.withdrawn is not None:
        return warn(
            "The edition of today, %(date)s, was withdrawn, and nothing is in its context.",
            "If that is meant, wait for tomorrow’s.",
            **values,
        )
    return good("%(date)s shows %(slug)s.", slug=found.principle, **values)


def translations(context: CheckContext) -> Finding:
    """The principles of the coming days are translated into every language of the site."""
    days = upcoming.days(context.db, context.site, context.config, context.now, COMING_DAYS)
    if any(day.principle is None for day in days):
        return bad(
            "There is nothing to show in the coming days.",
            "Publish principles, approved in their original language; see “devis plan”.",
        )
    missing: dict[str, str] = {}
    for day in days:
        for lack in day.lacks:
            if day.principle and lack.state != "outdated":
                missing.setdefault(f"{lack.language}: {day.principle.slug}", day.date.isoformat())
    values = {"days": COMING_DAYS, "number": len(missing)}
    if missing:
        listed = ", ".join(f"{what} ({day})" for what, day in missing.items())
        return warn(
            "In the coming %(days)s days %(number)s translations are missing: %(listed)s.",
            "Translate and approve them; until then the original is shown, labelled.",
            listed=listed,
            **values,
        )
    return good("The coming %(days)s days are complete in every language.", **values)


def last_backup(context: CheckContext) -> Finding:
    """The last backup is recent; a public site needs one every day."""
    last, hour = backups.last(context.db), context.config.backup_hour
    is_public = context.config.is_public
    if last is None and hour is not None:
        return warn(
            "There is no backup yet.",
            "Run “devis backup”, or wait for the one of %(hour)s o’clock.",
            hour=hour,
        )
    if last is None:
        return (bad if is_public else warn)(
            "There is no backup yet.",
            "Run “devis backup”, and set DEVIS_BACKUP_HOUR for one every day.",
        )
    values = {"path": last.path, "at": f"{last.at:%Y-%m-%d %H:%M}"}
    if hour is not None and context.now - last.at > MAX_BACKUP_AGE:
        return bad(
            "The last backup is of %(at)s UTC, though there should be one every day.",
            "Run “devis backup”, and see what the worker says about it.",
            **values,
        )
    if is_public and hour is None and context.now - last.at > MAX_BACKUP_AGE:
        return bad(
            "The last backup is of %(at)s UTC, and none is scheduled.",
            "Run “devis backup”, and set DEVIS_BACKUP_HOUR for one every day.",
            **values,
        )
    return good("The last one is of %(at)s UTC: %(path)s.", **values)
