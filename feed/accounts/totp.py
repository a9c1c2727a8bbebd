"""The second factor: codes that a telephone makes from the time (RFC 6238), and codes on paper."""

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
DRIFT = 1  # steps that a telephone's clock may be wrong by
_REQUIRED = "factor_required"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another
WRONG = gettext_noop("The code is not right: expected the six digits that your app shows now.")

_HAS_ONE = gettext_noop("There is a second factor already: end that one first.")


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret to be put into an app: as letters, and as a picture (an SVG element)."""

    secret: str
    picture: str


def offer(curator: Curator, site_name: str, secret: str | None = None) -> Offer:
    """A new secret for somebody, or the one that was offered before."""
    import pyotp  # slow to load, as the next: not for every process
    import segno

    made = secret if secret and _is_secret(secret) else pyotp.random_base32()
    address = pyotp.TOTP(made).provisioning_uri(name=curator.address, issuer_name=site_name)
    code = segno.make(address, error="m")
    return Offer(made, code.svg_inline(scale=5, border=2, dark="#000", light="#fff"))


def begin(db: Database, curator: Curator, secret: str, code: str, now: datetime) -> list[str]:
    """Ask for a code of this secret from now on; the recovery codes. Raises FormError.

    What asks for codes already stays: it takes one of its codes to end it first.
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
    """Ask for no code any more; where one is required of everybody, the next is to be set up."""
    with transaction(db):
        forget(db, curator.id)


def forget(db: Database, number: int) -> None:
    """Forget somebody's second factor, with the codes on paper."""
    curators.change(db, number, factor=None)
    curators.put_recovery_codes(db, number, [])


def renew_codes(db: Database, curator: Curator) -> list[str]:
    """New recovery codes in place of the old ones."""
    with transaction(db):
        return _new_codes(db, curator)


def is_right(db: Database, curator: Curator, code: str, now: datetime) -> bool:
    """Whether a code of the app, or one on paper, is right; each is taken once."""
    typed = "".join(code.split()).replace("-", "").lower()
    secret = curators.factor(db, curator.id)
    step = _step(secret, typed, now) if secret else None
    with transaction(db):
        if step is not None:
            return curators.take_step(db, curator.id, step)
        return curators.use_recovery_code(db, curator.id, _digest(typed))


def is_required(db: Database) -> bool:
    """Whether everybody at the desk needs a second factor."""
    return meta.get(db, _REQUIRED) == "1"


def require(db: Database, required: bool) -> None:
    """Require a second factor of everybody, or no longer."""
    with transaction(db):
        meta.put(db, _REQUIRED, "1" if required else "0")


def _new_codes(db: Database, curator: Curator) -> list[str]:
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    curators.put_recovery_codes(db, curator.id, [_digest(code) for code in codes])
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code it is; None where it is none near `now`."""
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
    # Fifty bits of chance, and few tries: a slow hash would add nothing.
    return hashlib.sha256(code.encode()).hexdigest()
