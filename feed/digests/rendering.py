"""Letters rendered once for everybody, as long as what they are made of stays the same."""

from datetime import date, timedelta

from sqlite_utils import Database

from feed.digests.mime import MessageTemplate, Sender
from feed.i18n import translator
from feed.model import TOKEN, Cadence, Digest, Edition, Site, Subscriber, Week
from feed.publish import digest
from feed.store import ledger, meta
from feed.store.notices import Notice
from feed.subscribers import consent_texts
from feed.subscribers.links import CONFIRM_DAYS

# What an obstacle is called in the ledger.
WITHDRAWN, NOTHING = "withdrawn", "nothing to send"

# Where the link of a notice leads to, behind the token.
_PAGES = {"confirm": "confirm", "move": "move"}
MOST_NOTICES = 200  # kept at once


class DigestRenderer:
    """Renders letters, and keeps them until the content changes."""

    def __init__(self, db: Database, site: Site, sender: Sender) -> None:
        self._db, self._site, self._sender = db, site, sender
        self._forms: dict[tuple[Cadence, date, str], MessageTemplate] = {}
        self._obstacles: dict[tuple[Cadence, date], str | None] = {}
        self._notices: dict[tuple[str, str, str], MessageTemplate] = {}
        self._version: int | None = None

    def look(self) -> None:
        """Forget what was rendered, if the content has changed since."""
        version = meta.content_version(self._db)
        if version != self._version:
            self._forms.clear()
            self._obstacles.clear()
            self._version = version

    def obstacle(self, cadence: Cadence, day: date) -> str | None:
        """Why there is no such letter now; None if there is one."""
        key = (cadence, day)
        if key not in self._obstacles:
            self._obstacles[key] = obstacle(self._db, cadence, day)
        return self._obstacles[key]

    def form(self, cadence: Cadence, day: date, language: str) -> MessageTemplate:
        """The letter in a language, ready for each person's own parts."""
        key = (cadence, day, language)
        if key not in self._forms:
            made = render(self._db, self._site, cadence, day, language)
            self._forms[key] = MessageTemplate(made, self._sender)
        return self._forms[key]

    def notice(self, notice: Notice, found: Subscriber) -> MessageTemplate:
        """A notice to one person; the same for all who chose alike, but for the token."""
        choice = consent_texts.described(translator(notice.language), found.preferences)
        key = (notice.kind, notice.language, choice)
        if key not in self._notices:
            if len(self._notices) >= MOST_NOTICES:
                self._notices.clear()
            made = digest.notice(
                self._site,
                notice.language,
                notice.kind,
                url=self._site.url(f"/subscription/{TOKEN}/{_PAGES.get(notice.kind, '')}"),
                choice=choice,
                days=str(CONFIRM_DAYS),
            )
            self._notices[key] = MessageTemplate(made, self._sender)
        return self._notices[key]


def obstacle(db: Database, cadence: Cadence, day: date) -> str | None:
    """Why there is no letter of that date; None if there is one."""
    if cadence == "weekly":
        return None if _week(db, day) else NOTHING
    edition = ledger.on(db, day)
    if edition is None:
        return NOTHING
    return WITHDRAWN if edition.withdrawn else None


def render(db: Database, site: Site, cadence: Cadence, day: date, language: str) -> Digest:
    """The letter of a date, of which `obstacle` finds none, with the editions that stand now."""
    code = language if language in site.languages else site.languages[0]
    if cadence == "weekly":
        showings = tuple(ledger.showings(db, _week(db, day)))
        year, number, _ = (day - timedelta(days=7)).isocalendar()
        return digest.weekly(site, code, Week(year, number, showings))
    edition = ledger.on(db, day)
    assert edition is not None  # noqa: S101 – the caller asked for obstacles first
    (showing,) = ledger.showings(db, [edition])
    return digest.daily(site, code, showing)


def _week(db: Database, monday: date) -> list[Edition]:
    """The standing editions of the week before a Monday."""
    return ledger.between(db, monday - timedelta(days=7), monday - timedelta(days=1))
