"""The conversation on a principle: comments, and the e-mails about them."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.errors import FormError, InputError, NotFoundError, gettext_noop
from feed.files import without_controls
from feed.model.people import Curator
from feed.store import comments, curators, desk_events, library, revisions
from feed.store.comments import Comment
from feed.store.connection import transaction
from feed.store.library_writes import SHARED

MAX_LENGTH = 2000
REPEATED = timedelta(minutes=10)  # the same comment again within it is a form sent twice


def comment(
    db: Database,
    me: Curator,
    slug: str,
    language: str,
    typed: str,
    languages: Collection[str],
    now: datetime,
) -> int:
    """Add a comment on the text in a language, or the whole principle; returns its id.

    Raises FormError and NotFoundError.
    """
    body = _checked(typed)
    language = language if language in languages else SHARED
    with transaction(db):
        if library.principle(db, slug) is None:
            raise NotFoundError(gettext_noop("There is no principle “%(slug)s”."), slug=slug)
        known = comments.of_principle(db, slug)
        for each in known:
            is_same = (each.curator, each.language, each.body) == (me.id, language, body)
            if is_same and now - each.at < REPEATED:
                return each.id
        revision = revisions.newest_id(db, slug) or None
        number = comments.add(db, slug, revision, language, me.id, body, now)
        for recipient in _recipients(db, slug, me, known):
            desk_events.add(
                db,
                recipient,
                "comment",
                now,
                actor=me.id,
                principle=slug,
                languages=[language],
                quote=body,
            )
    return number


def _recipients(db: Database, slug: str, me: Curator, known: Collection[Comment]) -> list[int]:
    """Those who wrote in the principle or the conversation; the editors where nobody else did."""
    people = [
        each
        for each in curators.list_all(db)
        if each.id != me.id and each.disabled is None and each.wants_emails
    ]
    part = comments.authors(known) | {
        each.curator for each in revisions.history(db, slug) if each.curator is not None
    }
    involved = [each.id for each in people if each.id in part]
    return involved or [each.id for each in people if each.may("editor")]


def _checked(typed: str) -> str:
    body = "\n".join(line.rstrip() for line in without_controls(typed).splitlines()).strip()
    if not body:
        raise FormError({"comment": InputError(gettext_noop("Write something first."))})
    if len(body) > MAX_LENGTH:
        message = gettext_noop("should have at most %(most)s characters, not %(count)s")
        error = InputError(message, most=MAX_LENGTH, count=len(body))
        raise FormError({"comment": error})
    return body
