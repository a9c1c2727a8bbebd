"""Counts of open tasks for the overview of the desk."""

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
    """Open tasks: principles awaiting approval, texts to write per language, days with gaps."""

    reviews: int
    texts: dict[str, int]
    gaps: int


def counts(db: Database, site: Site, config: Config, me: Curator, now: datetime) -> TodoCounts:
    """Count the open tasks of a person, in the languages that they may write."""
    languages = [code for code in site.languages if me.may_write(code)]
    return TodoCounts(
        len(desk_queries.slugs(db, Filter(is_waiting=True), site.languages)),
        {code: translations.todo(db, (code,), limit=1)[1] for code in languages},
        len(upcoming.gaps(db, site, config, now)),
    )
