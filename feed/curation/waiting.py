"""What waits for somebody at the desk, as numbers."""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.config import Config
from feed.curation import coming, drafting
from feed.model import Site
from feed.model.desk import Curator
from feed.store import revisions, todo


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many principles wait for review, how many texts are to be written in which language, and
    on how many of the coming days something is missing.
    """

    reviews: int
    texts: dict[str, int]
    gaps: int


def read(db: Database, site: Site, config: Config, me: Curator, now: datetime) -> Waiting:
    """What waits for somebody; languages that they do not write in are left out."""
    languages = [code for code in site.languages if me.may_write(code)]
    return Waiting(
        reviews(db),
        {code: len(untranslated(db, code)) for code in languages},
        len(coming.gaps(db, site, config, now)),
    )


def reviews(db: Database) -> int:
    """How many principles wait for an editor."""
    asked = {slug for slug in revisions.unapplied(db) if drafting.working(db, slug).waiting}
    return len(asked | todo.in_review(db))


def untranslated(db: Database, language: str) -> set[str]:
    """The slugs of what is to be written in a language, and does not wait for an editor already."""
    sent = {
        slug
        for slug, step in revisions.unapplied(db).items()
        if step.entry["texts"].get(language, {}).get("state") == "review"
    }
    return todo.untranslated(db, language) - sent
