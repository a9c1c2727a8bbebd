"""What is to be sent now, one after another, claimed only just before; and what became of each,
kept in the ledger.

Whoever sends pulls an envelope when there is room for it. Now and then there is a look at whether
anybody else has written: who unsubscribes, and what is withdrawn, stop what is not sent.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count

from sqlite_utils import Database

from feed.clock import Clock
from feed.config import Config
from feed.digests import mime, staff_mail
from feed.digests.message import About, OutgoingMessage
from feed.digests.outcomes import DeliveryRecorder
from feed.digests.rendering import DigestRenderer
from feed.model import Site, tokens
from feed.smtp import Envelope, Outcome
from feed.store import deliveries, meta, notices, subscribers
from feed.store.connection import transaction
from feed.store.deliveries import Claim, DigestRun
from feed.store.notices import Notice
from feed.subscribers import links

CLAIM_AT_ONCE = 200
SKIP_AT_ONCE = 10_000
NOTICES_AT_ONCE = 50
LOOK_SECONDS = 0.01  # a look costs microseconds, and nobody unsubscribes faster than that

Progress = Callable[[int], None]


class Queue(Iterator[Envelope]):
    """The envelopes that are due, notices first. Belongs to one thread, as its database does."""

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
        self._press = DigestRenderer(db, site, self._sender)
        self._desk = staff_mail.StaffMail(db, site, self._sender, key, clock)
        self._ledger = DeliveryRecorder(db, config, clock)
        self._progress = progress
        self._keys = count(1)
        self._open: dict[int, About] = {}
        self._claims: deque[Claim] = deque()
        self._notices: deque[Notice] = deque()
        self._last_notice = 0
        self._more_notices = False
        self._next_look = 0.0
        self._seen: int | None = None
        self.numbers = self._ledger.numbers
        now = clock()
        with transaction(db):
            deliveries.release(db, now)
            deliveries.give_up(db, now - config.mail_latest, now)

    def __next__(self) -> Envelope:
        copy = self.notice() or self.letter()
        if copy is None:
            raise StopIteration
        key = next(self._keys)
        self._open[key] = copy.about
        message = copy.form.fill(copy.to, self._clock())
        return Envelope(key, copy.sender, copy.to.address, message)

    def notice(self) -> OutgoingMessage | None:
        """The next notice that is due, to the desk's people first; None if there is none."""
        self._look()
        copy = self._desk.next()
        while copy is None:
            if not self._notices and self._more_notices:
                self._fetch_notices()
            if not self._notices:
                return None
            copy = self._notice(self._notices.popleft())
        return copy

    def letter(self) -> OutgoingMessage | None:
        """The next letter that is due, claimed; None if there is none."""
        copy = None
        while copy is None:
            self._look()
            if not self._claims:
                self._claim()
            if not self._claims:
                return None
            copy = self._letter(self._claims.popleft())
        return copy

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what became of some envelopes, in one transaction."""
        with transaction(self._db):
            letters = self._ledger.settle([(self._open.pop(each.key), each) for each in outcomes])
        self._progress(letters)

    def _look(self) -> None:
        """When others have written: notices may be due, and what is claimed may be void."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_SECONDS
        seen = meta.data_version(self._db)
        if seen == self._seen:
            return
        self._seen = seen
        self._press.look()
        self._desk.look()
        self._more_notices = True
        if self._claims:
            still = deliveries.still(self._db, self._claims)
            gone = [each for each in self._claims if (each.letter, each.subscriber) not in still]
            self._claims = deque(still.values())
            self._skip(gone, "left")

    def _fetch_notices(self) -> None:
        found = notices.due(self._db, self._clock(), NOTICES_AT_ONCE, self._last_notice)
        self._more_notices = len(found) == NOTICES_AT_ONCE
        if found:
            self._last_notice = found[-1].id
            self._notices.extend(found)

    def _claim(self) -> None:
        """Take what is to be tried again, else the next of the oldest run."""
        db, now = self._db, self._clock()
        with transaction(db):
            self._claims.extend(deliveries.retries(db, now, CLAIM_AT_ONCE))
        while not self._claims:
            with transaction(db):
                run = next(iter(deliveries.runs(db)), None)
                if run is None:
                    return
                reason = self._obstacle(run, now)
                if reason is not None:
                    taken = deliveries.hand_out(db, run, SKIP_AT_ONCE, now, "skipped", reason)
                    self._ledger.count("skipped", len(taken))
                else:
                    taken = deliveries.hand_out(db, run, CLAIM_AT_ONCE, now, "claimed")
                    self._claims.extend(deliveries.claims(db, run.letter, taken))

    def _letter(self, claim: Claim) -> OutgoingMessage | None:
        """The copy of a claim; None where there is nothing to send any more."""
        reason = self._obstacle(claim, self._clock())
        if reason is not None:
            self._skip([claim], reason)
            return None
        whose = claim.subscriber, claim.moves
        token = tokens.lasting(self._key, "letter", *whose)
        name = f"{claim.date}.{claim.cadence}.{claim.language}"
        mark = tokens.mark_of(self._key, f"{name}.{claim.subscriber}")
        leaving = tokens.lasting(self._key, "leave", *whose)
        to = mime.Recipient(claim.address, token, f"{name}.{mark}", leaving)
        form = self._press.form(claim.cadence, claim.date, claim.language)
        sender = self._sender.returns_to
        if self._sender.bounce_address is not None:
            sender = self._sender.envelope(tokens.lasting(self._key, "bounce", *whose))
        return OutgoingMessage(claim, sender, to, form)

    def _notice(self, notice: Notice) -> OutgoingMessage | None:
        """The copy of a notice; None where its person or address is another one by now."""
        found = subscribers.by_id(self._db, notice.subscriber)
        if found is None or notice.address != notices.address(found, notice.kind):
            return None  # a link for one mailbox must not go to another
        token = links.token_for(self._key, found, notice.kind, notice.asked, self._clock())
        mark = tokens.mark_of(self._key, f"notice.{notice.id}")
        to = mime.Recipient(notice.address, token, f"notice.{notice.id}.{mark}")
        form = self._press.notice(notice, subscribers.proposed(self._db, found))
        # Its link is nothing for the envelope, which every server on the way writes down.
        return OutgoingMessage(notice, self._sender.returns_to, to, form)

    def _obstacle(self, letter: DigestRun | Claim, now: datetime) -> str | None:
        """Why a letter is not sent now; None if it is."""
        if now - letter.due > self._config.mail_latest:
            return "late"
        return self._press.obstacle(letter.cadence, letter.date)

    def _skip(self, claims: Sequence[Claim], reason: str) -> None:
        if claims:
            with transaction(self._db):
                self._ledger.skip(claims, reason)
            self._progress(len(claims))
