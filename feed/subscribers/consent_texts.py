"""Consent sentences: shown on pages and in notices, and stored as proof of consent."""

from feed.i18n import Translator
from feed.model import Preferences


def described(t: Translator, preferences: Preferences) -> str:
    """Preferences in words: `every day at 07:00 (Stockholm, Sweden), in English`."""
    if preferences.cadence == "weekly":
        form = t.gettext("every Monday at %(hour)s (%(place)s), in %(language)s")
    elif preferences.workdays:
        form = t.gettext("Monday to Friday at %(hour)s (%(place)s), in %(language)s")
    else:
        form = t.gettext("every day at %(hour)s (%(place)s), in %(language)s")
    return form % {
        "hour": f"{preferences.hour:02}:00",
        "place": t.place(preferences.timezone),
        "language": t.language_name(preferences.languages),
    }


def consent(t: Translator, preferences: Preferences, site_name: str) -> str:
    """The sentence that a subscriber with these preferences agrees to."""
    return _sentence(t, described(t, preferences), site_name)


def offered(t: Translator, site_name: str) -> str:
    """The consent sentence of a form, before the choices are made."""
    return _sentence(t, t.gettext("as I have chosen here"), site_name)


def _sentence(t: Translator, choice: str, site_name: str) -> str:
    return t.gettext(
        "Send me emails from %(site)s: %(choice)s. I can stop them at any time.",
        site=site_name,
        choice=choice,
    )
