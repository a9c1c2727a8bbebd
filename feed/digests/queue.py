"""The send queue: an iterator over the messages that are due, which records their outcomes.

A sender takes the next message when it has room for it, so that rows are claimed just before they
are sent. Every few milliseconds the queue checks whether another process has written: who
unsubscribes or pauses, and an edition that is withdrawn, stop what is not yet sent.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count

from sqlite_utils import Database

from feed.accounts import links as sign_in_links
from feed.clock import Clock
from feed.config import Config
from feed.digests import alarms, mime, schedule, week_ahead
from feed.digests.message import OutgoingMessage, QueueItem
from feed.digests.mime import MessageTemplate
from feed.digests.outcomes import DeliveryRecorder
from feed.digests.refusals import IDLE, ClaimFilter
from feed.digests.rendering import DigestRenderer
from feed.model import Site, tokens
from feed.smtp import Envelope, Outcome
from feed.store import (
    curators,
    deliveries,
    delivery_retries,
    desk_events,
    meta,
    outbox,
    refusals,
    sign_in_events,
    subscribers,
)
from feed.store.connection import transaction
from feed.store.deliveries import Claim, DigestRun
from feed.store.outbox import OutboxItem
from feed.subscribers import links

CLAIM_BATCH = 200
SKIP_BATCH = 10_000
NOTICE_BATCH = 50
# Which of a subscriber's addresses a kind of notice is sent to, if not `address`.
NOTICE_ADDRESSES = {"move": "new_address", "moved": "old_address"}
REFRESH_SECONDS = 0.01  # a check costs microseconds
_PATHS = {  # of kinds without a link
    "gaps": "/desk/calendar/",
    week_ahead.NOTICE: "/desk/calendar/",
    alarms.NOTICE: "/desk/sending/",
    desk_events.NOTICE: "/desk/",
    sign_in_events.NOTICE: "/desk/account/",
}

Progress = Callable[[int], None]


class Queue(Iterator[Envelope]):
    """Envelopes of everything that is due, notices first. For one thread, as its connection is.

    `progress` gets the number of digests that are done; `numbers` counts outcomes by result.
    """

    def __init__(
        self,
        db: Database,
        site: Site,
        config: Config,
        key: bytes,
        clock: Clock,
        progress: Progress = lambda number: None,
    ) -> None:
        self._db, self._config, self._key, self._clock = db, config, key, clock
        self._sender = mime.sender(site, config)
        self._renderer = DigestRenderer(db, site, config, self._sender)
        self._recorder = DeliveryRecorder(db, config, clock)
        self._progress = progress
        self._envelope_keys = count(1)
        self._in_flight: dict[int, QueueItem] = {}
        self._claims: deque[Claim] = deque()
        self._notices: deque[OutboxItem] = deque()
        self._more_notices = False
        self._next_refresh = 0.0
        self._data_version: int | None = None
        self.numbers = self._recorder.numbers
        now = clock()
        with transaction(db):
            delivery_retries.release_claims(db, now)
            outbox.release_mail(db, now)
            delivery_retries.expire_deferred(db, now - config.mail_latest, now)
            refusals.delete_idle(db, now - IDLE)

    def __next__(self) -> Envelope:
        message = self.next_notice() or self.next_digest()
        if message is None:
            raise StopIteration
        key = next(self._envelope_keys)
        self._in_flight[key] = message.item
        mail = message.template.fill(message.to, self._clock())
        return Envelope(key, message.sender, message.to.address, mail)

    def next_notice(self) -> OutgoingMessage | None:
        """Claim the next notice that is due, those to staff first; None if there is none."""
        self._refresh()
        while True:
            if not self._notices and self._more_notices:
                self._claim_notices()
            if not self._notices:
                return None
            notice = self._notices.popleft()
            to_staff = notice.channel == "desk"
            message = self._staff_message(notice) if to_staff else self._notice_message(notice)
            if message is not None:
                return message
            outbox.settle(self._db, notice, "failed", self._clock())

    def next_digest(self) -> OutgoingMessage | None:
        """Claim the next digest delivery that is due; None if there is none."""
        message = None
        while message is None:
            self._refresh()
            if not self._claims:
                self._claim()
            if not self._claims:
                return None
            message = self._digest_message(self._claims.popleft())
        return message

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Record the outcomes of some envelopes, in one transaction."""
        with transaction(self._db):
            digests = self._recorder.record(
                [(self._in_flight.pop(each.key), each) for each in outcomes]
            )
            if self._recorder.refusals.began:
                self._recorder.refusals.began = False
                self.put_back()
        self._progress(digests)

    def put_back(self) -> None:
        """Defer what is claimed and may no longer be sent, because a refusal has begun."""
        with transaction(self._db):
            self._claims = deque(ClaimFilter(self._db, self._clock()).put_back(self._claims))

    def end_run(self) -> None:
        """Recognise the domains that have refused all their recipients."""
        with transaction(self._db):
            self._recorder.refusals.end_run(self._clock())

    def _refresh(self) -> None:
        """After a write by another connection: look for notices, and drop void claims."""
        if time.monotonic() < self._next_refresh:
            return
        self._next_refresh = time.monotonic() + REFRESH_SECONDS
        version = meta.data_version(self._db)
        if version == self._data_version:
            return
        self._data_version = version
        self._renderer.refresh()
        self._more_notices = True
        if self._claims:
            wanted = deliveries.still_wanted(self._db, self._claims)
            void = [c for c in self._claims if (c.digest_id, c.subscriber) not in wanted]
            self._claims = deque(wanted.values())
            self._skip(void, "left")

    def _claim_notices(self) -> None:
        for channel in outbox.MAIL:
            self._notices.extend(outbox.claim(self._db, channel, self._clock(), NOTICE_BATCH))
        self._more_notices = len(self._notices) >= NOTICE_BATCH

    def _claim(self) -> None:
        """Claim a delivery to each domain that may be tried again, else `_claim_next`."""
        more = True
        while more and not self._claims:
            with transaction(self._db):
                allowed = ClaimFilter(self._db, self._clock())
                if allowed.is_closed:
                    return
                if not allowed.probes_server:
                    self._claims.extend(allowed.claim_probes())
                more = not self._claims and self._claim_next(allowed)
                if not self._claims and not more and allowed.probes_server:
                    self._claims.extend(allowed.claim_probes())

    def _claim_next(self, allowed: ClaimFilter) -> bool:
        """Claim what is to be retried, else the next of the oldest run; whether there was any."""
        db, now = self._db, self._clock()
        limit = 1 if allowed.probes_server else CLAIM_BATCH
        claims = delivery_retries.claim_retries(db, now, limit)
        run = None if claims else next(iter(deliveries.open_runs(db)), None)
        if run is not None:
            reason = self._obstacle(run, now)
            if reason is not None:
                skipped = deliveries.skip(db, run, SKIP_BATCH, now, reason)
                self._recorder.count("skipped", skipped)
            else:
                claims = deliveries.claim(db, run, limit, now)
        self._claims.extend(allowed.sort_out(claims))
        return bool(claims) or run is not None

    def _digest_message(self, claim: Claim) -> OutgoingMessage | None:
        """The message of a claimed delivery; None where there is no longer anything to send."""
        reason = self._obstacle(claim, self._clock())
        if reason is not None:
            self._skip([claim], reason)
            return None
        recipient = claim.subscriber, claim.moves
        token = tokens.lasting(self._key, "letter", *recipient)
        name = f"{claim.date}.{claim.cadence}.{claim.language}"
        suffix = tokens.keyed_hash(self._key, f"{name}.{claim.subscriber}")
        unsubscribe = tokens.lasting(self._key, "leave", *recipient)
        to = mime.Recipient(claim.address, token, f"{name}.{suffix}", unsubscribe)
        local = schedule.local_date(claim.due, claim.timezone)
        template = self._renderer.digest(claim.cadence, claim.date, claim.language, local)
        sender = self._sender.return_address
        if self._sender.bounce_address is not None:
            sender = self._sender.envelope(tokens.lasting(self._key, "bounce", *recipient))
        return OutgoingMessage(claim, sender, to, template)

    def _notice_message(self, notice: OutboxItem) -> OutgoingMessage | None:
        """The message of a notice; None where its subscriber or its address is gone.

        None also for a welcome to a subscriber who has left meanwhile.
        """
        found = subscribers.by_id(self._db, notice.subscriber or 0)
        address: str | None = getattr(found, NOTICE_ADDRESSES.get(notice.kind, "address"), None)
        if found is None or address is None:
            return None
        token = links.notice_token(self._key, found, notice.kind, notice.created, self._clock())
        if notice.kind != "welcome":
            template = self._renderer.notice(notice, subscribers.proposed(self._db, found))
            return self._addressed(notice, address, token, template)
        if found.status != "active":
            return None
        unsubscribe = tokens.lasting(self._key, "leave", found.id, found.moves)
        template = self._renderer.welcome(found, self._clock())
        return self._addressed(notice, address, token, template, unsubscribe)

    def _staff_message(self, notice: OutboxItem) -> OutgoingMessage | None:
        """The message of a notice to staff; None if its link is used, the person disabled, or there
        is nothing left to tell.
        """
        found = curators.by_id(self._db, notice.curator or 0)
        expired = notice.expires is not None and notice.expires <= self._clock()
        if found is None or found.disabled or notice.used or expired:
            return None
        path = sign_in_links.path(self._key, notice) if notice.expires else _PATHS[notice.kind]
        template = self._renderer.staff_notice(notice, found, path, self._clock())
        if template is None:
            return None
        return self._addressed(notice, found.address, "desk", template)

    def _addressed(
        self,
        notice: OutboxItem,
        address: str,
        token: str,
        template: MessageTemplate,
        unsubscribe: str = "",
    ) -> OutgoingMessage:
        suffix = tokens.keyed_hash(self._key, notice.key)
        to = mime.Recipient(address, token, f"{notice.key}.{suffix}", unsubscribe)
        # The envelope has no token: servers on the way log it, and this one opens the link.
        return OutgoingMessage(notice, self._sender.return_address, to, template)

    def _obstacle(self, digest: DigestRun | Claim, now: datetime) -> str | None:
        """Why a digest is not sent now; None if it is."""
        if now - digest.due > self._config.mail_latest:
            return "late"
        return self._renderer.obstacle(digest.cadence, digest.date)

    def _skip(self, claims: Sequence[Claim], reason: str) -> None:
        if claims:
            with transaction(self._db):
                self._recorder.skip(claims, reason)
            self._progress(len(claims))
