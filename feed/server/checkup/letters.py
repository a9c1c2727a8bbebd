"""Checks of the way that letters take."""

from datetime import datetime, timedelta

from sqlite_utils import Database

from feed import digests, tasks
from feed.config import Config, secret
from feed.digests import proof
from feed.errors import mark
from feed.mail import smtp
from feed.server.checkup.content import Place
from feed.server.checkup.finding import Finding, bad, good, warn
from feed.store import deliveries, outcomes, subscribers

PATIENCE = timedelta(minutes=15)  # in which what is due should be on its way


def sender(config: Config, now: datetime) -> Finding:
    """Who writes the letters."""
    _, address = config.mail_from
    domain = _domain(address)
    values = {"address": address}
    if not config.delivers:
        return good(mark("Letters are from %(address)s."), **values)
    if "." not in domain:
        return bad(
            mark("Letters are from %(address)s, which no mail server takes."),
            mark("Set DEVIS_MAIL_FROM to an address under your own domain."),
            **values,
        )
    if config.postal is None:
        return warn(
            mark("Letters are from %(address)s, and do not tell who that is."),
            mark("Set DEVIS_POSTAL to the sender’s name and postal address: the law asks for it."),
            **values,
        )
    return good(mark("Letters are from %(address)s."), **values)


def returns(config: Config, now: datetime) -> Finding:
    """Where what cannot be delivered comes back to."""
    bounce, (_, address) = config.bounce_address, config.mail_from
    if not config.delivers:
        return good(mark("Nothing comes back: letters go to the outbox."))
    values = {"bounce": bounce, "address": address}
    if bounce is None:
        return warn(
            mark("What cannot be delivered comes back to %(address)s, and is not counted."),
            mark("Set DEVIS_BOUNCE_ADDRESS, and let “devis bounce” read that mailbox."),
            **values,
        )
    if bounce.lower() in {address.lower(), (config.reply_to or "").lower()}:
        return bad(
            mark("Answers of people and what cannot be delivered both come to %(bounce)s."),
            mark("Set DEVIS_BOUNCE_ADDRESS to a mailbox that only “devis bounce” reads."),
            **values,
        )
    if not _aligned(_domain(bounce), _domain(address)):
        return warn(
            mark(
                "What cannot be delivered comes back to %(bounce)s, but letters are %(address)s’s."
            ),
            mark("Take a bounce address under the domain of DEVIS_MAIL_FROM: DMARC looks at both."),
            **values,
        )
    return good(mark("What cannot be delivered comes back to %(bounce)s."), **values)


def server(config: Config, now: datetime) -> Finding:
    """The mail server lets us in; nothing is sent."""
    if config.smtp is None and config.broker is not None:
        return good(mark("There is none here: the mail workers have theirs."))
    if not config.takes_sign_ups:
        return bad(
            mark("There is none: sign-up pages say that email is not set up."),
            mark("Set DEVIS_SMTP_URL."),
        )
    if config.smtp is None:
        folder = config.instance / digests.OUTBOX
        return good(mark("There is none: letters go to %(folder)s."), folder=folder)
    name = smtp.check(config.smtp, _domain(config.mail_from[1]))
    return good(mark("%(name)s lets us in."), name=name)


def broker(config: Config, now: datetime) -> Finding:
    """The broker lets us in, and mail workers are there."""
    if config.broker is None or config.reports is None:
        return good(mark("There is none: letters are sent from this machine."))
    there = config.broker.place
    number = tasks.workers(config.broker, config.reports)
    if not number:
        return bad(
            mark("No mail worker takes letters from %(broker)s: they wait."),
            mark("Start “devis mail-worker” with the same DEVIS_BROKER_URL, here or elsewhere."),
            broker=there,
        )
    return good(
        mark("Mail workers that take letters from %(broker)s: %(number)s."),
        broker=there,
        number=number,
    )


def sending(place: Place) -> Finding:
    """When a letter was last sent, and whether any wait too long or came too late."""
    db, config, now = place.db, place.config, place.now
    if not config.delivers and subscribers.timezones(db):
        return warn(
            mark("There are subscribers, but their letters only go to the outbox."),
            mark("Set DEVIS_SMTP_URL, so that they are delivered."),
        )
    sent = outcomes.last_sent(db)
    if sent is not None and secret.known(config) is None:
        return bad(
            mark("Letters were sent, but the secret key that their links need is gone."),
            mark("Take it from a backup into %(path)s, before another one is made."),
            path=config.instance / secret.FILE,
        )
    until = digests.ahead(db, now)
    if until is not None:
        return warn(
            mark(
                "Letters were looked for up to %(until)s UTC, which is to come: a clock was fast."
            ),
            mark("Run no command with DEVIS_NOW on this database; a worker begins again from now."),
            until=f"{until:%Y-%m-%d %H:%M}",
        )
    today = place.site.today(now)
    told = proof.proof(db, today - timedelta(days=1), today)
    late = sum(item.why.get("late", 0) for item in told)
    if late:
        return bad(
            mark("%(late)s letters of yesterday and today came too late, and were skipped."),
            mark("See “devis digest status”; a worker must run at the hours of the subscribers."),
            late=late,
        )
    number, since = waiting(db)
    if is_stuck(number, since, now) and since is not None:
        return warn(
            mark("%(number)s letters wait to be sent, the oldest since %(since)s UTC."),
            mark("See “devis digest due” and what the worker says about the mail server."),
            number=number,
            since=f"{since:%Y-%m-%d %H:%M}",
        )
    if sent is None:
        return good(mark("None was sent yet; none waits."))
    return good(
        mark("The last was sent at %(sent)s UTC; %(number)s wait."),
        sent=f"{sent:%Y-%m-%d %H:%M}",
        number=number,
    )


def waiting(db: Database) -> tuple[int, datetime | None]:
    """How many letters are due and have no outcome yet, and since when the oldest is due."""
    number, since = outcomes.backlog(db)
    for run in deliveries.runs(db):
        number += sum(count for _, count in deliveries.counted(db, run))
        since = min(since or run.due, run.due)
    return number, since


def is_stuck(number: int, since: datetime | None, now: datetime) -> bool:
    """Whether letters wait for longer than they should."""
    return number > 0 and since is not None and now - since > PATIENCE


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _aligned(one: str, other: str) -> bool:
    """Whether one domain is the other, or stands under it, or both under one that is not a whole
    country’s."""
    if one == other or one.endswith(f".{other}") or other.endswith(f".{one}"):
        return True
    common = ".".join(one.split(".")[1:])
    return common.count(".") > 0 and common == ".".join(other.split(".")[1:])
