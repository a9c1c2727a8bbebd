"""The mail to people at the desk: invitations, links to sign in, and what editors should know."""

from collections import deque

from sqlite_utils import Database

from feed.accounts import authentication
from feed.clock import Clock
from feed.digests import mime
from feed.digests.message import OutgoingMessage
from feed.model import Digest, Site, tokens
from feed.model.people import Curator
from feed.publish import digest
from feed.store import curators, staff_notices
from feed.store.connection import transaction
from feed.store.staff_notices import DeskNotice

AT_ONCE = 50


class StaffMail:
    """What is due to people at the desk. Belongs to one thread, as its database does."""

    def __init__(
        self, db: Database, site: Site, sender: mime.Sender, key: bytes, clock: Clock
    ) -> None:
        self._db, self._site, self._sender, self._key, self._clock = db, site, sender, key, clock
        self._due: deque[DeskNotice] = deque()
        self._last = 0
        self._more = True

    def look(self) -> None:
        """Others have written: there may be more."""
        self._more = True

    def next(self) -> OutgoingMessage | None:
        """The next that is due; None if there is none. What is for nothing by now is ended."""
        while True:
            if not self._due and self._more:
                self._fetch()
            if not self._due:
                return None
            notice = self._due.popleft()
            found = curators.by_id(self._db, notice.curator or 0)
            if found is not None and not self._is_void(notice, found):
                return self._copy(notice, found)
            with transaction(self._db):
                staff_notices.record(self._db, notice.id, "failed", self._clock())

    def _fetch(self) -> None:
        found = staff_notices.due(self._db, self._clock(), AT_ONCE, self._last)
        self._more = len(found) == AT_ONCE
        if found:
            self._last = found[-1].id
            self._due.extend(found)

    def _is_void(self, notice: DeskNotice, found: Curator) -> bool:
        """Whether it is for nothing by now: the link is used or over, or the person gone."""
        over = notice.expires is not None and notice.expires <= self._clock()
        return over or notice.used is not None or found.disabled is not None

    def _copy(self, notice: DeskNotice, found: Curator) -> OutgoingMessage:
        mark = tokens.mark_of(self._key, f"desk.{notice.id}")
        to = mime.Recipient(found.address, "desk", f"desk.{notice.id}.{mark}")
        form = mime.MessageTemplate(self._letter(notice, found), self._sender)
        return OutgoingMessage(notice, self._sender.returns_to, to, form)

    def _letter(self, notice: DeskNotice, found: Curator) -> Digest:
        language = found.language if found.language in self._site.languages else ""
        path = authentication.link(self._key, notice) if notice.expires else "/desk/calendar/"
        return digest.notice(
            self._site,
            language or self._site.languages[0],
            f"desk-{notice.kind}",
            url=self._site.url(path),
            person=found.name,
        )
