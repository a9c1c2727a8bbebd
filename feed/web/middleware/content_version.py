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
LATE_SECONDS = 0.25  # for which the known state serves others while one thread looks
FAILED_SECONDS = 1.0  # after a look that failed, which may have taken its time to
LONGEST_MAX_AGE = 300
WAITING_MAX_AGE = 5  # while today's edition is not out yet
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class State:
    """What a rendered answer depends on, besides its address.

    `until` is the end of `today`; `changed`, to the second, is when it last became another.
    """

    version: int
    today: date
    until: datetime
    current: bool  # whether today's edition is out
    changed: datetime

    def cache_control(self, now: datetime) -> str:
        """How long an answer may be reused, on whatever ground: never past the end of the day."""
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
        """Its Last-Modified: a second early while another change may come in the same second."""
        return self.changed if now - self.changed >= SECOND else self.changed - SECOND


class Content:
    """Watches the database for changes made by any process. Safe to use from several threads."""

    def __init__(self, database: Path, timezone: ZoneInfo, clock: Clock) -> None:
        self.clock = clock
        self._timezone = timezone
        self._database = database
        self._db: Database | None = None
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._looking = 0.0  # the due time of the look that somebody takes now
        self._seen: int | None = None
        self._state: State | None = None

    def seen(self, now: datetime) -> State | None:
        """The present state without a look; None if the caller is to call `state`, which looks.

        When a look is due the first caller gets None, and the others the known state meanwhile.
        """
        known, due = self._state, self._next_look
        if known is None or now >= known.until:
            return None
        late = time.monotonic() - due
        if late >= 0 and (late > LATE_SECONDS or self._looking != due):
            self._looking = due
            return None
        return known

    def state(self, now: datetime) -> State | None:
        """The present state; the last known one while the database fails, None before any."""
        known = self._state
        if known is not None and now < known.until and time.monotonic() < self._next_look:
            return known
        with self._lock:
            pause = LOOK_SECONDS
            try:
                self._look(now)
            except StoreError as error:
                log.error("the database cannot be read, answering from memory: %s", error)
                self._db = self._seen = None
                pause = FAILED_SECONDS
            self._next_look = time.monotonic() + pause
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
            self._state = self._new(self._db, version, today, now)
        self._seen = seen

    def _new(self, db: Database, version: int, today: date, now: datetime) -> State:
        newest, before = ledger.latest(db, today), self._state
        changed = max(meta.last_change(db) or self._start(today), self._start(today))
        if before is not None and version != before.version and changed <= before.changed:
            # An edition that came late, for one, says that it is as old as its day.
            changed = now.replace(microsecond=0)
        return State(
            version=version,
            today=today,
            until=self._start(today + timedelta(days=1)),
            current=newest is not None and newest.date == today,
            changed=changed,
        )

    def _start(self, day: date) -> datetime:
        return datetime.combine(day, datetime.min.time(), self._timezone).astimezone(UTC)
