"""Checks of the place where Devis runs; none needs the database."""

import shlex
import shutil
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from zoneinfo import ZoneInfo

from feed.checks import worker_lock
from feed.checks.finding import Finding, bad, good, warn
from feed.config import Config, signing_key

LEAST_MB = 50  # below that, soon nothing can be written at all
SPARE_MB = 300
COPIES = 3  # of the database: what a backup or an upgrade needs for a while, and to grow


def secret_key(config: Config, now: datetime) -> Finding:
    """The key that signs the links in letters: there, whole, and nobody else’s to read."""
    path = config.instance / signing_key.FILE
    if config.secret is not None:
        return good("It comes from the settings.")
    if signing_key.known(config) is None:
        return good("There is none yet: it is made when first needed.")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return bad(
            "Others may read or change the secret key %(path)s: its mode is %(mode)s.",
            "Run: chmod 600 %(path)s",
            path=path,
            mode=f"{mode:03o}",
        )
    return good("It is there, and only for its owner.")


def privacy(config: Config, now: datetime) -> Finding:
    """The instance and its database, with everybody's address, are for their owner only."""
    places = (config.instance, config.database)
    loose = [place for place in places if place.exists() and place.stat().st_mode & 0o077]
    if loose:
        return warn(
            "Others may read or change %(places)s.",
            "Run: chmod go= %(arguments)s",
            places=", ".join(map(str, loose)),
            arguments=shlex.join(map(str, loose)),
        )
    return good("The instance and its database are only for their owner.")


def disk(config: Config, now: datetime) -> Finding:
    """Room on the instance’s file system."""
    try:
        free = shutil.disk_usage(config.instance).free // 1_000_000
        size = config.database.stat().st_size // 1_000_000 if config.database.exists() else 0
    except OSError as error:
        return bad(
            "The folder %(path)s cannot be looked at: %(detail)s.",
            "Run “devis init”, or set DEVIS_DATABASE.",
            path=config.instance,
            detail=error.strerror,
        )
    values = {"path": config.instance, "free": free, "size": size}
    message = "%(free)s MB are free for %(path)s; the database has %(size)s MB."
    if free < LEAST_MB:
        return bad(message, "Make room now: soon nothing can be written.", **values)
    if free < SPARE_MB + COPIES * size:
        advice = "Make room: a backup and an upgrade need that of the database again."
        return warn(message, advice, **values)
    return good(message, **values)


def clock(config: Config, now: datetime) -> Finding:
    """The clock is the machine’s own, and the timezone’s data are there."""
    zone = ZoneInfo.no_cache(config.timezone.key)
    if config.rehearsal is not None:
        return warn(
            "The clock is rehearsed: it shows %(now)s.",
            "Unset DEVIS_NOW where people are to read this site.",
            now=f"{now.astimezone(zone):%Y-%m-%d %H:%M}",
        )
    try:
        data = version("tzdata")
    except PackageNotFoundError:
        data = "?"
    return good(
        "It is %(now)s in %(zone)s (tzdata %(data)s).",
        now=f"{now.astimezone(zone):%Y-%m-%d %H:%M, UTC%z}",
        zone=zone.key,
        data=data,
    )


def address(config: Config, now: datetime) -> Finding:
    """The address that every link begins with."""
    values = {"url": config.base_url}
    if not config.is_public:
        return good("It is %(url)s, for this machine only: a trial.", **values)
    if config.base_url.startswith("https://"):
        return good("It is %(url)s: a public site.", **values)
    return bad(
        "It is %(url)s, without TLS.",
        (
            "Put a web server with TLS in front, and set DEVIS_BASE_URL to https://…: letters that"
            " one click unsubscribes from need it, and so do many intranets."
        ),
        **values,
    )


def contact(config: Config, now: datetime) -> Finding:
    """Where readers can write to."""
    if config.contact is not None:
        return good("Readers are shown %(contact)s.", contact=config.contact)
    if not config.is_public:
        return good("None is set, and a trial needs none.")
    return bad(
        "The site does not say how to reach those who run it.",
        "Set DEVIS_CONTACT to an email or web address.",
    )


def working(config: Config, now: datetime) -> Finding:
    """Somebody makes the editions and sends the letters."""
    if worker_lock.is_held(config):
        return good("A worker is running.")
    return warn(
        "No worker is running: nothing is published or sent.",
        "Run “devis serve”, or “devis worker” beside “devis web”.",
    )
