"""The queue that connections take envelopes from: rate limit, and retries after lost connections.

An envelope whose connection was lost before its body was sent gets points of suspicion, because
the envelope may be the cause. With few it is tried again first, with more after all others, and
with too many it is deferred.
"""

import threading
from collections import Counter, deque
from collections.abc import Iterator

from feed.smtp.envelope import Envelope

BURST = 0.1  # seconds: after a delay, so much of the rate limit may be caught up at once
CONNECTION_LOST, LOST_AT_RECIPIENT = 2, 3  # points of suspicion
SEND_LAST, DEFER = 4, 6  # thresholds


class EnvelopeQueue:
    """Gives out envelopes, one at a time: requeued ones first, then the caller's.

    `error` is the reason why no more are given out, `taken` how many of the caller's were, `due`
    the monotonic time at which the rate limit allows the next.
    """

    def __init__(self, envelopes: Iterator[Envelope], rate: int, stop: threading.Event) -> None:
        self.error: Exception | None = None
        self.taken = 0
        self.due = 0.0
        self.exhausted = False
        self.requeued: deque[Envelope] = deque()
        self._suspicion: Counter[int] = Counter()
        self._interval = 1 / rate if rate else 0.0
        self._envelopes = envelopes
        self._stop = stop

    @property
    def is_stopped(self) -> bool:
        """Whether sending was stopped or has failed."""
        return self.error is not None or self._stop.is_set()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to give out, unless something is requeued."""
        return self.is_stopped or (self.exhausted and not self.requeued)

    def has_next(self, now: float) -> bool:
        """Whether `next` may give an envelope; the caller's iterator may yet turn out empty."""
        if self.is_stopped:
            return False
        return self._requeued_is_next() or (not self.exhausted and self.due <= now)

    def next(self, now: float) -> Envelope | None:
        """The next envelope; None if there is none or the rate limit forbids it now."""
        if not self.has_next(now):
            return None
        if self._requeued_is_next():
            return self.requeued.popleft()
        try:
            envelope = next(self._envelopes, None)
        except Exception as error:  # raised again when the messages in flight have their outcome
            self.error = error
            return None
        if envelope is None:
            self.exhausted = True
            return self.next(now)
        self.taken += 1
        if self._interval:
            self.due = max(self.due or now, now - BURST) + self._interval
        return envelope

    def requeue(self, envelope: Envelope, at_recipient: bool) -> bool:
        """Take back an envelope whose connection was lost before its body was sent.

        `at_recipient` says that only the reply to its recipient was outstanding. Returns False if
        the envelope is too suspicious to be tried again.
        """
        self._suspicion[envelope.key] += LOST_AT_RECIPIENT if at_recipient else CONNECTION_LOST
        suspicion = self._suspicion[envelope.key]
        if suspicion >= DEFER and self.error is None:
            return False
        if suspicion < SEND_LAST:
            self.requeued.appendleft(envelope)
        else:
            self.requeued.append(envelope)
        return True

    def fail(self, error: Exception) -> None:
        """Give out no more, for this reason, unless there was one before."""
        self.error = self.error or error

    def _requeued_is_next(self) -> bool:
        if not self.requeued:
            return False
        return self.exhausted or self._suspicion[self.requeued[0].key] < SEND_LAST
