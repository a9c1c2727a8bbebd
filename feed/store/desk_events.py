"""Events at the desk that its people get e-mails about.

Each event belongs to the outbox row of its e-mail. Events within GROUPING of the first one share
an e-mail.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlite_utils import Database

from feed.store import outbox
from feed.store.connection import fetch_rows, stamp

EventKind = Literal[
    "review", "translate", "outdated", "approve", "decline", "publish", "comment", "invitation"
]

NOTICE = "activity"  # the kind of the e-mails in the outbox
GROUPING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class DeskEvent:
    """An event: `languages` are those of the texts it is about, "" stands for the other fields.

    `actor` is the name of who did it, None for the command line; `principle` is a slug, None for an
    invitation. `quote` is the reason of a decline, or a comment.
    """

    kind: EventKind
    actor: str | None
    principle: str | None
    languages: tuple[str, ...]
    quote: str


def add(
    db: Database,
    recipient: int,
    kind: EventKind,
    now: datetime,
    *,
    actor: int | None,
    principle: str,
    languages: Collection[str] = (),
    quote: str = "",
) -> None:
    """Add an event to the e-mail of a person that is not due yet; without one, queue an e-mail."""
    notice = outbox.newest(db, NOTICE, recipient)
    if notice is None or notice.attempts or not now < notice.created <= now + GROUPING:
        # Its creation, for the outbox, is when it is due: by then all its events have happened.
        notice = outbox.add(db, NOTICE, now + GROUPING, curator=recipient)
    _insert(db, notice.id, kind, now, actor, principle, languages, quote)


def add_invitation(db: Database, notice: int, inviter: int | None, now: datetime) -> None:
    """Record who invites a person, with the outbox row of the invitation."""
    _insert(db, notice, "invitation", now, inviter, None, (), "")


def of_notice(db: Database, notice: int) -> list[DeskEvent]:
    """The events of an e-mail, oldest first."""
    rows = fetch_rows(
        db,
        "SELECT e.kind, c.name AS actor, e.principle, e.languages, e.quote FROM desk_events e"
        " LEFT JOIN curators c ON c.id = e.actor WHERE e.notice = ? ORDER BY e.id",
        [notice],
    )
    return [DeskEvent(**{**row, "languages": tuple(json.loads(row["languages"]))}) for row in rows]


def _insert(
    db: Database,
    notice: int,
    kind: EventKind,
    now: datetime,
    actor: int | None,
    principle: str | None,
    languages: Collection[str],
    quote: str,
) -> None:
    db.execute(
        "INSERT INTO desk_events (notice, at, kind, actor, principle, languages, quote)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [notice, stamp(now), kind, actor, principle, json.dumps(list(languages)), quote],
    )
