"""The two ceremonies of WebAuthn over plain values: options for browsers, and checks of answers.

Import it inside functions: it brings cryptography, which takes 17 MB and half a second.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import webauthn
from webauthn.helpers import (
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from feed.errors import PasskeyError
from feed.model.people import Curator, Passkey

TIME = timedelta(minutes=5)  # for an answer
LONGEST_ANSWER = 16 * 1024  # characters of JSON
_REQUIRED = UserVerificationRequirement.REQUIRED  # fingerprint, face or PIN
_MILLISECONDS = int(TIME.total_seconds() * 1000)

Credential = RegistrationCredential | AuthenticationCredential
Given = TypeVar("Given", RegistrationCredential, AuthenticationCredential)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site as authenticators know it: a host name, and the origin of its pages."""

    id: str
    origin: str


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential that an authenticator has made; `id` is in base64url."""

    id: str
    public_key: bytes
    counter: int
    transports: tuple[str, ...]
    synced: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """What an authenticator says beside a valid signature."""

    counter: int
    synced: bool


def adding_options(
    party: RelyingParty,
    site: str,
    curator: Curator,
    handle: str,
    own: Sequence[Passkey],
    challenge: bytes,
) -> str:
    """The options of `navigator.credentials.create()`, as JSON."""
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=site,
        user_id=webauthn.base64url_to_bytes(handle),
        user_name=curator.address,
        user_display_name=curator.name,
        challenge=challenge,
        timeout=_MILLISECONDS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_REQUIRED
        ),
        exclude_credentials=[_descriptor(each) for each in own],
    )
    return webauthn.options_to_json(options)


def sign_in_options(party: RelyingParty, own: Sequence[Passkey], challenge: bytes) -> str:
    """The options of `navigator.credentials.get()`, as JSON, for any passkey or some."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=_MILLISECONDS,
        allow_credentials=[_descriptor(each) for each in own],
        user_verification=_REQUIRED,
    )
    return webauthn.options_to_json(options)


def read_new(text: str) -> RegistrationCredential:
    """A browser’s answer to `adding_options`. Raises PasskeyError."""
    return _read(parse_registration_credential_json, text)


def read_signed(text: str) -> AuthenticationCredential:
    """A browser’s answer to `sign_in_options`. Raises PasskeyError."""
    return _read(parse_authentication_credential_json, text)


def challenge(answer: Credential) -> bytes:
    """The challenge that an answer is for. Raises PasskeyError."""
    return _or_refuse(lambda: parse_client_data_json(answer.response.client_data_json).challenge)


def verify_new(party: RelyingParty, answer: RegistrationCredential) -> NewCredential:
    """The credential of an answer with the right challenge. Raises PasskeyError."""
    _check_origin(party, answer)
    found = _or_refuse(
        lambda: webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge(answer),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    )
    return NewCredential(
        bytes_to_base64url(found.credential_id),
        found.credential_public_key,
        found.sign_count,
        tuple(each.value for each in answer.response.transports or ()),
        found.credential_backed_up,
    )


def verify_signed(
    party: RelyingParty, answer: AuthenticationCredential, passkey: Passkey, *, is_known: bool
) -> Signature:
    """What a passkey has signed, with the right challenge. Raises PasskeyError.

    An answer names its person by their handle; it may leave that out only where the person
    `is_known`, as the options named their passkeys.
    """
    _check_origin(party, answer)
    handle = answer.response.user_handle
    if handle != webauthn.base64url_to_bytes(passkey.handle) and (handle or not is_known):
        raise PasskeyError("invalid")
    found = _or_refuse(
        lambda: webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge(answer),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,  # the caller compares: it must lock nobody out
            require_user_verification=True,
        )
    )
    return Signature(found.new_sign_count, found.credential_backed_up)


def _check_origin(party: RelyingParty, answer: Credential) -> None:
    """Refuse the page of another site, or in a frame of one; the log has a word for it."""
    data = _or_refuse(lambda: parse_client_data_json(answer.response.client_data_json))
    if data.origin != party.origin or data.cross_origin:
        raise PasskeyError("origin")


def _read(parse: Callable[[str], Given], text: str) -> Given:
    if len(text) > LONGEST_ANSWER:
        raise PasskeyError("invalid")
    given = _or_refuse(lambda: parse(text))
    if given.id != bytes_to_base64url(given.raw_id):  # it need not even be text
        raise PasskeyError("invalid")
    return given


def _or_refuse(check: Callable[[], Result]) -> Result:
    """The result of a function of the library that reads hostile JSON, CBOR, keys or signatures.

    It has errors of its own, but lets many of its parsers’ through, so all are caught.
    """
    try:
        return check()
    except Exception as error:
        raise PasskeyError("invalid") from error


def _descriptor(passkey: Passkey) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(
        id=webauthn.base64url_to_bytes(passkey.id),
        transports=[AuthenticatorTransport(each) for each in passkey.transports],
    )
