"""Values of the desk's forms, validated as in exchange files."""

from collections.abc import Mapping

from feed.errors import InputError
from feed.files import Entry
from feed.files.models import validated


def checked(
    given: Mapping[str, object], model: type, prefix: str, errors: dict[str, InputError]
) -> Entry:
    """The valid values, cleaned; errors of the others go into `errors`."""
    clean, wrong = validated(model, given)
    for name, error in wrong.items():
        errors[prefix + name] = InputError(error.message, **error.values)
    return clean
