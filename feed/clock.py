"""The only reader of the clock; everything else gets the current time as an argument, `now`."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Clock:
    """Callable that returns the current time, aware and in UTC.

    With an `origin` the clock is rehearsed: it showed that time at `began` (seconds of the
    machine's monotonic clock, the same in every process) and runs on from there.
    """

    origin: datetime | None = None
    began: float = 0.0

    def __call__(self) -> datetime:
        if self.origin is None:
            return datetime.now(UTC)
        return self.origin + timedelta(seconds=time.monotonic() - self.began)


def start(rehearsal: datetime | None = None) -> Clock:
    """The machine's clock, or a rehearsed one that starts at `rehearsal` now."""
    if rehearsal is None:
        return Clock()
    return Clock(rehearsal.astimezone(UTC), time.monotonic())
