"""Digests by e-mail: find which are due, send them, preview them, delete old deliveries."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from filelock import FileLock, Timeout
from sqlite_utils import Database

from feed.clock import Clock
from feed.config import Config
from feed.digests import mime, outbox_folder, outcomes, refusals, rendering, schedule
from feed.digests.queue import Progress, Queue
from feed.digests.smtp_errors import translated_errors
from feed.errors import InputError, NotFoundError
from feed.library import scheduling
from feed.model import Cadence, Digest, Site, email_addresses
from feed.smtp import Envelope, Outcome
from feed.smtp import client as smtp_client
from feed.store import (
    bounce_alarms,
    deliveries,
    ledger,
    mail_batches,
    meta,
    outbox,
    signing_key,
    subscribers,
)
from feed.store.connection import instant, transaction, undone

LOCK_NAME = "mail.lock"
OUTBOX_FOLDER = "outbox"
OLD_BATCH = timedelta(hours=2)  # without a broker, batches older than this are sent from here
MAX_LOOK_BACK = timedelta(days=7)  # after a longer stop, older digests are not even recorded
MAX_CLOCK_STEP = timedelta(hours=1)  # a clock that was further ahead than this was wrong
DELETE_BATCH = 5000  # rows in one transaction: it blocks other writers for some hundredths of 1 s


@dataclass(frozen=True, slots=True)
class DueDigest:
    """How many digests of a cadence, date and language are due; `reason` is set if not sent."""

    cadence: Cadence
    date: date
    language: str
    number: int
    reason: str | None


def start_due_runs(db: Database, site: Site, now: datetime) -> None:
    """Start a run for every digest that has become due since the last call."""
    until = _checked_until(db)
    if until is not None and now.replace(microsecond=0) <= until <= now + MAX_CLOCK_STEP:
        return
    with transaction(db):
        # Read again under the write lock: another process may have been faster.
        after = _checked_until(db) or now
        if after > now + MAX_CLOCK_STEP:
            deliveries.delete_future(db, now)
            after = now - MAX_LOOK_BACK  # runs that exist are not started again
        for timezone in subscribers.timezones(db):
            for each in schedule.due(site, timezone, max(after, now - MAX_LOOK_BACK), now):
                if schedule.is_silent(site, each) and not _has_editions(db, each):
                    continue
                deliveries.start_run(
                    db, each.cadence, each.date, timezone, each.hour, each.day, each.at
                )
        if after <= now:
            meta.put(db, "mail_until", now.isoformat(timespec="seconds"))


def _has_editions(db: Database, due: schedule.Due) -> bool:
    """Whether there are editions for a digest, made under an earlier setting."""
    days = (due.date, due.date) if due.cadence == "daily" else schedule.week_before(due.date)
    return bool(ledger.between(db, *days))


def future_check(db: Database, now: datetime) -> datetime | None:
    """The instant in the future up to which digests were started, by a clock that was ahead.

    None if no clock was.
    """
    until = _checked_until(db)
    return until if until is not None and until > now + MAX_CLOCK_STEP else None


def due(db: Database, site: Site, config: Config, now: datetime) -> list[DueDigest]:
    """The digests that `send` would send now, oldest first. Nothing is written."""
    found = []
    with undone(db):
        scheduling.publish_due(db, site, config, now)
        start_due_runs(db, site, now)
        for run in deliveries.open_runs(db):
            reason = rendering.obstacle(db, run.cadence, run.date)
            if now - run.due > config.mail_latest:
                reason = "late"
            for language, number in deliveries.remaining(db, run):
                found.append(DueDigest(run.cadence, run.date, language, number, reason))
    return found


@contextmanager
def sending_lock(config: Config) -> Iterator[bool]:
    """Hold the lock that lets one process send at a time; False if another process has it."""
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
    """Send the notices and the digests of started runs, until `stop`; within `sending_lock`.

    Returns how many were sent, deferred, bounced, failed and skipped. Raises MailError where the
    server accepts nothing: the rest is sent by the next call.
    """
    outcomes.release_old_batches(db, clock() - OLD_BATCH, clock())
    queue = Queue(db, site, config, signing_key.get(db, config), clock, progress)
    _deliver(site, config, queue, queue.record, stop)
    queue.end_run()
    return queue.numbers


def is_idle(db: Database, now: datetime) -> bool:
    """Whether no notice, and no digest of a started run, is to be sent now."""
    if outbox.is_mail_waiting(db, now) or mail_batches.all_open(db):
        return False
    if refusals.is_server_refusing(db, now):
        return True
    return not (
        deliveries.open_runs(db)
        or deliveries.is_any_waiting(db, now)
        or refusals.is_any_probe_due(db, now)
    )


def delete_old_deliveries(db: Database, config: Config, now: datetime) -> bool:
    """Delete some of the deliveries that are past their retention time; whether there are more.

    One call is one transaction, so that others can write between calls.
    """
    with transaction(db):
        before = (now - config.keep_deliveries).date()
        bounce_alarms.delete_old(db, before)
        return deliveries.delete_old(db, before, DELETE_BATCH)


def preview(
    db: Database, site: Site, cadence: Cadence, language: str, day: date | None, now: datetime
) -> Digest:
    """The digest of a date, or the newest, as it would be sent. Raises NotFoundError."""
    if not set(language.split("+")) <= set(site.languages):
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
            "There is no %(cadence)s digest for %(date)s.",
            cadence=cadence,
            date=day.isoformat(),
        )
    return rendering.render(db, site, cadence, day, language)


def preview_envelope(
    site: Site, config: Config, digest: Digest, address: str, now: datetime
) -> Envelope:
    """A digest addressed to someone who is not a subscriber: its personal links do not work."""
    token, message_id = "a" * 42, f"preview.{int(now.timestamp())}.{digest.kind}"
    to = mime.Recipient(email_addresses.read(address, ()), token, message_id, token)
    sender = mime.sender(site, config)
    message = mime.MessageTemplate(digest, sender).fill(to, now)
    return Envelope(1, sender.envelope(to.token), to.address, message)


def send_envelope(site: Site, config: Config, envelope: Envelope) -> Outcome:
    """Send a message now, without recording it. Raises MailError; InputError without a server."""
    if config.smtp is None and config.broker is not None:
        raise InputError(
            "Set DEVIS_SMTP_URL: this machine sends a preview itself, not through a mail worker."
        )
    answers: list[Outcome] = []
    _deliver(site, config, iter([envelope]), answers.extend, threading.Event())
    return answers[0]


def _checked_until(db: Database) -> datetime | None:
    return instant(meta.get(db, "mail_until"))


def _deliver(
    site: Site,
    config: Config,
    envelopes: Iterator[Envelope],
    record: Callable[[Sequence[Outcome]], None],
    stop: threading.Event,
) -> None:
    """Send over SMTP where a server is set, else write files into the outbox folder."""
    if config.smtp is None:
        outbox_folder.deliver(config.instance / OUTBOX_FOLDER, envelopes, record, stop)
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
