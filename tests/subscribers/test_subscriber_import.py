"""Import of subscribers with their consent: previewed, row by row, and all that is accepted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import refused
from tests.conftest import NOON, Command, Installation
from tests.site_client import SiteClient, site_client

HEAD = "address,language,cadence,hour,timezone,consented_at,how,wording\n"
CONSENT = "2026-01-31,paper form,Yes please"
REHEARSAL: dict[str, Any] = {"NOW": NOON.isoformat(), "BASE_URL": "http://127.0.0.1:8000"}


@pytest.fixture
def client(install: Callable[..., Installation]) -> SiteClient:
    return site_client(install())


@pytest.fixture
def bring(client: SiteClient, command: Command) -> Callable[..., list[str]]:
    """Runs `devis subscriber import` on a table; the lines that it prints."""

    def run(table: str | bytes, *options: str) -> list[str]:
        path = command.folder / "people.csv"
        path.write_bytes(table.encode() if isinstance(table, str) else table)
        done = command("subscriber", "import", str(path), *options, **REHEARSAL)
        return done.stdout.splitlines()

    return run


def consents(client: SiteClient) -> list[tuple[Any, ...]]:
    return client.harness.rows(
        "SELECT c.act, c.at, c.source, w.wording FROM consents c"
        " JOIN wordings w ON w.id = c.wording ORDER BY c.id"
    )


def test_a_preview_changes_nothing(client: SiteClient, bring: Callable[..., list[str]]) -> None:
    said = bring(HEAD + f"anna@example.org,sv,weekly,9,Asia/Tokyo,{CONSENT}\n")
    assert said == [
        "Read as utf-8, separator “,”, headings in row 1.",
        "1 rows accepted, 0 refused.",
        "Nothing was changed: add --yes.",
    ]
    assert client.harness.rows("SELECT * FROM subscribers") == []
    assert client.harness.rows("SELECT * FROM subscriber_audit") == []


def test_each_person_is_asked_to_confirm(
    client: SiteClient, bring: Callable[..., list[str]]
) -> None:
    table = (
        HEAD
        + f"Anna@Example.org,sv-FI+EN,weekly,9,Asia/Tokyo,{CONSENT}\nbo@example.org,,,,,{CONSENT}"
    )
    assert bring(table, "--yes")[-1] == "2 people are asked by email to confirm."
    assert client.notices() == [
        ("Anna@example.org", "confirm"),
        ("bo@example.org", "confirm"),
    ]
    anna, bo = (client.subscriber(f"{name}@example.org") for name in ("anna", "bo"))
    assert (anna.status, anna.preferences.cadence, anna.preferences.hour) == (
        "pending",
        "weekly",
        9,
    )
    assert anna.preferences.languages == "sv+en"
    assert (bo.preferences.language, bo.preferences.timezone) == ("en", "Europe/Stockholm")
    paper = ("asked", "2026-01-30T23:00:00+00:00", "paper form", "Yes please")
    assert consents(client) == [paper, paper]
    client.post(client.link("anna@example.org", "confirm") + "/confirm")
    assert client.subscriber("anna@example.org").status == "active"
    assert client.harness.rows("SELECT act, number, reason FROM subscriber_audit") == [
        ("import", 2, "import")
    ]


def test_nobody_is_asked_where_the_operator_vouches_in_words(
    client: SiteClient, bring: Callable[..., list[str]]
) -> None:
    vouch = "Signed lists are in the binder of HR"
    table = HEAD + f"anna@example.org,,,,,{CONSENT}\n"
    assert bring(table, "--yes", "--vouch", vouch)[-1] == "1 people get emails."
    assert client.notices() == []
    assert client.subscriber("anna@example.org").status == "active"
    assert consents(client)[1] == ("confirmed", NOON.isoformat(), "import", vouch)
    assert client.harness.rows("SELECT reason FROM subscriber_audit") == [(vouch,)]


def test_refusals_are_named_by_row_and_the_rest_comes_in(
    client: SiteClient, bring: Callable[..., list[str]], command: Command
) -> None:
    for kind in ("known", "pending", "left", "suspended"):
        client.make_subscriber(kind, f"{kind}@example.org")
    command("subscriber", "suppress", "@evil.example", **REHEARSAL)
    rows = {
        f"nobody,,,,,{CONSENT}": "has no @",
        f"a@evil.example,,,,,{CONSENT}": "suppression list",
        f"known@example.org,,,,,{CONSENT}": "already gets emails",
        f"pending@example.org,,,,,{CONSENT}": "already been asked to confirm",
        f"left@example.org,,,,,{CONSENT}": "has unsubscribed",
        f"suspended@example.org,,,,,{CONSENT}": "is suspended",
        f"b@example.org,xx,,,,{CONSENT}": "language",
        f"b@example.org,sv+xx,,,,{CONSENT}": "language",
        f"b@example.org,,hourly,,,{CONSENT}": "cadence",
        f"b@example.org,,,24,,{CONSENT}": "hour",
        f"b@example.org,,,,Mars,{CONSENT}": "timezone",
        "b@example.org,,,,,,form,Yes": "consented_at is empty",
        "b@example.org,,,,,31/1/2026,form,Yes": "consented_at",
        "b@example.org,,,,,2027-01-01,form,Yes": "in the future",
        "b@example.org,,,,,2026-01-01,,Yes": "how is empty",
        "b@example.org,,,,,2026-01-01,form": "wording is empty",
        "b@example.org,,,,,2026-01-01,form,B@example.org agrees": "contains the address",
        f"good@example.org,,,,,{CONSENT}": "",
        f"GOOD@example.org,,,,,{CONSENT}": "in row 19",
    }
    said = bring(HEAD + "\n".join(rows) + "\n,,\n", "--yes")
    wrong = {number: text for number, text in enumerate(rows.values(), 2) if text}
    assert len(said) == len(wrong) + 3
    for (number, text), line in zip(wrong.items(), said[1:], strict=False):
        assert line.startswith(f"row {number}: ")
        assert text in line
    assert said[-2:] == [
        "1 rows accepted, 18 refused.",
        "1 people are asked by email to confirm.",
    ]


@pytest.mark.parametrize(
    "table",
    [
        "WORDING;Consented at;how;E-mail;Department\r\n"
        "Ja tack;2026-01-31;blankett;å@example.org;IT\r\n",
        "how\tEmail\tconsented-at\twording\nblankett\tå@example.org\t2026-01-31\tJa tack\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_a_table_is_read_as_spreadsheets_save_it(
    client: SiteClient, bring: Callable[..., list[str]], table: str, encoding: str
) -> None:
    said = bring(table.encode(encoding), "--yes")
    assert said[-1] == "1 people are asked by email to confirm."
    assert ("ignored columns: Department" in said) == ("Department" in table)
    assert client.notices() == [("å@example.org", "confirm")]


def test_a_table_without_consent_is_refused(client: SiteClient, command: Command) -> None:
    path = Path(command.folder, "people.csv")
    for text, said in (
        ("address\nanna@example.org\n", "Missing: consented_at, how, wording."),
        ("", "Missing: address"),
        (HEAD.replace("language", "email"), "address twice"),
    ):
        path.write_text(text)
        assert said in refused(command, "subscriber", "import", str(path), **REHEARSAL)


def test_an_import_that_is_repeated_adds_nobody_twice(
    client: SiteClient, bring: Callable[..., list[str]]
) -> None:
    table = HEAD + "".join(f"p{n}@example.org,,,,,{CONSENT}\n" for n in range(1_500))
    assert bring(table, "--yes", "--vouch", "Yes")[-1] == "1500 people get emails."
    assert bring(table, "--yes", "--vouch", "Yes")[-1] == "0 people get emails."
    assert client.harness.rows("SELECT count(*) FROM subscribers") == [(1_500,)]
