"""Pages that are addressed to one subscriber, and speak the language of their letters."""

from flask import g, render_template

from feed.digests import schedule
from feed.mail import addresses, tokens
from feed.model import Preferences, Subscriber
from feed.subscriptions import wording
from feed.web.context import key, language, now, site, translate
from feed.web.paths import SUBSCRIPTION

PREFIX = f"{SUBSCRIPTION}<token>"


def speak_to(found: Subscriber) -> None:
    """Go on in the language of the letters to somebody."""
    wanted = found.preferences.language
    g.language = wanted if wanted in site().languages else site().languages[0]


def page(name: str, found: Subscriber, **values: object) -> str:
    """A page for one subscriber; its template knows the masked `address`, never the whole one."""
    speak_to(found)
    t, wishes = translate(), found.preferences
    return render_template(
        f"subscription/{name}.html",
        wishes=wishes,
        status=found.status,
        address=addresses.masked(found.address),
        choice=_choice,
        consent=wording.consent(t, wishes, site().name(language())),
        offered=wording.offered(t, site().name(language())),
        letter=tokens.make(key(), "letter", found.id),
        next_due=schedule.next_due(site(), wishes, now(), found.paused_until),
        **values,
    )


def _choice(wishes: Preferences) -> str:
    """The letters that somebody wants, in words that begin a sentence."""
    words = wording.described(translate(), wishes)
    return words[:1].upper() + words[1:]
