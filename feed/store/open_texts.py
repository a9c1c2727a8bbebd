"""The principles of a person at the desk that are not wholly approved."""

import json

from sqlite_utils import Database

from feed.store.desk_queries import AWAITING_APPROVAL, SOME_CELLS

MAX_RECENT = 500  # principles that a person saved last


def slugs_of(db: Database, curator: int) -> list[str]:
    """Slugs of principles with drafts or pending changes among the last that a person saved.

    The last saved come first. Some of the texts may be others'.
    """
    rows = db.execute(
        "SELECT principle FROM revisions WHERE curator = ? GROUP BY principle"
        " ORDER BY max(id) DESC LIMIT ?",
        [curator, MAX_RECENT],
    )
    recent = [slug for (slug,) in rows]
    found = db.execute(
        f"{SOME_CELLS} SELECT principle FROM cells WHERE state = 'draft' UNION {AWAITING_APPROVAL}",
        {"slugs": json.dumps(recent)},
    )
    is_open = {slug for (slug,) in found}
    return [slug for slug in recent if slug in is_open]
