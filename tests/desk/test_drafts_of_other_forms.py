"""Drafts of comments, of reasons for sending back, and of sources and themes."""

import html
import re
from collections.abc import Callable

import html5lib
import pytest
from playwright.sync_api import Browser

from feed.app import create_app
from feed.store import comments
from tests.conftest import NOON, Installation, Stopped, free_port, listening
from tests.desk.test_drafts import AUTOSAVE, TYPED, end_sessions, offered, practice, typed
from tests.desk.test_principle_form import PATH, desk_of, opened, send, working
from tests.desk_client import Desk, DeskUser
from tests.library.test_editing import SLUG

Install = Callable[..., Installation]
COMMENTS, REVIEW = f"{PATH}comments", f"{PATH}review"
DRAFT = re.compile(r'name="draft" value="([^"]*)"')
SOURCE = "/desk/sources/handbook/"


@pytest.fixture
def desk(install: Install) -> Desk:
    return desk_of(install())


def signed(user: DeskUser, path: str) -> dict[str, str]:
    """The field of the last form on a page that stores drafts."""
    page = user.get(path)
    assert page.status_code == 200
    return {"draft": html.unescape(DRAFT.findall(page.text)[-1])}


def wait_for_an_editor(desk: Desk) -> None:
    curator = desk.sign_in("curator")
    waiting = {**opened(curator), "sv.title": "Väntar", "themes": "trust"}
    assert send(curator, PATH, waiting, act="review").status_code == 303


def lost_session(desk: Desk, user: DeskUser, path: str, given: dict[str, str]) -> str:
    """Sends a form after the session has ended; the address of its draft after signing in."""
    token = user.csrf_token()
    end_sessions(desk)
    page = user.client.post(path, data={"mark": token, **given})
    assert page.status_code == 403
    assert "Nothing you typed is lost" in page.text
    assert user.me is not None
    again = desk.sign_in(user.me.role, user.me.name)
    user.client = again.client
    (address,) = offered(user)
    return address


def test_a_comment_survives_the_end_of_the_session(desk: Desk) -> None:
    user = desk.sign_in("translator")
    address = lost_session(
        desk, user, COMMENTS, {**signed(user, PATH), "comment": TYPED, "about": "sv"}
    )
    assert "Your comment" in user.get("/desk/").text
    assert offered(user, PATH) == [address]
    page = user.get(address)
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert "Here it is as you left it" in page.text
    assert page.text.count(TYPED) == 1
    assert page.text.count("<h1") == 1
    assert 'aria-current="true">Library</a>' in page.text
    assert '<option value="sv" selected>' in page.text
    given = {**signed(user, address), "comment": TYPED, "about": "sv"}
    assert user.post(COMMENTS, given).status_code == 303
    assert offered(user) == []
    with desk.installation.open() as db:
        assert [each.body for each in comments.of_principle(db, SLUG)] == [TYPED]


def test_a_comment_sent_by_a_stale_page_opens_again(desk: Desk) -> None:
    user = desk.sign_in("curator")
    given = {**signed(user, PATH), "comment": TYPED, "about": "", "mark": "0" * 64}
    answer = user.client.post(COMMENTS, data=given)
    assert answer.status_code == 303
    assert TYPED in user.get(answer.location).text


def test_a_stale_form_without_drafts_shows_what_was_typed(desk: Desk) -> None:
    user = desk.sign_in("editor")
    given = {"date": "2026-12-24", "reason": f"<b>{TYPED}", "code": "secret one"}
    page = user.client.post("/desk/calendar/pin", data={**given, "mark": "0" * 64})
    assert page.status_code == 403
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert f'<p class="typed">&lt;b&gt;{TYPED}</p>' in page.text
    assert "copy it before you reload the page" in page.text
    assert "secret one" not in page.text
    assert 'class="typed"' not in user.get("/desk/nothing").text


def test_the_comment_and_the_principle_on_one_page_have_a_draft_each(desk: Desk) -> None:
    user = desk.sign_in("curator")
    user.post(AUTOSAVE, typed(user))
    (address,) = offered(user)
    user.post(AUTOSAVE, {**signed(user, address), "comment": "En fråga.", "about": ""})
    assert len(offered(user)) == 2
    assert practice(user, address) == TYPED
    assert user.get(address).text.count("You left this unsaved") == 2
    user.post(AUTOSAVE, {**signed(user, COMMENTS), "comment": " ", "about": ""})
    assert len(offered(user)) == 2


def test_the_reason_for_sending_back_survives_even_another_editors_approval(desk: Desk) -> None:
    wait_for_an_editor(desk)
    user = desk.sign_in("editor")
    assert 'aria-current="true">Library</a>' in user.get(REVIEW).text
    given = {"base": "", "act": "decline", "reason": TYPED}
    address = lost_session(desk, user, REVIEW, {**signed(user, REVIEW), **given})
    assert f'value="{TYPED}"' in user.get(address).text
    with desk.installation.open() as db:
        number = db.execute("SELECT max(id) FROM revisions").fetchone()[0]
    other = desk.sign_in("editor", "Other Person")
    approved = other.post(REVIEW, {"base": number, "act": "approve"})
    assert approved.status_code == 303
    page = user.get(address)
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert "Nothing here is waiting for an editor." in page.text
    assert f'value="{TYPED}"' in page.text


def test_sending_back_leaves_no_draft(desk: Desk) -> None:
    wait_for_an_editor(desk)
    user = desk.sign_in("editor")
    base = re.search(r'name="base" value="(\d+)"', user.get(REVIEW).text)
    assert base
    given = {**signed(user, REVIEW), "base": base[1], "act": "decline", "reason": TYPED}
    user.post(AUTOSAVE, given)
    assert len(offered(user, REVIEW)) == 1
    assert user.post(REVIEW, given).status_code == 303
    assert working(desk).entry["texts"]["sv"]["state"] == "draft"
    assert offered(user) == []


@pytest.mark.parametrize(
    ("path", "name", "part"),
    [
        (SOURCE, "Handboken", "sv.introduction"),
        ("/desk/themes/trust/", "trust", "sv.description"),
        ("/desk/sources/new", "New source", "sv.introduction"),
        ("/desk/themes/new", "New theme", "en.description"),
    ],
)
def test_sources_and_themes_are_drafts(desk: Desk, path: str, name: str, part: str) -> None:
    user = desk.sign_in("editor")
    page = user.get(path)
    shown = {
        field: html.unescape(value)
        for field, value in re.findall(
            r'<input id="[^"]*" name="([^"]*)" value="([^"]*)"', page.text
        )
    } | {
        field: html.unescape(value)
        for field, value in re.findall(
            r'<textarea id="[^"]*" name="([^"]*)"[^>]*>\n([^<]*)<', page.text
        )
    }
    given = {
        **shown,
        **signed(user, path),
        "base": re.findall(r'name="base" value="(\d+)"', page.text)[0],
    }
    assert "Devis-Draft" not in user.post(AUTOSAVE, given).headers
    given[part] = TYPED
    address = lost_session(desk, user, path, {**given, "act": "save"})
    assert f">{name}</a>" in user.get("/desk/").text
    page = user.get(address)
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert TYPED in page.text
    assert "Here it is as you left it" in page.text
    needed = {"title": "Samtal på jobbet", "language": "sv"} if "sources" in path else {}
    needed |= {"en.name": "Patience"} if "themes" in path else {}
    answer = user.post(path, {**given, **needed, **signed(user, address), "act": "save"})
    assert answer.status_code == 303
    assert offered(user) == []


def test_a_save_after_another_act_says_that_nothing_is_saved_yet(desk: Desk) -> None:
    """Retiring changes no field of the form: there is nothing to merge, and still it is refused."""
    user, editor = desk.sign_in("curator"), desk.sign_in("editor")
    translation = f"/desk/translations/{SLUG}/en/"
    mine = typed(user)
    beside = {**opened(user, translation), "en.practice": TYPED}
    assert editor.post(f"{PATH}retire").status_code == 303
    page = send(user, PATH, mine)
    assert page.status_code == 409
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert "<title>Not saved yet" in page.text
    assert "Editor Åström saved this principle after you had opened it" in page.text
    assert TYPED in page.text
    assert "You left this unsaved" not in page.text  # it is in the form
    page = send(user, translation, beside)
    assert page.status_code == 409
    assert "Editor Åström has saved in the meantime" in page.text


def test_a_draft_that_is_refused_is_not_offered_beside_itself(desk: Desk) -> None:
    user, editor = desk.sign_in("curator"), desk.sign_in("editor")
    user.post(AUTOSAVE, typed(user))
    (address,) = offered(user)
    given = opened(user, address)
    assert editor.post(f"{PATH}retire").status_code == 303
    page = send(user, PATH, given, themes="trust")
    assert (page.status_code, "You left this unsaved" in page.text) == (409, False)


def test_a_source_that_is_retired_meanwhile_is_not_saved_silently(desk: Desk) -> None:
    user, other = desk.sign_in("editor"), desk.sign_in("administrator")
    given = {"title": "Ny", "language": "sv", "act": "save"}
    given["base"] = re.findall(r'name="base" value="(\d+)"', user.get(SOURCE).text)[0]
    assert other.post(f"{SOURCE}retire").status_code == 303
    page = user.post(SOURCE, given)
    assert page.status_code == 409
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert "Someone else has saved in the meantime" in page.text


def test_the_draft_of_a_source_that_was_merged_opens_as_a_new_one(desk: Desk) -> None:
    user = desk.sign_in("editor")
    given = {**signed(user, SOURCE), "title": "Handboken", "language": "sv", "sv.rights": TYPED}
    user.post("/desk/sources/new", {"title": "Samtal på jobbet", "language": "sv", "act": "save"})
    ((into, seen),) = re.findall(
        r'name="into" value="([^"]*)">\s*<input type="hidden" name="seen" value="([^"]*)"',
        user.get(f"{SOURCE}merge?into=samtal-pa-jobbet").text,
    )
    assert user.post(f"{SOURCE}merge", {"into": into, "seen": seen}).status_code == 303
    assert user.post(SOURCE, {**given, "act": "save"}).status_code == 409
    (address,) = offered(user)
    page = user.get(address)
    assert (page.status_code, TYPED in page.text) == (200, True)
    assert 'action="/desk/sources/new"' in page.text
    assert user.get(SOURCE).status_code == 301


def test_a_base_that_is_no_number_is_no_error(desk: Desk) -> None:
    user = desk.sign_in("curator")
    for base in ("x", "-1", "9" * 40):
        assert user.post(AUTOSAVE, {**typed(user), "base": base}).status_code == 204


@pytest.mark.served
def test_each_form_of_a_page_is_saved_while_one_types(install: Install, browser: Browser) -> None:
    port = free_port()
    desk = desk_of(install(PORT=str(port)))
    user = desk.sign_in("curator")
    cookie = user.client.get_cookie("devis-desk")
    assert cookie
    with listening(create_app(desk.installation.config, Stopped(NOON)), port) as address:
        context = browser.new_context(base_url=address)
        context.add_cookies([{"name": "devis-desk", "value": cookie.value, "url": address}])
        page = context.new_page()
        page.goto(PATH)
        page.locator("#comment").fill("En fråga.")
        page.locator('[name="sv.statement"]').fill(TYPED)
        page.get_by_text("Saved as your draft 12:00").nth(1).wait_for(timeout=20_000)
        context.close()
    assert sorted(each.partition("?")[0] for each in offered(user)) == [PATH, COMMENTS]
