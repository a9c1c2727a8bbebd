"""What `devis check` says of SPF, DKIM and DMARC, asked of a real DNS server on loopback."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dns.resolver
import pytest

from feed import config as settings
from feed.checks import mail_dns
from feed.config import Config
from tests.dns_server import dns_server, silent_dns_server

NOW = datetime(2026, 11, 22, 11, tzinfo=UTC)
KEY = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" + "b" * 360
USUAL = {
    "BASE_URL": "https://devis.example.org",
    "SMTP_URL": "smtp://mail.example.org:25?tls=off",
    "MAIL_FROM": "Devis <devis@example.org>",
    "DKIM_SELECTOR": "s1",
}
GOOD = {
    "example.org": ['TXT "google-site-verification=x"', 'TXT "v=spf1 a:mail.example.org -all"'],
    "s1._domainkey.example.org": [f'TXT "{KEY[:200]}" "{KEY[200:]}"'],
    "_dmarc.example.org": ['TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.org"'],
}


def configured(**values: str) -> Config:
    given = {**USUAL, **values}
    return settings.load({f"DEVIS_{name}": text for name, text in given.items() if text})


@contextmanager
def answered_by(resolver: dns.resolver.Resolver) -> Iterator[None]:
    """Have this process ask one resolver instead of the machine's."""
    before = dns.resolver.default_resolver
    dns.resolver.default_resolver = resolver
    try:
        yield
    finally:
        dns.resolver.default_resolver = before


def said(records: Mapping[str, Sequence[str]], **values: str) -> dict[str, tuple[str, str]]:
    """The level and all words of each check, where DNS has these records besides the good ones."""
    with dns_server({**GOOD, **records}) as resolver, answered_by(resolver):
        return checked(configured(**values))


def checked(config: Config) -> dict[str, tuple[str, str]]:
    found = {}
    for name in ("spf", "dkim", "dmarc"):
        finding = getattr(mail_dns, name)(config, NOW)
        words = f"{finding.message} {finding.advice}".strip()
        found[name] = (finding.level, words)
    return found


def test_good_records_are_good_also_in_several_strings() -> None:
    found = said({})
    assert {level for level, _ in found.values()} == {"good"}
    assert found["spf"][1] == "v=spf1 a:mail.example.org -all"
    assert "s1._domainkey.example.org" in found["dkim"][1]
    assert "p=quarantine" in found["dmarc"][1]


@pytest.mark.parametrize(
    ("check", "records", "words"),
    [
        (
            "spf",
            {"example.org": ['TXT "v=spf2 mx"', 'TXT "v=spf1x"']},
            [
                "has no SPF record",
                "to example.org: v=spf1 a:mail.example.org -all",
            ],
        ),
        (
            "spf",
            {"example.org": ['TXT "v=spf1 mx -all"', 'TXT "V=SPF1 a -all"']},
            ["2 SPF records", "Keep one TXT record"],
        ),
        (
            "dkim",
            {"s1._domainkey.example.org": ['A "127.0.0.1"'.replace('"', "")]},
            ["no DKIM key at s1._domainkey.example.org", "v=DKIM1; k=rsa; p="],
        ),
        (
            "dkim",
            {"s1._domainkey.example.org": ["CNAME gone.provider.example."]},
            ["no DKIM key at s1._domainkey.example.org"],
        ),
        (
            "dkim",
            {"s1._domainkey.example.org": ['TXT "v=DKIM1; p="']},
            ["revoked", "DEVIS_DKIM_SELECTOR"],
        ),
        (
            "dkim",
            {"s1._domainkey.example.org": ['TXT "v=DKIM1; p=AAAA"', 'TXT "v=DKIM1; p=BBBB"']},
            ["2 TXT records"],
        ),
        (
            "dmarc",
            {"_dmarc.example.org": ['TXT "v=spf1 -all"']},
            [
                "has no DMARC record",
                "_dmarc.example.org: v=DMARC1; p=none; rua=mailto:postmaster@example.org",
            ],
        ),
        (
            "dmarc",
            {"_dmarc.example.org": ['TXT "v=DMARC1; p=none"', 'TXT "v=DMARC1; p=reject"']},
            ["2 DMARC records", "Keep one"],
        ),
        (
            "dmarc",
            {"_dmarc.example.org": ['TXT "v=DMARC1; p=nothing"']},
            ["lacks a policy: v=DMARC1; p=nothing", "p=quarantine or p=reject"],
        ),
    ],
)
def test_a_record_that_is_missing_or_wrong_is_named_with_how_to_write_it(
    check: str, records: dict[str, list[str]], words: list[str]
) -> None:
    found = said(records)
    level, text = found.pop(check)
    assert level == "bad"
    assert [each for each in words if each not in text] == []
    assert {level for level, _ in found.values()} == {"good"}


def test_a_key_behind_a_cname_is_found() -> None:
    target = "s1.provider.example"
    found = said(
        {
            "s1._domainkey.example.org": [f"CNAME {target}."],
            target: [f'TXT "{KEY[:250]}" "{KEY[250:]}" "{"x" * 200}"'],  # longer than a datagram
        }
    )
    assert found["dkim"][0] == "good"


def test_a_policy_that_only_reports_is_enough_and_said_to_be_one() -> None:
    level, text = said({"_dmarc.example.org": ['TXT "v=DMARC1;p=none"']})["dmarc"]
    assert level == "good"
    assert "only reports" in text


def test_a_subdomain_has_the_policy_of_the_domain_above_it() -> None:
    values = {"MAIL_FROM": "devis@news.example.org", "DKIM_SELECTOR": ""}
    records = {"news.example.org": ['TXT "v=spf1 mx -all"']}
    found = said(records, **values)
    assert found["dmarc"][0] == "good"
    assert "Unknown: set DEVIS_DKIM_SELECTOR" in found["dkim"][1]
    assert found["dkim"][0] == "good"


def test_spf_is_that_of_the_return_path() -> None:
    found = said(
        {"example.org": ['TXT "nothing"'], "back.example.org": ['TXT "v=spf1 mx -all"']},
        BOUNCE_ADDRESS="bounces@back.example.org",
    )
    assert found["spf"] == ("good", "v=spf1 mx -all")


@pytest.mark.parametrize(
    ("server", "mechanism"),
    [
        ("smtp://smtp.office365.com:587", "include:spf.protection.outlook.com"),
        ("smtp://example-org.mail.protection.outlook.com:25", "include:spf.protection.outlook.com"),
        ("smtp://smtp-relay.gmail.com:587", "include:_spf.google.com"),
    ],
)
def test_the_record_to_write_names_the_provider(server: str, mechanism: str) -> None:
    found = said({"example.org": ['TXT "x"']}, SMTP_URL=server)
    assert f"v=spf1 {mechanism} -all" in found["spf"][1]


def test_without_an_answer_nothing_is_said_against_the_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mail_dns, "TIMEOUT", 0.2)
    with silent_dns_server() as resolver, answered_by(resolver):
        found = checked(configured())
    for level, text in found.values():
        assert level == "good"
        assert text.startswith("Not looked up: DNS does not answer")


@pytest.mark.parametrize(
    "values", [{"BASE_URL": "http://127.0.0.1:8000"}, {"SMTP_URL": ""}], ids=["local", "no mail"]
)
def test_only_a_public_site_that_sends_is_looked_up(values: dict[str, Any]) -> None:
    resolver = dns.resolver.Resolver(configure=False)  # it would raise NoNameservers
    with answered_by(resolver):
        found = checked(configured(**values))
    assert {text for _, text in found.values()} == {
        "Not looked up: this is no public site that sends email."
    }
