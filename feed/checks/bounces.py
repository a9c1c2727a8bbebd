"""Check of the folder in which bounces arrive."""

from datetime import datetime

from feed.checks.finding import Finding, bad, good
from feed.config import Config
from feed.digests import bounce_folder as folders
from feed.errors import MailError


def bounce_folder(config: Config, now: datetime) -> Finding:
    """The folder of DEVIS_BOUNCE_IMAP can be read; nothing in it is changed."""
    folder = config.bounce_imap
    if folder is None:
        return good("None is set: the mail server feeds bounces to “devis bounce”.")
    try:
        number = folders.count(folder, config.bounce_imap_password)
    except MailError as error:
        return bad(
            "%(error)s",
            "Compare DEVIS_BOUNCE_IMAP and its password with the mailbox: no bounce is counted.",
            error=error,
        )
    return good(
        "%(place)s can be read; messages in it: %(number)s.", place=folder.place, number=number
    )
