"""Checks of e-mail: sender, bounce address, mail server, broker, overdue deliveries."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed import digests
from feed.checks.content import CheckContext
from feed.checks.finding import Finding, bad, good, warn
from feed.config import Config
from feed.digests import alarms, delivery_report
from feed.digests.smtp_errors import translated_errors
from feed.i18n import translator
from feed.smtp import client as smtp_client
from feed.store import deliveries, delivery_stats, signing_key, subscribers
from feed.subscribers import sign_up_limits
from feed.workers import dispatch

MAX_ALARMS = 3  # that a message lists
LATELY = timedelta(days=30)
MIN_SUSPENDED, MAX_SUSPENDED = 2, 0.05  # lately, of all subscribers
PATIENCE = timedelta(minutes=15)  # after which a due delivery is overdue


def sender(config: Config, now: datetime) -> Finding:
    """The sender has an address with a domain, and a postal address."""
    _, address = config.mail_from
    domain = _domain(address)
    values = {"address": address}
    if not config.sends_email:
        return good("Emails are sent from %(address)s.", **values)
    if "." not in domain:
        return bad(
            "Emails are sent from %(address)s, which mail servers refuse.",
            "Set DEVIS_MAIL_FROM to an address in your own domain.",
            **values,
        )
    if config.postal is None:
        return warn(
            "Emails are sent from %(address)s, without a postal address.",
            "Set DEVIS_POSTAL to the sender’s name and postal address: the law requires it.",
            **values,
        )
    return good("Emails are sent from %(address)s.", **values)


def bounce_address(config: Config, now: datetime) -> Finding:
    """Bounces go to an address of their own that aligns with the sender (DMARC)."""
    bounce, (_, address) = config.bounce_address, config.mail_from
    if not config.sends_email:
        return good("There are no bounces: emails go to the outbox folder.")
    values = {"bounce": bounce, "address": address}
    if bounce is None:
        return warn(
            "Bounces go to %(address)s, and are not counted.",
            "Set DEVIS_BOUNCE_ADDRESS, and have “devis bounce” read that mailbox.",
            **values,
        )
    if bounce.lower() in {address.lower(), (config.reply_to or "").lower()}:
        return bad(
            "Replies and bounces both go to %(bounce)s.",
            "Set DEVIS_BOUNCE_ADDRESS to a mailbox that only “devis bounce” reads.",
            **values,
        )
    if not _aligned(_domain(bounce), _domain(address)):
        return warn(
            "Bounces go to %(bounce)s, but emails are sent from %(address)s.",
            "Use a bounce address in the domain of DEVIS_MAIL_FROM: DMARC compares the two.",
            **values,
        )
    return good("Bounces go to %(bounce)s.", **values)


def mail_server(config: Config, now: datetime) -> Finding:
    """The mail server accepts a login; nothing is sent."""
    if config.smtp is None and config.broker is not None:
        return good("None is set here: the mail workers have theirs.")
    if not config.accepts_sign_ups:
        return bad(
            "None is set: the sign-up pages say that email is not set up.",
            "Set DEVIS_SMTP_URL.",
        )
    if config.smtp is None:
        folder = config.instance / digests.OUTBOX_FOLDER
        return good("None is set: emails go to %(folder)s.", folder=folder)
    with translated_errors():
        name = smtp_client.check(config.smtp, _domain(config.mail_from[1]))
    return good("%(name)s accepts connections.", name=name)


def broker(config: Config, now: datetime) -> Finding:
    """The broker accepts a connection, and mail workers listen."""
    if config.broker is None or config.reports is None:
        return good("None is set: emails are sent from this machine.")
    there = config.broker.place
    number = dispatch.count_workers(config.broker, config.reports)
    if not number:
        return bad(
            "No mail worker reads from %(broker)s: emails stay queued.",
            "Start “devis mail-worker” with the same DEVIS_BROKER_URL, on any machine.",
            broker=there,
        )
    return good(
        "Mail workers that read from %(broker)s: %(number)s.",
        broker=there,
        number=number,
    )


def deliveries_on_time(context: CheckContext) -> Finding:
    """No delivery is overdue or was skipped for being late."""
    db, config, now = context.db, context.config, context.now
    if not config.sends_email and subscribers.timezones(db):
        return warn(
            "There are subscribers, but their emails only go to the outbox folder.",
            "Set DEVIS_SMTP_URL to have them delivered.",
        )
    sent = delivery_stats.last_sent(db)
    if sent is not None and signing_key.find(db, config) is None:
        return bad(
            "Emails were sent, but the secret key that signed their links is gone.",
            "Restore a backup, or set DEVIS_SECRET_KEY to that key.",
        )
    until = digests.future_check(db, now)
    if until is not None:
        return warn(
            "Deliveries were started up to %(until)s UTC, in the future: a clock was ahead.",
            "Do not use DEVIS_NOW on this database. A worker starts again from the present.",
            until=f"{until:%Y-%m-%d %H:%M}",
        )
    today = context.site.today(now)
    report = delivery_report.reports(db, today - timedelta(days=1), today)
    late = sum(item.why.get("late", 0) for item in report)
    if late:
        return bad(
            "%(late)s emails of yesterday and today were skipped, because they were late.",
            "See “devis digest status”. A worker must run at the hours that subscribers choose.",
            late=late,
        )
    number, since = backlog(db)
    if is_stuck(number, since, now) and since is not None:
        return warn(
            "%(number)s emails are waiting, the oldest since %(since)s UTC.",
            "See “devis digest due”, and look for errors of the mail server in the log.",
            number=number,
            since=f"{since:%Y-%m-%d %H:%M}",
        )
    if sent is None:
        return good("None has been sent yet, and none is waiting.")
    return good(
        "The last email was sent at %(sent)s UTC; %(number)s are waiting.",
        sent=f"{sent:%Y-%m-%d %H:%M}",
        number=number,
    )


def alarms_of_sending(context: CheckContext) -> Finding:
    """No mail server refuses the sender, and no decision about dead addresses is open."""
    texts = replace(alarms.current(context.db, context.now), surge=None).texts(translator("en"))
    if not texts:
        return good("No mail server refuses what is sent.")
    shown = texts[:MAX_ALARMS]
    if len(texts) > MAX_ALARMS:
        shown.append(f"{len(texts) - MAX_ALARMS} more are on the sending board.")
    return bad(
        "%(alarms)s",
        "Ask who runs that server; decide about dead addresses with “devis digest bounces”.",
        alarms=" ".join(shown),
    )


def sign_ups(context: CheckContext) -> Finding:
    """Sign-up is open, and nobody has been asked to wait."""
    since = sign_up_limits.paused_since(context.db)
    if since is not None:
        return warn(
            "Sign-up has been paused since %(since)s UTC.",
            "Open it again with “devis subscriber resume-sign-up”.",
            since=f"{since:%Y-%m-%d %H:%M}",
        )
    surge = sign_up_limits.surge(context.db, context.now)
    if surge is not None:
        return warn(
            "More people than usual%(at)s signed up at %(when)s UTC; the form asks people to wait.",
            "If this is an attack, run “devis subscriber pause-sign-up”; if not, raise"
            " DEVIS_SIGNUP_LIMIT.",
            at=surge.domain and f" at {surge.domain}",
            when=f"{surge.at:%Y-%m-%d %H:%M}",
        )
    return good("Nobody who signed up lately had to wait.")


def suspended_subscribers(context: CheckContext) -> Finding:
    """Only a few subscribers were suspended lately."""
    statuses = subscribers.count_by_status(context.db)
    suspended = statuses.get("suspended", 0)
    lately = subscribers.count_suspended(context.db, context.now - LATELY)
    values = {
        "lately": lately,
        "all": statuses.get("active", 0) + suspended,
        "suspended": suspended,
        "days": LATELY.days,
    }
    message = (
        "%(lately)s of %(all)s subscribers were suspended in the last %(days)s days; %(suspended)s"
        " are suspended in all."
    )
    if lately >= MIN_SUSPENDED and lately > MAX_SUSPENDED * values["all"]:
        advice = "See on the sending board which domains report dead addresses, and ask them."
        return warn(message, advice, **values)
    return good(message, **values)


def backlog(db: Database) -> tuple[int, datetime | None]:
    """The number of due deliveries without an outcome, and when the oldest was due."""
    number, since = delivery_stats.backlog(db)
    for run in deliveries.open_runs(db):
        number += sum(count for _, count in deliveries.remaining(db, run))
        since = min(since or run.due, run.due)
    return number, since


def is_stuck(number: int, since: datetime | None, now: datetime) -> bool:
    """Whether the oldest due delivery is overdue."""
    return number > 0 and since is not None and now - since > PATIENCE


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _aligned(one: str, other: str) -> bool:
    """Whether two domains are equal, parent and child, or siblings below a domain of two labels."""
    if one == other or one.endswith(f".{other}") or other.endswith(f".{one}"):
        return True
    common = ".".join(one.split(".")[1:])
    return common.count(".") > 0 and common == ".".join(other.split(".")[1:])
