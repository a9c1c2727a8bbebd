"""What somebody agrees to, in words: shown on pages and in notices, and kept as proof."""

from feed.i18n import Translator
from feed.model import Preferences


def described(t: Translator, wishes: Preferences) -> str:
    """The letters somebody wants: `every workday at 07:00 (Europe/Stockholm), in English`."""
    if wishes.cadence == "weekly":
        form = t.gettext("every Monday at %(hour)s (%(timezone)s), in %(language)s")
    elif wishes.workdays:
        form = t.gettext("Monday to Friday at %(hour)s (%(timezone)s), in %(language)s")
    else:
        form = t.gettext("every day at %(hour)s (%(timezone)s), in %(language)s")
    return form % {
        "hour": f"{wishes.hour:02}:00",
        "timezone": wishes.timezone,
        "language": t.language_name(wishes.language),
    }


def consent(t: Translator, wishes: Preferences, site_name: str) -> str:
    """The sentence that somebody agrees to."""
    return _sentence(t, described(t, wishes), site_name)


def offered(t: Translator, site_name: str) -> str:
    """The same sentence beside a form, where the choice is still to be made."""
    return _sentence(t, t.gettext("as I have chosen here"), site_name)


def _sentence(t: Translator, choice: str, site_name: str) -> str:
    return t.gettext(
        "Send me letters from %(site)s: %(choice)s. I can stop them at any time.",
        site=site_name,
        choice=choice,
    )
