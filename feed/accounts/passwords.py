"""Password rules, and Argon2 hashes of passwords."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from feed.errors import InputError, gettext_noop

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 12, 256  # characters; hashing more would only cost time
FEWEST_SIGNS = 5  # different ones
_TRIMMINGS = "0123456789!.?-_ "  # what people add to a word to make it pass

# The hash of no account's password: an unknown address takes as long to check as a known one.
_DUMMY_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$wf7pbsV6z5lbv3lIx4lSNQ$"
    "w2wN5FUC7hzjL+lRxrmmhwsKzCCtEqZqo/gNG/IwPhc"
)


def check(password: str, about: Iterable[str]) -> None:
    """Raise InputError for a password that is too short, too long, or easy to guess.

    `about` are words to refuse: the person's name and address, the site's name.
    """
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # slow to load

    if len(password) < SHORTEST:
        raise InputError(
            gettext_noop("The password has %(count)s characters: expected at least %(least)s."),
            count=len(password),
            least=SHORTEST,
        )
    if len(password) > LONGEST:
        raise InputError(
            gettext_noop("The password has %(count)s characters: expected at most %(most)s."),
            count=len(password),
            most=LONGEST,
        )
    plain = password.lower().strip()
    core = plain.strip(_TRIMMINGS)
    known = any(word in FREQUENCY_LISTS["passwords"] for word in (plain, core))
    named = any(word and not core.replace(word.lower(), "").strip(_TRIMMINGS) for word in about)
    if known or named or len(set(plain)) < FEWEST_SIGNS:
        raise InputError(
            gettext_noop("That password is among those that are guessed first: take another.")
        )


def hashed(password: str) -> str:
    """The hash of a password, to be stored."""
    return _hasher().hash(password)


def is_right(password: str, stored: str | None) -> bool:
    """Whether a password matches a hash; takes as long without a hash."""
    from argon2.exceptions import VerificationError  # slow to load

    try:
        return (
            _hasher().verify(stored or _DUMMY_HASH, password[: LONGEST + 1]) and stored is not None
        )
    except VerificationError:
        return False


@cache
def _hasher() -> "PasswordHasher":
    """OWASP's minimum for Argon2id: 19 MiB, two passes."""
    from argon2 import PasswordHasher  # slow to load

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
