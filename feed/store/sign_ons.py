"""Identities at the organisation's sign-on, each connected to one account of the desk."""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.store.connection import fetch_rows, stamp


@dataclass(frozen=True, slots=True)
class SignOn:
    """An identity: `subject` is its name at the `issuer`, `address` is for people to read."""

    issuer: str
    subject: str
    curator: int
    address: str
    made: datetime


def add(db: Database, issuer: str, subject: str, curator: int, address: str, now: datetime) -> None:
    """Connect an identity, which must not be connected, to an account.

    It replaces those at other issuers, which the site had before.
    """
    db.execute("DELETE FROM sign_ons WHERE curator = ?", [curator])
    db.execute(
        "INSERT INTO sign_ons (issuer, subject, curator, address, made) VALUES (?, ?, ?, ?, ?)",
        [issuer, subject, curator, address, stamp(now)],
    )


def find(db: Database, issuer: str, subject: str) -> SignOn | None:
    """The identity with that issuer and subject; None if it is not connected."""
    return _one(db, "issuer = ? AND subject = ?", [issuer, subject])


def of_curator(db: Database, issuer: str, curator: int) -> SignOn | None:
    """The identity of an account at an issuer; None if it has none."""
    return _one(db, "issuer = ? AND curator = ?", [issuer, curator])


def record_use(db: Database, issuer: str, subject: str, now: datetime) -> None:
    """Record that an identity has signed in."""
    db.execute(
        "UPDATE sign_ons SET used = ? WHERE issuer = ? AND subject = ?",
        [stamp(now), issuer, subject],
    )


def remove(db: Database, issuer: str, curator: int) -> bool:
    """Disconnect an account's identity at an issuer; False if it has none."""
    done = db.execute("DELETE FROM sign_ons WHERE issuer = ? AND curator = ?", [issuer, curator])
    return done.rowcount > 0


def _one(db: Database, where: str, values: list[object]) -> SignOn | None:
    query = f"SELECT issuer, subject, curator, address, made FROM sign_ons WHERE {where}"
    row = next(iter(fetch_rows(db, query, values)), None)
    return SignOn(**{**row, "made": datetime.fromisoformat(row["made"])}) if row else None
