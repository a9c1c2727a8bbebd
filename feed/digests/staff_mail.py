"""E-mail to staff: invitations, sign-in links, and reminders of days without a principle."""

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
from feed.store.staff_notices import StaffNotice

FETCH_BATCH = 50


class StaffMail:
    """The queue of staff notices that are due. For one thread, as its connection is."""

    def __init__(
        self, db: Database, site: Site, sender: mime.Sender, key: bytes, clock: Clock
    ) -> None:
        self._db, self._site, self._sender, self._key, self._clock = db, site, sender, key, clock
        self._due: deque[StaffNotice] = deque()
        self._last = 0
        self._more = True

    def refresh(self) -> None:
        """Look for new notices the next time: another connection has written."""
        self._more = True

    def next(self) -> OutgoingMessage | None:
        """The next notice that is due; None if there is none. Void notices become failed."""
        while True:
            if not self._due and self._more:
                self._fetch()
            if not self._due:
                return None
            notice = self._due.popleft()
            found = curators.by_id(self._db, notice.curator or 0)
            if found is not None and not self._is_void(notice, found):
                return self._message(notice, found)
            with transaction(self._db):
                staff_notices.settle(self._db, notice.id, "failed", self._clock())

    def _fetch(self) -> None:
        found = staff_notices.due(self._db, self._clock(), FETCH_BATCH, self._last)
        self._more = len(found) == FETCH_BATCH
        if found:
            self._last = found[-1].id
            self._due.extend(found)

    def _is_void(self, notice: StaffNotice, found: Curator) -> bool:
        """Whether its link is used or expired, or its person may no longer sign in."""
        expired = notice.expires is not None and notice.expires <= self._clock()
        return expired or notice.used is not None or found.disabled is not None

    def _message(self, notice: StaffNotice, found: Curator) -> OutgoingMessage:
        suffix = tokens.keyed_hash(self._key, f"desk.{notice.id}")
        to = mime.Recipient(found.address, "desk", f"desk.{notice.id}.{suffix}")
        template = mime.MessageTemplate(self._render(notice, found), self._sender)
        return OutgoingMessage(notice, self._sender.return_address, to, template)

    def _render(self, notice: StaffNotice, found: Curator) -> Digest:
        language = found.language if found.language in self._site.languages else ""
        path = authentication.link(self._key, notice) if notice.expires else "/desk/calendar/"
        return digest.notice(
            self._site,
            language or self._site.languages[0],
            f"desk-{notice.kind}",
            url=self._site.url(path),
            person=found.name,
        )
