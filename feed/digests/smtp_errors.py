"""Translate errors of the SMTP client into those of Devis, which name the settings to correct."""

from collections.abc import Iterator
from contextlib import contextmanager

from feed.errors import MailError, MailRefusedError, MailUnavailableError
from feed.smtp import SmtpError, SmtpProblem, SmtpRefusedError
from feed.smtp.failure_limits import MAX_REFUSALS

_MESSAGES: dict[SmtpProblem, str] = {
    "authorities": "The certificates in %(file)s cannot be read: %(reason)s.",
    "certificate": (
        "The certificate of the mail server %(server)s is not trusted: %(reason)s. Correct"
        " the host in DEVIS_SMTP_URL, or name its authority’s file there with ?ca=…"
    ),
    "tls": (
        "No secure connection with the mail server %(server)s: %(reason)s. Is it smtp:// or"
        " smtps:// in DEVIS_SMTP_URL, and is the port right?"
    ),
    "starttls": (
        "The mail server %(server)s offers no STARTTLS. If the way to it is safe, add"
        " ?tls=off to DEVIS_SMTP_URL; or try smtps://."
    ),
    "login": (
        "The mail server %(server)s refuses the login: %(answer)s. Correct the user and the"
        " password in DEVIS_SMTP_URL."
    ),
    "connection": "The mail server %(server)s will not have us: %(answer)s. Ask who runs it.",
    "sender": (
        "The mail server %(server)s refuses the sender: %(answer)s. Correct DEVIS_MAIL_FROM or"
        " DEVIS_BOUNCE_ADDRESS, or log in as one who may send for it."
    ),
    "messages": (
        "The mail server %(server)s refused %(count)s letters in a row: %(answer)s. Ask who runs it"
        " what is wrong with them."
    ),
    "unreachable": "The mail server %(server)s cannot be reached: %(reason)s. The letters wait.",
    "busy": "The mail server %(server)s takes no letters now: %(answer)s. The letters wait.",
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
        count=MAX_REFUSALS,
    )
