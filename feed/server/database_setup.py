"""Set-up of the database: create it, bring its schema up to date, load the shipped library.

Imports are inside the functions: the supervisor starts before what they need is loaded.
"""

import errno
import logging
import os
from datetime import datetime
from typing import TYPE_CHECKING

from feed.clock import Clock
from feed.config import Config
from feed.errors import InstanceError

if TYPE_CHECKING:
    from sqlite_utils import Database

    from feed.library.exchange import ImportReport
    from feed.store import backups

log = logging.getLogger(__name__)


def prepare(config: Config, clock: Clock) -> "dict[str, ImportReport]":
    """Create or migrate the database, and import the shipped library into an empty one.

    Returns the reports of that import by file, empty if there was none. Raises like `create`.
    """
    from feed.library import exchange
    from feed.store import library
    from feed.store.connection import opened

    create(config, clock)
    with opened(config.database) as db:
        if library.is_empty(db):
            return exchange.import_files(db, exchange.shipped_files(), clock())
    return {}


def create(config: Config, clock: Clock) -> None:
    """Create or migrate the database.

    Raises InstanceError where its folder cannot be written, and like `migrate`.
    """
    from feed import editions
    from feed.store.connection import opened

    try:
        config.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(config, error) from error
    if not os.access(config.instance, os.W_OK):
        raise _not_writable(config, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    with opened(config.database, create=True) as db:
        _, backup = migrate(db, config, clock())
        if backup is not None:
            log.info("backed up the database before the upgrade: %s", backup.path)
        editions.settle(db, config, clock())


def migrate(
    db: "Database", config: Config, now: datetime, *, backup: bool = True
) -> "tuple[list[str], backups.CreatedBackup | None]":
    """Apply the pending migrations, after a backup of a database that has some already.

    The secret key is stored in the database if it is not there yet.

    Returns the names of the applied migrations, and the backup. Raises SchemaError like
    `migrations.migrate`, and like `backups.make`: then nothing has changed.
    """
    from feed.store import backups, migrations, signing_key

    made = None
    if backup and migrations.pending(db) and migrations.applied(db):
        made = backups.make(config, now, kind=backups.UPGRADE)
    applied = migrations.migrate(db)
    signing_key.take_over(db, config)
    return applied, made


def _not_writable(config: Config, error: OSError) -> InstanceError:
    return InstanceError(
        "The folder %(folder)s cannot be written (%(detail)s): set DEVIS_DATABASE to a file"
        " elsewhere.",
        folder=config.instance,
        detail=error.strerror,
    )
