"""The settings: parsing, and errors that name the malformed setting."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from feed import config
from feed.errors import SettingError
from feed.store import signing_key
from tests.conftest import NOON, Installation

Install = Callable[..., Installation]


def load(**values: str) -> config.Config:
    """The settings from these alone, named without their prefix."""
    return config.load({f"DEVIS_{name}": value for name, value in values.items()})


def test_without_settings_there_is_a_site_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = load()
    assert made.database == tmp_path / "instance" / "devis.sqlite3"
    assert made.instance == tmp_path / "instance"
    assert (made.host, made.port, made.base_url) == ("127.0.0.1", 8000, "http://localhost:8000")
    assert made.languages == ("en", "sv")
    assert made.site_names == {"en": "Devis", "sv": "Devis"}
    assert made.timezone.key == "Europe/Stockholm"
    assert (made.fallback, made.backfill_days, made.web_workers) == (True, 14, 2)
    assert (made.contact, made.rehearsal) == (None, None)


GOOD: list[tuple[dict[str, str], str, Any]] = [
    ({"DATABASE": "/srv/devis/a b.db"}, "database", Path("/srv/devis/a b.db")),
    ({"DATABASE": "~/devis.db"}, "database", Path.home() / "devis.db"),
    ({"DATABASE": " /srv/x.db\n"}, "database", Path("/srv/x.db")),
    ({"HOST": "0.0.0.0"}, "host", "0.0.0.0"),
    ({"HOST": "0.0.0.0"}, "base_url", "http://localhost:8000"),
    ({"HOST": "::", "PORT": "80"}, "base_url", "http://localhost:80"),
    ({"HOST": "::1"}, "host", "::1"),
    ({"HOST": "::1"}, "base_url", "http://localhost:8000"),
    ({"HOST": "10.0.0.1"}, "base_url", "http://10.0.0.1:8000"),
    ({"HOST": "fe80::1"}, "base_url", "http://[fe80::1]:8000"),
    ({"HOST": "localhost", "PORT": "1"}, "base_url", "http://localhost:1"),
    ({"PORT": "65535"}, "port", 65535),
    ({"PORT": ""}, "port", 8000),
    ({"BASE_URL": "https://Devis.Example.org"}, "base_url", "https://devis.example.org"),
    ({"BASE_URL": "https://devis.example.org/"}, "base_url", "https://devis.example.org"),
    ({"BASE_URL": "HTTP://example.org:8080"}, "base_url", "http://example.org:8080"),
    ({"BASE_URL": "http://[2001:db8::1]:80"}, "base_url", "http://[2001:db8::1]:80"),
    ({"BASE_URL": "https://xn--frndring-1zal.se"}, "base_url", "https://xn--frndring-1zal.se"),
    ({"LANGUAGES": "sv"}, "languages", ("sv",)),
    ({"LANGUAGES": " sv , en,pt-BR"}, "languages", ("sv", "en", "pt-BR")),
    (
        {"SITE_NAME": "Ett, två = tre; fyra"},
        "site_names",
        dict.fromkeys(("en", "sv"), "Ett, två = tre; fyra"),
    ),
    ({"SITE_NAME": "en=A word,sv=Ett ord"}, "site_names", {"en": "A word", "sv": "Ett ord"}),
    ({"SITE_NAME": "sv = Ö, å & ä ; en = A, b"}, "site_names", {"sv": "Ö, å & ä", "en": "A, b"}),
    ({"SITE_NAME": "en=Only one"}, "site_names", dict.fromkeys(("en", "sv"), "Only one")),
    ({"SITE_NAME": "pt-BR=Lema", "LANGUAGES": "pt-BR"}, "site_names", {"pt-BR": "Lema"}),
    ({"FALLBACK": "OFF"}, "fallback", False),
    ({"FALLBACK": "on"}, "fallback", True),
    ({"BACKFILL_DAYS": "0"}, "backfill_days", 0),
    ({"WEB_WORKERS": "64"}, "web_workers", 64),
    ({"CONTACT": "chief@example.org"}, "contact", "chief@example.org"),
    ({"CONTACT": "https://example.org/contact"}, "contact", "https://example.org/contact"),
    ({"NOW": "2027-03-01T06:00:00+01:00"}, "rehearsal", datetime(2027, 3, 1, 5, tzinfo=UTC)),
    ({"NOW": "2027-03-01T06:00Z"}, "rehearsal", datetime(2027, 3, 1, 6, tzinfo=UTC)),
]


@pytest.mark.parametrize(("values", "name", "expected"), GOOD, ids=[str(v) for v, *_ in GOOD])
def test_a_valid_value_is_parsed(values: dict[str, str], name: str, expected: Any) -> None:
    assert getattr(load(**values), name) == expected


def test_a_timezone_is_found_by_its_name() -> None:
    assert load(TIMEZONE="America/Argentina/Ushuaia").timezone.key == "America/Argentina/Ushuaia"


def test_the_site_takes_its_name_in_the_first_language_where_there_is_no_other() -> None:
    site = load(SITE_NAME="en=Daily").site("example.org", NOON)
    assert (site.name("en"), site.name("sv")) == ("Daily", "Daily")


BAD = [
    ("DATABASE", "/"),
    ("DATABASE", "."),
    ("DATABASE", "~nobody-of-that-name/devis.db"),
    ("DATABASE", "x" * 300),
    ("NOW", "0001-01-01T00:00:00+01:00"),
    ("HOST", "two words"),
    ("HOST", "http://127.0.0.1"),
    ("HOST", "[::1]"),
    ("HOST", "127.0.0.1:80"),
    ("HOST", "värd"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "-1"),
    ("PORT", "80.0"),
    ("PORT", "http"),
    ("PORT", "٨٠"),
    ("PORT", "9" * 5000),
    ("BASE_URL", "devis.example.org"),
    ("BASE_URL", "//devis.example.org"),
    ("BASE_URL", "ftp://devis.example.org"),
    ("BASE_URL", "https://"),
    ("BASE_URL", "https://:443"),
    ("BASE_URL", "https://example.org:0"),
    ("BASE_URL", "https://example.org:65536"),
    ("BASE_URL", "https://example.org:"),
    ("BASE_URL", "https://example.org:http"),
    ("BASE_URL", "https://example.org/devis"),
    ("BASE_URL", "https://example.org/?a=1"),
    ("BASE_URL", "https://example.org/#a"),
    ("BASE_URL", "https://me:secret@example.org"),
    ("BASE_URL", "https://exam ple.org"),
    ("BASE_URL", 'https://example.org"><script>'),
    ("BASE_URL", "https://[::1"),
    ("LANGUAGES", ","),
    ("LANGUAGES", "en,,sv"),
    ("LANGUAGES", "en,en"),
    ("LANGUAGES", "EN"),
    ("LANGUAGES", "en;sv"),
    ("LANGUAGES", "swedish"),
    ("LANGUAGES", "en_GB"),
    ("LANGUAGES", "../en"),
    ("SITE_NAME", "sv=Ett ord"),
    ("SITE_NAME", "en=A word,de=Ein Wort"),
    ("SITE_NAME", "en="),
    ("SITE_NAME", "en=A word,sv="),
    ("SITE_NAME", "en=A word,en=Another"),
    ("SITE_NAME", "A\x01b"),
    ("SITE_NAME", "F\udcf6rb\udce4ttring"),
    ("TIMEZONE", "Stockholm"),
    ("TIMEZONE", "Europe"),
    ("TIMEZONE", "../../etc/passwd"),
    ("TIMEZONE", "/etc/localtime"),
    ("TIMEZONE", "Åland"),
    ("FALLBACK", "true"),
    ("FALLBACK", "1"),
    ("BACKFILL_DAYS", "-1"),
    ("BACKFILL_DAYS", "3661"),
    ("BACKFILL_DAYS", "two weeks"),
    ("WEB_WORKERS", "0"),
    ("WEB_WORKERS", "65"),
    ("CONTACT", "chief"),
    ("CONTACT", "ftp://example.org"),
    ("CONTACT", "a b@example.org"),
    ("BOUNCE_IMAP", "imaps://host/INBOX"),
    ("BOUNCE_IMAP", "imaps://user@"),
    ("BOUNCE_IMAP", "imaps://user:secret@host/INBOX"),
    ("BOUNCE_IMAP", "imaps://user@host:0/INBOX"),
    ("BOUNCE_IMAP", "imaps://user@host/INBOX?tls=off"),
    ("BOUNCE_IMAP", "imaps://user@host/INBOX?ca=/nowhere.pem"),
    ("BOUNCE_IMAP", "pop3://user@host"),
    ("OIDC_ISSUER", "id.example.org"),
    ("OIDC_ISSUER", "http://id.example.org"),
    ("OIDC_ISSUER", "https://"),
    ("OIDC_ISSUER", "https://me@id.example.org"),
    ("OIDC_ISSUER", "https://id.example.org/?tenant=1"),
    ("OIDC_ISSUER", "https://id.example.org/#staff"),
    ("OIDC_ISSUER", "https://id.example.org/two words"),
    ("OIDC_ISSUER", "https://id.example.org/{tenantid}"),
    ("OIDC_ISSUER", "https://login.microsoftonline.com/common/v2.0"),
    ("OIDC_ISSUER", "https://login.microsoftonline.com/organizations/v2.0"),
    ("OIDC_ISSUER", "https://login.microsoftonline.com/Consumers/v2.0"),
    ("OIDC_ISSUER", "https://LOGIN.microsoftonline.us/common/v2.0"),
    ("OIDC_ISSUER", "https://sts.windows.net/9188040d-6c67-4c5b-b112-36a304b66dad/"),
    ("OIDC_CLIENT_ID", "två"),
    ("OIDC_CLIENT_ID", "x" * 256),
    ("OIDC_DOMAINS", "anna@example.org"),
    ("NOW", "tomorrow"),
    ("NOW", "2027-03-01"),
    ("NOW", "2027-03-01T06:00:00"),
    ("NOW", "2027-02-30T06:00:00Z"),
    ("NOW", "2106-03-01T06:00:00Z"),  # a link's time would have no room in its token
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{n}={ascii(v)[:40]}" for n, v in BAD])
def test_a_malformed_value_is_refused_by_the_name_of_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingError) as refused:
        load(**{name: value})
    assert str(refused.value).startswith(f"DEVIS_{name} is “")
    assert ": expected " in str(refused.value)


def test_a_folder_of_bounces_is_a_server_a_user_and_a_name(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hunter-2\n")
    url = "imaps://bounces%40example.org@mail.example.org/INBOX/Devis%20bounces"
    config = load(BOUNCE_IMAP=url, BOUNCE_IMAP_PASSWORD_FILE=str(password))
    found = config.bounce_imap
    assert found is not None
    assert (found.user, found.name) == ("bounces@example.org", "INBOX/Devis bounces")
    assert (found.host, found.port, found.tls) == ("mail.example.org", 993, "implicit")
    assert config.bounce_imap_password == "hunter-2"
    assert "hunter-2" not in repr(config)
    found = load(BOUNCE_IMAP="imap://b@host", BOUNCE_IMAP_PASSWORD="x").bounce_imap
    assert found is not None
    assert (found.name, found.port, found.tls) == ("INBOX", 143, "starttls")


def test_a_folder_of_bounces_needs_a_password_and_is_not_for_rehearsals() -> None:
    with pytest.raises(SettingError, match="DEVIS_BOUNCE_IMAP_PASSWORD"):
        load(BOUNCE_IMAP="imaps://user@host/INBOX")
    with pytest.raises(SettingError, match="DEVIS_NOW is for rehearsals"):
        load(
            BOUNCE_IMAP="imaps://user@host",
            BOUNCE_IMAP_PASSWORD="x",
            NOW="2027-03-01T06:00:00Z",
        )


OIDC = {
    "OIDC_ISSUER": "https://id.example.org/realms/common/",
    "OIDC_CLIENT_ID": "devis",
    "OIDC_CLIENT_SECRET": "hunter-2",
}


def test_a_sign_on_is_an_issuer_as_it_is_written_and_a_client(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter-3\n")
    assert load().oidc_client is None
    config = load(**OIDC, OIDC_DOMAINS="@Example.org, example.com")
    client = config.oidc_client
    assert client is not None
    assert (client.issuer, client.client_id) == (OIDC["OIDC_ISSUER"], "devis")
    assert (client.name, client.domains) == ("id.example.org", ("example.org", "example.com"))
    assert "hunter-2" not in repr(config) + repr(client)
    assert replace(client, issuer="https://accounts.google.com").name == "Google"
    assert replace(client, issuer="https://login.microsoftonline.com/1/v2.0").name == "Microsoft"
    from_file = {**OIDC, "OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_SECRET_FILE": str(secret)}
    assert load(**from_file).oidc_client_secret == "hunter-3"
    assert load(**{**OIDC, "OIDC_ISSUER": "http://127.0.0.1:8080/realms/x"}).oidc_issuer


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (["CLIENT_ID"], "DEVIS_OIDC_ISSUER also needs DEVIS_OIDC_CLIENT_ID."),
        (["ISSUER"], "DEVIS_OIDC_CLIENT_ID also needs DEVIS_OIDC_ISSUER."),
        (
            ["CLIENT_ID", "CLIENT_SECRET"],
            "DEVIS_OIDC_ISSUER also needs DEVIS_OIDC_CLIENT_ID and DEVIS_OIDC_CLIENT_SECRET.",
        ),
    ],
)
def test_a_sign_on_is_set_whole_or_not_at_all(missing: list[str], said: str) -> None:
    rest = {name: value for name, value in OIDC.items() if name[5:] not in missing}
    with pytest.raises(SettingError) as refused:
        load(**rest)
    assert str(refused.value) == said
    with pytest.raises(SettingError, match=r"^DEVIS_OIDC_DOMAINS also needs DEVIS_OIDC_ISSUER"):
        load(OIDC_DOMAINS="example.org")
    validated = config.validate({f"DEVIS_{name}": value for name, value in rest.items()})
    assert said in [str(error) for error in validated.errors]


@pytest.mark.parametrize("name", ["SECRET_KEY", "SMTP_URL"])
def test_a_file_for_a_secret_that_is_empty_is_refused(tmp_path: Path, name: str) -> None:
    """It was to hold one: nothing goes on without."""
    file = tmp_path / "secret"
    file.write_text("\n")
    with pytest.raises(SettingError, match=f"^DEVIS_{name}_FILE is .* but it is empty"):
        load(**{f"{name}_FILE": str(file)})


@pytest.mark.parametrize("code", ["tlh", "xx", "sv-XX"])
def test_a_language_is_refused_or_has_its_pages(install: Install, code: str) -> None:

    try:
        made = install(LANGUAGES=f"en,{code}")
    except SettingError:
        return
    for language in ("en", code):
        assert made.client().get(f"/{language}/").status_code == 200


@pytest.mark.parametrize("instant", ["9999-12-31T23:59:59Z", "0001-01-03T00:00:00Z"])
def test_a_day_is_refused_or_can_be_rehearsed(install: Install, instant: str) -> None:

    try:
        made = install(NOW=instant)
    except SettingError:
        return
    made.now = datetime.fromisoformat(instant)
    made.publish()


def test_a_process_started_in_a_rehearsal_goes_on_with_its_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEVIS_NOW", "2027-03-01T06:00:00+01:00")
    monkeypatch.setenv("DEVIS_PORT", "8001")
    handed = config.child_environment(NOON)
    assert config.load(handed).rehearsal == NOON
    assert config.load(handed).port == 8001
    monkeypatch.delenv("DEVIS_NOW")
    assert "DEVIS_NOW" not in config.child_environment(NOON)


def test_threads_that_need_the_secret_key_first_get_the_same(install: Install) -> None:
    made = install()
    with made.open() as db:
        db.execute("DELETE FROM meta WHERE key = 'secret_key'")
    together = Barrier(8)

    def key() -> bytes:
        together.wait()
        return signing_key.key(made.config)

    with ThreadPoolExecutor(8) as pool:
        found = {asked.result() for asked in [pool.submit(key) for _ in range(8)]}
    assert len(found) == 1
