"""Render digests and notices, once for all recipients, and cache them while the content stays."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlite_utils import Database

from feed.accounts import sign_in_events as sign_in_descriptions
from feed.config import Config
from feed.digests import activity, alarms, schedule, week_ahead
from feed.digests.mime import MessageTemplate, Sender
from feed.i18n import Translator, translator
from feed.model import TOKEN, Cadence, Digest, Edition, Preferences, Site, Subscriber, Week
from feed.model.people import Curator
from feed.publish import digest
from feed.store import desk_events, ledger, meta, sign_in_events
from feed.store.outbox import OutboxItem
from feed.subscribers import consent_texts
from feed.subscribers.links import CONFIRM_DAYS

# Reasons of skipped deliveries, as the database has them.
WITHDRAWN, NOTHING = "withdrawn", "nothing to send"

# The path after the token in the link of a notice.
_PATHS = {"confirm": "confirm", "move": "move"}
MAX_CACHED_NOTICES = 200


class DigestRenderer:
    """Renders digests and notices into message templates, with a cache per content version."""

    def __init__(self, db: Database, site: Site, config: Config, sender: Sender) -> None:
        self._db, self._site, self._config, self._sender = db, site, config, sender
        self._digests: dict[tuple[Cadence, date, str, date | None], MessageTemplate] = {}
        self._obstacles: dict[tuple[Cadence, date], str | None] = {}
        self._notices: dict[tuple[str, str, str], MessageTemplate] = {}
        self._welcomes: dict[tuple[Preferences, datetime | None, date], MessageTemplate] = {}
        self._version: int | None = None

    def refresh(self) -> None:
        """Clear the cache of what shows principles if the content has changed."""
        version = meta.content_version(self._db)
        if version != self._version:
            self._digests.clear()
            self._welcomes.clear()
            self._obstacles.clear()
            self._version = version

    def obstacle(self, cadence: Cadence, day: date) -> str | None:
        """Why there is no digest of a date; None if there is one. Cached."""
        key = (cadence, day)
        if key not in self._obstacles:
            self._obstacles[key] = obstacle(self._db, cadence, day)
        return self._obstacles[key]

    def digest(self, cadence: Cadence, day: date, language: str, local: date) -> MessageTemplate:
        """The template of a digest in a language, for recipients with the date `local`. Cached.

        Only the heading of a daily digest depends on `local`, which few dates differ from.
        """
        heading = local if cadence == "daily" else None
        key = (cadence, day, language, heading)
        if key not in self._digests:
            made = render(self._db, self._site, cadence, day, language, heading)
            self._digests[key] = MessageTemplate(made, self._sender)
        return self._digests[key]

    def notice(self, notice: OutboxItem, found: Subscriber) -> MessageTemplate:
        """The template of a notice, cached for all subscribers with the same preferences."""
        choice = consent_texts.described(translator(notice.language), found.preferences)
        key = (notice.kind, notice.language, choice)
        if key not in self._notices:
            _make_room(self._notices)
            made = digest.notice(
                self._site,
                notice.language,
                notice.kind,
                url=self._site.url(f"/subscription/{TOKEN}/{_PATHS.get(notice.kind, '')}"),
                choice=choice,
                days=str(CONFIRM_DAYS),
            )
            self._notices[key] = MessageTemplate(made, self._sender)
        return self._notices[key]

    def welcome(self, found: Subscriber, now: datetime) -> MessageTemplate:
        """The template of a welcome e-mail, cached for all with the same preferences."""
        site, wanted = self._site, found.preferences
        first = schedule.next_due(site, wanted, now, found.paused_until)
        today = site.today(now)
        key = (wanted, first, today)
        if key not in self._welcomes:
            _make_room(self._welcomes)
            code = wanted.language if wanted.language in site.languages else site.languages[0]
            newest = ledger.latest(self._db, today)
            showings = ledger.showings(self._db, [newest] if newest else [])
            made = digest.welcome(
                site,
                code,
                next(iter(showings), None),
                choice=consent_texts.described(translator(code), wanted),
                first=first,
                today=today,
            )
            self._welcomes[key] = MessageTemplate(made, self._sender)
        return self._welcomes[key]

    def staff_notice(
        self, notice: OutboxItem, found: Curator, path: str, now: datetime
    ) -> MessageTemplate | None:
        """The template of a notice to a person at the desk, with a link to a path.

        None where there is nothing left to tell.
        """
        site = self._site
        language = found.language if found.language in site.languages else site.languages[0]
        more = self._staff_values(notice, found, translator(language), now)
        if more is None:
            return None
        values = {"url": site.url(path), "person": found.name, **more}
        made = digest.notice(site, language, f"desk-{notice.kind}", **values)
        return MessageTemplate(made, self._sender)

    def _staff_values(
        self, notice: OutboxItem, found: Curator, t: Translator, now: datetime
    ) -> dict[str, object] | None:
        """What a kind of notice needs besides `url` and `person`; None if there is none left."""
        if notice.kind == alarms.NOTICE:
            trouble = alarms.current(self._db, now)
            return None if trouble.are_over else {"alarms": trouble.texts(t)}
        if notice.kind == desk_events.NOTICE:
            return activity.values(self._db, notice.id, found, t)
        if notice.kind == sign_in_events.NOTICE:
            return self._sign_in_values(notice, t)
        if notice.kind == week_ahead.NOTICE:
            return week_ahead.values(self._db, self._site, self._config, t, notice.created, now)
        if notice.kind == "invitation":
            events = desk_events.of_notice(self._db, notice.id)
            inviter = events[0].actor if events else None
            names = t.listed([t.language_name(code) for code in found.languages])
            return {"inviter": inviter, "role": found.role, "languages": names}
        return {}

    def _sign_in_values(self, notice: OutboxItem, t: Translator) -> dict[str, object] | None:
        event = sign_in_events.of_notice(self._db, notice.id)
        if event is None:
            return None
        at = t.moment(event.at.astimezone(self._site.timezone))
        what = sign_in_descriptions.sentence(t, event)
        return {"event": event, "what": what, "at": at}


def _make_room(cache: dict[Any, MessageTemplate]) -> None:
    if len(cache) >= MAX_CACHED_NOTICES:
        cache.clear()


def obstacle(db: Database, cadence: Cadence, day: date) -> str | None:
    """Why there is no digest of a date; None if there is one."""
    if cadence == "weekly":
        return None if _week(db, day) else NOTHING
    edition = ledger.on(db, day)
    if edition is None:
        return NOTHING
    return WITHDRAWN if edition.withdrawn else None


def render(
    db: Database,
    site: Site,
    cadence: Cadence,
    day: date,
    language: str,
    heading: date | None = None,
) -> Digest:
    """The digest of a date with the current editions. `obstacle` must have returned None.

    `language` may be several, as `sv+en`.
    `heading` is the date above a daily digest, if it is not that of the edition.
    """
    known = [code for code in language.split("+") if code in site.languages]
    codes = "+".join(known) or site.languages[0]
    if cadence == "weekly":
        showings = tuple(ledger.showings(db, _week(db, day)))
        year, number, _ = (day - timedelta(days=7)).isocalendar()
        return digest.weekly(site, codes, Week(year, number, showings))
    edition = ledger.on(db, day)
    assert edition is not None  # noqa: S101 – see the docstring
    (showing,) = ledger.showings(db, [edition])
    return digest.daily(site, codes, showing, heading)


def _week(db: Database, monday: date) -> list[Edition]:
    """The standing editions of the week before a Monday."""
    return ledger.between(db, monday - timedelta(days=7), monday - timedelta(days=1))
