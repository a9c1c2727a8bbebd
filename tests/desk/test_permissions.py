"""Permissions of every address of the desk, for every role and signed-out visitors."""

import logging
import re

import pytest

from feed import clock
from feed.app import create_app
from feed.desk import permissions
from feed.library import exchange
from feed.model.people import ROLES
from feed.server import database_setup
from tests.conftest import NOON, ROOT, Installation, settings
from tests.desk_client import Desk

PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = re.findall(r"^\| `(/desk/[^`]*)` \| ([A-Z, ]+) \| (\w+) \|$", PAGE, re.MULTILINE)
TABLE = [(path, method, role) for path, methods, role in ROWS for method in methods.split(", ")]
LEVELS = ("everybody", *ROLES)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk on the shipped library, with one person of each role."""
    installation = Installation(settings(tmp_path_factory.mktemp("roles")))
    database_setup.create(installation.config, clock.Clock(NOON, 0))
    installation.load(exchange.shipped_files())
    installation.publish()
    made = Desk(installation)
    for role in ROLES:
        made.account(role)
    made.account("administrator", "Second Administrator")
    return made


def filled(path: str) -> str:
    """The path with something that exists in place of its parts."""
    parts = {
        "<token>": "a" * 42,
        "<int:number>": "1",
        "<slug:slug>": "start-with-yourself",
        "<any(disable, enable, reset):act>": "enable",
        "<any(stop, resume, export, erase):act>": "stop",
        "<any(decline, retire, draft):act>": "retire",
        "<any(sources, themes):kind>": "sources",
        "<any(retire, offer):act>": "retire",
        "<any(page, feed, widget, card, letter):variant>": "feed",
        "<code>": "sv",
    }
    for name, value in parts.items():
        path = path.replace(name, value)
    return path


def test_the_table_has_every_address(desk: Desk) -> None:
    app = create_app(desk.installation.config, clock.Clock(NOON, 0))
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/desk/")]
    found = {
        (
            rule.rule,
            method,
            permissions.required_role(app.view_functions[rule.endpoint]) or "everybody",
        )
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert set(TABLE) == found
    assert len(TABLE) == len(found)


@pytest.mark.parametrize(("path", "method", "role"), TABLE)
def test_every_address_is_open_to_the_roles_in_the_table(
    desk: Desk, path: str, method: str, role: str
) -> None:
    for level in LEVELS:
        user = desk.anonymous() if level == "everybody" else desk.sign_in(level)
        place = filled(path)
        answer = user.get(place) if method == "GET" else user.post(place)
        to_sign_in = (answer.location or "").startswith("/desk/sign-in?") or (
            answer.location == "/desk/sign-in" and "sign" not in path
        )
        refused = answer.status_code == 403 or to_sign_in
        assert refused == (LEVELS.index(level) < LEVELS.index(role)), level
        assert answer.status_code < 500


@pytest.mark.parametrize("path", [path for path, method, _ in TABLE if method == "POST"])
def test_no_form_is_accepted_without_its_csrf_token(desk: Desk, path: str) -> None:
    user, other = desk.sign_in("administrator"), desk.sign_in("administrator")
    for data in ({}, {"mark": ""}, {"mark": "f" * 64}, {"mark": "é"}, {"mark": other.csrf_token()}):
        answer = user.client.post(filled(path), data=data)
        assert answer.status_code == 403, data
        assert "did not come from a page of this desk" in answer.text
    assert user.get("/desk/").status_code == 200


@pytest.mark.parametrize("path", sorted({path for path, _, _ in TABLE}))
def test_every_address_of_the_desk_has_the_headers_of_something_private(
    desk: Desk, path: str
) -> None:
    for user in (desk.anonymous(), desk.sign_in("translator"), desk.sign_in("administrator")):
        for answer in (user.get(filled(path)), user.client.post(filled(path))):
            headers = answer.headers
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["X-Robots-Tag"] == "noindex"
            assert "Access-Control-Allow-Origin" not in headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy or "/preview" in path
            assert "unsafe" not in policy


def test_disabling_an_account_ends_its_sessions_at_once(desk: Desk) -> None:
    administrator, gone = desk.sign_in("administrator"), desk.sign_in("curator", "Gone Soon")
    assert gone.me is not None
    assert gone.get("/desk/").status_code == 200
    administrator.post(f"/desk/people/{gone.me.id}/disable")
    assert gone.get("/desk/").status_code == 303
    administrator.post(f"/desk/people/{gone.me.id}/enable")
    assert gone.get("/desk/").status_code == 303


def test_a_new_role_holds_at_once_and_one_administrator_stays(desk: Desk) -> None:
    administrator, other = desk.sign_in("administrator"), desk.sign_in("curator", "Rising Star")
    assert other.me is not None
    assert other.get("/desk/people/").status_code == 403
    given = {"name": "Rising Star", "role": "administrator"}
    assert administrator.post(f"/desk/people/{other.me.id}/", given).status_code == 303
    assert other.get("/desk/people/").status_code == 200
    third = desk.account("administrator", "Second Administrator")
    assert administrator.me is not None
    for number in (third.id, administrator.me.id):
        assert other.post(f"/desk/people/{number}/disable").status_code == 303
    page = other.post(f"/desk/people/{other.me.id}/disable")
    assert page.status_code == 422
    assert "only administrator" in page.text
    page = other.post(f"/desk/people/{other.me.id}/", {"name": "Me", "role": "curator"})
    assert page.status_code == 422
    for number in (third.id, administrator.me.id):
        other.post(f"/desk/people/{number}/enable")


def test_the_log_has_numbers_of_people_but_no_address_and_no_secret(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    user = desk.sign_in("editor", "Logged Person")
    stranger = desk.anonymous()
    stranger.post("/desk/sign-in", {"address": "logged@example.org"})
    stranger.post("/desk/sign-in/code", {"code": "wrong one"})
    link = desk.link(user.me, "sign-in")
    stranger.post(link)
    stranger.get("/desk/link/x")
    desk.sign_in("translator").get("/desk/people/")
    user.client.post("/desk/account/name", data={"name": "\n2026 forged"})
    text = caplog.text
    assert user.me is not None
    for told in (
        f"person {user.me.id}: asked by link, from 127.0.0.0/24",
        f"person {user.me.id}: refused by link (code), from 127.0.0.0/24",
        f"person {user.me.id}: proved by link, from 127.0.0.0/24",
        "a link that is void was opened, from 127.0.0.0/24",
        "refused desk.people.everybody",
    ):
        assert told in text
    for secret in ("example.org", link, "wrong one", "forged"):
        assert secret not in text


def test_every_test_that_the_page_names_exists() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", PAGE)
    assert len(named) > 10
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_a_desk_without_its_database_says_so_in_a_page(desk: Desk) -> None:
    user = desk.sign_in("translator")
    database = desk.installation.config.database
    away = database.with_name("away")
    database.rename(away)
    try:
        answer = user.get("/desk/account/", headers={"Accept-Language": "sv"})
    finally:
        away.rename(database)
    assert answer.status_code == 503
    assert "Strax tillbaka" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_reading_changes_nothing(desk: Desk) -> None:
    """GET requests change nothing but the time at which a session was last used."""
    user, paths = (
        desk.sign_in("administrator"),
        [path for path, method, _ in TABLE if method == "GET"],
    )

    def everything() -> str:
        with desk.installation.open() as db:
            names = (table.name for table in db.tables if table.name != "sessions")
            return str([list(db.table(name).rows) for name in names if "_fts" not in name])

    before = everything()
    for path in paths:
        assert user.get(filled(path)).status_code in (200, 303, 404, 422), path
        assert user.client.head(filled(path)).status_code in (200, 303, 404, 422), path
    assert everything() == before
