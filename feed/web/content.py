"""What the public answers depend on: the content's version and the site's date.

Any process may change the database, so every web process looks at it; a look costs microseconds,
but lets other threads run, so under load it is taken a hundred times a second and not more.
"""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from feed.clock import Clock
from feed.errors import StoreError
from feed.store import ledger, meta
from feed.store.connection import connect

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.01
LONGEST_MAX_AGE = 300
WAITING_MAX_AGE = 5  # while today's edition is not out yet
SETTLING = timedelta(seconds=2)  # changes within one second share their Last-Modified


@dataclass(frozen=True, slots=True)
class State:
    """What a rendered answer depends on, besides its address.

    `until` is the end of `today`; `changed` is None in an empty database.
    """

    version: int
    today: date
    until: datetime
    current: bool  # whether today's edition is out
    changed: datetime | None

    def cache_control(self, now: datetime) -> str:
        """How long an answer may be reused, on whatever ground: never past the end of the day."""
        left = max(0, int((self.until - now).total_seconds()))
        if not left:  # the day has turned, and the database cannot be asked for the new one
            return f"max-age={WAITING_MAX_AGE}"
        if not self.current:
            return f"max-age={min(WAITING_MAX_AGE, left)}"
        fresh = min(LONGEST_MAX_AGE, left)
        rest = left - fresh
        if not rest:
            return f"max-age={fresh}"
        renewing = min(LONGEST_MAX_AGE, rest)
        return f"max-age={fresh}, stale-while-revalidate={renewing}, stale-if-error={rest}"

    def settled(self, now: datetime) -> bool:
        """Whether `changed` tells this content from all before it, and none to come."""
        return self.current and self.changed is not None and now - self.changed >= SETTLING


class Content:
    """Watches the database for changes made by any process. Safe to use from several threads."""

    def __init__(self, database: Path, timezone: ZoneInfo, clock: Clock) -> None:
        self.clock = clock
        self._timezone = timezone
        self._database = database
        self._db: Database | None = None
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._seen: int | None = None
        self._state: State | None = None

    def state(self, now: datetime) -> State | None:
        """The present state; the last known one while the database fails, None before any."""
        known = self._state
        if known is not None and now < known.until and time.monotonic() < self._next_look:
            return known
        with self._lock:
            try:
                self._look(now)
            except StoreError as error:
                log.error("the database cannot be read, answering from memory: %s", error)
                self._db = self._seen = None
            self._next_look = time.monotonic() + LOOK_SECONDS
            return self._state

    def expect_change(self) -> None:
        """Look at the next request, however soon: somebody is writing through this process."""
        self._next_look = 0.0

    def _look(self, now: datetime) -> None:
        if self._db is None:
            self._db = connect(self._database, shared=True)
        seen = meta.data_version(self._db)
        today = now.astimezone(self._timezone).date()
        if self._state is not None and seen == self._seen and today == self._state.today:
            return
        version = meta.content_version(self._db)
        if self._state is None or (version, today) != (self._state.version, self._state.today):
            newest = ledger.latest(self._db, today)
            midnight = datetime.combine(today + timedelta(days=1), datetime.min.time())
            self._state = State(
                version=version,
                today=today,
                until=midnight.replace(tzinfo=self._timezone).astimezone(UTC),
                current=newest is not None and newest.date == today,
                changed=meta.last_change(self._db),
            )
        self._seen = seen
