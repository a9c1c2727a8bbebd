"""A software authenticator (WebAuthn) that signs what a browser would ask it for, or lies."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, SYNCABLE, SYNCED, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
USUAL = PRESENT | VERIFIED | SYNCABLE | SYNCED


def encode(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


@dataclass
class Authenticator:
    """One passkey, in a browser at `origin`. Options are the JSON that the site has sent.

    It counts its signatures if `counter` is not 0. What it says can differ from the truth:
    `flags`, `rp_id`, and `client_data`, which is merged into what the browser says.
    """

    origin: str
    counter: int = 0
    flags: int = USUAL
    rp_id: str | None = None
    client_data: dict[str, Any] = field(default_factory=dict)
    handle: str | None = None  # as its site has named the person
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def make(self, options: str) -> str:
        """The answer of `navigator.credentials.create()`."""
        asked = json.loads(options)
        self.handle = asked["user"]["id"]
        attested = b"\0" * 16 + len(self.credential).to_bytes(2, "big") + self.credential
        data = self._data(asked["rp"]["id"], ATTESTED) + attested + self._public_key()
        statement = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._answer(
            {
                "clientDataJSON": encode(self._client_data("webauthn.create", asked)),
                "attestationObject": encode(cbor2.dumps(statement)),
                "transports": ["internal", "of tomorrow"],
            }
        )

    def sign(self, options: str) -> str:
        """The answer of `navigator.credentials.get()`."""
        asked = json.loads(options)
        if self.counter:
            self.counter += 1
        said, data = self._client_data("webauthn.get", asked), self._data(asked["rpId"])
        signed = data + hashlib.sha256(said).digest()
        return self._answer(
            {
                "clientDataJSON": encode(said),
                "authenticatorData": encode(data),
                "signature": encode(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
                "userHandle": self.handle,
            }
        )

    def _client_data(self, kind: str, asked: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": asked["challenge"], "origin": self.origin}
        return json.dumps({**said, "crossOrigin": False, **self.client_data}).encode()

    def _data(self, rp_id: str, more: int = 0) -> bytes:
        hashed = hashlib.sha256((self.rp_id or rp_id).encode()).digest()
        return hashed + bytes([self.flags | more]) + self.counter.to_bytes(4, "big")

    def _public_key(self) -> bytes:
        """The key in COSE: ES256 on P-256."""
        numbers = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def _answer(self, response: dict[str, Any]) -> str:
        number = encode(self.credential)
        return json.dumps(
            {
                "id": number,
                "rawId": number,
                "type": "public-key",
                "authenticatorAttachment": "platform",
                "clientExtensionResults": {},
                "response": response,
            }
        )
