"""The one family of errors.

Every message is a template of the catalogue with named values, so that an edge can say it in the
reader's language: `translator.gettext(error.message) % error.values`.
"""

from collections.abc import Mapping
from dataclasses import dataclass


def gettext_noop(message: str) -> str:
    """Mark a template for the catalogue without translating it here."""
    return message


class DevisError(Exception):
    """Root of every error that Devis raises on purpose.

    `message` is an English template, `values` what fills it; `str()` gives the English text.
    """

    def __init__(self, message: str, **values: object) -> None:
        self.message = message
        self.values = values
        super().__init__(message % values)


class NotFoundError(DevisError):
    """What was asked for does not exist (HTTP 404)."""


class InputError(DevisError):
    """What was given cannot be taken; the message says what was expected (HTTP 400)."""


class ParameterError(InputError):
    """One parameter of a request is malformed; `values` has its name, its value, and a message."""

    def __init__(self, parameter: str, value: str, expected: str) -> None:
        self.expected = expected  # a message of the catalogue, without values
        super().__init__(
            gettext_noop("“%(parameter)s” is “%(value)s”: expected %(expected)s."),
            parameter=parameter,
            value=value,
            expected=expected,
        )


class LinkError(NotFoundError):
    """A link with a token that is not ours, has run out, or has become void."""

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("This link is incomplete, has run out, or was used up: ask for a new one.")
        )


class FormError(InputError):
    """A form was filled in wrongly; `fields` names each faulty field and what was expected."""

    def __init__(self, fields: Mapping[str, InputError]) -> None:
        self.fields = fields
        super().__init__(gettext_noop("Something in the form is missing or wrong."))


class ConflictError(DevisError):
    """Somebody else has saved meanwhile; nothing was overwritten (HTTP 409)."""


class ForbiddenError(DevisError):
    """What was asked for is not for this person, or came from a foreign page (HTTP 403)."""


class WithdrawnError(DevisError):
    """The edition was withdrawn (HTTP 410)."""


class SettingError(DevisError):
    """A setting is malformed; the message names it."""


class SchemaError(DevisError):
    """The database is older or newer than the program."""


class StoreError(DevisError):
    """The database cannot be read or written right now (HTTP 503)."""


class BackupError(DevisError):
    """A backup cannot be made, or is none that could be restored."""


class InstanceError(DevisError):
    """The place where Devis should run is not usable: a taken port, a read-only folder."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file: where it stands, and what was expected there.

    `row` is the row of a table, None where it is not about a single one.
    """

    file: str
    entry: str
    field: str
    message: str
    values: dict[str, object]
    row: int | None = None

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.entry, self.field) if part)
        return f"{where}: {self.message % self.values}"


class ExchangeError(DevisError):
    """An exchange file was refused, whole; `problems` lists every reason found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(
            gettext_noop("%(count)s problems; nothing was imported."), count=len(problems)
        )

    def __str__(self) -> str:
        return "\n".join([*map(str, self.problems), super().__str__()])


class MailError(DevisError):
    """Letters cannot be sent; those without an outcome are as before."""


class MailRefusedError(MailError):
    """The mail server refuses us. The operator must act; the message says what to do."""


class MailUnavailableError(MailError):
    """The mail server, or the outbox, takes no letters right now. Try again later."""
