"""The accounts of the desk: invite, change roles, disable, reset."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from sqlite_utils import Database

from feed.accounts import ways_in
from feed.accounts.sign_in_events import COMMAND_LINE, record
from feed.errors import FormError, InputError, NotFoundError, gettext_noop
from feed.model import email_addresses
from feed.model.people import ROLES, Curator, Role, Where
from feed.store import curators, desk_events, outbox
from feed.store.connection import transaction
from feed.store.outbox import OutboxItem

INVITATION_TIME = timedelta(days=7)
LONGEST_NAME = 100
_LAST = gettext_noop("This is the only administrator. Make someone else one first.")


def first_link(db: Database, now: datetime) -> OutboxItem | None:
    """The sign-up link for the first administrator; None while one is valid, or accounts exist."""
    with transaction(db):
        if not curators.is_empty(db) or outbox.count(db, "first", now - INVITATION_TIME):
            return None
        return outbox.add(db, "first", now, expires=now + INVITATION_TIME, mailed=False)


def has_administrator(db: Database) -> bool:
    """Whether there is an enabled administrator."""
    return any(each.role == "administrator" and not each.disabled for each in curators.list_all(db))


def invite(
    db: Database,
    form: Mapping[str, str],
    languages: tuple[str, ...],
    now: datetime,
    *,
    by: Curator | None = None,
    mailed: bool = True,
) -> OutboxItem:
    """Add an account and its invitation, sent by e-mail if `mailed`. Raises FormError.

    `by` is the administrator who invites, None at the command line.

    `form` has `address`, `name`, `role`, `languages` (those of a translator, separated by spaces),
    and `language`, that of the desk's interface for the person.
    """
    with transaction(db):
        return _invite(db, create(db, form, languages, now), by, now, mailed)


def change(
    db: Database, number: int, form: Mapping[str, str], languages: tuple[str, ...]
) -> Curator:
    """Change an account's name, role or languages.

    Raises FormError, NotFoundError, and InputError for the last administrator.
    """
    with transaction(db):
        found = get(db, number)
        errors: dict[str, InputError] = {}
        name = _name(form.get("name", found.name), errors)
        role, codes = _role(form, languages, errors)
        if errors:
            raise FormError(errors)
        if role != "administrator":
            _require_other_administrator(db, found)
        curators.change(db, number, name=name, role=role, languages=codes)
        return get(db, number)


def set_language(db: Database, curator: Curator, language: str) -> None:
    """Set the language of the desk's interface for a person."""
    with transaction(db):
        curators.change(db, curator.id, language=language)


def set_emails(db: Database, curator: Curator, wanted: bool) -> None:
    """Set whether a person gets e-mails about what happens at the desk."""
    with transaction(db):
        curators.change(db, curator.id, emails=int(wanted))


def set_name(db: Database, curator: Curator, name: str) -> None:
    """Change a person's name. Raises FormError."""
    errors: dict[str, InputError] = {}
    taken = _name(name, errors)
    if errors:
        raise FormError(errors)
    with transaction(db):
        curators.change(db, curator.id, name=taken)


def disable(db: Database, number: int, now: datetime, where: Where = COMMAND_LINE) -> Curator:
    """Disable an account and end its sessions. Raises InputError for the last administrator."""
    with transaction(db):
        found = get(db, number)
        _require_other_administrator(db, found)
        curators.change(db, number, disabled=found.disabled or now)
        ways_in.end_all(db, number, now)
        record(db, "disabled", where, now, curator=number)
        return found


def enable(db: Database, number: int, now: datetime, where: Where = COMMAND_LINE) -> Curator:
    """Enable a disabled account. Raises NotFoundError."""
    with transaction(db):
        found = get(db, number)
        curators.change(db, number, disabled=None)
        record(db, "enabled", where, now, curator=number)
        return found


def reset(
    db: Database,
    number: int,
    now: datetime,
    where: Where = COMMAND_LINE,
    *,
    by: Curator | None = None,
    mailed: bool = True,
) -> OutboxItem:
    """Remove an account's ways in, end its sessions, and invite it again."""
    with transaction(db):
        found = get(db, number)
        require_enabled(found)
        ways_in.remove_all(db, number, now)
        record(db, "reset", where, now, curator=number)
        return _invite(db, number, by, now, mailed)


def require_enabled(found: Curator) -> None:
    """Raise InputError for an account that is disabled."""
    if found.disabled:
        raise InputError(gettext_noop("%(name)s is blocked. Unblock them first."), name=found.name)


def get(db: Database, number: int) -> Curator:
    """An account by its id. Raises NotFoundError."""
    found = curators.by_id(db, number)
    if found is None:
        raise NotFoundError(
            gettext_noop("There is nobody with the number %(number)s."), number=number
        )
    return found


def by_address(db: Database, address: str) -> Curator:
    """An account by its e-mail address. Raises NotFoundError."""
    found = curators.by_identity(db, email_addresses.identity(address.strip()))
    if found is None:
        raise NotFoundError(
            "There is nobody with the address %(address)s at the desk.",
            address=address,
        )
    return found


def create(db: Database, form: Mapping[str, str], languages: tuple[str, ...], now: datetime) -> int:
    """Add an account, inside a transaction; returns its id. Raises FormError."""
    errors: dict[str, InputError] = {}
    address = _address(db, form.get("address", ""), errors)
    name = _name(form.get("name", ""), errors)
    role, codes = _role(form, languages, errors)
    language = form.get("language", languages[0])
    if language not in languages:
        errors["language"] = InputError(gettext_noop("Choose a language of this site."))
    if errors:
        raise FormError(errors)
    new = Curator(0, address, name, role, codes, language, now)
    return curators.add(db, new, email_addresses.identity(address))


def _invite(
    db: Database, number: int, by: Curator | None, now: datetime, mailed: bool
) -> OutboxItem:
    expires = now + INVITATION_TIME
    item = outbox.add(db, "invitation", now, curator=number, expires=expires, mailed=mailed)
    desk_events.add_invitation(db, item.id, by.id if by else None, now)
    return item


def _require_other_administrator(db: Database, found: Curator) -> None:
    is_last = curators.administrators(db) == 1
    if found.role == "administrator" and not found.disabled and is_last:
        raise InputError(_LAST)


def _address(db: Database, typed: str, errors: dict[str, InputError]) -> str:
    try:
        address = email_addresses.read(typed)
    except InputError as error:
        errors["address"] = error
        return ""
    if curators.by_identity(db, email_addresses.identity(address)) is not None:
        errors["address"] = InputError(
            gettext_noop("Someone at the desk already has the address %(address)s."),
            address=address,
        )
    return address


def _name(typed: str, errors: dict[str, InputError]) -> str:
    name = " ".join(typed.split())
    if not name or not name.isprintable():
        errors["name"] = InputError(gettext_noop("Write a name: it’s shown beside what was done."))
    elif len(name) > LONGEST_NAME:
        errors["name"] = InputError(
            gettext_noop("The name has %(count)s characters. Write at most %(most)s."),
            count=len(name),
            most=LONGEST_NAME,
        )
    return name


def _role(
    form: Mapping[str, str], languages: tuple[str, ...], errors: dict[str, InputError]
) -> tuple[Role, tuple[str, ...]]:
    role = form.get("role", "")
    if role not in ROLES:
        errors["role"] = InputError(
            gettext_noop("Choose a role: translator, curator, editor or administrator.")
        )
    codes = tuple(dict.fromkeys(form.get("languages", "").split()))
    if unknown := [code for code in codes if code not in languages]:
        errors["languages"] = InputError(
            gettext_noop("“%(language)s” is not a language of this site."), language=unknown[0]
        )
    elif role == "translator" and not codes:
        errors["languages"] = InputError(gettext_noop("A translator needs at least one language."))
    return cast(Role, role), codes
