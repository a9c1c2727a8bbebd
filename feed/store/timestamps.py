"""Instants as the database keeps them: ISO 8601 in UTC, to the second."""

from datetime import datetime


def stamp(now: datetime) -> str:
    """An instant as text."""
    return now.isoformat(timespec="seconds")


def instant(text: str | None) -> datetime | None:
    """Text as an instant; None stays None."""
    return datetime.fromisoformat(text) if text else None
