"""Alarms of sending: refusals of the sender, and many dead addresses at once.

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
from feed.store.refusals import Refusal

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


@dataclass(frozen=True, slots=True)
class Alarms:
    """The current alarms; `bounces` are those that wait for a decision."""

    refusals: tuple[Refusal, ...]
    bounces: tuple[BounceAlarm, ...]

    @property
    def are_over(self) -> bool:
        """Whether there is none."""
        return not (self.refusals or self.bounces)

    def texts(self, t: Translator) -> list[str]:
        """Each alarm as a text, in the language of `t`."""
        return [_refusal_text(t, each) for each in self.refusals] + [
            _bounce_text(t, each) for each in self.bounces
        ]


def current(db: Database) -> Alarms:
    """The alarms now."""
    return Alarms(tuple(refusals.all_current(db)), tuple(bounce_alarms.undecided(db)))


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


def _bounce_text(t: Translator, alarm: BounceAlarm) -> str:
    return t.gettext(
        _DEAD_DOMAIN if alarm.domain else _DEAD,
        dead=alarm.dead,
        recipients=alarm.recipients,
        domain=alarm.domain,
        date=alarm.date.isoformat(),
        reply=alarm.reply,
    )
