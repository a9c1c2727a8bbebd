"""What happens to editions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from feed.model import Edition, Showing

Act = Literal["published", "replaced", "corrected", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Change:
    """One act on an edition, which is given as it is now. Later changes have greater ids.

    `showing` is None where the edition no longer stands.
    """

    id: int
    at: datetime
    act: Act
    edition: Edition
    showing: Showing | None = None
