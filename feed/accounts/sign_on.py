"""Sign-in by the organisation's OpenID Connect provider: whose account an identity belongs to.

An identity is an issuer and a subject, never an e-mail address. It is connected to an account once:
by its person, signed in with a fresh proof, or by an open invitation to an address in the domains
of the organisation. Either way the provider must answer for the account's own address. Roles and
accounts are of this site alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlite_utils import Database

from feed.accounts import ways_in
from feed.accounts.oidc import Flow, Identity, OidcProvider
from feed.accounts.sign_in import ABSOLUTE, PROOF_TIME, digest, new_token
from feed.accounts.sign_in_events import record
from feed.config import Config
from feed.errors import InputError, gettext_noop
from feed.model import email_addresses
from feed.model.people import Curator, Where
from feed.store import challenges, curators, outbox, sessions, sign_ons
from feed.store.connection import transaction

# What an authorization request is for: to sign in, to prove anew who one is, or to connect.
Aim = Literal["sign-in", "confirm", "connect"]

FLOW_TIME = timedelta(minutes=10)  # to type passwords and codes at the provider
CALLBACK = "/desk/sign-on/callback"
_STALE = gettext_noop(
    "This sign-in began in another browser, has already been used, or took too long. Start again."
)
_DECLINED = gettext_noop(
    "%(provider)s didn’t let you in. If you cancelled, just start again. If you didn’t, ask those"
    " who run it whether you may use this site."
)
_UNKNOWN = gettext_noop(
    "You’re signed in at %(provider)s, but no account here is connected to you there. If you have"
    " one, sign in with a link and connect it under “Your account”. If not, ask an administrator to"
    " invite you."
)
_DISABLED = gettext_noop("Your account is disabled. Ask an administrator.")
_SOMEONE_ELSE = gettext_noop(
    "At %(provider)s you are signed in as someone else. Sign out there, and start again."
)
_NOT_FRESH = gettext_noop(
    "%(provider)s doesn’t say that you have just signed in there, so it can’t confirm that it’s"
    " you. Use a passkey, or sign out here and sign in with a link."
)
_UNVERIFIED = gettext_noop(
    "%(provider)s doesn’t vouch for an email address of yours, so it can’t be connected. Those who"
    " run it can change that."
)
_OTHER_ADDRESS = gettext_noop(
    "Your address at %(provider)s is %(theirs)s, but here it is %(address)s. They must be the same."
)
_TAKEN = gettext_noop("Your account at %(provider)s is connected to someone else here.")
_ANOTHER = gettext_noop(
    "Another account at %(provider)s is connected to yours. Disconnect that one first."
)


class SignOnError(InputError):
    """A sign-on that leads to no account; `outcome` says why in a word, for the audit."""

    def __init__(self, outcome: str, message: str, curator: int | None, **values: object) -> None:
        self.outcome = outcome
        self.curator = curator
        super().__init__(message, **values)


@dataclass(frozen=True, slots=True)
class Response:
    """An authorization response, as the browser brings it from the provider."""

    state: str
    code: str
    issuer: str | None
    error: str


@dataclass(frozen=True, slots=True)
class SignedOn:
    """Whose sign-on is complete, where they go on to, and when they proved who they are."""

    curator: Curator
    next_path: str
    proved: datetime


def begin(
    db: Database,
    config: Config,
    provider: OidcProvider,
    aim: Aim,
    browser: str,
    next_path: str,
    now: datetime,
    curator: Curator | None = None,
) -> str:
    """Begin a sign-on; returns the URL of the provider to send the browser to.

    `browser` is the hash of the browser's token, `curator` the person signed in who confirms or
    connects. Raises ProviderError.
    """
    flow = Flow(new_token(), new_token(), new_token(), _redirect_uri(config))
    url = provider.authorization_url(flow, renew=aim == "confirm")
    data = {"aim": aim, "nonce": flow.nonce, "verifier": flow.verifier, "next": next_path}
    with transaction(db):
        person = curator.id if curator else None
        challenge, expires = digest(flow.state), now + FLOW_TIME
        challenges.add(db, challenge, "sign-on", browser, data, expires, curator=person)
    return url


def finish(
    db: Database,
    config: Config,
    provider: OidcProvider,
    response: Response,
    browser: str,
    where: Where,
    now: datetime,
) -> SignedOn:
    """Check an authorization response, and find or connect its account.

    Raises SignOnError, and ProviderError for what the provider must not say.
    """
    name = provider.client.name
    with transaction(db):
        taken = challenges.take(db, digest(response.state), "sign-on", browser, now)
    if taken is None:
        raise SignOnError("state", _STALE, None)
    provider.check_issuer(response.issuer)
    if response.error:
        raise SignOnError("declined", _DECLINED, taken.curator, provider=name)
    data = taken.data
    flow = Flow(response.state, data["nonce"], data["verifier"], _redirect_uri(config))
    found = provider.identify(flow, response.code, now)
    with transaction(db):
        if data["aim"] == "connect":
            if sessions.find(db, browser) is None:  # ended while the provider was asked
                raise SignOnError("state", _STALE, taken.curator)
            person = _connect(db, provider, found, taken.curator, where, now)
        else:
            person = _account(db, provider, found, where, now)
            if taken.curator not in (None, person.id):
                raise SignOnError("someone-else", _SOMEONE_ELSE, taken.curator, provider=name)
            if data["aim"] == "confirm" and not _is_fresh(found, now):
                raise SignOnError("not-fresh", _NOT_FRESH, person.id, provider=name)
        sign_ons.record_use(db, found.issuer, found.subject, now)
    return SignedOn(person, data["next"], min(found.proved or now - ABSOLUTE, now))


def disconnect(
    db: Database, config: Config, issuer: str, curator: Curator, where: Where, now: datetime
) -> None:
    """Disconnect a person's identity. Raises InputError if they could not sign in any more."""
    with transaction(db):
        if sign_ons.of_curator(db, issuer, curator.id) is None:
            return
        ways_in.check_removal(db, config, curator)
        sign_ons.remove(db, issuer, curator.id)
        number = curator.id
        record(db, "way-removed", where, now, curator=number, method="sign-on", notifies=True)


def _account(
    db: Database, provider: OidcProvider, found: Identity, where: Where, now: datetime
) -> Curator:
    """The account of an identity: the one that it is connected to, or is invited to."""
    client = provider.client
    known = sign_ons.find(db, found.issuer, found.subject)
    if known is not None:
        person = curators.by_id(db, known.curator)
    else:
        person = _invited(db, client.domains, found, now)
    if person is None:
        raise SignOnError("unknown", _UNKNOWN, None, provider=client.name)
    if person.disabled:
        raise SignOnError("disabled", _DISABLED, person.id)
    if known is None:
        _add(db, found, person, where, now)
    return person


def _invited(
    db: Database, domains: tuple[str, ...], found: Identity, now: datetime
) -> Curator | None:
    """The person with an open invitation to the identity's address, in one of the domains."""
    if found.address.rpartition("@")[2].lower() not in domains:
        return None
    person = curators.by_identity(db, email_addresses.identity(found.address))
    if person is None or sign_ons.of_curator(db, found.issuer, person.id) is not None:
        return None
    invitation = outbox.newest(db, "invitation", person.id)
    is_open = invitation and not invitation.used and invitation.expires
    return person if is_open and is_open > now else None


def _connect(
    db: Database,
    provider: OidcProvider,
    found: Identity,
    number: int | None,
    where: Where,
    now: datetime,
) -> Curator:
    """Connect an identity to the account of the person who asked for it. Raises SignOnError."""
    name = provider.client.name
    person = curators.by_id(db, number) if number is not None else None
    if person is None or person.disabled:
        raise SignOnError("disabled", _DISABLED, number)
    known = sign_ons.find(db, found.issuer, found.subject)
    if known is not None and known.curator == person.id:
        return person
    if known is not None:
        raise SignOnError("taken", _TAKEN, person.id, provider=name)
    if sign_ons.of_curator(db, found.issuer, person.id) is not None:
        raise SignOnError("another", _ANOTHER, person.id, provider=name)
    if not found.address:
        raise SignOnError("unverified", _UNVERIFIED, person.id, provider=name)
    own = email_addresses.identity(person.address)
    if email_addresses.identity(found.address) != own:
        addresses = {"theirs": found.address, "address": person.address}
        raise SignOnError("other-address", _OTHER_ADDRESS, person.id, provider=name, **addresses)
    _add(db, found, person, where, now)
    return person


def _add(db: Database, found: Identity, person: Curator, where: Where, now: datetime) -> None:
    sign_ons.add(db, found.issuer, found.subject, person.id, found.address, now)
    record(db, "way-added", where, now, curator=person.id, method="sign-on", notifies=True)


def _is_fresh(found: Identity, now: datetime) -> bool:
    """Whether the provider says that they have just proved who they are."""
    return found.proved is not None and now - found.proved <= PROOF_TIME


def _redirect_uri(config: Config) -> str:
    """Where the provider sends the browser back to: an address of this site, whatever was asked."""
    return config.base_url + CALLBACK
