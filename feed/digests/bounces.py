"""Returned mail: parse bounces, complaints and unsubscribe requests, and act on them.

Reports of a dead address on several days and complaints suspend a subscription.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from typing import Literal

from sqlite_utils import Database

from feed.config import Config
from feed.digests import bounce_breaker, bounce_score
from feed.model import Site, Subscriber, email_addresses, tokens
from feed.model.tokens import Purpose
from feed.smtp import bounce_classifier
from feed.smtp.bounce_parser import text_of
from feed.smtp.reply_classifier import Judgement, Verdict
from feed.store import bounce_alarms, delivery_stats, domain_answers, subscribers
from feed.store.bounce_alarms import Decision
from feed.store.connection import transaction
from feed.subscribers.subscriptions import unsubscribe_in_transaction

log = logging.getLogger(__name__)

BOUNCE_WINDOW = timedelta(days=60)
DECIDE_BATCH = 500  # subscriptions suspended in one transaction

# The verdict on a delivery report, or a request of a person or their mail program to unsubscribe.
Kind = Verdict | Literal["unsubscribe"]

_SIGNED = r"([a-z2-7]{42})"
_LINK = re.compile(rf"/subscription/{_SIGNED}(?:/|>)")
_TAGGED = re.compile(rf"\+{_SIGNED}@", re.IGNORECASE)
_TO = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
_HEADERS = ("text/rfc822-headers", "message/global-headers")


@dataclass(frozen=True, slots=True)
class ReturnedMessage:
    """A parsed message, and whom it is about: the token of an e-mail, or only addresses."""

    kind: Kind
    token: str | None
    addresses: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class DeadReport:
    """A report on a delivery: the date of the digest, the domain, and the words of the server."""

    subscriber: int
    date: date
    domain: str
    reply: str


@dataclass(frozen=True, slots=True)
class BounceResult:
    """The kind of a returned message, whether its subscriber was found, and if digests stop."""

    kind: Kind
    known: bool
    stopped: bool


def handle(
    db: Database, site: Site, config: Config, key: bytes, message: bytes, now: datetime
) -> BounceResult:
    """Act on a message that came to the bounce address.

    Reports of dead addresses are counted; complaints and unsubscribe requests stop the digests at
    once. Temporary failures, and those that are the sender's fault, count against nobody.
    """
    returned = parse(message)
    with transaction(db):
        found = _subscriber(db, config, key, returned, now)
        if found is None or returned.kind == "none":
            return BounceResult(returned.kind, found is not None, stopped=False)
        if returned.kind == "unsubscribe":
            unsubscribe_in_transaction(db, site, found, "mail", now)
            return BounceResult(returned.kind, known=True, stopped=True)
        if returned.kind == "complaint":
            subscribers.record_bounce(db, found.id, "complaint", now)
            stopped = subscribers.suspend(db, found.id, now)
            return BounceResult(returned.kind, known=True, stopped=stopped)
        day = delivery_stats.last_accepted(db, found.id) or site.today(now)
        domain = email_addresses.domain(found.address)
        report = DeadReport(found.id, day, domain, returned.reason)
        stopped = _handle_report(db, config, returned.kind, report, now)
        return BounceResult(returned.kind, known=True, stopped=stopped)


def _handle_report(
    db: Database, config: Config, verdict: Verdict, report: DeadReport, now: datetime
) -> bool:
    """Count a report on an accepted delivery; whether the subscription is suspended."""
    if verdict != "dead":
        assert verdict in ("later", "us")  # noqa: S101
        domain_answers.add(db, {(report.date, report.domain, verdict): 1})
        return False
    is_first = record_dead(db, config, report, now)
    if is_first:
        domain_answers.add(db, {(report.date, report.domain, "dead"): 1})
        bounce_breaker.check(db, {(report.date, report.domain): report.reply}, now)
    found = subscribers.by_id(db, report.subscriber)
    return found is not None and found.status == "suspended"


def record_dead(db: Database, config: Config, report: DeadReport, now: datetime) -> bool:
    """Record that an address is dead, within the caller's transaction; suspend at the limit.

    Returns whether it is the first report about this digest. The caller counts it in
    `domain_answers`, and lets `bounce_breaker` check it.
    """
    if bounce_alarms.is_discarded(db, report.date, report.domain):
        return False
    is_first = subscribers.record_bounce(db, report.subscriber, "hard", now, report.date)
    if not bounce_alarms.undecided(db) and is_dead(db, config, report.subscriber, now):
        subscribers.suspend(db, report.subscriber, now)
    return is_first


def decide(db: Database, config: Config, decision: Decision, now: datetime) -> int:
    """Decide all alarms about dead addresses; the number of subscriptions that it suspends."""
    with transaction(db):
        if not bounce_alarms.decide(db, decision) or decision == "discarded":
            return 0
        numbers = subscribers.reported_dead(db, now - BOUNCE_WINDOW)
    suspended = 0
    for start in range(0, len(numbers), DECIDE_BATCH):
        with transaction(db):
            batch = numbers[start : start + DECIDE_BATCH]
            dead = [each for each in batch if is_dead(db, config, each, now)]
            suspended += sum(subscribers.suspend(db, each, now) for each in dead)
    return suspended


def is_dead(db: Database, config: Config, number: int, now: datetime) -> bool:
    """Whether reports on `bounce_limit` different days, and no success, say that it is dead."""
    since = now - BOUNCE_WINDOW
    reports = [at for at, kind in subscribers.bounces(db, number, since) if kind == "hard"]
    if len({at.date() for at in reports}) < config.bounce_limit:
        return False
    accepted = delivery_stats.accepted(db, number, since)
    return bounce_score.dead_days(reports, accepted, now) >= config.bounce_limit


def parse(message: bytes) -> ReturnedMessage:
    """Parse a message that came to the bounce address."""
    try:
        parsed = message_from_bytes(message)
        judged = bounce_classifier.judge(parsed)
        token = _token(parsed)
    except RecursionError:  # no mail server nests so deeply
        log.warning("a returned message could not be read: it is nested too deeply")
        return ReturnedMessage("none", None, (), "")
    kind: Kind = "unsubscribe" if token and _is_unsubscribe(parsed, judged) else judged.verdict
    if kind == "complaint" and bounce_classifier.is_authentication_report(parsed):
        kind = "us"
    return ReturnedMessage(kind, token, judged.addresses, judged.reason)


def _subscriber(
    db: Database, config: Config, key: bytes, returned: ReturnedMessage, now: datetime
) -> Subscriber | None:
    """The subscriber that a returned message is about; None if unknown.

    A bounce from an earlier address says nothing about the present one. A digest's own token
    unsubscribes from any address. Before there were separate tokens for bounces and for
    unsubscribing, the digest's token served for both, so it is still accepted.

    Without a token the address is looked up, but only where no bounce address is set: anyone can
    send a message which claims that an address does not exist.
    """
    token = tokens.read(returned.token) if returned.token else None
    leaving = returned.kind == "unsubscribe"
    purposes: tuple[Purpose, ...] = ("leave", "letter") if leaving else ("bounce", "letter")
    if token is not None and any(token.is_valid(key, purpose, now) for purpose in purposes):
        found = subscribers.by_id(db, token.subscriber)
        return found if found and (leaving or token.when == found.moves) else None
    if config.bounce_address is not None:
        return None
    known = (
        subscribers.by_identity(db, email_addresses.identity(name)) for name in returned.addresses
    )
    return next((found for found in known if found), None)


def _is_unsubscribe(message: Message, judged: Judgement) -> bool:
    """Whether a person, or a mail program for them, asks to unsubscribe."""
    if "unsubscribe" not in str(message.get("Subject", "")).lower():
        return False
    automatic = str(message.get("Auto-Submitted", "no")).lower() != "no"
    by_person = judged.verdict == "none" and not automatic
    return by_person or message.get(bounce_classifier.UNSUBSCRIBES) is not None


def _token(message: Message) -> str | None:
    """The token of the e-mail that a message is about: in its recipients, subject or content."""
    sent_to = [str(value) for name in _TO for value in message.get_all(name, [])]
    for value in (*sent_to, *bounce_classifier.feedback_senders(message)):
        found = _TAGGED.search(value)
        if found:
            return found[1].lower()
    subject = re.search(_SIGNED, str(message.get("Subject", "")))
    if subject:
        return subject[1]
    return next(_links(message), None)


def _links(message: Message) -> Iterator[str]:
    """The tokens in List-Unsubscribe headers of the returned e-mail, whole or headers only."""
    for part in message.walk():
        texts = [str(value) for value in part.get_all("List-Unsubscribe", [])]
        if part.get_content_type() in _HEADERS:
            texts.append(text_of(part))
        for text in texts:
            yield from _LINK.findall(re.sub(r"\s", "", text))
