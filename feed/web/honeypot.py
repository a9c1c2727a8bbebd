"""Telling people from programs that fill in every form, without asking anybody for anything."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from itsdangerous import BadSignature, Signer

TRAP = "comment"  # a field that people neither see nor reach
STAMP = "stamp"
STAMP_TIME = timedelta(days=1)


def is_trapped(given: Mapping[str, str]) -> bool:
    """Whether a form was filled in by a program."""
    return bool(given.get(TRAP))


def stamp(key: bytes, now: datetime) -> str:
    """What a form carries to show that it was fetched here, and when."""
    return _signer(key).sign(str(int(now.timestamp()))).decode()


def is_fresh(key: bytes, given: Mapping[str, str], now: datetime) -> bool:
    """Whether a form carries such a stamp, a day old at most."""
    try:
        fetched = int(_signer(key).unsign(given.get(STAMP, "")))
    except (BadSignature, ValueError):
        return False
    return now.timestamp() - fetched <= STAMP_TIME.total_seconds()


def _signer(key: bytes) -> Signer:
    return Signer(key, salt="sign-up", key_derivation="hmac", digest_method=hashlib.sha256)
