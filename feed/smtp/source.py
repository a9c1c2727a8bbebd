"""The letters of a run, asked for one by one when a connection has room for one."""

import threading
from collections import Counter, deque
from collections.abc import Iterator

from feed.smtp.envelope import Envelope

CATCHING_UP = 0.1  # seconds of a rate's letters that may be late, and are then sent at once
STRIKE, SUSPICION = 2, 3  # against a letter whose connection ended, and if it was at its recipient
LAST, OUT = 4, 6  # with so many it comes after all others; with so many it is put off


class EnvelopeSource:
    """First the letters that come back from connections that ended, then those of the caller.

    `error` is why no more are given, once there is a reason; `given` counts the caller's.
    """

    def __init__(self, envelopes: Iterator[Envelope], rate: int, stop: threading.Event) -> None:
        self.error: Exception | None = None
        self.given = 0
        self.due = 0.0
        self.exhausted = False
        self.returned: deque[Envelope] = deque()
        self._strikes: Counter[int] = Counter()
        self._interval = 1 / rate if rate else 0.0
        self._envelopes = envelopes
        self._stop = stop

    @property
    def is_stopped(self) -> bool:
        """Whether no more letters are wanted, although there may be some."""
        return self.error is not None or self._stop.is_set()

    @property
    def is_over(self) -> bool:
        """Whether no further letter will be given, as things stand."""
        return self.is_stopped or (self.exhausted and not self.returned)

    def has_next(self, now: float) -> bool:
        """Whether a letter may be given now, as far as can be known without asking for it."""
        if self.is_stopped:
            return False
        return self._returned_is_next() or (not self.exhausted and self.due <= now)

    def next(self, now: float) -> Envelope | None:
        """The next letter, if there is one and it is due."""
        if not self.has_next(now):
            return None
        if self._returned_is_next():
            return self.returned.popleft()
        try:
            letter = next(self._envelopes, None)
        except Exception as error:  # raised once the letters in flight are settled
            self.error = error
            return None
        if letter is None:
            self.exhausted = True
            return self.next(now)
        self.given += 1
        if self._interval:
            self.due = max(self.due or now, now - CATCHING_UP) + self._interval
        return letter

    def take_back(self, letter: Envelope, suspicious: bool) -> bool:
        """A letter whose connection ended before its body was said; False if it is the reason.

        It goes first, or last if others should show whether the server is there at all.
        """
        self._strikes[letter.key] += SUSPICION if suspicious else STRIKE
        strikes = self._strikes[letter.key]
        if strikes >= OUT and self.error is None:
            return False
        if strikes < LAST:
            self.returned.appendleft(letter)
        else:
            self.returned.append(letter)
        return True

    def fail(self, error: Exception) -> None:
        """No more letters, for this reason, unless there was one before."""
        self.error = self.error or error

    def _returned_is_next(self) -> bool:
        if not self.returned:
            return False
        return self.exhausted or self._strikes[self.returned[0].key] < LAST
