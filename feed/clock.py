"""The only reader of the clock. Everybody else is handed `now`."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Clock:
    """Calling it gives the current instant, aware and in UTC.

    With an `origin` the clock runs from that instant, which it showed at `began` (in seconds of
    the machine's monotonic clock, the same in every process).
    """

    origin: datetime | None = None
    began: float = 0.0

    def __call__(self) -> datetime:
        if self.origin is None:
            return datetime.now(UTC)
        return self.origin + timedelta(seconds=time.monotonic() - self.began)


def start(rehearsal: datetime | None = None) -> Clock:
    """The machine's clock, or one that starts at the instant `rehearsal` and runs from there."""
    if rehearsal is None:
        return Clock()
    return Clock(rehearsal.astimezone(UTC), time.monotonic())
