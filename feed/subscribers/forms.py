"""Parse subscription forms into values; a FormError has the errors of all fields."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import available_timezones

from feed.errors import FormError, InputError, gettext_noop
from feed.model import CADENCES, Preferences, email_addresses

MAX_PAUSE = timedelta(days=366)

Value = TypeVar("Value")


def read_sign_up(
    form: Mapping[str, str], languages: Sequence[str], domains: tuple[str, ...]
) -> tuple[str, Preferences]:
    """The address and preferences of the sign-up form. Raises FormError."""
    errors: dict[str, InputError] = {}
    address = _collect(
        errors, "address", lambda: email_addresses.read(form.get("address", ""), domains)
    )
    values = _read_preferences(errors, form, languages)
    if errors:
        raise FormError(errors)
    return address or "", Preferences(**values)


def read_preferences(form: Mapping[str, str], languages: Sequence[str]) -> Preferences:
    """The preferences of the form. Raises FormError."""
    errors: dict[str, InputError] = {}
    values = _read_preferences(errors, form, languages)
    if errors:
        raise FormError(errors)
    return Preferences(**values)


def read_address(text: str, domains: tuple[str, ...]) -> str:
    """The e-mail address of a form with this field only. Raises FormError."""
    try:
        return email_addresses.read(text, domains)
    except InputError as error:
        raise FormError({"address": error}) from None


def read_pause(text: str, today: date) -> date | None:
    """The date on which digests resume; None for no pause. Raises FormError."""
    if not text.strip():
        return None
    try:
        until = date.fromisoformat(text.strip())
    except ValueError:
        raise FormError({"paused_until": InputError(_PAUSE_ERROR)}) from None
    if not today < until <= today + MAX_PAUSE:
        raise FormError({"paused_until": InputError(_PAUSE_ERROR)})
    return until


@lru_cache(maxsize=1)
def timezones() -> tuple[str, ...]:
    """The timezone names to choose from, sorted: those of places, and UTC."""
    areas = (
        *("Africa/", "America/", "Antarctica/", "Arctic/", "Asia/"),
        *("Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/"),
    )
    return (*sorted(name for name in available_timezones() if name.startswith(areas)), "UTC")


_PAUSE_ERROR = gettext_noop("Write a date within the coming year, like 2027-01-11.")
_CHOICE_ERROR = gettext_noop("Choose one of those in the list.")


def _read_preferences(
    errors: dict[str, InputError], form: Mapping[str, str], languages: Sequence[str]
) -> dict[str, Any]:
    def chosen(name: str, choices: Sequence[str]) -> str | None:
        return _collect(errors, name, lambda: _one_of(form.get(name, ""), choices))

    hour = chosen("hour", [str(hour) for hour in range(24)])
    language, other = chosen("language", languages), chosen("also", ("", *languages))
    return {
        "language": language,
        "others": (other,) if other and other != language else (),
        "cadence": chosen("cadence", CADENCES),
        "workdays": chosen("days", ("every", "workdays")) == "workdays",
        "hour": int(hour or 0),
        "timezone": chosen("timezone", timezones()),
    }


def _one_of(text: str, choices: Sequence[str]) -> str:
    if text not in choices:
        raise InputError(_CHOICE_ERROR)
    return text


def _collect(errors: dict[str, InputError], name: str, read: Callable[[], Value]) -> Value | None:
    try:
        return read()
    except InputError as error:
        errors[name] = error
        return None
