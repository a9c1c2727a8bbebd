"""The mail to people at the desk: invitations, links to sign in, and what editors should know."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import count

from sqlite_utils import Database

from feed.clock import Clock
from feed.config import Config
from feed.curation import signing
from feed.digests.queue import NOTICE_ATTEMPTS, pause
from feed.mail import mime, tokens
from feed.mail.envelope import Envelope, Outcome
from feed.model import Letter, Site
from feed.model.desk import Curator
from feed.publish import letter
from feed.store import curators, desk_notices
from feed.store.connection import transaction
from feed.store.desk_notices import DeskNotice

AT_ONCE = 100


class Post(Iterator[Envelope]):
    """What is due to people at the desk. Belongs to one thread, as its database does."""

    def __init__(self, db: Database, site: Site, config: Config, key: bytes, clock: Clock) -> None:
        self._db, self._site, self._key, self._clock = db, site, key, clock
        self._sender = mime.sender(site, config)
        self._keys = count(1)
        self._open: dict[int, DeskNotice] = {}
        self._due = deque(desk_notices.due(db, clock(), AT_ONCE))

    def __next__(self) -> Envelope:
        while self._due:
            notice = self._due.popleft()
            found = curators.by_id(self._db, notice.curator or 0)
            if found is not None and not self._is_void(notice, found):
                return self._envelope(notice, found)
            with transaction(self._db):
                desk_notices.record(self._db, notice.id, "failed", self._clock())
        raise StopIteration

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what became of some envelopes."""
        with transaction(self._db):
            for outcome in outcomes:
                notice = self._open.pop(outcome.key)
                state = "sent" if outcome.result == "sent" else "failed"
                if outcome.result == "deferred" and notice.attempts + 1 < NOTICE_ATTEMPTS:
                    state = "due"
                retry = self._clock() + pause(notice.attempts)
                desk_notices.record(self._db, notice.id, state, retry)

    def _is_void(self, notice: DeskNotice, found: Curator) -> bool:
        """Whether it is for nothing by now: the link is used or over, or the person gone."""
        over = notice.expires is not None and notice.expires <= self._clock()
        return over or notice.used is not None or found.disabled is not None

    def _envelope(self, notice: DeskNotice, found: Curator) -> Envelope:
        made, key = self._letter(notice, found), next(self._keys)
        mark = tokens.mark_of(self._key, f"desk.{notice.id}")
        to = mime.Recipient(found.address, "desk", f"desk.{notice.id}.{mark}")
        self._open[key] = notice
        message = mime.Form(made, self._sender).fill(to, self._clock())
        return Envelope(key, self._sender.returns_to, found.address, message)

    def _letter(self, notice: DeskNotice, found: Curator) -> Letter:
        language = found.language if found.language in self._site.languages else ""
        path = signing.link(self._key, notice) if notice.expires else "/desk/calendar/"
        return letter.notice(
            self._site,
            language or self._site.languages[0],
            f"desk-{notice.kind}",
            url=self._site.url(path),
            person=found.name,
        )
