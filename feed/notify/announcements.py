"""Announcements: post each new edition into chats, and ping WebSub hubs about changed feeds.

A chat gets an edition at most once: if it is unknown whether a post arrived, it is not repeated. A
ping may be repeated: the hub only fetches the feed again.
"""

import hashlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlite_utils import Database

from feed import editions
from feed.clock import Clock
from feed.config import Config
from feed.model import Edition, Site
from feed.model.retry_delays import retry_time
from feed.notify import chat, websub
from feed.notify.chat import Chat
from feed.notify.websub import HubSilentError
from feed.publish import FORMATS
from feed.publish import chat as message
from feed.store import ledger, meta, outbox
from feed.store.outbox import OutboxItem

log = logging.getLogger(__name__)

CLAIM_TIMEOUT = timedelta(minutes=2)  # the process of an older claim is dead
MAX_RETRY_TIME = timedelta(days=1)
SEEN = "announced"  # key in `meta`: the content, date and site of the last search for changes


def check(config: Config) -> None:
    """Raise SettingError for the address of a chat that Apprise cannot use."""
    chat.services(config)


class Announcer:
    """Announces to the chats and hubs of the settings. Reuse it: Apprise is slow to load."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._chats = chat.chats(config)

    def enqueue(self, db: Database, site: Site, now: datetime) -> None:
        """Queue what is due: today's edition for each chat, and each feed that has changed."""
        outbox.expire(db, site.today(now), now, now - CLAIM_TIMEOUT, now - MAX_RETRY_TIME)
        edition = _todays_edition(db, site, now)
        if edition is not None:
            outbox.enqueue_posts(db, edition, [each.target for each in self._chats], now)
        self._enqueue_pings(db, site, now)

    def send(self, db: Database, site: Site, clock: Clock, stop: threading.Event) -> dict[str, int]:
        """Send the posts and pings that are due, until `stop`; the number of them by outcome."""
        numbers: dict[str, int] = {}
        for outcome in self._outcomes(db, site, clock, stop):
            numbers[outcome] = numbers.get(outcome, 0) + 1
        return numbers

    def _outcomes(
        self, db: Database, site: Site, clock: Clock, stop: threading.Event
    ) -> Iterator[str]:
        for each in self._chats:
            edition = _todays_edition(db, site, clock())
            if stop.is_set() or edition is None:
                break
            for post in outbox.claim(db, "chat", clock(), key=each.target.post_key(edition)):
                yield _post(db, site, each, edition, post, clock)
        for hub in self._config.websub_hubs:
            yield from _ping_hub(db, hub, clock, stop)

    def _enqueue_pings(self, db: Database, site: Site, now: datetime) -> None:
        """Queue pings for changed feeds, if content, date or site differ from the last search.

        A change during the search causes another search.
        """
        hubs = self._config.websub_hubs
        settings = hashlib.sha256(repr(site).encode()).hexdigest()[:16]
        seen = f"{meta.content_version(db)} {site.today(now)} {settings}"
        if meta.get(db, SEEN) == seen or (not hubs and meta.get(db, SEEN) is None):
            return
        topics: dict[str, str] = {}
        empty: set[str] = set()
        for channel in editions.changing_feeds(db, site, now) if hubs else ():
            # A change of the hubs alone is no change.
            content = hashlib.sha256(repr(replace(channel, hubs=())).encode()).hexdigest()[:32]
            addresses = {channel.url + form: content for form in FORMATS}
            topics |= addresses
            if not channel.items:
                empty |= addresses.keys()
        outbox.enqueue_pings(db, hubs, topics, empty, now)
        meta.put(db, SEEN, seen)


def host(hub: str) -> str:
    """The host name of a hub, for people to read."""
    return urlsplit(hub).hostname or ""


def _todays_edition(db: Database, site: Site, now: datetime) -> Edition | None:
    """The standing edition of today; None if there is none, or it was withdrawn."""
    edition = ledger.on(db, site.today(now))
    return None if edition is None or edition.withdrawn else edition


def _post(
    db: Database, site: Site, to: Chat, edition: Edition, post: OutboxItem, clock: Clock
) -> str:
    """Post a claimed edition, and record the outcome."""
    if _todays_edition(db, site, clock()) != edition:
        outbox.settle(db, post, "skipped", clock(), "withdrawn")  # just now
        return "skipped"
    (showing,) = ledger.showings(db, [edition])
    outcome = chat.post(to, message.render(site, to.languages, showing))
    if outcome.result == "sent":
        outbox.settle(db, post, "sent", clock())
        return "sent"
    log.warning("%s: not posted: %s", to.target.place, outcome.reason)
    failed = outcome.result == "unknown"
    outbox.settle(db, post, "failed" if failed else "due", clock(), outcome.reason)
    return "failed" if failed else "deferred"


def _ping_hub(db: Database, hub: str, clock: Clock, stop: threading.Event) -> Iterator[str]:
    """Send the pings of a hub that are due, until it does not answer."""
    while not stop.is_set() and (claimed := outbox.claim(db, "websub", clock(), hub=hub)):
        (ping,) = claimed
        topic = ping.key.removeprefix(f"{hub} ")
        try:
            reason = websub.ping(hub, topic)
        except HubSilentError as error:
            log.warning("hub %s: %s", host(hub), error)
            outbox.settle(db, ping, "due", clock(), str(error))
            outbox.postpone(db, hub, clock(), retry_time(clock(), ping.attempts), str(error))
            yield "deferred"
            return
        if reason:
            log.warning("hub %s: %s for %s", host(hub), reason, topic)
        outbox.settle(db, ping, "due" if reason else "sent", clock(), reason)
        yield "deferred" if reason else "sent"
