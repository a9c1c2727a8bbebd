"""Retry delays of everything that is sent: digests, notices, chat posts, WebSub pings."""

from datetime import datetime, timedelta

RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 4, 15, 30, 60))


def retry_time(now: datetime, attempts: int) -> datetime:
    """The time of the next attempt, after a number of failed ones."""
    return now + RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1]
