"""When to give up on a mail server: limits of consecutive failures."""

from feed.smtp.envelope import Outcome
from feed.smtp.errors import SmtpUnavailableError

MAX_FAILED_CONNECTIONS = 3  # consecutive connections that failed without one message accepted


class FailureLimits:
    """Counts consecutive failures; `retry_at` is when another connection may be opened.

    `generation` grows with each failed connection. A connection that was opened in an earlier one
    does not count when it fails, so that what ends several at once counts once.
    """

    def __init__(self, pause: float, now: float) -> None:
        self.generation = 0
        self.retry_at = now
        self._pause = pause  # seconds to wait after the second failure; then as much more each time
        self._connections = 0

    def count(self, outcome: Outcome) -> None:
        """Count an outcome: an accepted message clears the failures before it."""
        if outcome.result == "sent":
            self._connections = 0

    def connection_failed(
        self, error: SmtpUnavailableError, now: float
    ) -> SmtpUnavailableError | None:
        """Count a failed connection; the error to give up with, at the limit."""
        self.generation += 1
        self._connections += 1
        self.retry_at = now + (self._connections - 1) * self._pause
        return error if self._connections >= MAX_FAILED_CONNECTIONS else None
