"""Pages that are addressed to one subscriber, and speak the language of their letters."""

from flask import g, render_template

from feed.digests import schedule
from feed.model import Preferences, Subscriber, email_addresses
from feed.subscribers import consent_texts, links
from feed.web.context import key, language, now, site, translate
from feed.web.middleware.redact import SUBSCRIPTION

PREFIX = f"{SUBSCRIPTION}<token>"


def speak_to(found: Subscriber) -> None:
    """Go on in the language of the letters to somebody."""
    wanted = found.preferences.language
    g.language = wanted if wanted in site().languages else site().languages[0]


def page(name: str, found: Subscriber, token: str | None = None, **values: object) -> str:
    """A page for one subscriber; its template knows the masked `address`, never the whole one.

    With the `token` of the letter that it was opened from, it leads to nothing that this does not
    open: not even the masked address is for readers of an earlier one.
    """
    speak_to(found)
    t, wishes = translate(), found.preferences
    letter = links.digest_token(key(), found)
    is_theirs = token in (None, letter)
    return render_template(
        f"subscription/{name}.html",
        wishes=wishes,
        status=found.status,
        address=email_addresses.masked(found.address) if is_theirs else "…",
        is_theirs=is_theirs,
        choice=_choice,
        consent=consent_texts.consent(t, wishes, site().name(language())),
        offered=consent_texts.offered(t, site().name(language())),
        letter=token or letter,
        next_due=schedule.next_due(site(), wishes, now(), found.paused_until),
        **values,
    )


def _choice(wishes: Preferences) -> str:
    """The letters that somebody wants, in words that begin a sentence."""
    words = consent_texts.described(translate(), wishes)
    return words[:1].upper() + words[1:]
