"""The digests: which letters are due, sending them, and the proof of it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from filelock import FileLock, Timeout
from sqlite_utils import Database

from feed import editions
from feed.clock import Clock
from feed.config import Config, signing_key
from feed.digests import handover, mime, outbox_folder, rendering, schedule
from feed.digests.queue import Progress, Queue
from feed.digests.smtp_errors import translated_errors
from feed.errors import InputError, NotFoundError
from feed.model import Cadence, Digest, Site, email_addresses
from feed.smtp import Envelope, Outcome
from feed.smtp import client as smtp_client
from feed.store import deliveries, ledger, mail_batches, meta, notices, staff_notices, subscribers
from feed.store.connection import transaction, undone
from feed.store.timestamps import instant

LOCK_NAME = "mail.lock"
OUTBOX = "outbox"
STRANDED = timedelta(hours=2)  # after that, mail workers of former days have had their time
LONGEST_LOOK_BACK = timedelta(days=7)  # after a longer stop, older letters leave no trace
AHEAD = timedelta(hours=1)  # clocks are set back by less; by more, one was wrong
FORGET_AT_ONCE = 5000  # some hundredths of a second, in which nobody else can write


@dataclass(frozen=True, slots=True)
class DueDigest:
    """Letters that are due: so many of a cadence, date and language, and why they are not sent."""

    cadence: Cadence
    date: date
    language: str
    number: int
    reason: str | None


def begin(db: Database, site: Site, now: datetime) -> None:
    """Begin the handing out of every letter that has become due since the last time."""
    until = _looked_until(db)
    if until is not None and now.replace(microsecond=0) <= until <= now + AHEAD:
        return
    with transaction(db):
        # Read again under the write lock: another process may have been faster.
        after = _looked_until(db) or now
        if after > now + AHEAD:
            deliveries.take_back(db, now)
            after = now - LONGEST_LOOK_BACK  # what was handed out already is not begun again
        for timezone in subscribers.timezones(db):
            for each in schedule.due(site, timezone, max(after, now - LONGEST_LOOK_BACK), now):
                deliveries.open_run(
                    db, each.cadence, each.date, timezone, each.hour, each.day, each.at
                )
        if after <= now:
            meta.put(db, "mail_until", now.isoformat(timespec="seconds"))


def ahead(db: Database, now: datetime) -> datetime | None:
    """Until when a process whose clock was ahead has looked for letters; None if none was."""
    until = _looked_until(db)
    return until if until is not None and until > now + AHEAD else None


def due(db: Database, site: Site, config: Config, now: datetime) -> list[DueDigest]:
    """What waits to be handed out now, as `send` would; oldest first. Nothing is written."""
    found = []
    with undone(db):
        editions.publish_due(db, site, config, now)
        begin(db, site, now)
        for run in deliveries.runs(db):
            reason = rendering.obstacle(db, run.cadence, run.date)
            if now - run.due > config.mail_latest:
                reason = "late"
            for language, number in deliveries.counted(db, run):
                found.append(DueDigest(run.cadence, run.date, language, number, reason))
    return found


@contextmanager
def sender(config: Config) -> Iterator[bool]:
    """The right to send, which one process has at a time; False where another has it."""
    lock = FileLock(config.instance / LOCK_NAME)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def send(
    db: Database,
    site: Site,
    config: Config,
    clock: Clock,
    stop: threading.Event,
    progress: Progress = lambda number: None,
) -> dict[str, int]:
    """Send every notice and letter that is due, until `stop`; only within `sender`.

    Returns how many were sent, deferred, bounced, failed and skipped. Raises MailError where the
    server takes nothing: what is left is sent the next time.
    """
    begin(db, site, clock())
    handover.take_back(db, clock() - STRANDED, clock())
    queue = Queue(db, site, config, signing_key.key(config), clock, progress)
    _deliver(site, config, queue, queue.record, stop)
    return queue.numbers


def is_idle(db: Database, now: datetime) -> bool:
    """Whether nothing at all waits to be sent."""
    return not (
        deliveries.runs(db)
        or deliveries.waiting(db, now)
        or notices.due(db, now, limit=1)
        or staff_notices.due(db, now, limit=1)
        or mail_batches.batches(db)
    )


def forget(db: Database, config: Config, now: datetime) -> bool:
    """Forget some of what is kept no longer about letters; whether there is more.

    In batches, each in a transaction of its own: whoever wants to write in between can.
    """
    with transaction(db):
        before = (now - config.keep_deliveries).date()
        return deliveries.forget(db, before, FORGET_AT_ONCE)


def preview(
    db: Database, site: Site, cadence: Cadence, language: str, day: date | None, now: datetime
) -> Digest:
    """A letter as it would be sent: of a date, or the newest. Raises NotFoundError."""
    if language not in site.languages:
        raise InputError("“%(language)s” is not a language of this site.", language=language)
    if day is None:
        newest = ledger.latest(db, site.today(now))
        today = site.today(now)
        day = newest.date if newest else today
        if cadence == "weekly":
            day = today - timedelta(days=today.isoweekday() - 1)
    reason = rendering.obstacle(db, cadence, day)
    if reason is not None or day > site.today(now):
        raise NotFoundError(
            "There is no %(cadence)s letter of %(date)s.",
            cadence=cadence,
            date=day.isoformat(),
        )
    return rendering.render(db, site, cadence, day, language)


def as_message(site: Site, config: Config, letter: Digest, address: str, now: datetime) -> Envelope:
    """A letter to an address that is no subscriber's: its links lead nowhere."""
    token, number = "a" * 42, f"preview.{int(now.timestamp())}.{letter.kind}"
    to = mime.Recipient(email_addresses.read(address, ()), token, number, token)
    sender = mime.sender(site, config)
    return Envelope(
        1, sender.envelope(to.token), to.address, mime.MessageTemplate(letter, sender).fill(to, now)
    )


def send_one(site: Site, config: Config, envelope: Envelope) -> Outcome:
    """Send a message now, beside the ledger. Raises MailError, and InputError without a server."""
    if config.smtp is None and config.broker is not None:
        raise InputError(
            "It would be sent from here, not by a mail worker: set DEVIS_SMTP_URL for it."
        )
    outcomes: list[Outcome] = []
    _deliver(site, config, iter([envelope]), outcomes.extend, threading.Event())
    return outcomes[0]


def _looked_until(db: Database) -> datetime | None:
    return instant(meta.get(db, "mail_until"))


def _deliver(
    site: Site,
    config: Config,
    envelopes: Iterator[Envelope],
    record: Callable[[Sequence[Outcome]], None],
    stop: threading.Event,
) -> None:
    """Over SMTP where a server is set, else into the instance's outbox."""
    if config.smtp is None:
        outbox_folder.deliver(config.instance / OUTBOX, envelopes, record, stop)
        return
    with translated_errors():
        smtp_client.deliver(
            config.smtp,
            envelopes,
            record,
            connections=config.mail_connections,
            rate=config.mail_rate,
            stop=stop,
            hostname=mime.sender(site, config).domain,
        )
