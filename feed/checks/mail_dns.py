"""Checks of the DNS records that receivers of e-mail ask for: SPF, DKIM and DMARC.

They are looked up only for a public site that sends e-mail. Where DNS does not answer, nothing is
known, and nothing is said against the records.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from feed.checks.finding import Finding, bad, good
from feed.config import Config

TIMEOUT = 5.0  # seconds for one lookup
# What the SPF record of a sender includes for a provider, by the end of its SMTP host’s name.
_PROVIDERS = {
    "office365.com": "include:spf.protection.outlook.com",
    "outlook.com": "include:spf.protection.outlook.com",
    "gmail.com": "include:_spf.google.com",
    "google.com": "include:_spf.google.com",
}


class _NoAnswerError(Exception):
    """DNS did not answer: offline, a timeout, or a failure of its server."""


def spf(config: Config, now: datetime) -> Finding:
    """The domain of the envelope sender has one SPF record (RFC 7208)."""
    address = config.bounce_address or config.mail_from[1]
    return _looked_up(config, _domain(address), lambda domain: _spf(config, domain))


def dkim(config: Config, now: datetime) -> Finding:
    """The domain of the sender has the public key of its DKIM signatures (RFC 6376)."""
    domain = _domain(config.mail_from[1])
    selector = config.dkim_selector
    if selector is None and config.is_public and config.sends_email:
        return good(
            "Unknown: set DEVIS_DKIM_SELECTOR to the selector of %(domain)s’s key to look it up.",
            domain=domain,
        )
    return _looked_up(config, f"{selector}._domainkey.{domain}", _dkim)


def dmarc(config: Config, now: datetime) -> Finding:
    """The domain of the sender, or one above it, has a DMARC record (RFC 9989)."""
    return _looked_up(config, _domain(config.mail_from[1]), _dmarc)


def _looked_up(config: Config, name: str, check: Callable[[str], Finding]) -> Finding:
    if not config.is_public or not config.sends_email:
        return good("Not looked up: this is no public site that sends email.")
    try:
        return check(name)
    except _NoAnswerError:
        return good("Not looked up: DNS does not answer for %(name)s.", name=name)


def _spf(config: Config, domain: str) -> Finding:
    found = [text for text in _texts(domain) if text.lower().split(" ")[0] == "v=spf1"]
    values = {"domain": domain, "mechanism": _mechanism(config), "number": len(found)}
    if not found:
        return bad(
            "%(domain)s has no SPF record: receivers cannot tell who may send for it.",
            "Add a TXT record to %(domain)s: v=spf1 %(mechanism)s -all",
            **values,
        )
    if len(found) > 1:
        return bad(
            "%(domain)s has %(number)s SPF records: receivers take that as an error.",
            "Keep one TXT record with everything in it: v=spf1 … %(mechanism)s -all",
            **values,
        )
    return good("%(record)s", record=found[0])


def _dkim(name: str) -> Finding:
    found = _texts(name)
    keys = [tags for tags in map(_tags, found) if "p" in tags]
    if not keys:
        return bad(
            "There is no DKIM key at %(name)s: receivers cannot check signatures.",
            "Add the record that your mail server shows for it, a CNAME or TXT such as:"
            " v=DKIM1; k=rsa; p=MIIBIj…",
            name=name,
        )
    if len(found) > 1:
        return bad(
            "There are %(number)s TXT records at %(name)s: receivers may take any of them.",
            "Keep only the DKIM key that your mail server signs with.",
            name=name,
            number=len(found),
        )
    if not keys[0]["p"]:
        return bad(
            "The DKIM key at %(name)s is revoked: its p= is empty.",
            "Publish the key that your mail server signs with, or set DEVIS_DKIM_SELECTOR to its"
            " selector.",
            name=name,
        )
    return good("The key is at %(name)s.", name=name)


def _dmarc(domain: str) -> Finding:
    for parent in _with_parents(domain):
        name = f"_dmarc.{parent}"
        found = [text for text in _texts(name) if _tags(text).get("v") == "DMARC1"]
        values = {"name": name, "domain": parent, "number": len(found)}
        if len(found) > 1:
            return bad(
                "There are %(number)s DMARC records at %(name)s: receivers ignore them all.",
                "Keep one of them.",
                **values,
            )
        if found and _tags(found[0]).get("p") not in ("none", "quarantine", "reject"):
            return bad(
                "The DMARC record at %(name)s lacks a policy: %(record)s",
                "Give it p=none, p=quarantine or p=reject.",
                record=found[0],
                **values,
            )
        if found:
            watching = _tags(found[0])["p"] == "none"
            note = " (p=none only reports; p=quarantine also protects)" if watching else ""
            return good("%(record)s%(note)s", record=found[0], note=note)
    return bad(
        "%(domain)s has no DMARC record: large providers refuse its bulk email.",
        "Add a TXT record at _dmarc.%(domain)s: v=DMARC1; p=none; rua=mailto:postmaster@%(domain)s",
        domain=domain,
    )


def _texts(name: str) -> list[str]:
    """The TXT records of a name, each with its strings joined; CNAMEs are followed."""
    import dns.exception  # takes 0.1 s to import
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=TIMEOUT, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise _NoAnswerError from error
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _tags(text: str) -> dict[str, str]:
    """The tags of a DKIM or DMARC record, without blanks: `v=DMARC1; p=none`."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, equals, value in pairs if equals}


def _with_parents(domain: str) -> Iterator[str]:
    """The domain, then those above it that have two labels at least."""
    labels = domain.split(".")
    for number in range(max(1, len(labels) - 1)):
        yield ".".join(labels[number:])


def _mechanism(config: Config) -> str:
    """The part of an SPF record that allows the configured mail server."""
    host = config.smtp.host.lower() if config.smtp else ""
    known = (rule for end, rule in _PROVIDERS.items() if host == end or host.endswith(f".{end}"))
    return next(known, f"a:{host}" if host else "a:YOUR-MAIL-SERVER")


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
