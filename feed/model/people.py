"""Accounts of the desk, their roles, and their sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

# Each role includes the permissions of those before it.
Role = Literal["translator", "curator", "editor", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)

# How people prove who they are. A link is one factor, the others are stronger.
Method = Literal["link", "passkey", "sign-on"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, slots=True)
class Curator:
    """An account of the desk.

    `languages` are those that a translator may write, `language` is that of the person's interface.
    `disabled` is the time when the account was disabled, None while it is enabled. Without
    `wants_emails` they get no e-mails about what happens at the desk. `passkeys` and `sign_ons` are
    the numbers of theirs.
    """

    id: int
    address: str
    name: str
    role: Role
    languages: tuple[str, ...]
    language: str
    made: datetime
    disabled: datetime | None = None
    wants_emails: bool = True
    passkeys: int = 0
    sign_ons: int = 0

    @property
    def is_strong(self) -> bool:
        """Whether they have a way to sign in that is stronger than a link."""
        return bool(self.passkeys or self.sign_ons)

    def may(self, role: Role) -> bool:
        """Whether the account has the permissions of `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def may_write(self, language: str) -> bool:
        """Whether they may write texts in `language`."""
        return self.may("curator") or language in self.languages


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in session of a browser; `id` is the hash of the browser's token.

    `proved` is when its person last proved who they are, and `method` how: None if the session is
    older than the record of that. `network` is a prefix, `device` a browser and its system. The
    session is not whole if its person must use a stronger method than a link.
    """

    id: str
    curator: Curator
    made: datetime
    seen: datetime
    proved: datetime
    method: Method | None
    network: str
    device: str
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Where:
    """Where a sign-in comes from; `known_device` if the person has signed in there before."""

    network: str
    device: str
    known_device: bool = False


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey (WebAuthn credential) of a person.

    `id` is the credential's, in base64url, and `handle` names its person to authenticators.
    `public_key` is in COSE. `counter` counts signatures; many authenticators leave it at 0.
    `name` is the browser in which it was made. A `synced` one exists on several devices.
    `used` is its last sign-in, None before the first.
    """

    id: str
    curator: int
    handle: str
    public_key: bytes
    counter: int
    name: str
    transports: tuple[str, ...]
    synced: bool
    made: datetime
    used: datetime | None = None
