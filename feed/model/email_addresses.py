"""E-mail addresses as people type them: checked, and made comparable."""

from feed.errors import InputError, gettext_noop

LONGEST = 254
_EXPECTED = gettext_noop(
    "“%(address)s” is no e-mail address: expected one such as name@example.org."
)


def read(text: str, domains: tuple[str, ...] = ()) -> str:
    """The address that was typed, tidied. With `domains`, only theirs are taken.

    Raises InputError saying what is wrong. Internationalised and quoted names are fine.
    """
    from email_validator import EmailNotValidError, validate_email  # slow to load

    typed = text.strip()
    if not typed:
        raise InputError(gettext_noop("An e-mail address is needed."))
    shown = "".join(sign if sign.isprintable() else "�" for sign in typed[:LONGEST])
    name, at, domain = typed.rpartition("@")
    if not at:
        raise InputError(
            gettext_noop("“%(address)s” has no @: expected an address such as name@example.org."),
            address=shown,
        )
    listed = domain.lower() in domains
    try:
        # A domain that the operator has named is good, even one that only the house knows.
        found = validate_email(
            f"{name}@example.org" if listed else typed,
            check_deliverability=False,
            allow_quoted_local=True,
            strict=True,
        )
    except EmailNotValidError:
        raise InputError(_EXPECTED, address=shown) from None
    if domains and not listed and found.ascii_domain not in domains:
        raise InputError(
            gettext_noop("Only addresses at %(domains)s can subscribe here."),
            domains=", ".join(domains),
        )
    address = f"{found.local_part}@{domain.lower()}" if listed else found.normalized
    if len(address) > LONGEST:
        raise InputError(_EXPECTED, address=shown)
    return address


def identity(address: str) -> str:
    """The address as it is compared: capitals do not make another person."""
    return address.lower()  # casefold() would make one domain of straße.de and strasse.de


def masked(address: str) -> str:
    """The address for a page that others may see: its first letter and its domain."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}"
