"""What waits for somebody at the desk, as numbers."""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.config import Config
from feed.editions import upcoming
from feed.model import Site
from feed.model.people import Curator
from feed.store import desk_queries, translations
from feed.store.desk_queries import Filter


@dataclass(frozen=True, slots=True)
class TodoCounts:
    """How many principles wait for an editor, how many texts are to be written in which language,
    and on how many of the coming days something is missing.
    """

    reviews: int
    texts: dict[str, int]
    gaps: int


def read(db: Database, site: Site, config: Config, me: Curator, now: datetime) -> TodoCounts:
    """What waits for somebody; languages that they do not write in are left out."""
    languages = [code for code in site.languages if me.may_write(code)]
    return TodoCounts(
        len(desk_queries.slugs(db, Filter(is_waiting=True), site.languages)),
        {code: translations.todo(db, (code,), limit=1)[1] for code in languages},
        len(upcoming.gaps(db, site, config, now)),
    )
