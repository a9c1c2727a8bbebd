"""The secret key that signs links and forms: DEVIS_SECRET_KEY, or a random one in the database."""

import secrets

from sqlite_utils import Database

from feed.config import Config
from feed.config.parsing import SHORTEST_KEY
from feed.errors import SettingError
from feed.store import meta
from feed.store.connection import opened, transaction

META_KEY = "secret_key"
FILE = "secret_key"  # where earlier versions stored it, in the instance folder


def key(config: Config) -> bytes:
    """The secret key, like `get`, for callers without an open database."""
    if config.secret is not None:
        return config.secret.encode()
    with opened(config.database) as db:
        return get(db, config)


def get(db: Database, config: Config) -> bytes:
    """The secret key; a random one is stored at the first use.

    The setting takes precedence over the database, and that over the file of an earlier version.
    Raises SettingError where that file cannot be read, or the key is too short.
    """
    found = find(db, config)
    if found is not None:
        return found
    with transaction(db):  # the first of several processes wins
        return meta.set_default(db, META_KEY, secrets.token_urlsafe(48)).encode()


def find(db: Database, config: Config) -> bytes | None:
    """The secret key, if there is one yet. Raises like `get`."""
    if config.secret is not None:
        return config.secret.encode()
    stored = meta.get(db, META_KEY)
    if stored is None:
        stored = _from_file(config)
    elif len(stored) < SHORTEST_KEY:
        raise SettingError("The secret key in the database is damaged: restore a backup.")
    return stored.encode() if stored is not None else None


def take_over(db: Database, config: Config) -> None:
    """Store the key in the database: that of an earlier version's file, or else a random one.

    The file stays, for a return to that version. Nothing happens where DEVIS_SECRET_KEY is set.
    """
    if config.secret is None:
        with transaction(db):
            meta.set_default(db, META_KEY, get(db, config).decode())


def _from_file(config: Config) -> str | None:
    path = config.instance / FILE
    try:
        stored = path.read_text().strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            "The secret key %(path)s cannot be read: %(detail)s.",
            path=path,
            detail=getattr(error, "strerror", error),
        ) from error
    if len(stored) < SHORTEST_KEY:
        raise SettingError(
            "The secret key %(path)s is damaged: restore it from a backup.", path=path
        )
    return stored
