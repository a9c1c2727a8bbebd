"""Timestamps in the database: ISO 8601 in UTC, to the second."""

from datetime import datetime


def stamp(now: datetime) -> str:
    """Format a time for the database."""
    return now.isoformat(timespec="seconds")


def instant(text: str | None) -> datetime | None:
    """Parse a time from the database; None stays None."""
    return datetime.fromisoformat(text) if text else None
