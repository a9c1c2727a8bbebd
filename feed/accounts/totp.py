"""The second factor: time-based one-time passwords (TOTP, RFC 6238) and recovery codes."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.errors import FormError, InputError, gettext_noop
from feed.model.people import Curator
from feed.store import curators, meta
from feed.store.connection import transaction

RECOVERY_CODES = 10
STEP_SECONDS = 30
DRIFT = 1  # steps by which the clock of the app may be wrong
_REQUIRED = "factor_required"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without look-alikes
WRONG = gettext_noop("The code is not right: expected the six digits that your app shows now.")

_HAS_ONE = gettext_noop("There is already a second factor. Remove that one first.")


@dataclass(frozen=True, slots=True)
class Offer:
    """A TOTP secret to set up in an app: base32, and its QR code as an SVG element."""

    secret: str
    picture: str


def offer(curator: Curator, site_name: str, secret: str | None = None) -> Offer:
    """A new TOTP secret, or `secret` again if it is well-formed."""
    import pyotp  # slow to load, as the next: not for every process
    import segno

    made = secret if secret and _is_secret(secret) else pyotp.random_base32()
    address = pyotp.TOTP(made).provisioning_uri(name=curator.address, issuer_name=site_name)
    code = segno.make(address, error="m")
    return Offer(made, code.svg_inline(scale=5, border=2, dark="#000", light="#fff"))


def begin(db: Database, curator: Curator, secret: str, code: str, now: datetime) -> list[str]:
    """Enable the second factor with this secret; returns the recovery codes. Raises FormError.

    An existing second factor must be disabled first.
    """
    step = _step(secret, code, now) if _is_secret(secret) else None
    if step is None:
        raise FormError({"code": InputError(WRONG)})
    with transaction(db):
        if curators.factor(db, curator.id) is not None:
            raise FormError({"code": InputError(_HAS_ONE)})
        curators.change(db, curator.id, factor=secret, factor_step=step)
        return _new_codes(db, curator)


def end(db: Database, curator: Curator) -> None:
    """Disable a person's second factor."""
    with transaction(db):
        forget(db, curator.id)


def forget(db: Database, number: int) -> None:
    """Delete an account's second factor and recovery codes, inside a transaction."""
    curators.change(db, number, factor=None)
    curators.put_recovery_codes(db, number, [])


def renew_codes(db: Database, curator: Curator) -> list[str]:
    """Replace the recovery codes; returns the new ones."""
    with transaction(db):
        return _new_codes(db, curator)


def is_right(db: Database, curator: Curator, code: str, now: datetime) -> bool:
    """Whether a TOTP or recovery code is right; each is accepted once."""
    typed = "".join(code.split()).replace("-", "").lower()
    secret = curators.factor(db, curator.id)
    step = _step(secret, typed, now) if secret else None
    with transaction(db):
        if step is not None:
            return curators.take_step(db, curator.id, step)
        return curators.use_recovery_code(db, curator.id, _digest(typed))


def is_required(db: Database) -> bool:
    """Whether a second factor is required of all accounts."""
    return meta.get(db, _REQUIRED) == "1"


def require(db: Database, required: bool) -> None:
    """Set whether a second factor is required of all accounts."""
    with transaction(db):
        meta.put(db, _REQUIRED, "1" if required else "0")


def _new_codes(db: Database, curator: Curator) -> list[str]:
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    curators.put_recovery_codes(db, curator.id, [_digest(code) for code in codes])
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _step(secret: str, code: str, now: datetime) -> int | None:
    """The time step of a code; None if it matches no step near `now`."""
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
        return None
    import pyotp  # slow to load

    present = int(now.timestamp()) // STEP_SECONDS
    for step in range(present - DRIFT, present + DRIFT + 1):
        if secrets.compare_digest(pyotp.TOTP(secret).at(step * STEP_SECONDS), digits):
            return step
    return None


def _is_secret(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def _digest(code: str) -> str:
    # Fifty random bits, and rate-limited attempts: a slow hash would add nothing.
    return hashlib.sha256(code.encode()).hexdigest()
