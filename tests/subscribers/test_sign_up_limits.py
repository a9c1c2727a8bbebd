"""A flood of sign-ups: few e-mails to one mailbox, patience for everybody, and a switch."""

from collections.abc import Callable

import pytest
from werkzeug.test import Client, TestResponse

from feed import config as settings
from feed.accounts import people
from feed.checks import run
from feed.model import email_addresses
from feed.store.counters import RATES_FILE
from feed.subscribers import sign_up_limits
from tests.conftest import Command, Installation
from tests.mail_harness import PREFERENCES
from tests.site_client import SiteClient, site_client

Install = Callable[..., Installation]
TOKEN = "operators-only-0123456789"


@pytest.fixture
def client(install: Install) -> SiteClient:
    return site_client(install(SIGNUP_RATE="1000"))


def metrics(client: SiteClient) -> str:
    return client.get("/metrics", Authorization=f"Bearer {TOKEN}").text


def sign_up(client: SiteClient, address: str, network: str = "198.51.100.1") -> TestResponse:
    """Sign up from a network, through the trusted proxy."""
    given = {**PREFERENCES, "address": address, "stamp": client.form_stamp()}
    headers = {"X-Forwarded-For": network}
    environ = {"REMOTE_ADDR": "127.0.0.1"}
    path = "/en/subscribe/"
    return Client(client.cache).post(path, data=given, headers=headers, environ_base=environ)


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Victim+news@example.org", "victim@example.org"),
        ("vic.tim@example.org", "vic.tim@example.org"),
        ("v.i.c.tim+1+2@gmail.com", "victim@gmail.com"),
        ("victim@googlemail.com", "victim@gmail.com"),
        ("vic.tim@pm.me", "victim@proton.me"),
        ("+@example.org", "+@example.org"),
    ],
)
def test_addresses_of_one_mailbox_are_recognised(address: str, mailbox: str) -> None:
    assert email_addresses.mailbox(address) == mailbox


def test_a_mailbox_gets_three_emails_a_day_whatever_its_tag(client: SiteClient) -> None:
    for number in range(12):
        answer = client.sign_up(f"victim+{number}@gmail.example")
        assert (answer.status_code, answer.location) == (303, "/en/subscribe/sent/")
    for number in range(4):
        client.sign_up(f"victim{'.' * (number > 0)}{number}@gmail.com")
    tagged = [address for address, _ in client.notices() if address.endswith("gmail.example")]
    assert tagged == [f"victim+{number}@gmail.example" for number in range(3)]
    assert len(client.notices()) == 7
    told = (client.harness.config.instance / RATES_FILE).read_bytes()
    assert b"victim" not in told
    assert b"gmail" not in told


def test_no_limit_tells_who_subscribes(client: SiteClient) -> None:
    def answers(address: str) -> list[tuple[int, str]]:
        found = [client.sign_up(address) for _ in range(6)]
        return [(answer.status_code, answer.location) for answer in found]

    client.make_subscriber("known", "anna@example.org")
    assert answers("anna@example.org") == answers("bo@example.org")


def test_a_form_is_good_for_one_address(client: SiteClient) -> None:
    stamp = client.form_stamp()
    assert client.sign_up("anna@example.org", stamp=stamp).status_code == 303
    again = client.sign_up("anna@example.org", stamp=stamp)  # a double click
    assert (again.status_code, again.location) == (303, "/en/subscribe/sent/")
    other = client.sign_up("bo@example.org", stamp=stamp)
    assert other.status_code == 422
    assert "already been used" in other.text
    assert 'value="bo@example.org"' in other.text
    assert client.notices() == [("anna@example.org", "confirm")]


def test_a_domain_has_a_limit_unless_it_is_the_organisations(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_up_limits, "MAX_BY_DOMAIN", 2)
    client = site_client(install(MAIL_FROM="devis@mail.own.example", TRUSTED_PROXIES="127.0.0.1"))
    own = [client.sign_up(f"a{number}@own.example").status_code for number in range(4)]
    networks = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]  # the first has its half
    other = [sign_up(client, f"a{n}@any.example", each) for n, each in enumerate(networks)]
    assert own == [303] * 4
    assert [answer.status_code for answer in other] == [303, 429, 303, 429]
    assert 3000 < int(other[-1].headers["Retry-After"]) <= 3600
    assert 'value="a3@any.example"' in other[-1].text
    assert client.sign_up("anna@elsewhere.example").status_code == 303
    assert len(client.notices()) == 7


def test_a_surge_asks_for_patience_and_tells_the_operator(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    made = install(SIGNUP_LIMIT="4", TRUSTED_PROXIES="127.0.0.1", OPERATOR_TOKEN=TOKEN)
    client = site_client(made)
    with client.harness.open() as (db, _):
        form = {"address": "root@example.org", "name": "Root", "role": "administrator"}
        people.create(db, {**form, "language": "en"}, ("en", "sv"), made.now)
    one = [sign_up(client, f"a{number}@one.example", "192.0.2.1") for number in range(3)]
    assert [answer.status_code for answer in one] == [303, 303, 429]  # half of them
    two = [sign_up(client, f"b{number}@two.example", f"192.0.2.{number}") for number in range(2, 6)]
    assert [answer.status_code for answer in two] == [303, 303, 429, 429]
    assert "Nothing is lost" in two[-1].text
    assert "asked to wait; the last one is from 192.0.2.0/24" in caplog.text
    rows = client.harness.rows("SELECT kind FROM outbox WHERE channel = 'desk'")
    assert rows == [("sending",)]  # once
    told = client.harness.new_messages()
    assert any("asks people to wait" in str(message.get_body(("plain",))) for message in told)
    found = {each.check: each.finding for each in run(_validation(client), client.harness.now)}
    assert found["sign-up"].level == "warn"
    assert "pause-sign-up" in found["sign-up"].advice
    assert found["sending"].level == "good"
    told_metrics = metrics(client)
    assert 'devis_sign_ups{outcome="accepted"} 4.0' in told_metrics
    assert 'devis_sign_ups{outcome="delayed"} 2.0' in told_metrics


def _validation(client: SiteClient) -> settings.Validation:
    return settings.Validation(client.harness.config, (), ())


def test_the_operator_pauses_sign_up_and_who_has_asked_still_confirms(
    install: Install, command: Command
) -> None:
    client = site_client(install(OPERATOR_TOKEN=TOKEN))
    client.sign_up("anna@example.org")
    stamp = client.form_stamp()

    def devis(*arguments: str) -> str:
        database = str(client.harness.config.database)
        return command(*arguments, DATABASE=database, NOW=client.harness.now.isoformat()).stdout

    assert "The sign-up form is closed" in devis("subscriber", "pause-sign-up")
    closed = client.get("/en/subscribe/")
    assert closed.status_code == 200
    assert "come back in a few hours" in closed.text
    given = {**PREFERENCES, "address": "bo@example.org", "stamp": stamp}
    assert client.post("/en/subscribe/", given).status_code == 503
    assert client.get("/en/subscribe/sent/").status_code == 200
    assert "devis_sign_up_paused 1.0" in metrics(client)
    found = {each.check: each.finding for each in run(_validation(client), client.harness.now)}
    assert found["sign-up"].level == "warn"
    sent = [str(message["To"]) for message in client.harness.new_messages()]
    assert sent == ["anna@example.org"]
    confirm = client.link("anna@example.org", "confirm") + "/confirm"
    assert client.post(confirm).status_code == 303
    assert client.subscriber("anna@example.org").status == "active"
    assert "is open" in devis("subscriber", "resume-sign-up")
    assert client.post("/en/subscribe/", given).status_code == 303


def test_sign_ups_pass_while_counting_fails(
    client: SiteClient, caplog: pytest.LogCaptureFixture
) -> None:
    (client.harness.config.instance / RATES_FILE).unlink(missing_ok=True)
    (client.harness.config.instance / RATES_FILE).mkdir()
    assert client.sign_up("anna@example.org").status_code == 303
    assert "limits of sign-ups are off while counting fails" in caplog.text
    assert sign_up_limits.counts(client.harness.config) == {}
