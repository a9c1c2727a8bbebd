"""Limits of sign-ups: by mailbox, by domain and for the site; single-use stamps; the pause.

An address is counted before it is looked up, so that no limit reveals who subscribes. The counters
are in a file that all web processes share; if they fail, sign-ups pass.
"""

import hmac
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlite_utils import Database

from feed.config import Config
from feed.errors import StoreError
from feed.model import email_addresses
from feed.store import meta
from feed.store.connection import transaction
from feed.store.counters import RATES_FILE, Failure, RateCounters

log = logging.getLogger(__name__)

HOUR, DAY = 3600, 86_400
MAX_BY_MAILBOX = 3  # a day
MAX_BY_DOMAIN = 60  # an hour; the organisation's own domains have no limit
SURGE_SHOWN = timedelta(days=1)

_ACCEPTED, _IGNORED, _DELAYED = "sign-ups accepted", "sign-ups ignored", "sign-ups delayed"
_PAUSED, _SURGE = "sign_up_paused", "sign_up_surge"  # keys in the database

Outcome = Literal["accepted", "ignored", "used", "delayed"]


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of a sign-up.

    `ignored`: its mailbox has had enough emails, or it is the same form again; the answer is the
    usual one. `used`: the form's stamp was spent on another address. `delayed`: too many sign-ups
    at `domain`, or in all where it is empty, to be tried again after `seconds`; `is_new` is the
    first delay in an hour.
    """

    outcome: Outcome
    domain: str = ""
    seconds: float = 0.0
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class SignUpSurge:
    """More sign-ups than a limit, last noticed at `at`: of a domain, or in all (empty)."""

    at: datetime
    domain: str


def admit(config: Config, key: bytes, address: str, stamp: str, network: str) -> Admission:
    """Count a sign-up from a network against every limit, and spend the stamp of its form."""
    counters = RateCounters(config.instance / RATES_FILE)
    try:
        return _admit(counters, config, key, address, stamp, network)
    except (StoreError, Failure) as error:
        log.error("limits of sign-ups are off while counting fails: %s", error)
        return Admission("accepted")


def _admit(
    counters: RateCounters, config: Config, key: bytes, address: str, stamp: str, network: str
) -> Admission:
    domain = email_addresses.domain(address)
    mailbox = _hash(key, email_addresses.mailbox(address))
    spent, _ = counters.add(f"stamp {stamp}", DAY)
    again, _ = counters.add(f"stamp {stamp} {mailbox}", DAY)
    if spent > 1:
        return Admission("ignored" if again > 1 else "used")
    limits = {_ACCEPTED: config.signup_limit}
    if not _is_own(config, domain):
        at_domain = f"sign-ups at {_hash(key, domain)}"
        # Half from one network: nobody alone can close a domain to everybody else.
        limits |= {f"{at_domain} from {network}": MAX_BY_DOMAIN // 2, at_domain: MAX_BY_DOMAIN}
    for name, limit in limits.items():
        number, left = counters.get(name)
        if number >= limit:
            counters.add(_DELAYED, HOUR)
            delayed, _ = counters.add(f"{name} delayed", HOUR)
            at = "" if name == _ACCEPTED else domain
            return Admission("delayed", at, left, is_new=delayed == 1)
    if counters.add(f"sign-ups of {mailbox}", DAY)[0] > MAX_BY_MAILBOX:
        counters.add(_IGNORED, HOUR)
        return Admission("ignored")
    for name in limits:
        counters.add(name, HOUR)
    return Admission("accepted")


def counts(config: Config) -> dict[str, int]:
    """Sign-ups of this hour by outcome: accepted, ignored, delayed; empty if counting fails."""
    counters = RateCounters(config.instance / RATES_FILE)
    names = {"accepted": _ACCEPTED, "ignored": _IGNORED, "delayed": _DELAYED}
    try:
        return {outcome: counters.get(name)[0] for outcome, name in names.items()}
    except (StoreError, Failure):
        return {}


def pause(db: Database, now: datetime) -> None:
    """Refuse new sign-ups until `resume`; earlier ones can still be confirmed."""
    with transaction(db):
        meta.set_default(db, _PAUSED, now.isoformat(timespec="seconds"))


def resume(db: Database) -> None:
    """Accept sign-ups again."""
    with transaction(db):
        meta.delete(db, _PAUSED)


def paused_since(db: Database) -> datetime | None:
    """Since when sign-up is paused; None if it is not."""
    stored = meta.get(db, _PAUSED)
    return datetime.fromisoformat(stored) if stored else None


def record_surge(db: Database, domain: str, now: datetime) -> None:
    """Remember a surge for its alarm, within the caller's transaction."""
    meta.put(db, _SURGE, f"{now.isoformat(timespec='seconds')} {domain}")


def surge(db: Database, now: datetime) -> SignUpSurge | None:
    """The newest surge, for SURGE_SHOWN."""
    at, _, domain = (meta.get(db, _SURGE) or "").partition(" ")
    if not at or now - datetime.fromisoformat(at) > SURGE_SHOWN:
        return None
    return SignUpSurge(datetime.fromisoformat(at), domain)


def _is_own(config: Config, domain: str) -> bool:
    """Whether a domain is the organisation's: it may subscribe all at once on the first morning."""
    sender = email_addresses.domain(config.mail_from[1])
    return domain in config.mail_domains or f".{sender}".endswith(f".{domain}")


def _hash(key: bytes, text: str) -> str:
    return hmac.digest(key, b"sign-up\0" + text.encode(), "sha256").hex()[:32]
