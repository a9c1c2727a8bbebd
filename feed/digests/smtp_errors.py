"""Translate errors of the SMTP client into those of Devis, which name the settings to correct."""

from collections.abc import Iterator
from contextlib import contextmanager

from feed.errors import MailError, MailRefusedError, MailUnavailableError
from feed.smtp import SmtpError, SmtpProblem, SmtpRefusedError

_MESSAGES: dict[SmtpProblem, str] = {
    "authorities": "The certificates in %(file)s cannot be read: %(reason)s.",
    "certificate": (
        "The certificate of the mail server %(server)s is not trusted: %(reason)s. Correct the host"
        " in DEVIS_SMTP_URL, or add ?ca= with the file of its certificate authority."
    ),
    "tls": (
        "The mail server %(server)s offers no secure connection: %(reason)s. Is it smtp:// or"
        " smtps:// in DEVIS_SMTP_URL, and is the port right?"
    ),
    "starttls": (
        "The mail server %(server)s offers no STARTTLS. If the network to it is trusted, add"
        " ?tls=off to DEVIS_SMTP_URL; or try smtps://."
    ),
    "login": (
        "The mail server %(server)s refuses the login: %(answer)s. Correct the user and the"
        " password in DEVIS_SMTP_URL."
    ),
    "connection": (
        "The mail server %(server)s refuses this client: %(answer)s. Ask its administrator why."
    ),
    "sender": (
        "The mail server %(server)s refuses the sender: %(answer)s. Correct DEVIS_MAIL_FROM or"
        " DEVIS_BOUNCE_ADDRESS, or log in as a user who may send for it."
    ),
    "unreachable": "The mail server %(server)s cannot be reached: %(reason)s. Emails stay queued.",
    "busy": "The mail server %(server)s accepts no emails now: %(answer)s. Emails stay queued.",
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise MailRefusedError or MailUnavailableError in place of an SmtpError."""
    try:
        yield
    except SmtpError as error:
        raise _translated(error) from None


def _translated(error: SmtpError) -> MailError:
    kind = MailRefusedError if isinstance(error, SmtpRefusedError) else MailUnavailableError
    return kind(
        _MESSAGES[error.problem],
        server=error.server,
        answer=error.reply,
        reason=error.reply,
        file=error.file,
    )
