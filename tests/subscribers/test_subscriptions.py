"""Subscribing over HTTP: one answer for everybody, and only POST changes anything."""

import html
import json
import logging
import re
from base64 import b32decode, b32encode
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from itsdangerous import Signer
from sqlite_utils import Database
from werkzeug.test import Client, TestResponse

from feed import editions
from feed.clock import Clock
from feed.i18n import translator
from feed.model import tokens
from feed.server import database_setup
from feed.store.connection import connect
from feed.subscribers import forms
from feed.web import subscribe, subscription_form
from tests.conftest import NOON, Installation, settings
from tests.mail_harness import PREFERENCES
from tests.site_client import SiteClient, site_client
from tests.web.test_http import parsed

KINDS = ("known", "unknown", "pending", "left", "suspended")


@pytest.fixture
def client(install: Callable[..., Installation]) -> SiteClient:
    return site_client(install())


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> SiteClient:
    """A site that the tests do not change; Anna is subscribed."""
    made = Installation(settings(tmp_path_factory.mktemp("still"), SIGNUP_RATE="100000"))
    database_setup.create(made.config, Clock(NOON))
    client = site_client(made)
    client.make_subscriber("known")
    return client


def dump(client: SiteClient) -> list[str]:
    """Everything that the database holds."""
    db: Database = connect(client.harness.config.database)
    try:
        return list(db.conn.iterdump())
    finally:
        db.close()


def words(answer: TestResponse) -> str:
    """What a page says, without its tags, in one line."""
    return " ".join(" ".join(parsed(answer.data).itertext()).split())


# The way of a subscriber


def test_a_visitor_signs_up_and_confirms(client: SiteClient) -> None:
    answer = client.sign_up("Anna@Example.org", cadence="daily", days="workdays", hour="6")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/en/subscribe/sent/")
    assert "Check your inbox" in words(client.get("/en/subscribe/sent/"))
    assert client.notices() == [("Anna@example.org", "confirm")]

    confirm = client.link("anna@example.org", "confirm") + "/confirm"
    asked = words(client.get(confirm))
    assert "Monday to Friday at 06:00 (Stockholm, Sweden), in English" in asked
    assert "A…@example.org" in asked
    assert client.subscriber("anna@example.org").status == "pending"

    answer = client.post(confirm)
    assert (answer.status_code, answer.headers["Location"]) == (303, confirm)
    assert client.subscriber("anna@example.org").status == "active"
    done = client.get(confirm)
    assert "on Monday 23 November 2026 at 06:00 (Stockholm, Sweden)" in words(done)
    assert f'{client.link("anna@example.org", "letter")}/"' in done.text

    before = dump(client)
    assert client.post(confirm).status_code == 303
    assert dump(client) == before


def test_a_subscriber_changes_and_pauses(client: SiteClient) -> None:
    anna = client.make_subscriber("known")
    own_page = client.link(anna, "letter") + "/"
    page = client.get(own_page)
    assert 'value="7" selected' in page.text
    assert "on Monday 23 November 2026 at 07:00" in words(page)

    preferences = {**PREFERENCES, "cadence": "weekly", "hour": "18", "timezone": "Asia/Kolkata"}
    answer = client.post(own_page, {**preferences, "paused_until": "2026-12-09"})
    assert (answer.status_code, answer.headers["Location"]) == (303, own_page + "?saved=1")
    page = client.get(own_page + "?saved=1")
    assert "Saved." in words(page)
    assert "Paused until Wednesday 9 December 2026." in words(page)
    assert "on Monday 14 December 2026 at 18:00 (Kolkata, India)" in words(page)
    assert 'value="2026-12-09"' in page.text

    client.post(own_page, {**preferences, "paused_until": ""})
    assert "Paused" not in words(client.get(own_page))
    assert client.subscriber(anna).paused_until is None


def test_a_pause_that_is_over_has_no_effect(client: SiteClient) -> None:
    anna = client.make_subscriber("known")
    own_page = client.link(anna, "letter") + "/"
    client.post(own_page, {**PREFERENCES, "paused_until": "2026-11-25"})
    client.set_time(NOON + timedelta(days=9))
    page = client.get(own_page)
    assert "Paused" not in words(page)
    assert 'name="paused_until" value=""' in page.text
    assert (
        client.post(own_page, {**PREFERENCES, "hour": "8", "paused_until": ""}).status_code == 303
    )


def test_a_subscriber_leaves_and_comes_back(client: SiteClient) -> None:
    anna = client.make_subscriber("known")
    own_page = client.link(anna, "letter")
    asked = client.get(own_page + "/unsubscribe")
    assert "Once a week instead" in words(asked)
    assert client.subscriber(anna).status == "active"
    done = client.post(own_page + "/unsubscribe")
    assert done.status_code == 200
    assert "You get no more emails" in words(done)
    assert client.subscriber(anna).status == "left"
    assert "You get no more emails" in words(client.get(own_page + "/unsubscribe"))
    assert "You have unsubscribed" in words(client.get(own_page + "/"))

    answer = client.post(own_page + "/resume")
    assert (answer.status_code, answer.headers["Location"]) == (303, own_page + "/?resumed=1")
    assert client.subscriber(anna).status == "active"
    assert "You will get the emails again." in words(client.get(own_page + "/?resumed=1"))


def test_once_a_week_is_offered_beside_leaving(client: SiteClient) -> None:
    anna = client.make_subscriber("known", days="workdays", hour="9")
    own_page = client.link(anna, "letter")
    client.post(
        own_page + "/",
        {**PREFERENCES, "days": "workdays", "hour": "9", "paused_until": "2026-12-01"},
    )
    form = re.findall(
        r'<input type="hidden" name="(\w+)" value="([^"]*)">',
        client.get(own_page + "/unsubscribe").text,
    )
    assert client.post(own_page + "/", dict(form)).headers["Location"] == own_page + "/?saved=1"
    found = client.subscriber(anna)
    assert (found.status, found.preferences.cadence, found.preferences.hour) == (
        *("active", "weekly"),
        9,
    )
    assert found.paused_until is not None
    assert "Once a week instead" not in words(client.get(own_page + "/unsubscribe"))


def test_a_pause_ends_with_leaving(client: SiteClient) -> None:
    """A returning subscriber wants e-mails now."""
    anna = client.make_subscriber("known")
    own_page = client.link(anna, "letter")
    client.post(own_page + "/", {**PREFERENCES, "paused_until": "2027-06-01"})
    client.post(own_page + "/unsubscribe")
    page = client.post(own_page + "/resume")
    assert "Paused" not in words(client.get(page.headers["Location"]))
    assert "on Monday 23 November 2026 at 07:00" in words(client.get(own_page + "/"))


@pytest.mark.parametrize("kind", ["left", "suspended"])
def test_an_unsubscribed_person_sees_that_and_may_resume(client: SiteClient, kind: str) -> None:
    anna = client.make_subscriber(kind)
    own_page = client.link(anna, "letter")
    page = client.get(own_page + "/")
    assert "Start again" in words(page)
    assert 'name="cadence"' not in page.text
    client.post(own_page + "/resume")
    assert client.subscriber(anna).status == "active"


def test_an_unconfirmed_subscriber_cannot_resume_from_a_digest(client: SiteClient) -> None:
    anna = client.make_subscriber("pending")
    own_page = client.link(anna, "letter")
    assert "Start again" not in words(client.get(own_page + "/"))
    client.post(own_page + "/resume")
    assert client.subscriber(anna).status == "pending"


def test_a_returning_subscriber_may_confirm_from_an_old_digest_too(client: SiteClient) -> None:
    anna = client.make_subscriber("left")
    client.sign_up(anna)
    own_page = client.link(anna, "letter")
    assert "Start again" in words(client.get(own_page + "/"))
    client.post(own_page + "/resume")
    assert client.subscriber(anna).status == "active"


def test_a_subscriber_exports_and_erases_everything(client: SiteClient) -> None:
    anna = client.make_subscriber("known")
    letter = client.link(anna, "letter")
    answer = client.post(letter + "/private")
    assert answer.headers["Location"] == letter + "/?mailed=1"
    assert "check the inbox of a…@example.org" in words(client.get(letter + "/?mailed=1"))
    assert client.notices() == [(anna, "private")]

    private = client.link(anna, "private")
    page = client.get(private + "/")
    assert anna in words(page)
    assert f'href="{letter}/"' in page.text
    export = client.get(private + "/export")
    assert export.headers["Content-Disposition"] == 'attachment; filename="devis.json"'
    assert export.headers["Content-Type"] == "application/json"
    held = json.loads(export.text)
    assert (held["address"], held["status"]) == (anna, "active")

    assert "Erase everything?" in words(client.get(private + "/erase"))
    assert client.subscriber(anna)
    gone = client.post(private + "/erase")
    assert gone.status_code == 200
    assert "Everything has been erased" in words(gone)
    assert client.harness.rows("SELECT * FROM subscribers") == []
    for path in (letter + "/", private + "/", private + "/export", letter + "/unsubscribe"):
        assert client.get(path).status_code == 404
    one_click = client.post(letter + "/unsubscribe", {"List-Unsubscribe": "One-Click"})
    assert one_click.status_code == 200
    assert "Everything has been erased" in words(one_click)


def test_an_erased_subscriber_may_ask_never_to_be_written_to_again(client: SiteClient) -> None:
    anna = client.make_subscriber("known")
    private = client.link(anna, "private")
    assert 'name="suppress"' in client.get(private + "/erase").text
    gone = client.post(private + "/erase", {"suppress": "1"})
    assert "Nothing is stored about you" not in words(gone)
    assert "will never be written to again" in words(gone)
    assert client.sign_up(anna).status_code == 303
    assert client.notices() == []


def test_a_private_link_works_for_an_hour(client: SiteClient) -> None:
    private = client.link(client.make_subscriber("known"), "private")
    client.set_time(NOON + timedelta(minutes=59))
    assert client.get(private + "/").status_code == 200
    client.set_time(NOON + timedelta(minutes=61))
    for path in ("/", "/export", "/erase"):
        assert client.get(private + path).status_code == 404
    assert client.post(private + "/erase").status_code == 404


def test_a_subscriber_moves(client: SiteClient) -> None:
    anna = client.make_subscriber("known")
    private = client.link(anna, "private")
    answer = client.post(private + "/address", {"address": "anna@new.example"})
    assert (answer.status_code, answer.headers["Location"]) == (303, private + "/?asked=1")
    assert "Check the new inbox" in words(client.get(private + "/?asked=1"))
    assert client.notices() == [(anna, "move")]
    move = client.link(anna, "move") + "/move"
    asked = words(client.get(move))
    assert "a…@new.example" in asked
    assert "no longer to a…@example.org" in asked
    assert client.subscriber(anna)
    assert client.post(move).headers["Location"] == move
    assert client.subscriber("anna@new.example").status == "active"
    assert "The emails have moved" in words(client.get(move))
    before = dump(client)
    client.post(move)
    assert dump(client) == before


def test_a_change_of_address_does_not_reveal_other_subscribers(client: SiteClient) -> None:
    anna, bo = client.make_subscriber("known"), client.make_subscriber("known", "bo@example.org")
    private = client.link(anna, "private")
    said = []
    for address in (bo, "nobody@example.org"):
        answer = client.post(private + "/address", {"address": address})
        page, held = client.get(private + "/?asked=1"), client.get(private + "/export")
        said.append(
            (answer.status_code, answer.data, page.data, held.text.replace(address, "<address>"))
        )
    assert said[0] == said[1]
    assert client.notices() == [(bo, "known"), (anna, "move")]


def test_an_address_that_was_left_can_be_moved_to(client: SiteClient) -> None:
    anna, work = (
        client.make_subscriber("known"),
        client.make_subscriber("left", "anna@work.example"),
    )
    client.post(client.link(anna, "private") + "/address", {"address": work})
    assert client.notices() == [(anna, "move")]
    client.post(client.link(anna, "move") + "/move")
    assert client.subscriber(work).status == "active"
    assert len(client.harness.rows("SELECT * FROM subscribers")) == 1


# What is agreed to, and in which language


def test_the_proof_is_what_the_pages_said(client: SiteClient) -> None:
    """The form is in English, the e-mails in Swedish: each step is recorded as it was shown."""
    form = html.unescape(client.get("/en/subscribe/").text)
    offered = "Send me emails from Devis: as I have chosen here. I can stop them at any time."
    assert f"<q>{offered}</q>" in form
    client.sign_up("anna@example.org", language="sv")
    confirm = client.link("anna@example.org", "confirm") + "/confirm"
    shown = re.search("<q>(.*)</q>", html.unescape(client.get(confirm).text))
    assert shown
    client.post(confirm)
    (asked, confirmed) = client.harness.rows(
        "SELECT c.act, c.language, w.wording, c.source FROM consents c"
        " JOIN wordings w ON w.id = c.wording ORDER BY c.id"
    )
    chosen = "every day at 07:00 (Stockholm, Sweden), in Swedish"
    assert asked == (
        *("asked", "en", offered.replace("as I have chosen here", chosen)),
        "/en/subscribe/",
    )
    assert confirmed == ("confirmed", "sv", shown[1], "/subscription/{token}/confirm")


@pytest.mark.parametrize("language", ["en", "sv"])
def test_pages_behind_a_link_are_in_the_language_of_the_digests(
    client: SiteClient, language: str
) -> None:
    anna = client.make_subscriber("known", language=language)
    letter, private = client.link(anna, "letter"), client.link(anna, "private")
    paths = [letter + "/", letter + "/unsubscribe", private + "/", private + "/erase"]
    for path in paths:
        page = parsed(client.get(path, Accept_Language="de, sv;q=0.1, en;q=0.2").data)
        assert page.get("lang") == language
        links = {link.get("href") for link in page.iterfind(".//header//a")}
        assert f"/{language}/" in links
    wrong = client.post(letter + "/", {**PREFERENCES, "language": "xx"})
    assert parsed(wrong.data).get("lang") == language
    assert parsed(client.post(letter + "/unsubscribe").data).get("lang") == language


def test_a_subscriber_gets_the_principle_in_two_languages(devis: Installation) -> None:
    client = site_client(devis)
    client.sign_up("anna@example.org", language="sv", also="en")
    confirm = client.link("anna@example.org", "confirm") + "/confirm"
    page = html.unescape(client.get(confirm).text)
    assert "varje dag klockan 07:00 (Stockholm, Sverige), på svenska och engelska" in page
    client.post(confirm)
    found = client.subscriber("anna@example.org").preferences
    assert (found.language, found.others) == ("sv", ("en",))

    letter = client.link("anna@example.org", "letter")
    form = client.get(letter + "/").text
    assert '<option value="en" selected>English</option>' in form
    assert 'name="also" value="en"' in client.get(letter + "/unsubscribe").text
    messages = client.harness.new_messages("2026-11-23T07:00:05+01:00")
    (message,) = [each for each in messages if "List-Id" in each]
    with client.harness.open() as (db, site):
        showing = editions.on(db, site, date(2026, 11, 23), client.harness.now).showing
    texts = [showing.text(code) for code in ("sv", "en")]
    assert message["Subject"] == texts[0].title
    assert message["Content-Language"] == "sv, en"
    assert "<daily.sv-en." in message["List-Id"]
    for part in message.iter_parts():
        content = html.unescape(" ".join(part.get_content().split()))
        assert content.index(texts[0].title) < content.index(texts[1].title)
        assert "Att göra i dag" in content
        assert "To do today" in content
        assert content.count("Avsluta prenumerationen") == 1
        assert "Unsubscribe" not in content
    client.post(letter + "/", {**PREFERENCES, "language": "en", "also": "en"})
    assert client.subscriber("anna@example.org").preferences.languages == "en"
    wrong = client.post(letter + "/", {**PREFERENCES, "also": "xx"})
    assert (wrong.status_code, 'id="also-wrong"' in wrong.text) == (422, True)


def test_only_the_private_page_shows_the_whole_address(client: SiteClient) -> None:
    anna = client.make_subscriber("known")
    letter = client.link(anna, "letter")
    pages = [client.get(letter + path) for path in ("/", "/?mailed=1", "/unsubscribe")]
    pages += [client.post(letter + "/", {"address": anna}), client.post(letter + "/unsubscribe")]
    pages += [client.get(letter + "/")]
    for page in pages:
        assert "a…@example.org" in page.text
        assert anna not in page.text
    assert anna in client.get(client.link(anna, "private") + "/").text


# One answer for everybody


def seen(answer: TestResponse) -> tuple[str, bytes, str]:
    """A response without its request id."""
    headers = [each for each in answer.headers if each[0] != "X-Request-Id"]
    return answer.status, answer.data, str(headers)


def test_the_response_does_not_reveal_who_is_subscribed(client: SiteClient) -> None:
    said = set()
    for address in [client.make_subscriber(kind, f"{kind}@example.org") for kind in KINDS]:
        answer = client.sign_up(address)
        sent = client.get(answer.headers["Location"])
        said |= {seen(answer), seen(sent)}
    assert len(said) == 2
    mailed = dict(reversed(client.notices()))
    assert mailed["known@example.org"] == "known"
    assert {mailed[f"{kind}@example.org"] for kind in KINDS if kind != "known"} == {"confirm"}


def test_a_program_that_fills_in_everything_gets_the_same_answer_and_nothing(
    client: SiteClient,
) -> None:
    answer = client.sign_up("anna@example.org")
    before = dump(client)
    trapped = client.sign_up("bo@example.org", comment="https://spam.example")
    assert seen(trapped) == seen(answer)
    assert dump(client) == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda stamp: "",
        lambda stamp: "1",
        lambda stamp: stamp[:-1],
        lambda stamp: "9" + stamp,
        lambda stamp: stamp.replace(".", ""),
        lambda stamp: "ö\x00" + stamp,
        lambda stamp: Signer("another key").sign("1").decode(),
        lambda stamp: stamp * 500,
    ],
)
def test_a_form_that_was_not_fetched_here_comes_back_filled_in(
    client: SiteClient, spoil: Callable[[str], str]
) -> None:
    stamp = spoil(client.form_stamp())
    answer = client.sign_up("anna@example.org", stamp=stamp, hour="9", cadence="weekly")
    comes_back_filled(client, answer)


def test_a_form_may_stay_open_for_a_day(client: SiteClient) -> None:
    stamp = client.form_stamp()
    client.set_time(NOON + timedelta(hours=23, minutes=59))
    assert client.sign_up("bo@example.org", stamp=stamp).status_code == 303
    client.set_time(NOON + timedelta(days=1, minutes=1))
    answer = client.sign_up("anna@example.org", stamp=stamp, hour="9", cadence="weekly")
    comes_back_filled(client, answer)


def comes_back_filled(client: SiteClient, answer: TestResponse) -> None:
    """With what was typed, and a stamp that will do."""
    assert answer.status_code == 422
    assert "open for too long" in words(answer)
    assert 'value="anna@example.org"' in answer.text
    assert 'value="9" selected' in answer.text
    assert 'value="weekly" checked' in answer.text
    fresh = re.search(r'name="stamp" value="([^"]+)"', answer.text)
    assert fresh
    assert client.sign_up("anna@example.org", stamp=fresh[1]).status_code == 303


# What people, and others, type


@pytest.mark.parametrize(
    "address",
    [
        *("", " ", "anna", "anna@", "@example.org", "a@b@example.org", "anna@example", "a b@c.org"),
        *("anna@example.org\r\nBcc: all@example.org", "anna\x00@example.org"),
        *("Anna <anna@example.org>", "anna@example..org", "anna@-example.org", "anna@[127.0.0.1]"),
        *("a" * 10_000 + "@example.org", "a@" + "b" * 10_000 + ".org", "a@" + "b." * 130 + "org"),
        *("<script>alert(1)</script>@example.org", "%s@%(x)s", "‮anna@example.org"),
    ],
    ids=lambda address: ascii(address)[:40],
)
def test_an_invalid_address_is_an_error_at_its_field(still: SiteClient, address: str) -> None:
    before = dump(still)
    answer = still.sign_up(address, hour="9", cadence="weekly")
    assert answer.status_code == 422
    page = parsed(answer.data)
    field = page.find(".//input[@id='address']")
    assert field is not None
    assert field.get("aria-invalid") == "true"
    told = page.find(f".//*[@id='{field.get('aria-describedby')}']")
    assert told is not None
    assert "".join(told.itertext()).strip()
    summary = page.find(".//*[@id='summary']")
    assert summary is not None
    assert [link.get("href") for link in summary.iterfind(".//a")] == ["#address"]
    assert "\x00" not in answer.text
    assert "<script>alert" not in answer.text
    typed = "".join(sign for sign in address if sign.isprintable())
    assert field.get("value") == typed[:1000]
    assert 'value="9" selected' in answer.text
    assert 'value="weekly" checked' in answer.text
    assert dump(still) == before


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  anna@example.org ", "anna@example.org"),
        ("anna@example.org\r\n", "anna@example.org"),
        ("Anna.B+x@EXAMPLE.ORG", "Anna.B+x@example.org"),
        ("åsa@exämple.org", "åsa@exämple.org"),
        ("asa@xn--exmple-cua.org", "asa@exämple.org"),
        ('"anna b"@example.org', '"anna b"@example.org'),
        ("o'brien@example.org", "o'brien@example.org"),
        ("日本@例え.jp", "日本@例え.jp"),
    ],
)
def test_every_valid_address_is_accepted(client: SiteClient, typed: str, kept: str) -> None:
    assert client.sign_up(typed).status_code == 303
    assert client.harness.rows("SELECT address FROM subscribers") == [(kept,)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("language", text) for text in ("", "xx", "EN", "en\x00", "sv\r\nX: y", "a" * 10_000)],
        *[("cadence", text) for text in ("", "hourly", "Daily", "daily\x00")],
        *[("days", text) for text in ("", "weekends", "‮every")],
        *[("hour", text) for text in ("", "24", "-1", "07", "7.0", "７", "٧", "9" * 10_000)],
        *[
            ("timezone", text)
            for text in ("", "Mars/Olympus", "../../etc/passwd", "europe/stockholm", "EST5EDT", "/")
        ],
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_an_invalid_choice_is_an_error_at_its_field(
    still: SiteClient, name: str, value: str
) -> None:
    before = dump(still)
    for answer in (
        still.sign_up("anna@example.org", **{name: value}),
        still.post("/en/subscribe/", {**fields_without(name), "stamp": still.form_stamp()}),
    ):
        assert answer.status_code == 422
        page = parsed(answer.data)
        assert page.find(f".//*[@id='{name}-wrong']") is not None
        (tied,) = page.findall(f".//*[@aria-describedby='{name}-wrong']")
        assert tied.get("aria-invalid") == "true"
        assert page.find(f".//*[@id='{name}']") is not None
        assert 'value="anna@example.org"' in answer.text
    assert dump(still) == before


def fields_without(name: str) -> dict[str, str]:
    given = {**PREFERENCES, "address": "anna@example.org"}
    return {key: value for key, value in given.items() if key != name}


def test_an_empty_form_shows_every_error_at_once(client: SiteClient) -> None:
    answer = client.post("/en/subscribe/", {"stamp": client.form_stamp()})
    summary = parsed(answer.data).find(".//*[@id='summary']")
    assert summary is not None
    assert [link.get("href") for link in summary.iterfind(".//a")] == [
        *("#address", "#language", "#cadence", "#days", "#hour", "#timezone"),
    ]


@pytest.mark.parametrize(
    "until",
    [
        *("2026-11-22", "2020-01-01", "2028-01-01", "9999-12-31", "0001-01-01", "tomorrow"),
        *("2026-13-01", "12/24/2026", "2026-12-24\x00", "2026-12-24T07:00", "1" * 10_000),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_an_invalid_pause_is_an_error_at_its_field(still: SiteClient, until: str) -> None:
    own_page = still.link("anna@example.org", "letter") + "/"
    before = dump(still)
    answer = still.post(own_page, {**PREFERENCES, "hour": "9", "paused_until": until})
    assert answer.status_code == 422
    field = parsed(answer.data).find(".//input[@id='paused_until']")
    assert field is not None
    assert field.get("aria-invalid") == "true"
    assert field.get("aria-describedby") == "paused_until-hint paused_until-wrong"
    typed = until.removesuffix("\x00")
    is_date = re.fullmatch(r"\d{4}-(0\d|1[012])-\d\d", typed)
    assert field.get("value") == (typed if is_date else "")
    assert 'value="9" selected' in answer.text
    assert dump(still) == before


@pytest.mark.parametrize("address", ["", "anna", "b\x00o@example.org", "x" * 10_000])
def test_an_invalid_new_address_is_an_error_at_its_field(still: SiteClient, address: str) -> None:
    private = still.link("anna@example.org", "private")
    before = dump(still)
    answer = still.post(private + "/address", {"address": address} if address else {})
    assert answer.status_code == 422
    field = parsed(answer.data).find(".//input[@id='address']")
    assert field is not None
    assert field.get("aria-invalid") == "true"
    assert dump(still) == before


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"\xff\xfe=%ff&%&&=&address=%c3"),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("multipart/form-data", b"--x"),
        ("application/json", b'{"address": "anna@example.org"}'),
        ("nonsense", b"\x00" * 1000),
        ("", b""),
    ],
)
def test_malformed_form_data_gets_a_client_error(still: SiteClient, kind: str, body: bytes) -> None:
    letter = still.link("anna@example.org", "letter")
    for path in ("/en/subscribe/", letter + "/"):
        answer = Client(still.cache).post(path, data=body, content_type=kind)
        assert answer.status_code == 422
        parsed(answer.data)


@pytest.mark.parametrize(
    "pasted",
    [
        "\ufeffanna@example.org",
        "anna@exam\u200bple.org",
        "anna@example.org\u200b ",
        "mailto:anna@example.org",
        "MAILTO:anna@example.org?subject=Devis",
        "<anna@example.org>",
        "‹anna@example.org›,",
        "<mailto:anna@example.org>.",
        "anna@example.org, ",
        "anna@example.org.",
        "anna@example.org;",
    ],
)
def test_an_address_may_be_pasted_with_what_surrounds_it(client: SiteClient, pasted: str) -> None:
    assert client.sign_up(pasted).status_code == 303
    assert client.notices() == [("anna@example.org", "confirm")]


def test_only_the_domains_that_are_set_can_subscribe(
    install: Callable[..., Installation],
) -> None:
    client = site_client(install(), mail_domains=("example.org", "example.com"))
    assert "example.org and example.com" in words(client.get("/en/subscribe/"))
    answer = client.sign_up("anna@elsewhere.example")
    assert answer.status_code == 422
    assert 'aria-describedby="address-hint address-wrong"' in answer.text
    assert client.sign_up("anna@example.com").status_code == 303
    private = client.link(client.make_subscriber("known"), "private")
    assert "example.org and example.com" in words(client.get(private + "/"))
    assert client.post(private + "/address", {"address": "a@b.example"}).status_code == 422


# Mail scanners, and mail programs


def everywhere(client: SiteClient) -> list[str]:
    """Every address of every kind of subscriber, with a token that opens it."""
    paths = []
    for kind in ("known", "pending", "left", "suspended"):
        address = client.make_subscriber(kind, f"{kind}@example.org")
        letter, private = client.link(address, "letter"), client.link(address, "private")
        paths += [
            letter + "/",
            letter + "/unsubscribe",
            client.link(address, "confirm") + "/confirm",
        ]
        paths += [private + "/", private + "/export", private + "/erase"]
    client.post(
        client.link("known@example.org", "private") + "/address", {"address": "k@new.example"}
    )
    paths.append(client.link("known@example.org", "move") + "/move")
    return paths


@pytest.mark.slow
def test_a_scanner_that_follows_every_link_changes_nothing(client: SiteClient) -> None:
    paths = everywhere(client)
    before = dump(client)
    for path in paths * 2:
        got, head = client.get(path), Client(client.cache).head(path)
        assert got.status_code == head.status_code == 200
        assert head.data == b""
        for more in ("?saved=1&resumed=1&mailed=1&asked=1", "?List-Unsubscribe=One-Click"):
            client.get(path + more)
    for path in paths:
        base = path.rsplit("/", 1)[0]
        for act in ("resume", "private", "address"):
            assert client.get(f"{base}/{act}").status_code == 405
    assert dump(client) == before


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
            b"One-Click\r\n--b--\r\n",
        ),
        ("text/plain", b"List-Unsubscribe=One-Click"),
        ("multipart/form-data", b"--"),
        (None, b""),
        ("application/octet-stream", b"\x00\xff" * 5000),
    ],
)
def test_one_click_in_a_mail_program_unsubscribes_at_once(
    client: SiteClient, kind: str | None, body: bytes
) -> None:
    anna = client.make_subscriber("known")
    path = client.link(anna, "letter") + "/unsubscribe"
    answer = Client(client.cache).post(path, data=body, content_type=kind)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert client.subscriber(anna).status == "left"
    before = dump(client)
    assert Client(client.cache).post(path, data=body, content_type=kind).status_code == 200
    assert dump(client) == before


# Tokens


def spoilt(client: SiteClient) -> dict[str, str]:
    """Tokens that open nothing, by what is wrong with them."""
    anna = client.make_subscriber("known")
    letter = client.link(anna, "letter").rpartition("/")[2]
    number = client.subscriber(anna).id
    return {
        "forged": letter[:-1] + ("a" if letter[-1] != "a" else "b"),
        "of another": written((number + 1).to_bytes(6) + raw(letter)[6:]),
        "of another key": tokens.lasting(b"x" * 32, "letter", number, 0),
        "truncated": letter[:-1],
        "too long": letter + "a",
        "short": "a",
        "not ASCII": "å" * 42,
        "digits of others": "٧" * 42,
        "not base 32": "1" * 42,
        "zeros": "a" * 42,
        "with a slash": letter[:20] + "%2F" + letter[21:],
        "quoted": "%22%27%3C%3E",
        "endless": "a" * 5000,
        "dots": "%2E%2E",
    }


HEAD = 10  # bytes of a token before its signature: six of whose it is, four of until when


def raw(token: str) -> bytes:
    return b32decode(token.upper() + "======")


def written(token: bytes) -> str:
    return b32encode(token).decode().rstrip("=").lower()


PATHS = [
    *[("GET", path) for path in ("", "unsubscribe", "confirm", "move", "export", "erase")],
    *[("POST", path) for path in ("", "unsubscribe", "confirm", "move", "erase")],
    *[("POST", path) for path in ("resume", "private", "address")],
]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_that_is_not_ours_leads_to_a_page_with_ways_on(
    client: SiteClient, method: str
) -> None:
    bad = spoilt(client)
    before = dump(client)
    for what, token in bad.items():
        for verb, path in PATHS:
            if verb == method:
                address = f"/subscription/{token}/{path}"
                answer = client.get(address) if verb == "GET" else client.post(address)
                assert answer.status_code == 404, (what, path)
                assert answer.headers["Cache-Control"] == "no-store"
                links = {link.get("href") for link in parsed(answer.data).iterfind(".//main//a")}
                assert "/en/" in links
    assert dump(client) == before


def test_a_token_opens_what_it_was_made_for_and_nothing_else(client: SiteClient) -> None:
    opens = {
        "letter": {"", "unsubscribe", "resume", "private"},
        "private": {"", "export", "erase", "address"},
        "confirm": {"confirm"},
        "move": {"move"},
    }
    anna = client.make_subscriber("known")
    for purpose, own in opens.items():
        link = client.link(anna, purpose)
        for method, path in PATHS:
            if path in own:
                continue
            answer = (
                client.get(f"{link}/{path}") if method == "GET" else client.post(f"{link}/{path}")
            )
            assert answer.status_code == 404, (purpose, method, path)
    for purpose in ("private", "confirm", "move"):
        assert client.post(client.link(anna, purpose) + "/", PREFERENCES).status_code == 404


@pytest.mark.parametrize("path", ["/subscription/%s/", "/subscription/%s/export"])
def test_the_signature_of_a_link_covers_whose_it_is_and_until_when(
    client: SiteClient, path: str
) -> None:
    """The signature of Anna's link opens neither Bo's page nor her own an hour longer."""
    anna, bo = client.make_subscriber("known"), client.make_subscriber("known", "bo@example.org")
    kind = "private" if path.endswith("export") else "letter"
    mine, other = (client.link(each, kind).rpartition("/")[2] for each in (anna, bo))
    assert client.get(path % mine).status_code == client.get(path % other).status_code == 200
    signed, others = raw(mine), raw(other)
    stolen = others[:HEAD] + signed[HEAD:]
    longer = signed[: HEAD - 4] + (int.from_bytes(signed[HEAD - 4 : HEAD]) + 3600).to_bytes(4)
    for forged in (stolen, longer + signed[HEAD:]):
        assert client.get(path % written(forged)).status_code == 404


def test_a_link_to_confirm_runs_out(client: SiteClient) -> None:
    confirm = client.link(client.make_subscriber("pending"), "confirm") + "/confirm"
    client.set_time(NOON + timedelta(days=6, hours=23))
    assert client.get(confirm).status_code == 200
    client.set_time(NOON + timedelta(days=7, seconds=1))
    assert client.get(confirm).status_code == 404
    assert client.post(confirm).status_code == 404


def test_a_link_that_does_not_work_says_what_to_do(client: SiteClient) -> None:
    page = client.get("/subscription/nothing/", Accept_Language="en")
    assert "This link does not work" in words(page)
    links = {link.get("href") for link in parsed(page.data).iterfind(".//main//a")}
    assert links == {"/en/subscribe/", "/en/"}
    assert client.get("/subscription/").status_code == 404


# Headers, the cache, robots


def test_these_pages_are_not_stored_and_send_no_referrer(client: SiteClient) -> None:
    paths = everywhere(client)
    answers = {path: client.get(path) for path in [*paths, "/subscription/x/", "/subscription/x"]}
    letter = client.link("known@example.org", "letter")
    answers["saved"] = client.post(letter + "/", PREFERENCES)
    answers["wrong"] = client.post(letter + "/", {})
    answers["left"] = client.post(letter + "/unsubscribe")
    answers["not allowed"] = Client(client.cache).put(letter + "/")
    form = {"form": client.get("/en/subscribe/"), "sent": client.get("/sv/subscribe/sent/")}
    form |= {"sign up": client.sign_up("x@example.org"), "bad": client.sign_up("x")}
    for what, answer in (answers | form).items():
        assert answer.headers["Cache-Control"] == "no-store", what
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
        for name in ("Set-Cookie", "ETag", "Last-Modified", "Access-Control-Allow-Origin"):
            assert name not in answer.headers, (what, name)
        assert ("X-Robots-Tag" in answer.headers) == (what in answers)
        script = "script-src" in answer.headers["Content-Security-Policy"]
        assert script == (what in ("form", "bad"))
        if answer.content_type.startswith("text/html") and answer.status_code not in (303, 308):
            for link in parsed(answer.data).iterfind(".//a"):
                assert (link.get("href") or "").startswith(("/", "#")), what


def test_the_page_cache_keeps_none_of_it(client: SiteClient) -> None:
    paths = everywhere(client)
    for path in [*paths, "/en/subscribe/", "/en/"]:
        client.get(path)
    assert {path for path, _ in client.cache._entries} == {"/en/"}
    first = client.form_stamp()
    client.set_time(NOON + timedelta(seconds=5))
    assert client.form_stamp() != first


def test_robots_stay_away_and_the_sitemap_knows_the_form(client: SiteClient) -> None:
    assert "\nDisallow: /subscription/\n" in client.get("/robots.txt").text
    for language in ("en", "sv"):
        assert f"/{language}/subscribe/<" in client.get("/sitemap.xml").text
    assert "/subscribe/sent/" not in client.get("/sitemap.xml").text


def test_the_form_links_to_the_privacy_information(client: SiteClient) -> None:
    assert 'href="/en/about/#privacy"' in client.get("/en/subscribe/").text
    about = client.get("/en/about/")
    assert 'id="privacy"' in about.text
    assert "not confirmed within 7 days" in words(about)


def test_the_way_to_the_form_is_on_every_page(devis: Installation) -> None:
    client = site_client(devis)
    assert client.get("/en/").text.count('"/en/subscribe/"') == 2
    for path in ("/en/", "/en/feeds/", "/sv/principles/", "/en/nothing/"):
        assert f'href="{path[:3]}/subscribe/"' in client.get(path).text


# Too much


def test_signing_up_too_often_is_rate_limited_and_keeps_the_form(
    install: Callable[..., Installation],
) -> None:
    client = site_client(install(SIGNUP_RATE="3"))
    for number in range(3):
        assert client.sign_up(f"a{number}@example.org").status_code == 303
    before = dump(client)
    answer = client.sign_up("anna@example.org", hour="9")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert "Nothing is lost: please try again in a little while." in words(answer)
    assert 'value="anna@example.org"' in answer.text
    assert 'value="9" selected' in answer.text
    assert "RateLimit" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert dump(client) == before
    assert client.get("/en/subscribe/").status_code == 200
    letter = client.harness.subscribe("bo@example.org")
    for _ in range(5):
        assert client.post(f"/subscription/{letter}/unsubscribe").status_code == 200


def test_who_sends_too_much_too_often_waits_too(install: Callable[..., Installation]) -> None:
    kind = "multipart/form-data; boundary=b"
    client = site_client(install(SIGNUP_RATE="1"))
    head = b'--b\r\nContent-Disposition: form-data; name="address"\r\n\r\n'
    body = head + b"a" * 1_000_000 + b"\r\n--b--\r\n"
    said = [
        Client(client.cache).post("/en/subscribe/", data=body, content_type=kind).status_code
        for _ in range(3)
    ]
    assert said == [413, 429, 429]


# Logs


def test_no_token_ever_comes_into_a_log(
    client: SiteClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    letter = client.link(client.make_subscriber("known", "zacharina@example.org"), "letter")
    token = letter.rpartition("/")[2]

    with monkeypatch.context() as broken:
        broken.setattr("feed.web.subscription.render_template", lambda *_, **__: 1 / 0)
        assert client.get(letter + "/unsubscribe").status_code == 500
        broken.setattr("feed.web.errors.render_template", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):  # not even an error page
            client.get(letter + "/unsubscribe")
    database = client.harness.config.database
    database.rename(database.with_name("aside"))
    assert client.get(letter + "/").status_code == 503
    assert client.post(letter + "/unsubscribe").status_code == 503
    database.with_name("aside").rename(database)
    database.write_bytes(b"no database at all" * 1000)
    assert client.post(letter + "/unsubscribe").status_code == 503

    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) >= 5
    assert caplog.text.count("/subscription/{token}/unsubscribe") >= 4
    assert token not in caplog.text
    assert "zacharina" not in caplog.text


# Timezones


@pytest.mark.parametrize("language", ["en", "sv"])
def test_every_timezone_can_be_found_by_one_name(language: str) -> None:
    regions = subscription_form.timezones(language)
    listed = [zone.name for _, zones in regions for zone in zones]
    older = [name for _, zones in regions for zone in zones for name in zone.also.split()]
    assert sorted([*listed, *older, "UTC"]) == sorted(forms.timezones())
    labels = [(region, zone.city) for region, zones in regions for zone in zones]
    assert len(labels) == len(set(labels))
    assert not any(re.search("[_/]", city) for _, city in labels)
    cities = {zone.name: zone.city for _, zones in regions for zone in zones}
    assert cities["America/Argentina/Buenos_Aires"] == "Buenos Aires, Argentina"
    assert cities["Europe/Copenhagen"] == {"en": "Copenhagen", "sv": "Köpenhamn"}[language]
    assert translator(language).city("Asia/Kolkata") == "Kolkata"


@pytest.mark.parametrize(
    ("path", "header", "chosen"),
    [
        ("/en/", "sv-FI, en;q=0.5", "sv"),
        ("/en/", "de, sv;q=0.7, en;q=0.5", "sv"),
        ("/sv/", "en-GB", "en"),
        ("/sv/", "de", "sv"),
        ("/sv/", None, "sv"),
    ],
)
def test_the_form_proposes_the_browsers_language(
    client: SiteClient, path: str, header: str | None, chosen: str
) -> None:
    headers = {"Accept_Language": header} if header else {}
    answer = client.get(f"{path}subscribe/", **headers)
    assert f'<option value="{chosen}" selected>' in answer.text
    assert "Accept-Language" in answer.headers["Vary"]


def test_the_address_is_asked_for_as_phones_and_password_managers_expect(
    client: SiteClient,
) -> None:
    (field,) = re.findall('<input[^>]* name="address"[^>]*>', client.get("/en/subscribe/").text)
    assert 'type="email"' in field
    assert 'autocomplete="email"' in field
    assert 'inputmode="email"' in field
    assert " novalidate>" in client.get("/en/subscribe/").text  # errors are the server's


@pytest.mark.parametrize(
    ("zone", "english", "swedish"),
    [
        ("America/New_York", "New York, United States", "New York, USA"),
        ("Asia/Calcutta", "Kolkata, India", "Kolkata, Indien"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires, Argentina", "Buenos Aires, Argentina"),
        ("Africa/Tunis", "Tunis, Tunisia", "Tunis, Tunisien"),
        ("Asia/Singapore", "Singapore", "Singapore"),
        ("UTC", "UTC", "UTC"),
    ],
)
def test_a_place_is_a_city_and_its_country(zone: str, english: str, swedish: str) -> None:
    assert translator("en").place(zone) == english
    assert translator("sv").place(zone) == swedish


@pytest.mark.parametrize(
    ("setting", "chosen"),
    [
        ("Europe/Stockholm", "Europe/Stockholm"),
        ("US/Eastern", "America/New_York"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("Etc/GMT+5", "UTC"),
        ("UTC", "UTC"),
    ],
)
def test_the_form_begins_with_the_sites_timezone(setting: str, chosen: str) -> None:
    assert subscription_form.nearest_timezone(setting) == chosen


def test_an_older_name_of_a_timezone_is_shown_as_what_it_is_called_today(
    client: SiteClient,
) -> None:
    own_page = (
        client.link(client.make_subscriber("known", timezone="Asia/Calcutta"), "letter") + "/"
    )
    assert re.search(
        r'<option value="Asia/Kolkata" data-also="Asia/Calcutta" selected>',
        client.get(own_page).text,
    )


def test_the_stamp_needs_the_key(client: SiteClient) -> None:
    key = client.harness.key
    stamp = subscribe.new_stamp(key, NOON)
    assert subscribe.read_stamp(key, stamp, NOON)
    assert subscribe.read_stamp(b"another key, as long", stamp, NOON) is None
    assert subscribe.read_stamp(key, "", NOON) is None
