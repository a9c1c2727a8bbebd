"""Alarms of sending: refusals of the sender, many dead addresses, a surge of sign-ups.

`devis check`, /metrics, the sending board and a notice to administrators show them, with the words
of the mail server.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from feed.errors import gettext_noop
from feed.i18n import Translator
from feed.store import bounce_alarms, curators, outbox, refusals
from feed.store.bounce_alarms import BounceAlarm
from feed.store.connection import transaction
from feed.store.refusals import Refusal
from feed.subscribers import sign_up_limits
from feed.subscribers.sign_up_limits import SignUpSurge

NOTICE = "sending"
NOTICE_EVERY = timedelta(hours=1)

_SERVER = gettext_noop(
    "The mail server refuses what is sent since %(since)s UTC: “%(reply)s”. Emails wait, and one is"
    " tried every quarter of an hour."
)
_DOMAIN = gettext_noop(
    "%(domain)s refuses what is sent since %(since)s UTC: “%(reply)s”. Emails to it wait, and one"
    " is tried every quarter of an hour."
)
_DEAD = gettext_noop(
    "%(dead)s of %(recipients)s addresses that the email of %(date)s went to were reported dead at"
    " once, last with “%(reply)s”. Nobody is suspended until an administrator decides."
)
_DEAD_DOMAIN = gettext_noop(
    "%(dead)s of %(recipients)s addresses at %(domain)s that the email of %(date)s went to were"
    " reported dead at once, last with “%(reply)s”. Nobody is suspended until an administrator"
    " decides."
)
_SURGE = gettext_noop(
    "More people than usual signed up at %(at)s UTC, so the form asks people to wait. If this is"
    " an attack, close the form with “devis subscriber pause-sign-up”."
)
_SURGE_DOMAIN = gettext_noop(
    "More people than usual at %(domain)s signed up at %(at)s UTC, so the form asks people to"
    " wait. If this is an attack, close the form with “devis subscriber pause-sign-up”."
)


@dataclass(frozen=True, slots=True)
class Alarms:
    """The current alarms; `bounces` are those that wait for a decision."""

    refusals: tuple[Refusal, ...] = ()
    bounces: tuple[BounceAlarm, ...] = ()
    surge: SignUpSurge | None = None

    @property
    def are_over(self) -> bool:
        """Whether there is none."""
        return not (self.refusals or self.bounces or self.surge)

    def texts(self, t: Translator) -> list[str]:
        """Each alarm as a text, in the language of `t`."""
        return (
            [_refusal_text(t, each) for each in self.refusals]
            + [_bounce_text(t, each) for each in self.bounces]
            + ([_surge_text(t, self.surge)] if self.surge else [])
        )


def current(db: Database, now: datetime) -> Alarms:
    """The alarms now."""
    return Alarms(
        tuple(refusals.all_current(db)),
        tuple(bounce_alarms.undecided(db)),
        sign_up_limits.surge(db, now),
    )


def report_surge(db: Database, domain: str, now: datetime) -> None:
    """Begin the alarm about more sign-ups than a limit: of a domain, or in all (empty)."""
    with transaction(db):
        sign_up_limits.record_surge(db, domain, now)
        notify(db, now)


def notify(db: Database, now: datetime) -> None:
    """Queue a notice to each administrator, once an hour at most; its text is made when it is sent.

    The notice of an alarm within an hour of the last one is due when the hour is over.
    """
    for person in curators.list_all(db):
        if not person.may("administrator") or person.disabled is not None:
            continue
        last = outbox.newest(db, NOTICE, person.id)
        if last is None:
            outbox.add(db, NOTICE, now, curator=person.id)
        elif last.attempts:  # else it is not sent yet
            due = max(now, last.created + NOTICE_EVERY)
            outbox.add(db, NOTICE, due, curator=person.id)


def _refusal_text(t: Translator, refusal: Refusal) -> str:
    return t.gettext(
        _DOMAIN if refusal.domain else _SERVER,
        domain=refusal.domain,
        since=f"{refusal.since:%Y-%m-%d %H:%M}",
        reply=refusal.reply,
    )


def _surge_text(t: Translator, surge: SignUpSurge) -> str:
    return t.gettext(
        _SURGE_DOMAIN if surge.domain else _SURGE,
        domain=surge.domain,
        at=f"{surge.at:%Y-%m-%d %H:%M}",
    )


def _bounce_text(t: Translator, alarm: BounceAlarm) -> str:
    return t.gettext(
        _DEAD_DOMAIN if alarm.domain else _DEAD,
        dead=alarm.dead,
        recipients=alarm.recipients,
        domain=alarm.domain,
        date=alarm.date.isoformat(),
        reply=alarm.reply,
    )
