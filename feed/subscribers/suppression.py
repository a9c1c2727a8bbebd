"""The suppression list: addresses and whole domains that must not be written to.

It keeps keyed hashes only, so that the list tells nobody an address. Who has the installation's key
can test an address against it; with another key the list is void.
"""

import hmac
from collections.abc import Iterable
from datetime import datetime

from sqlite_utils import Database

from feed.model import email_addresses
from feed.store import suppressions


def covers(db: Database, key: bytes, identity: str) -> bool:
    """Whether a normalised address or its domain is on the list."""
    domain = identity.rpartition("@")[2]
    return suppressions.has_any(db, [_hash(key, identity), _hash(key, f"@{domain}")])


def read(text: str, domains: tuple[str, ...]) -> str:
    """An entry from text: a normalised address, or `@` and a domain. Raises InputError."""
    if text.strip().startswith("@"):
        return f"@{email_addresses.read_domain(text, domains)}"
    return email_addresses.identity(email_addresses.read(text, domains, elsewhere=True))


def add(db: Database, key: bytes, entries: Iterable[str], now: datetime) -> int:
    """Add entries, within the caller's transaction; returns how many are new."""
    return suppressions.add(db, (_hash(key, each) for each in entries), now)


def remove(db: Database, key: bytes, entries: Iterable[str]) -> int:
    """Remove entries, within the caller's transaction; returns how many there were."""
    return suppressions.remove(db, (_hash(key, each) for each in entries))


def _hash(key: bytes, entry: str) -> str:
    return hmac.digest(key, b"suppression\0" + entry.encode(), "sha256").hex()
