"""What people fill in, from text to values. Every faulty field is told at once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import available_timezones

from feed.errors import FormError, InputError, gettext_noop
from feed.model import CADENCES, Preferences, email_addresses

LONGEST_PAUSE = timedelta(days=366)

Value = TypeVar("Value")


def application(
    given: Mapping[str, str], languages: Sequence[str], domains: tuple[str, ...]
) -> tuple[str, Preferences]:
    """The address and the wishes of somebody who subscribes. Raises FormError."""
    errors: dict[str, InputError] = {}
    address = _taken(
        errors, "address", lambda: email_addresses.read(given.get("address", ""), domains)
    )
    wishes = _wishes(errors, given, languages)
    if errors:
        raise FormError(errors)
    return address or "", Preferences(**wishes)


def preferences(given: Mapping[str, str], languages: Sequence[str]) -> Preferences:
    """The wishes of a subscriber. Raises FormError."""
    errors: dict[str, InputError] = {}
    wishes = _wishes(errors, given, languages)
    if errors:
        raise FormError(errors)
    return Preferences(**wishes)


def address(text: str, domains: tuple[str, ...]) -> str:
    """An address that was typed by itself. Raises FormError."""
    try:
        return email_addresses.read(text, domains)
    except InputError as error:
        raise FormError({"address": error}) from None


def pause(text: str, today: date) -> date | None:
    """The day on which letters go on; None if there is to be no pause. Raises FormError."""
    if not text.strip():
        return None
    try:
        until = date.fromisoformat(text.strip())
    except ValueError:
        raise FormError({"paused_until": InputError(_PAUSE)}) from None
    if not today < until <= today + LONGEST_PAUSE:
        raise FormError({"paused_until": InputError(_PAUSE)})
    return until


@lru_cache(maxsize=1)
def timezones() -> tuple[str, ...]:
    """The names of the timezones to choose from, in order: places only, and UTC."""
    areas = (
        *("Africa/", "America/", "Antarctica/", "Arctic/", "Asia/"),
        *("Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/"),
    )
    return (*sorted(name for name in available_timezones() if name.startswith(areas)), "UTC")


_PAUSE = gettext_noop("Expected a date to come, within a year, such as 2027-01-11.")
_CHOICE = gettext_noop("Choose one of those in the list.")


def _wishes(
    errors: dict[str, InputError], given: Mapping[str, str], languages: Sequence[str]
) -> dict[str, Any]:
    def chosen(name: str, choices: Sequence[str]) -> str | None:
        return _taken(errors, name, lambda: _one_of(given.get(name, ""), choices))

    hour = chosen("hour", [str(hour) for hour in range(24)])
    return {
        "language": chosen("language", languages),
        "cadence": chosen("cadence", CADENCES),
        "workdays": chosen("days", ("every", "workdays")) == "workdays",
        "hour": int(hour or 0),
        "timezone": chosen("timezone", timezones()),
    }


def _one_of(text: str, choices: Sequence[str]) -> str:
    if text not in choices:
        raise InputError(_CHOICE)
    return text


def _taken(errors: dict[str, InputError], name: str, read: Callable[[], Value]) -> Value | None:
    try:
        return read()
    except InputError as error:
        errors[name] = error
        return None
