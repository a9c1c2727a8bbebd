"""Refusals of the sender: nobody is marked, the rest waits, and one delivery at a time is tried.

A domain refuses the sender after ten permanent refusals in a row, or where it refused all its
recipients of a digest date. Ten in a row over several domains are the mail server's (EVERY_DOMAIN).
The first delivery that is accepted ends it.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from sqlite_utils import Database

from feed.digests import alarms
from feed.errors import MailRefusedError
from feed.smtp import Outcome
from feed.smtp.refusal_streaks import EVERY_DOMAIN, RefusalStreaks, is_refusal
from feed.store import deliveries, delivery_retries, domain_answers, refusals
from feed.store.connection import transaction
from feed.store.deliveries import Claim

log = logging.getLogger(__name__)

PROBE_EVERY = timedelta(minutes=15)
IDLE = timedelta(days=8)  # more than a week: the weekly digest has tried it again


class RefusalTracker:
    """Counts outcomes, within the caller's transaction; begins and ends refusals.

    `began` is set when a refusal has begun; the caller resets it.
    """

    def __init__(self, db: Database) -> None:
        self.began = False
        self._db = db
        self._streaks = RefusalStreaks()
        self._refused: dict[tuple[date, str], str] = {}
        self._current = {each.domain for each in refusals.all_current(db)}

    def count(self, claim: Claim, outcome: Outcome, now: datetime) -> None:
        """Count the outcome of a delivery that was tried."""
        refusing = self._streaks.count(claim.domain, outcome)
        if is_refusal(outcome):
            words = f"{outcome.code} {outcome.detail}".strip()
            self._refused[claim.date, claim.domain] = words
            for domain in {refusing, *({claim.domain, EVERY_DOMAIN} & self._current)} - {None}:
                self._save(domain or EVERY_DOMAIN, words, now)
        elif outcome.result in ("sent", "bounced"):  # the server looked at the recipient
            for domain in {claim.domain, EVERY_DOMAIN} & self._current:
                self._end(domain, now)

    def end_run(self, now: datetime) -> None:
        """At the end of a run: domains that refused all their recipients refuse the sender."""
        if not self._refused or EVERY_DOMAIN in self._current or deliveries.open_runs(self._db):
            return
        for (day, domain), words in self._refused.items():
            found = domain_answers.of_domain(self._db, day, domain)
            if found.us and not found.accepted and not found.later and not found.dead:
                self._save(domain, words, now)
        self._refused.clear()

    def _save(self, domain: str, words: str, now: datetime) -> None:
        if refusals.save(self._db, domain, words, now, now + PROBE_EVERY):
            self.began = True
            alarms.notify(self._db, now)
            self._current.add(domain)
            log.warning("mail: %s refuses what is sent: %s", domain or "the mail server", words)

    def _end(self, domain: str, now: datetime) -> None:
        refusals.end(self._db, domain)
        delivery_retries.resume_domain(self._db, domain, now)
        self._current.discard(domain)
        log.info("mail: %s accepts what is sent again", domain or "the mail server")


def save_server_refusal(db: Database, error: MailRefusedError, now: datetime) -> None:
    """Alarm that the mail server refuses the login or the sender; the next try may be at once."""
    words = str(error.values.get("answer") or error.values.get("reason") or error)
    with transaction(db):
        if refusals.save(db, EVERY_DOMAIN, words, now, now):
            alarms.notify(db, now)
        refusals.postpone(db, EVERY_DOMAIN, now)


class ClaimFilter:
    """The claims that may be sent now, by the refusals at its creation; for one transaction.

    `probes_server` means that only one delivery may be tried, `is_closed` that none may.
    """

    def __init__(self, db: Database, now: datetime) -> None:
        self._db, self._now = db, now
        self._refusals = {each.domain: each for each in refusals.all_current(db)}
        everything = self._refusals.pop(EVERY_DOMAIN, None)
        self.probes_server = everything is not None
        self.is_closed = everything is not None and everything.next > now

    def claim_probes(self) -> list[Claim]:
        """Claim one delivery to each domain that may be tried again; one in all for a server."""
        found: list[Claim] = []
        for domain, refusal in self._refusals.items():
            if refusal.next <= self._now and not (self.probes_server and found):
                claims = delivery_retries.claim_waiting(self._db, domain, self._now)
                if claims:
                    refusals.postpone(self._db, domain, self._now + PROBE_EVERY)
                found += claims
        self._postpone_server(found)
        return found

    def sort_out(self, claims: Sequence[Claim]) -> list[Claim]:
        """The claims that may be sent; the others wait until their domains accept."""
        waiting = [claim for claim in claims if claim.domain in self._refusals]
        delivery_retries.wait_for_domain(self._db, waiting)
        passed = [claim for claim in claims if claim.domain not in self._refusals]
        self._postpone_server(passed)
        return passed

    def put_back(self, claims: Iterable[Claim]) -> list[Claim]:
        """Defer claims that are no longer to be sent, because a refusal has begun; the others."""
        if self.probes_server:
            delivery_retries.defer(self._db, claims, self._now)
            return []
        return self.sort_out(list(claims))

    def _postpone_server(self, tried: Sequence[Claim]) -> None:
        if tried and self.probes_server:
            refusals.postpone(self._db, EVERY_DOMAIN, self._now + PROBE_EVERY)


def is_any_probe_due(db: Database, now: datetime) -> bool:
    """Whether a delivery waits for a domain that may be tried again."""
    return any(
        each.next <= now and delivery_retries.is_waiting(db, each.domain)
        for each in refusals.all_current(db)
    )


def is_server_refusing(db: Database, now: datetime) -> bool:
    """Whether the mail server refuses everything, and no delivery may be tried yet."""
    return any(each.domain == EVERY_DOMAIN and each.next > now for each in refusals.all_current(db))
