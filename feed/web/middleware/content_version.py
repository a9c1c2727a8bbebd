"""The version of the content and the site's date, on which all cached responses depend.

Any process may change the database, so every web process polls it: on a request, at most every
POLL_SECONDS. A poll takes microseconds, but lets other threads run.
"""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlite_utils import Database

from feed.clock import Clock
from feed.config import Config
from feed.editions import publication_days
from feed.errors import StoreError
from feed.store import ledger, meta
from feed.store.connection import connect

log = logging.getLogger(__name__)

POLL_SECONDS = 0.01
LATE_SECONDS = 0.25  # for which other threads use the known state while one polls
FAILED_SECONDS = 1.0  # pause after a failed poll, which may have been slow
LONGEST_MAX_AGE = 300
WAITING_MAX_AGE = 5  # while today's edition is not out yet
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class State:
    """The content's state: a cached response is valid as long as it stays the same.

    `until` is the end of `today`; `changed` is the last change, to the second.
    """

    version: int
    today: date
    until: datetime
    current: bool  # whether today's edition is out, was withdrawn, or is not due
    changed: datetime

    def cache_control(self, now: datetime) -> str:
        """The Cache-Control header: no response may be reused past the end of the day."""
        left = max(0, int((self.until - now).total_seconds()))
        if not self.current:
            return f"max-age={min(WAITING_MAX_AGE, left)}"
        fresh = min(LONGEST_MAX_AGE, left)
        rest = left - fresh
        if not rest:
            return f"max-age={fresh}"
        renewing = min(LONGEST_MAX_AGE, rest)
        return f"max-age={fresh}, stale-while-revalidate={renewing}, stale-if-error={rest}"

    def modified(self, now: datetime) -> datetime:
        """Last-Modified: one second early while the same second may bring another change."""
        return self.changed if now - self.changed >= SECOND else self.changed - SECOND


class Content:
    """Polls the database for changes made by any process. Thread-safe."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.clock = clock
        self._config = config
        self._timezone = config.timezone
        self._database = config.database
        self._db: Database | None = None
        self._lock = threading.Lock()
        self._next_poll = 0.0
        self._polling = 0.0  # the due time of the poll in progress
        self._data_version: int | None = None
        self._state: State | None = None

    def known_state(self, now: datetime) -> State | None:
        """The state without polling; None if the caller has to call `state`, which polls.

        When a poll is due the first caller gets None, the others the known state meanwhile.
        """
        known, due = self._state, self._next_poll
        if known is None or now >= known.until:
            return None
        late = time.monotonic() - due
        if late >= 0 and (late > LATE_SECONDS or self._polling != due):
            self._polling = due
            return None
        return known

    def state(self, now: datetime) -> State | None:
        """The current state, polled if due; while the database fails, the last one or None."""
        known = self._state
        if known is not None and now < known.until and time.monotonic() < self._next_poll:
            return known
        with self._lock:
            pause = POLL_SECONDS
            try:
                self._poll(now)
            except StoreError as error:
                log.error("cannot read the database, serving cached responses: %s", error)
                self._db = self._data_version = None
                pause = FAILED_SECONDS
            self._next_poll = time.monotonic() + pause
            return self._state

    def expect_change(self) -> None:
        """Poll at the next request: this one may have changed the content."""
        self._next_poll = 0.0

    def _poll(self, now: datetime) -> None:
        if self._db is None:
            self._db = connect(self._database, shared=True)
        data_version, last = meta.data_version(self._db), self._state
        today = now.astimezone(self._timezone).date()
        if (
            self._state is not None
            and data_version == self._data_version
            and today == self._state.today
        ):
            return
        version = meta.content_version(self._db)
        if last is None or (version, today) != (last.version, last.today):
            self._state = self._new(self._db, version, today, now)
        self._data_version = data_version

    def _new(self, db: Database, version: int, today: date, now: datetime) -> State:
        before = self._state
        changed = max(meta.last_change(db) or self._start(today), self._start(today))
        if before is not None and version != before.version and changed <= before.changed:
            # A late edition, for example, is dated at the start of its day.
            changed = now.replace(microsecond=0)
        return State(
            version=version,
            today=today,
            until=self._start(today + timedelta(days=1)),
            current=ledger.on(db, today) is not None or self._is_off(db, today),
            changed=changed,
        )

    def _is_off(self, db: Database, today: date) -> bool:
        return publication_days.of(db, self._config, today).day_off(today) is not None

    def _start(self, day: date) -> datetime:
        return datetime.combine(day, datetime.min.time(), self._timezone).astimezone(UTC)
