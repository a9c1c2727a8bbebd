"""Announcements: post each new edition into chats, and ping WebSub hubs about changed feeds.

A chat gets an edition at most once: if it is unknown whether a post arrived, it is not repeated. A
ping may be repeated: the hub only fetches the feed again.
"""

import hashlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from urllib.parse import urlsplit

from sqlite_utils import Database

from feed import editions
from feed.clock import Clock
from feed.config import Config
from feed.model import Site
from feed.notify import chat, websub
from feed.notify.chat import Chat
from feed.notify.retry import CLAIM_TIMEOUT, MAX_RETRY_TIME, retry_delay
from feed.notify.websub import HubSilentError
from feed.publish import FORMATS
from feed.publish import chat as message
from feed.store import chat_posts, ledger, meta, websub_pings
from feed.store.chat_posts import ChatPost
from feed.store.websub_pings import Ping

log = logging.getLogger(__name__)

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
        today = site.today(now)
        chat_posts.expire(db, today, now, lost_before=now - CLAIM_TIMEOUT)
        websub_pings.expire(db, now - MAX_RETRY_TIME, now)
        chat_posts.enqueue(db, [each.target for each in self._chats], today, now)
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
        by_key = {each.target.key: each for each in self._chats}
        for post in chat_posts.due(db, clock()):
            now = clock()
            if stop.is_set():
                return
            if post.target in by_key and chat_posts.claim(db, post, site.today(now), now):
                yield _post(db, site, by_key[post.target], post, site.today(now), clock)
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
        websub_pings.enqueue(db, hubs, topics, empty, now)
        meta.put(db, SEEN, seen)


def host(hub: str) -> str:
    """The host name of a hub, for people to read."""
    return urlsplit(hub).hostname or ""


def _post(db: Database, site: Site, to: Chat, post: ChatPost, today: date, clock: Clock) -> str:
    """Post a claimed edition, and record the outcome."""
    edition = ledger.on(db, today)
    if edition is None or edition.withdrawn or edition.number != post.number:
        chat_posts.settle(db, post, "skipped", clock(), "withdrawn")  # just now
        return "skipped"
    (showing,) = ledger.showings(db, [edition])
    outcome = chat.post(to, message.render(site, to.target.language, showing))
    now = clock()
    if outcome.result == "sent":
        chat_posts.settle(db, post, "sent", now)
        return "sent"
    log.warning("%s: not posted: %s", to.target.place, outcome.reason)
    if outcome.result == "unknown":
        chat_posts.settle(db, post, "failed", now, outcome.reason)
        return "failed"
    chat_posts.settle(db, post, "due", now, outcome.reason, now + retry_delay(post.attempts))
    return "deferred"


def _ping_hub(db: Database, hub: str, clock: Clock, stop: threading.Event) -> Iterator[str]:
    """Send the pings of a hub that are due, until it does not answer."""
    for ping in websub_pings.due(db, hub, clock()):
        now = clock()
        if stop.is_set():
            return
        if not websub_pings.claim(db, ping, now, now + CLAIM_TIMEOUT):
            continue
        try:
            reason = websub.ping(hub, ping.topic)
        except HubSilentError as error:
            later = clock() + retry_delay(ping.attempts)
            websub_pings.settle(db, ping, clock(), str(error), later)
            websub_pings.postpone(db, hub, str(error), clock(), later)
            log.warning("hub %s: %s", host(hub), error)
            yield "deferred"
            return
        yield _recorded(db, ping, reason, clock())


def _recorded(db: Database, ping: Ping, reason: str | None, now: datetime) -> str:
    retry = now + retry_delay(ping.attempts) if reason else None
    websub_pings.settle(db, ping, now, reason, retry)
    if reason:
        log.warning("hub %s: %s for %s", host(ping.hub), reason, ping.topic)
    return "deferred" if reason else "sent"
