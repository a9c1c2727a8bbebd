"""The identity of a site: the authority of its feed ids and its start, stored in the database."""

from dataclasses import replace
from datetime import datetime

from sqlite_utils import Database

from feed.config import Config, identity
from feed.editions import publication_days
from feed.errors import InputError
from feed.model import Site
from feed.store import meta
from feed.store.connection import transaction


def settle(db: Database, config: Config, now: datetime) -> Site:
    """The site with its identity, which is stored in the database on the first call.

    A trial has a random authority; the first public base address replaces it. Also stores the time
    of the first start (`since`), and whether the clock was a rehearsal's. Raises SettingError for
    an unknown region of DEVIS_DAYS.
    """
    publication_days.rule(config.days, config.closed)  # before anything is written
    stored = meta.get(db, "authority")
    if stored is None or stored != identity.settled(stored, config.base_url):
        with transaction(db):
            if config.rehearsal and meta.get(db, "since") is None:
                meta.put(db, meta.REHEARSAL, "1")
            meta.set_default(db, "since", now.isoformat(timespec="seconds"))
            meta.put(db, "authority", identity.settled(meta.get(db, "authority"), config.base_url))
    return site(db, config, now)


def site(db: Database, config: Config, now: datetime) -> Site:
    """The site as `settle` returns it, without writing: for a read-only database."""
    since = meta.get(db, "since")
    authority = identity.settled(meta.get(db, "authority"), config.base_url)
    made = config.site(authority, datetime.fromisoformat(since) if since else now)
    return replace(made, publication_days=publication_days.of(db, config, made.today(now)))


def new_ids(db: Database, config: Config) -> str:
    """Replace the authority of feed ids by that of the base address; returns it.

    Raises InputError where the base address is not public.
    """
    if not config.is_public:
        raise InputError(
            "%(url)s is for this machine only: set DEVIS_BASE_URL to the public address.",
            url=config.base_url,
        )
    authority = identity.authority(config.base_url)
    with transaction(db):
        meta.put(db, "authority", authority)
    return authority
