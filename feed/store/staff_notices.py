"""Notices to editors, at most one of a kind in a time."""

from datetime import datetime

from sqlite_utils import Database

from feed.store import curators, outbox
from feed.store.connection import transaction


def notify_editors(db: Database, kind: str, now: datetime, since: datetime) -> int:
    """Queue a notice to each editor who wants emails and has had none of the kind since an instant.

    Returns the number queued.
    """
    with transaction(db):
        recipients = [
            each.id
            for each in curators.list_all(db)
            if each.may("editor")
            and each.disabled is None
            and each.wants_emails
            and not outbox.count(db, kind, since, curator=each.id)
        ]
        for number in recipients:
            outbox.add(db, kind, now, curator=number)
    return len(recipients)
