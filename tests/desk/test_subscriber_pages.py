"""Subscribers at the desk: found by address, and administered with a reason."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from werkzeug.test import TestResponse

from feed.store import subscribers
from feed.store.connection import transaction
from tests.conftest import NOON, Installation
from tests.desk_client import Desk, DeskUser, field_errors
from tests.desk_server import VIEWS, DeskServer, assert_accessible, serve_desk
from tests.mail_harness import MailHarness, mail_harness

ANNA = "anna@example.org"
HOME = "/desk/subscribers/"
REASON = {"reason": "asked by telephone"}


@pytest.fixture
def desk(devis: Installation) -> Desk:
    return Desk(devis)


@pytest.fixture
def harness(desk: Desk) -> MailHarness:
    made = mail_harness(desk.installation)
    made.subscribe(ANNA)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, processes: None) -> Iterator[DeskServer]:
    with serve_desk(tmp_path_factory.mktemp("subscribers")) as made:
        harness = mail_harness(made.desk.installation)
        harness.subscribe(ANNA)
        harness.subscribe("a.long.name.that.goes.on@a-very-long-domain.example", language="sv")
        suspend(harness, 2)
        deliver(harness, 2)
        yield made


def deliver(harness: MailHarness, number: int) -> None:
    """Two digests to one subscriber: one sent, one bounced."""
    fates = [("2026-11-20", "sent", None), ("2026-11-21", "bounced", "550 5.1.1 No such user")]
    with harness.open() as (db, _), transaction(db):
        for n, (day, state, reason) in enumerate(fates, 90):
            db.execute("INSERT INTO letters VALUES (?, 'daily', ?)", [n, day])
            db.execute(
                "INSERT INTO deliveries (letter, subscriber, language, state, due, at, reason)"
                " VALUES (?, ?, 'sv', ?, ?, ?, ?)",
                [n, number, state, day, day, reason],
            )


def suspend(harness: MailHarness, number: int, kind: str = "hard") -> None:
    with harness.open() as (db, _), transaction(db):
        subscribers.record_bounce(db, number, kind, harness.now)
        subscribers.suspend(db, number, harness.now)


def status(harness: MailHarness, number: int = 1) -> str:
    return str(harness.rows("SELECT status FROM subscribers WHERE id = ?", number)[0][0])


def test_a_person_is_found_by_post_and_the_address_is_in_no_url_title_or_log(
    desk: Desk, harness: MailHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    user = desk.sign_in("administrator")
    answer = user.post(HOME, {"address": " ‹ANNA@Example.org›, "})
    assert (answer.status_code, answer.location) == (303, "/desk/subscribers/1/")
    page = user.get(answer.location)
    title = re.search(r"<title>(.*?)</title>", page.text)
    assert title
    assert title[1].startswith("Subscriber 1 ")
    for part in (ANNA, "Gets emails", "Every day at 07:00".lower(), "Send me", "/en/subscribe/"):
        assert part in page.text
    assert "anna" not in caplog.text


def test_who_is_not_found_is_said_beside_what_was_typed(desk: Desk, harness: MailHarness) -> None:
    user = desk.sign_in("administrator")
    for typed, said in (
        ("nobody@example.org", "Nobody is subscribed"),
        ("nobody", "no @"),
        ("", "Write an email address."),
    ):
        page = user.post(HOME, {"address": typed})
        assert page.status_code == 422
        assert said in field_errors(page)[0]
        assert f'value="{typed}"' in page.text
    assert user.get("/desk/subscribers/99/").status_code == 404


def test_an_administrator_stops_resumes_and_exports(desk: Desk, harness: MailHarness) -> None:
    user = desk.sign_in("administrator")
    page = f"{HOME}1/"
    assert user.post(page + "stop", REASON).location == f"{page}?done=stop"
    assert status(harness) == "left"
    assert user.post(page + "resume", REASON).location == f"{page}?done=ask"
    assert harness.rows("SELECT kind FROM outbox WHERE channel = 'notice'") == [("confirm",)]
    with harness.open() as (db, _):
        db.execute("UPDATE subscribers SET status = 'active'")
    suspend(harness, 1)
    assert "no such mailbox" in user.get(page).text
    assert user.post(page + "resume", REASON).location == f"{page}?done=resume"
    assert status(harness) == "active"
    export = user.post(page + "export", REASON)
    assert export.headers["Content-Disposition"] == (
        'attachment; filename="devis-subscriber-1.json"'
    )
    assert json.loads(export.text)["address"] == ANNA
    history = user.get(page).text
    assert user.me
    for done in ("stopped the emails", "asked them to confirm", "exported the data"):
        assert f"{user.me.name}, {done}: asked by telephone" in history


def test_an_erased_person_leaves_only_the_act(desk: Desk, harness: MailHarness) -> None:
    user = desk.sign_in("administrator")
    answer = user.post(f"{HOME}1/erase", {**REASON, "suppress": "1"})
    assert answer.location == f"{HOME}?erased=1"
    assert "has been erased" in user.get(answer.location).text
    assert harness.rows("SELECT * FROM subscribers") == []
    assert harness.rows("SELECT act, subscriber, curator FROM subscriber_audit") == [
        ("erase", 1, user.me and user.me.id)
    ]
    assert "has 1 entry" in user.get(HOME).text


@pytest.mark.parametrize("act", ["stop", "resume", "export", "erase"])
def test_nothing_is_done_without_a_reason_and_what_was_typed_stays(
    desk: Desk, harness: MailHarness, act: str
) -> None:
    user = desk.sign_in("administrator")
    for reason, said in (("", "Write a reason"), ("anna@example.org asked", "Leave the address")):
        page = user.post(f"{HOME}1/{act}", {"reason": reason})
        assert page.status_code == 422
        assert said in field_errors(page)[0]
        assert reason in page.text
        assert page.text.count('id="reason"') == page.text.count('for="reason"') == 1
    assert status(harness) == "active"
    assert harness.rows("SELECT * FROM subscriber_audit") == []


def test_what_cannot_be_done_is_said_on_the_page(desk: Desk, harness: MailHarness) -> None:
    page = desk.sign_in("administrator").post(f"{HOME}1/resume", REASON)
    assert page.status_code == 422
    assert "This person already gets emails." in page.text


def test_all_of_a_domain_are_resumed_as_they_were_counted(desk: Desk, harness: MailHarness) -> None:
    harness.subscribe("bo@example.org")
    harness.subscribe("cecilia@other.example")
    for number in (1, 3):
        suspend(harness, number)
    user = desk.sign_in("administrator")
    place = f"{HOME}suspended"
    assert "would be resumed" not in user.get(place).text
    chosen = {"day": NOON.date().isoformat(), "domain": "Example.org"}
    assert "1 person would be resumed" in user.get(place, query_string=chosen).text
    suspend(harness, 2)
    page = user.post(place, {**chosen, **REASON, "seen": "1"})
    assert page.status_code == 409
    assert "The number has changed" in page.text
    assert "2 people would be resumed" in page.text
    assert 'value="asked by telephone"' in page.text
    answer = user.post(place, {**chosen, **REASON, "seen": "2"})
    assert "2 people get emails again." in user.get(answer.location or "").text
    assert [status(harness, number) for number in (1, 2, 3)] == ["active", "active", "suspended"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"day": "", "domain": ""}, "Choose a date"),
        ({"day": "22/11/2026", "domain": ""}, "like 2027-01-31"),
        ({"day": "", "domain": "example"}, "Write it like example.org"),
    ],
)
def test_a_choice_that_is_none_is_said_beside_its_field(
    desk: Desk, harness: MailHarness, given: dict[str, str], said: str
) -> None:
    page = desk.sign_in("administrator").get(f"{HOME}suspended", query_string=given)
    assert page.status_code == 422
    assert said in field_errors(page)[0]


def bring(user: DeskUser, table: str) -> TestResponse:
    """The page after uploading a table: the preview, or the form again."""
    file = (io.BytesIO(table.encode()), "people.csv")
    answer = user.post(f"{HOME}import/", {"file": file})
    return user.get(answer.location) if answer.location else answer


def seen(page: TestResponse) -> dict[str, str]:
    found = re.search(r'name="seen" value="(\w+)"', page.text)
    assert found
    return {"seen": found[1]}


TABLE = "Address;Consented at;How;Wording\nbo@example.org;2026-01-31;form;Yes\nnobody;;;\n"


@pytest.mark.parametrize(("vouch", "state"), [("", "pending"), ("Lists are with HR", "active")])
def test_a_table_is_imported_as_its_preview_showed_it(
    desk: Desk, harness: MailHarness, vouch: str, state: str
) -> None:
    user = desk.sign_in("administrator")
    page = bring(user, TABLE)
    for part in ("1 row can be imported.", "1 row is refused.", "Row 3: “nobody” has no @"):
        assert part in page.text
    assert "Unicode (UTF-8) text, separated by semicolons, with its headings in row 1" in page.text
    assert "<td><div>2026-01-31</div></td>" in page.text
    assert harness.rows("SELECT count(*) FROM subscribers") == [(1,)]
    assert "people.csv" not in user.get("/desk/exchange/").text
    answer = user.post(page.request.path, {**seen(page), "vouch": vouch})
    assert "1 person is imported." in user.get(answer.location or "").text
    assert status(harness, 2) == state
    assert harness.rows("SELECT * FROM uploads") == []
    assert user.post(page.request.path, seen(page)).status_code == 404


def test_an_import_that_would_differ_from_its_preview_is_refused(
    desk: Desk, harness: MailHarness
) -> None:
    user = desk.sign_in("administrator")
    page = bring(user, TABLE)
    harness.subscribe("bo@example.org")
    again = user.post(page.request.path, seen(page))
    assert again.status_code == 409
    assert "have changed in the meantime" in again.text
    other = desk.sign_in("administrator", "Another Person")
    assert other.get(page.request.path).status_code == 404
    user.post(f"{page.request.path}forget")
    assert user.get(page.request.path).status_code == 404


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "Choose a file."),
        ("address\nbo@example.org\n", "Missing: consented_at, how, wording."),
        ("address,consented_at,how,wording\n" + "a,,,\n" * 10_001, "at most 10000"),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused_with_the_reason(
    desk: Desk, harness: MailHarness, table: str, said: str
) -> None:
    page = bring(desk.sign_in("administrator"), table)
    assert page.status_code == 422
    assert said in field_errors(page)[0]


@pytest.mark.served
@pytest.mark.slow
@pytest.mark.parametrize(("language", "width", "scheme"), VIEWS)
def test_the_pages_are_accessible_and_work_by_keyboard_without_scripts(
    server: DeskServer, browser: Browser, language: str, width: int, scheme: str
) -> None:
    with server.signed_in(browser, "administrator", language) as context:
        page = context.new_page()
        page.goto(HOME)
        assert_accessible(page, language, width, scheme)
        page.locator("#address").focus()
        page.keyboard.type("nobody")
        page.keyboard.press("Enter")
        page.wait_for_selector("#address-wrong")
        assert_accessible(page, language, width, scheme)
        page.locator("#address").fill("a.long.name.that.goes.on@a-very-long-domain.example")
        page.keyboard.press("Enter")
        page.wait_for_url("**/subscribers/2/")
        assert_accessible(page, language, width, scheme)
        page.goto(f"{HOME}import/")
        assert_accessible(page, language, width, scheme)
        page.set_input_files("#file", {"name": "a.csv", "mimeType": "", "buffer": TABLE.encode()})
        page.locator("main form button").click()
        page.wait_for_selector("#vouch")
        assert_accessible(page, language, width, scheme)
        page.goto(f"{HOME}suspended?day=2026-11-22")
        assert_accessible(page, language, width, scheme)
