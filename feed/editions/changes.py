"""What happened to editions, for programs that mirror them."""

from dataclasses import replace
from datetime import datetime

from sqlite_utils import Database

from feed.model import Site
from feed.model.changes import Change
from feed.store import changes, ledger


def listed(
    db: Database, site: Site, now: datetime, after: int, since: datetime | None, limit: int
) -> tuple[list[Change], bool]:
    """The first `limit` changes after an id and since an instant, and whether there are more."""
    found = changes.listed(db, site.today(now), after, since, limit + 1)
    standing = {item.edition for item in found if item.edition.withdrawn is None}
    showings = {showing.edition: showing for showing in ledger.showings(db, list(standing))}
    shown = [replace(item, showing=showings.get(item.edition)) for item in found[:limit]]
    return shown, len(found) > limit
