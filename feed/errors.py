"""The exception classes of Devis, all derived from DevisError.

A message is an English template with named placeholders. Messages that visitors and staff can see
are marked with `gettext_noop`, so that `translator.gettext(error.message, **error.values)`
translates them; messages for the operator (command line and log) are plain English.
"""

from collections.abc import Mapping
from dataclasses import dataclass


def gettext_noop(message: str) -> str:
    """Mark a message for extraction into the catalogues, and return it unchanged."""
    return message


class DevisError(Exception):
    """Base of every error that Devis raises itself.

    `message` is an English template, `values` fill its placeholders; `str()` is the English text.
    """

    def __init__(self, message: str, **values: object) -> None:
        self.message = message
        self.values = values
        super().__init__(message % values)


class NotFoundError(DevisError):
    """The requested object does not exist (HTTP 404)."""


class MovedError(NotFoundError):
    """A source or theme was merged into another one, whose slug is `target` (HTTP 301)."""

    def __init__(self, target: str) -> None:
        self.target = target
        super().__init__(gettext_noop("There is nothing called “%(slug)s”."), slug=target)


class InputError(DevisError):
    """Invalid input; the message says what was expected (HTTP 400)."""


class ParameterError(InputError):
    """An invalid query or path parameter; `values` has `parameter`, `value` and `expected`."""

    def __init__(self, parameter: str, value: str, expected: str) -> None:
        self.expected = expected  # a translatable message without placeholders
        super().__init__(
            gettext_noop("“%(parameter)s” is “%(value)s” but should be %(expected)s."),
            parameter=parameter,
            value=value,
            expected=expected,
        )


class LinkError(NotFoundError):
    """A link whose token is invalid, has expired, or was revoked."""

    def __init__(self) -> None:
        super().__init__(
            gettext_noop(
                "This link is incomplete, has expired or has already been used: ask for a new one."
            )
        )


_PASSKEY_REFUSED = gettext_noop("That passkey didn’t work. Try again.")
_PASSKEY_UNKNOWN = gettext_noop(
    "This passkey isn’t known here. Use another one, or sign in another way."
)
_PASSKEY_EXPIRED = gettext_noop("That took too long, or was sent twice. Try again.")


class PasskeyError(InputError):
    """A browser's answer about a passkey is refused; `outcome` is a word for the log."""

    def __init__(self, outcome: str) -> None:
        self.outcome = outcome
        messages = {"expired": _PASSKEY_EXPIRED, "unknown": _PASSKEY_UNKNOWN}
        messages["disabled"] = _PASSKEY_UNKNOWN  # to say more would tell about the account
        super().__init__(messages.get(outcome, _PASSKEY_REFUSED))


class FormError(InputError):
    """Form validation failed; `fields` has the error of each invalid field, by name."""

    def __init__(self, fields: Mapping[str, InputError]) -> None:
        self.fields = fields
        super().__init__(gettext_noop("Something in the form is missing or wrong."))


class ConflictError(DevisError):
    """Edit conflict: another person has saved since; nothing was overwritten (HTTP 409)."""


class UnconfirmedError(ConflictError):
    """An approval that needs confirmation: the original has changed since the review (HTTP 409)."""

    def __init__(self) -> None:
        super().__init__(
            gettext_noop(
                "The original has changed since a translation was sent for review. Open its review,"
                " compare them and confirm."
            )
        )


class ForbiddenError(DevisError):
    """The user lacks the permission, or the CSRF token is invalid (HTTP 403)."""


class ProviderError(DevisError):
    """The OpenID Connect provider is silent, or what it answered is not to be trusted.

    `reason` is a word for the log and the audit, `detail` what was wrong, for the log alone.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__("%(reason)s: %(detail)s", reason=reason, detail=detail)


class WithdrawnError(DevisError):
    """The edition was withdrawn (HTTP 410)."""


class SettingError(DevisError):
    """A setting is invalid; the message names it."""


class SchemaError(DevisError):
    """The schema version of the database is not that of the program."""


class StoreError(DevisError):
    """The database cannot be read or written at the moment (HTTP 503)."""


class BackupError(DevisError):
    """A backup cannot be made or restored."""


class InstanceError(DevisError):
    """The environment is unusable: a port in use, a read-only folder."""


@dataclass(frozen=True)
class Problem:
    """An error in an exchange file: its location, and what was expected.

    `row` is the row of a table, None if the problem is not in a single row, and `heading` that of
    the column there, which `field` names.
    """

    file: str
    entry: str
    field: str
    message: str
    values: dict[str, object]
    row: int | None = None
    heading: str = ""

    def __str__(self) -> str:
        row = f"row {self.row}" if self.row else ""
        parts = (self.file, row, self.entry, self.heading or self.field)
        where = ": ".join(part for part in parts if part)
        return f"{where}: {self.message % self.values}"


class ExchangeError(DevisError):
    """An import was refused as a whole; `problems` lists every error found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(
            gettext_noop("%(count)s problems; nothing was imported."), count=len(problems)
        )

    def __str__(self) -> str:
        return "\n".join([*map(str, self.problems), super().__str__()])


class MailError(DevisError):
    """E-mails cannot be sent; those without an outcome stay queued."""


class MailRefusedError(MailError):
    """The mail server refuses to work for Devis: the operator must act, as the message says."""


class MailUnavailableError(MailError):
    """The mail server or the outbox folder takes no e-mails at the moment: retry later."""
