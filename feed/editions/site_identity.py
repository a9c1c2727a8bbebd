"""The identity of a site: the authority of its feed ids and its start, kept in the database."""

from datetime import datetime

from sqlite_utils import Database

from feed.config import Config, identity
from feed.errors import InputError
from feed.model import Site
from feed.store import meta
from feed.store.connection import transaction


def settle(db: Database, config: Config, now: datetime) -> Site:
    """The site under its identity, which the database remembers.

    At the first start the database gets an identity and `since`, and remembers whether the clock
    was rehearsed. A trial has a random authority; the first public base address replaces it.
    """
    kept = meta.get(db, "authority")
    if kept is None or kept != identity.settled(kept, config.base_url):
        with transaction(db):
            if config.rehearsal and meta.get(db, "since") is None:
                meta.put(db, meta.REHEARSAL, "1")
            meta.set_default(db, "since", now.isoformat(timespec="seconds"))
            meta.put(db, "authority", identity.settled(meta.get(db, "authority"), config.base_url))
    return site(db, config, now)


def site(db: Database, config: Config, now: datetime) -> Site:
    """The site as `settle` gives it, without writing: for a database that may be read-only."""
    since = meta.get(db, "since")
    authority = identity.settled(meta.get(db, "authority"), config.base_url)
    return config.site(authority, datetime.fromisoformat(since) if since else now)


def new_ids(db: Database, config: Config) -> str:
    """Take the authority of ids from the base address; returns it. Raises InputError on a trial."""
    if not config.is_public:
        raise InputError(
            "%(url)s is for this machine only: set DEVIS_BASE_URL to the public address.",
            url=config.base_url,
        )
    authority = identity.authority(config.base_url)
    with transaction(db):
        meta.put(db, "authority", authority)
    return authority
