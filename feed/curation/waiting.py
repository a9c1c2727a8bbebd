"""What waits for somebody at the desk, as numbers."""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.config import Config
from feed.curation import coming
from feed.model import Site
from feed.model.desk import Curator
from feed.store import boards, translations
from feed.store.boards import Filter


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many principles wait for an editor, how many texts are to be written in which language,
    and on how many of the coming days something is missing.
    """

    reviews: int
    texts: dict[str, int]
    gaps: int


def read(db: Database, site: Site, config: Config, me: Curator, now: datetime) -> Waiting:
    """What waits for somebody; languages that they do not write in are left out."""
    languages = [code for code in site.languages if me.may_write(code)]
    return Waiting(
        len(boards.slugs(db, Filter(is_waiting=True), site.languages)),
        {code: translations.todo(db, (code,), limit=1)[1] for code in languages},
        len(coming.gaps(db, site, config, now)),
    )
