"""Accounts of the desk, their roles, and their sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

# Each role includes the permissions of those before it.
Role = Literal["translator", "curator", "editor", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)

# One-time links: for the first administrator, an invitation (or reset), and a sign-in.
LinkKind = Literal["first", "invitation", "sign-in"]


@dataclass(frozen=True, slots=True)
class Curator:
    """An account of the desk.

    `languages` are those that a translator may write, `language` is that of the person's interface.
    `disabled` is the time when the account was disabled, None while it is enabled. Without
    `wants_emails` they get no e-mails about what happens at the desk.
    """

    id: int
    address: str
    name: str
    role: Role
    languages: tuple[str, ...]
    language: str
    made: datetime
    disabled: datetime | None = None
    has_password: bool = False
    has_factor: bool = False
    wants_emails: bool = True

    def may(self, role: Role) -> bool:
        """Whether the account has the permissions of `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def may_write(self, language: str) -> bool:
        """Whether they may write texts in `language`."""
        return self.may("curator") or language in self.languages


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in session; `is_whole` is false until a required second factor is given."""

    curator: Curator
    made: datetime
    seen: datetime
    is_whole: bool
