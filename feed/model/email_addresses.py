"""Validate, compare and mask e-mail addresses."""

from feed.errors import InputError, gettext_noop

MAX_LENGTH = 254
# Providers that ignore dots in names, with the domain that stands for all of one's.
_WITHOUT_DOTS = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), "gmail.com"),
    **dict.fromkeys(("proton.me", "protonmail.com", "pm.me"), "proton.me"),
}
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u202a\u202c\u2060\ufeff"))
_EXPECTED = gettext_noop("“%(address)s” isn’t an email address. Write it like anna@example.org.")

_EXPECTED_DOMAIN = gettext_noop("“%(domain)s” isn’t a domain. Write it like example.org.")


def read(text: str, domains: tuple[str, ...] = (), *, elsewhere: bool = False) -> str:
    """The normalised address, which may be internationalised or quoted.

    With `domains`, only addresses there are valid, or also those `elsewhere`. Raises InputError.
    """
    from email_validator import EmailNotValidError, validate_email  # slow to load

    typed = _pasted(text)
    if not typed:
        raise InputError(gettext_noop("Write an email address."))
    shown = "".join(
        character if character.isprintable() else "�" for character in typed[:MAX_LENGTH]
    )
    name, at, domain = typed.rpartition("@")
    if not at:
        raise InputError(
            gettext_noop("“%(address)s” has no @. Write it like anna@example.org."),
            address=shown,
        )
    listed = domain.lower() in domains
    try:
        # A domain in `domains` is valid, even one that only the organisation can resolve.
        found = validate_email(
            f"{name}@example.org" if listed else typed,
            check_deliverability=False,
            allow_quoted_local=True,
            strict=True,
        )
    except EmailNotValidError:
        raise InputError(_EXPECTED, address=shown) from None
    if domains and not (listed or elsewhere) and found.ascii_domain not in domains:
        raise InputError(
            gettext_noop("Only addresses at %(domains)s can subscribe here."),
            domains=", ".join(domains),
        )
    address = f"{found.local_part}@{domain.lower()}" if listed else found.normalized
    if len(address) > MAX_LENGTH:
        raise InputError(_EXPECTED, address=shown)
    return address


def read_domain(text: str, domains: tuple[str, ...] = ()) -> str:
    """The normalised domain of `example.org` or `@example.org`. Raises InputError."""
    name = text.strip().lstrip("@")
    try:
        return read(f"name@{name}", domains, elsewhere=True).rpartition("@")[2]
    except InputError:
        raise InputError(_EXPECTED_DOMAIN, domain=name) from None


def _pasted(text: str) -> str:
    """The address within pasted text: `‹mailto:anna@example.org›,` is `anna@example.org`."""
    found = text.translate(_INVISIBLE).strip().lstrip("<‹").rstrip(" \t\r\n>›,.;").lstrip()
    if found[:7].lower() == "mailto:":
        found = found[7:].partition("?")[0].strip()
    return found


def identity(address: str) -> str:
    """The form by which addresses are compared: in lower case."""
    return address.lower()  # casefold() would make one domain of straße.de and strasse.de


def mailbox(address: str) -> str:
    """The mailbox that an address is delivered to, as far as the spelling shows.

    Without a +tag; without dots, and at one domain, where the provider ignores them.
    """
    name, _, domain = identity(address).rpartition("@")
    name = name.partition("+")[0] or name
    if domain in _WITHOUT_DOTS:
        name, domain = name.replace(".", ""), _WITHOUT_DOTS[domain]
    return f"{name}@{domain}"


def domain(address: str) -> str:
    """The domain of an address, in lower case."""
    return address.rpartition("@")[2].lower()


def masked(address: str) -> str:
    """Hide all but the first character and the domain, for pages that others may see."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}"
