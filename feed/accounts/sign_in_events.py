"""Record the steps of sign-in, in the database and the log, and e-mail their person about some."""

import logging
from datetime import datetime

from sqlite_utils import Database

from feed.errors import gettext_noop
from feed.i18n import Translator
from feed.model.people import Method, Where
from feed.store import outbox, sign_in_events
from feed.store.sign_in_events import Action, SignInEvent

log = logging.getLogger(__name__)

COMMAND_LINE = Where("", "")
_SENTENCES: dict[Action, str | dict[Method, str]] = {
    "asked": gettext_noop("Someone asked for a sign-in link"),
    "proved": {
        "link": gettext_noop("Signed in with a link"),
        "passkey": gettext_noop("Signed in with a passkey"),
        "sign-on": gettext_noop("Signed in with the organisation’s sign-in"),
    },
    "elevated": {
        "link": gettext_noop("Confirmed with a link"),
        "passkey": gettext_noop("Confirmed with a passkey"),
        "sign-on": gettext_noop("Confirmed with the organisation’s sign-in"),
    },
    "refused": {
        "link": gettext_noop("A link or code was refused"),
        "passkey": gettext_noop("A passkey was refused"),
        "sign-on": gettext_noop("The organisation’s sign-in was refused"),
    },
    "signed-out": gettext_noop("Signed out"),
    "session-ended": gettext_noop("Sessions were ended"),
    "way-added": {
        "link": gettext_noop("A way to sign in was added"),
        "passkey": gettext_noop("A passkey was added"),
        "sign-on": gettext_noop("The organisation’s sign-in was connected"),
    },
    "way-removed": {
        "link": gettext_noop("A way to sign in was removed"),
        "passkey": gettext_noop("A passkey was removed"),
        "sign-on": gettext_noop("The organisation’s sign-in was disconnected"),
    },
    "reset": gettext_noop("The account was reset"),
    "disabled": gettext_noop("The account was disabled"),
    "enabled": gettext_noop("The account was enabled again"),
}
# Why something was refused or no link was sent, where that helps the person.
_REASONS = {
    "limit": gettext_noop("too many, so none was sent"),
    "code": gettext_noop("wrong code"),
    "declined": gettext_noop("cancelled, or not allowed there"),
    "unverified": gettext_noop("the address isn’t verified there"),
    "other-address": gettext_noop("another address there"),
    "someone-else": gettext_noop("someone else’s account there"),
    "not-fresh": gettext_noop("no new sign-in there"),
    "provider": gettext_noop("it wasn’t working"),
}
_COPIED = gettext_noop("Signed in with a passkey that may have been copied")


def record(
    db: Database,
    action: Action,
    where: Where,
    now: datetime,
    *,
    curator: int | None,
    method: Method | None = None,
    outcome: str = "",
    notifies: bool = False,
) -> None:
    """Record a step of sign-in, inside a transaction.

    `curator` is None where nobody has the address. `outcome` is why it was refused, in a word.
    With `notifies` the person gets an e-mail about it.
    """
    item = None
    if notifies and curator is not None:
        item = outbox.add(db, sign_in_events.NOTICE, now, curator=curator)
    sign_in_events.add(
        db,
        action,
        where,
        now,
        curator=curator,
        method=method,
        outcome=outcome,
        notice=item.id if item else None,
    )
    level = logging.WARNING if action == "refused" else logging.INFO
    what = " ".join(filter(None, (action, method and f"by {method}", outcome and f"({outcome})")))
    person = "nobody" if curator is None else curator
    log.log(level, "desk: person %s: %s, from %s", person, what, where.network or "this machine")


def sentence(t: Translator, event: SignInEvent) -> str:
    """What happened, in a few words of a language."""
    words = _COPIED if event.outcome == "counter" else _SENTENCES[event.action]
    message = words if isinstance(words, str) else words[event.method or "link"]
    reason = _REASONS.get(event.outcome)
    said = t.gettext(message)
    return f"{said} ({t.gettext(reason)})" if reason else said
