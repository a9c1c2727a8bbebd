"""When to give up on a mail server: limits of consecutive failures."""

from feed.smtp.envelope import Outcome
from feed.smtp.errors import SmtpError, SmtpRefusedError, SmtpUnavailableError

MAX_CONNECTIONS = 3  # consecutive connections that failed without one message accepted
MAX_REFUSALS = 10  # consecutive messages refused permanently


class FailureLimits:
    """Counts consecutive failures; `retry_at` is when another connection may be opened.

    `generation` grows with each failed connection. A connection that was opened in an earlier one
    does not count when it fails, so that what ends several at once counts once.
    """

    def __init__(self, server: str, pause: float, now: float) -> None:
        self.generation = 0
        self.retry_at = now
        self._server = server
        self._pause = pause  # seconds to wait after the second failure; then as much more each time
        self._connections = self._refusals = 0

    def count(self, outcome: Outcome) -> SmtpRefusedError | None:
        """Count an outcome; the error to give up with, at the limit."""
        if outcome.result == "sent":
            self._connections = self._refusals = 0
        elif _is_permanent(outcome):
            self._refusals += 1
            if self._refusals == MAX_REFUSALS:
                return SmtpRefusedError("messages", self._server, outcome.detail, outcome.code)
        return None

    def connection_failed(self, error: SmtpUnavailableError, now: float) -> SmtpError | None:
        """Count a failed connection; the error to give up with, at the limit."""
        self.generation += 1
        self._connections += 1
        self.retry_at = now + (self._connections - 1) * self._pause
        return error if self._connections >= MAX_CONNECTIONS else None


def _is_permanent(outcome: Outcome) -> bool:
    """Whether the message or its sender was refused permanently."""
    return (outcome.result == "failed" and outcome.code > 0) or (
        outcome.result == "deferred" and outcome.code >= 500
    )
