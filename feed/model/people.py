"""The people at the desk, and what each of them may do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

# Each may do what those before it may.
Role = Literal["translator", "curator", "editor", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)

# One-time links: the first person's, an invitation or a reset, and the one that signs in.
LinkKind = Literal["first", "invitation", "sign-in"]


@dataclass(frozen=True, slots=True)
class Curator:
    """Somebody with a role at the desk.

    `languages` are those that a translator writes in, `language` the one that the desk speaks to
    them. `has_password` and `has_factor` tell how they sign in. `disabled` is None while they may.
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

    def may(self, role: Role) -> bool:
        """Whether they may do what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def may_write(self, language: str) -> bool:
        """Whether they may write texts in `language`."""
        return self.may("curator") or language in self.languages


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that somebody has signed in with; `is_whole` once a second factor was given."""

    curator: Curator
    made: datetime
    seen: datetime
    is_whole: bool
