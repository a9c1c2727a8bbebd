"""Circuit breaker: where many addresses are reported dead at once, nobody is suspended.

More than 5 %, and at least 20, of the recipients of a digest date, or of one domain on that date,
are rarely dead: a mail server answers wrongly. An administrator decides.
"""

import logging
from collections.abc import Mapping
from datetime import date, datetime

from sqlite_utils import Database

from feed.digests import alarms
from feed.store import bounce_alarms, domain_answers
from feed.store.bounce_alarms import BounceAlarm
from feed.store.domain_answers import ALL_DOMAINS, DomainAnswers

log = logging.getLogger(__name__)

MIN_DEAD = 20
MAX_SHARE = 0.05


def trips(dead: int, recipients: int) -> bool:
    """Whether so many dead addresses among so many recipients raise an alarm."""
    return dead >= MIN_DEAD and dead > MAX_SHARE * recipients


def check(db: Database, reports: Mapping[tuple[date, str], str], now: datetime) -> None:
    """Raise the alarms that are due, within the caller's transaction.

    `reports` has the last reply for each digest date and domain with new reports.
    """
    keys = dict(reports)
    keys.update({(day, ALL_DOMAINS): reply for (day, _), reply in reports.items()})
    for (day, domain), reply in keys.items():
        found = domain_answers.of_domain(db, day, domain)
        if not trips(found.dead, _at_least(found)):
            continue
        if bounce_alarms.exists(db, day, domain):
            bounce_alarms.update(db, day, domain, found.dead, reply)
            continue
        recipients = max(bounce_alarms.recipients(db, day, domain), found.dead)
        if trips(found.dead, recipients):
            alarm = BounceAlarm(day, domain, now, found.dead, recipients, reply)
            bounce_alarms.add(db, alarm)
            alarms.notify(db, now)
            log.warning(
                "mail: %d of %d addresses were reported dead at once%s: nobody is suspended (%s)",
                *(found.dead, recipients, f" at {domain}" if domain else "", reply),
            )


def _at_least(found: DomainAnswers) -> int:
    """The smallest number of recipients that these answers allow."""
    return max(found.dead, found.accepted + found.later + found.us)
