"""The ways to sign in: which of them a site can offer, and from whom it requires a stronger one."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlite_utils import Database

from feed.config import Config, identity
from feed.errors import InputError, gettext_noop
from feed.model.people import Curator
from feed.store import challenges, curators, meta, outbox, sessions
from feed.store.connection import transaction

_REQUIRED = "strong_sign_in_required"
_LAST = gettext_noop("This is your only way to sign in. Add another one first.")


@dataclass(frozen=True, slots=True)
class WaysIn:
    """Whether a site can offer links by e-mail, passkeys, and the organisation's sign-on.

    Only secure origins (https, or this machine) offer any of them: elsewhere, anyone on the way
    could read the session's cookie. Printed links always work.
    """

    is_secure: bool
    mailed_link: bool
    passkey: bool
    sign_on: bool

    @property
    def is_strong(self) -> bool:
        """Whether there is a way that is stronger than a link."""
        return self.passkey or self.sign_on


def available(config: Config) -> WaysIn:
    """The ways to sign in that a site with these settings can offer."""
    is_https = config.base_url.startswith("https://")
    is_secure = is_https or not config.is_public
    host = urlsplit(config.base_url).hostname or ""
    return WaysIn(
        is_secure=is_secure,
        # Without a mail server a trial writes its e-mails into a folder.
        mailed_link=is_secure and (config.sends_email or not config.is_public),
        passkey=is_secure and not identity.is_ip_address(host),  # a passkey needs a domain
        sign_on=is_secure and config.oidc_client is not None,
    )


def is_switched_on(db: Database) -> bool:
    """Whether an administrator requires a stronger way than a link of editors."""
    return meta.get(db, _REQUIRED) == "1"


def require_strong(db: Database, required: bool) -> None:
    """Switch on or off that editors and administrators need a stronger way than a link."""
    with transaction(db):
        meta.put(db, _REQUIRED, "1" if required else "0")


def is_strong_required(db: Database, config: Config, curator: Curator) -> bool:
    """Whether a link is not enough for a person: for editors and administrators.

    On a public site as soon as one administrator has a stronger way; anywhere as soon as an
    administrator has switched it on.
    """
    if not available(config).is_strong or not curator.may("editor"):
        return False
    if is_switched_on(db):
        return True
    return config.is_public and curators.has_strong_administrator(db)


def check_removal(db: Database, config: Config, curator: Curator) -> None:
    """Raise InputError if a person has only one passkey or sign-on, and a link is not enough.

    For a transaction that then removes one of theirs.
    """
    found = curators.by_id(db, curator.id) or curator
    is_link_enough = available(config).mailed_link and not is_strong_required(db, config, found)
    if found.passkeys + found.sign_ons <= 1 and not is_link_enough:
        raise InputError(_LAST)


def remove_all(db: Database, number: int, now: datetime) -> None:
    """Remove an account's ways in, and end its sessions, inside a transaction."""
    curators.delete_ways_in(db, number)
    end_all(db, number, now)


def end_all(db: Database, number: int, now: datetime) -> None:
    """End an account's sessions, challenges and links, inside a transaction."""
    sessions.end_all(db, number)
    challenges.delete_of_curator(db, number)
    outbox.void_links(db, number, now)
