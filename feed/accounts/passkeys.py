"""Passkeys (WebAuthn): adding, removing, and signing in by them.

Both ceremonies have two steps. The options for the browser hold a challenge that is good once, for
five minutes, for one purpose and in one browser. The answer is checked against it, and against the
relying party, which comes from the base address alone. Whose passkey it is turns out by the answer
only.

A counter of signatures that does not grow may mean a copied authenticator, or a restored one: it
raises an alarm, and locks nobody out.
"""

import secrets
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlite_utils import Database

from feed.accounts import sign_in, sign_in_events, ways_in
from feed.config import Config
from feed.errors import InputError, NotFoundError, PasskeyError, gettext_noop
from feed.model.people import Curator, Passkey, Where
from feed.store import challenges, curators, passkeys
from feed.store.challenges import Challenge, Purpose
from feed.store.connection import transaction

if TYPE_CHECKING:
    from feed.accounts.webauthn_ceremonies import Credential, RelyingParty, Signature

MOST = 20  # passkeys of one person
_MOST = gettext_noop("You have %(most)s passkeys. Remove one that you no longer use first.")
_KNOWN = gettext_noop("This passkey is in your account already.")
_GONE = gettext_noop("This passkey is no longer in your account.")
_NOT_HERE = gettext_noop("This site can’t offer passkeys: they need https and a domain name.")


def adding_options(
    db: Database, config: Config, curator: Curator, browser: str, site: str, now: datetime
) -> str:
    """The options of `navigator.credentials.create()` for a person, as JSON. Raises InputError.

    `browser` is the hash of the browser's token, `site` the name of the site.
    """
    from feed.accounts import webauthn_ceremonies as ceremonies

    own = passkeys.of(db, curator.id)
    if len(own) >= MOST:
        raise InputError(_MOST, most=MOST)
    party, handle = _relying_party(config), own[0].handle if own else _text(secrets.token_bytes(32))
    challenge = _new_challenge(db, "passkey-add", browser, curator, now, handle=handle)
    return ceremonies.adding_options(party, site, curator, handle, own, challenge)


def add(
    db: Database,
    config: Config,
    curator: Curator,
    answer: str,
    browser: str,
    where: Where,
    now: datetime,
) -> None:
    """Add the passkey that the browser has made. Raises PasskeyError and InputError."""
    from feed.accounts import webauthn_ceremonies as ceremonies

    given = ceremonies.read_new(answer)
    challenge = _take_challenge(db, given, "passkey-add", browser, now)
    made = ceremonies.verify_new(_relying_party(config), given)
    if challenge.curator != curator.id:
        raise PasskeyError("expired")
    passkey = Passkey(
        id=made.id,
        curator=curator.id,
        handle=str(challenge.data["handle"]),
        public_key=made.public_key,
        counter=made.counter,
        name=where.device,
        transports=made.transports,
        synced=made.synced,
        made=now,
    )
    with transaction(db):
        if not passkeys.add(db, passkey):
            raise InputError(_KNOWN)
        sign_in_events.record(
            db, "way-added", where, now, curator=curator.id, method="passkey", notifies=True
        )


def remove(
    db: Database, config: Config, curator: Curator, number: str, where: Where, now: datetime
) -> None:
    """Remove a passkey. Raises NotFoundError, and InputError for the last way to sign in."""
    with transaction(db):
        ways_in.check_removal(db, config, curator)
        if not passkeys.remove(db, curator.id, number):
            raise NotFoundError(_GONE)
        sign_in_events.record(
            db, "way-removed", where, now, curator=curator.id, method="passkey", notifies=True
        )


def sign_in_options(
    db: Database, config: Config, browser: str, now: datetime, curator: Curator | None = None
) -> str:
    """The options of `navigator.credentials.get()`, as JSON.

    They name the passkeys of `curator`, who is signed in and proves that anew; otherwise none.
    """
    from feed.accounts import webauthn_ceremonies as ceremonies

    own = passkeys.of(db, curator.id) if curator else []
    party = _relying_party(config)
    challenge = _new_challenge(db, "passkey-sign-in", browser, curator, now)
    return ceremonies.sign_in_options(party, own, challenge)


def prove(
    db: Database, config: Config, answer: str, browser: str, where: Where, now: datetime
) -> Curator:
    """The person whose passkey has signed the challenge. Raises PasskeyError, and records why."""
    from feed.accounts import webauthn_ceremonies as ceremonies

    passkey: Passkey | None = None
    try:
        given = ceremonies.read_signed(answer)
        challenge = _take_challenge(db, given, "passkey-sign-in", browser, now)
        passkey = passkeys.by_id(db, given.id)
        if passkey is None or challenge.curator not in (None, passkey.curator):
            raise PasskeyError("unknown")
        party, is_known = _relying_party(config), challenge.curator is not None
        signature = ceremonies.verify_signed(party, given, passkey, is_known=is_known)
        return _accept(db, passkey.id, signature, where, now)
    except PasskeyError as error:
        with transaction(db):
            _record_refusal(db, passkey, error.outcome, where, now)
        raise


def _accept(
    db: Database, number: str, signature: "Signature", where: Where, now: datetime
) -> Curator:
    """The person of a passkey, as both are now. Raises PasskeyError."""
    with transaction(db):
        passkey = passkeys.by_id(db, number)
        found = curators.by_id(db, passkey.curator) if passkey else None
        if passkey is None or found is None:
            raise PasskeyError("unknown")
        if found.disabled:
            raise PasskeyError("disabled")
        if (signature.counter or passkey.counter) and signature.counter <= passkey.counter:
            _record_refusal(db, passkey, "counter", where, now, notifies=True)
        passkeys.record_use(db, number, signature.counter, now, synced=signature.synced)
        return found


def _record_refusal(
    db: Database,
    passkey: Passkey | None,
    outcome: str,
    where: Where,
    now: datetime,
    *,
    notifies: bool = False,
) -> None:
    number = passkey.curator if passkey else None
    sign_in_events.record(
        db,
        "refused",
        where,
        now,
        curator=number,
        method="passkey",
        outcome=outcome,
        notifies=notifies,
    )


def _new_challenge(
    db: Database,
    purpose: Purpose,
    browser: str,
    curator: Curator | None,
    now: datetime,
    **data: str,
) -> bytes:
    from feed.accounts.webauthn_ceremonies import TIME

    value = secrets.token_bytes(32)
    digest, number = sign_in.digest(_text(value)), curator.id if curator else None
    with transaction(db):
        challenges.add(db, digest, purpose, browser, {**data}, now + TIME, curator=number)
    return value


def _take_challenge(
    db: Database, given: "Credential", purpose: Purpose, browser: str, now: datetime
) -> Challenge:
    """Use up the challenge of an answer, whatever else is wrong with it. Raises PasskeyError."""
    from feed.accounts import webauthn_ceremonies as ceremonies

    digest = sign_in.digest(_text(ceremonies.challenge(given)))
    with transaction(db):
        found = challenges.take(db, digest, purpose, browser, now)
    if found is None:
        raise PasskeyError("expired")
    return found


def _relying_party(config: Config) -> "RelyingParty":
    from feed.accounts.webauthn_ceremonies import RelyingParty

    if not ways_in.available(config).passkey:
        raise NotFoundError(_NOT_HERE)
    url = urlsplit(config.base_url)
    usual = ":443" if url.scheme == "https" else ":80"  # browsers leave it out
    return RelyingParty(url.hostname or "", config.base_url.removesuffix(usual))


def _text(value: bytes) -> str:
    """Bytes in base64url without padding."""
    return urlsafe_b64encode(value).decode().rstrip("=")
