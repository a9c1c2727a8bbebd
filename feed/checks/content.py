"""Checks of the database's content: feed ids, editions, translations, backups."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.accounts import ways_in
from feed.checks.finding import Finding, bad, good, warn
from feed.config import Config, identity
from feed.editions import publishing
from feed.model import Site
from feed.store import backups, curators, ledger, meta, signing_key

COMING_DAYS = publishing.URGENT_DAYS
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
        return good("The key comes from the settings.")
    key = signing_key.find(context.db, config)
    if key is None:
        return good("There is no key yet: Devis makes one when it first needs it.")
    if not path.exists():
        return good("The key is in the database.")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return bad(
            "Other users can read or change the secret key %(path)s: its mode is %(mode)s.",
            "Run: chmod 600 %(path)s",
            path=path,
            mode=f"{mode:03o}",
        )
    if path.read_text().strip() != key.decode():
        return warn(
            "%(path)s differs from the secret key in the database, and is not used.",
            "Delete the file, or set DEVIS_SECRET_KEY_FILE to it if it signed links in emails.",
            path=path,
        )
    return good("The key is in the database; only earlier versions use %(path)s.", path=path)


def feed_ids(context: CheckContext) -> Finding:
    """A public site's feed ids are not those of a trial."""
    authority, config = meta.get(context.db, "authority") or "", context.config
    values = {"ids": f"tag:{authority}"}
    if not config.is_public:
        return good("Feed ids begin with %(ids)s.", **values)
    if identity.is_trial(authority):
        return bad(
            "Feed ids are still those of a trial: %(ids)s.",
            "Restart Devis with this DEVIS_BASE_URL: it replaces them, once.",
            **values,
        )
    if identity.is_loopback(authority):
        return bad(
            "Feed ids begin with %(ids)s, as in every trial of earlier versions.",
            (
                "Run “devis migrate --new-ids” and restart. Feed readers then show every edition"
                " once more, as new."
            ),
            **values,
        )
    return good("Feed ids begin with %(ids)s.", **values)


def strong_sign_in(context: CheckContext) -> Finding:
    """At a public desk a link alone does not sign editors in."""
    is_offered = context.config.is_public and ways_in.available(context.config).is_strong
    if not is_offered or curators.is_empty(context.db):
        return good("No stronger sign-in than links is due at the desk.")
    if ways_in.is_switched_on(context.db) or curators.has_strong_administrator(context.db):
        return good("Editors and administrators need more than a link to sign in.")
    return warn(
        "Whoever reads the mail of an editor can sign in at the desk: a link is enough.",
        "Add a passkey under “Your account” as an administrator: then all editors need one.",
    )


def clock_not_behind(context: CheckContext) -> Finding:
    """The clock is not behind the newest edition."""
    last = ledger.last_date(context.db)
    if last is not None and context.site.today(context.now) < last:
        return bad(
            "The clock says %(now)s, but the newest edition is dated %(last)s.",
            "Set the machine’s clock: nothing is published until it has passed that date.",
            now=context.site.today(context.now).isoformat(),
            last=last.isoformat(),
        )
    return good("The clock is not behind the newest edition.")


def todays_edition(context: CheckContext) -> Finding:
    """Today’s edition is published."""
    today = context.site.today(context.now)
    found = ledger.on(context.db, today)
    values = {"date": today.isoformat()}
    if found is None and not context.site.has(today):
        following = context.site.next_day(today)
        return good(
            "By DEVIS_DAYS and DEVIS_CLOSED, %(date)s has no edition. The next one: %(next)s.",
            next=following.isoformat() if following else "none",
            **values,
        )
    if found is None:
        return bad(
            "There is no edition for today, %(date)s.",
            "Run “devis publish”, and check that a worker is running.",
            **values,
        )
    if found.withdrawn is not None:
        return warn(
            "Today’s edition (%(date)s) was withdrawn, and nothing replaces it.",
            "If that is intended, there is nothing to do: the next day has an edition again.",
            **values,
        )
    return good("%(date)s shows %(slug)s.", slug=found.principle, **values)


def translations(context: CheckContext) -> Finding:
    """The principles of the coming days are translated into every language of the site."""
    days = publishing.upcoming_days(
        context.db, context.site, context.config, context.now, COMING_DAYS
    )
    if any(day.principle is None for day in days):
        return bad(
            "No principle can be shown in the coming days.",
            "Publish principles and approve them in their original language; see “devis plan”.",
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
            "In the next %(days)s editions, %(number)s translations are missing: %(listed)s.",
            "Translate and approve them; until then, the original is shown instead.",
            listed=listed,
            **values,
        )
    return good("The next %(days)s editions are complete in every language.", **values)


def last_backup(context: CheckContext) -> Finding:
    """The last backup is recent; a public site needs one every day."""
    last, hour = backups.last(context.db), context.config.backup_hour
    is_public = context.config.is_public
    if last is None and hour is not None:
        return warn(
            "There is no backup yet.",
            "Run “devis backup”, or wait for the scheduled one at %(hour)s o’clock.",
            hour=hour,
        )
    if last is None:
        return (bad if is_public else warn)(
            "There is no backup yet.",
            "Run “devis backup”, and set DEVIS_BACKUP_HOUR to have one every day.",
        )
    values = {"path": last.path, "at": f"{last.at:%Y-%m-%d %H:%M}"}
    if hour is not None and context.now - last.at > MAX_BACKUP_AGE:
        return bad(
            "The last backup was made at %(at)s UTC, although one is scheduled every day.",
            "Run “devis backup”, and look for the worker’s error in the log.",
            **values,
        )
    if is_public and hour is None and context.now - last.at > MAX_BACKUP_AGE:
        return bad(
            "The last backup was made at %(at)s UTC, and none is scheduled.",
            "Run “devis backup”, and set DEVIS_BACKUP_HOUR to have one every day.",
            **values,
        )
    return good("The last backup was made at %(at)s UTC: %(path)s.", **values)
