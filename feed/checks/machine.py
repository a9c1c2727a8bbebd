"""Checks of settings, files, disk, clock and processes; none needs the database."""

import fcntl
import shlex
import shutil
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from zoneinfo import ZoneInfo

from feed.checks.finding import Finding, bad, good, warn
from feed.config import Config

WORKER_LOCK = "worker.lock"  # the file that the active worker holds a lock on
LEAST_MB = 50  # below that it is an error: soon nothing can be written at all
SPARE_MB = 300
MOST_PROXIES = 8  # in a network that is trusted as a whole
COPIES = 3  # times the size of the database: for a backup, an upgrade and growth


def file_permissions(config: Config, now: datetime) -> Finding:
    """The instance folder and the database are readable by their owner only."""
    paths = (config.instance, config.database)
    open_paths = [path for path in paths if path.exists() and path.stat().st_mode & 0o077]
    if open_paths:
        return warn(
            "Other users can read or change %(places)s.",
            "Run: chmod go= %(arguments)s",
            places=", ".join(map(str, open_paths)),
            arguments=shlex.join(map(str, open_paths)),
        )
    return good("Only the owner can read the instance folder and the database.")


def disk_space(config: Config, now: datetime) -> Finding:
    """There is enough free space on the instance’s file system."""
    try:
        free = shutil.disk_usage(config.instance).free // 1_000_000
        size = config.database.stat().st_size // 1_000_000 if config.database.exists() else 0
    except OSError as error:
        return bad(
            "The folder %(path)s cannot be read: %(detail)s.",
            "Run “devis init”, or set DEVIS_DATABASE.",
            path=config.instance,
            detail=error.strerror,
        )
    values = {"path": config.instance, "free": free, "size": size}
    message = "%(free)s MB are free at %(path)s; the database takes %(size)s MB."
    if free < LEAST_MB:
        return bad(message, "Free some disk space now: writing will soon fail.", **values)
    if free < SPARE_MB + COPIES * size:
        advice = "Free some disk space: backups and upgrades need the size of the database again."
        return warn(message, advice, **values)
    return good(message, **values)


def clock(config: Config, now: datetime) -> Finding:
    """The clock is not rehearsed, and the timezone’s data are installed."""
    zone = ZoneInfo.no_cache(config.timezone.key)
    if config.rehearsal is not None:
        return warn(
            "The clock is rehearsed: it shows %(now)s.",
            "Unset DEVIS_NOW on a site that people read.",
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


def base_url(config: Config, now: datetime) -> Finding:
    """The base URL of a public site is https."""
    values = {"url": config.base_url}
    if not config.is_public:
        return good("%(url)s can only be opened on this machine: this is a trial.", **values)
    if config.base_url.startswith("https://"):
        return good("%(url)s is the address of a public site.", **values)
    return bad(
        "%(url)s is not https.",
        (
            "Put a web server with TLS in front, and set DEVIS_BASE_URL to https://…: one-click"
            " unsubscribing needs it, and so do many intranets."
        ),
        **values,
    )


def trusted_proxies(config: Config, now: datetime) -> Finding:
    """Only single proxies are trusted: a client in a trusted network may choose its address."""
    wide = [str(net) for net in config.trusted_proxies if net.num_addresses > MOST_PROXIES]
    if wide:
        return warn(
            "DEVIS_TRUSTED_PROXIES trusts all of %(networks)s: a visitor from there can pretend to"
            " have any address, and no limit on requests holds.",
            "Name each proxy by its own address, such as 10.0.0.5.",
            networks=", ".join(wide),
        )
    return good("No network is trusted to name the addresses of visitors.")


def contact(config: Config, now: datetime) -> Finding:
    """A public site has a contact address."""
    if config.contact is not None:
        return good("The site names %(contact)s.", contact=config.contact)
    if not config.is_public:
        return good("None is set; a trial needs none.")
    return bad(
        "The site names no contact.",
        "Set DEVIS_CONTACT to an email or web address.",
    )


def worker(config: Config, now: datetime) -> Finding:
    """A worker is running."""
    if is_worker_running(config):
        return good("A worker is running.")
    return warn(
        "No worker is running: nothing is published or sent.",
        "Run “devis serve”, or “devis worker” beside “devis web”.",
    )


def is_worker_running(config: Config) -> bool:
    """Whether a worker is active on this installation.

    Asks with a shared lock on a read-only file descriptor: the instance may be read-only.
    """
    try:
        with (config.instance / WORKER_LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
