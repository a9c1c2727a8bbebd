"""Drafts: nothing typed at the desk is lost, whatever happens before it is saved."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Dialog, Page

from feed.accounts import people, ways_in
from feed.app import create_app
from feed.library import drafts as library_drafts
from feed.library.drafts import FormOrigin
from feed.store import drafts, sessions
from tests.conftest import NOON, Installation, free_port, listening, wait_until
from tests.desk.test_principle_form import FIRST, NEW, PATH, desk_of, fields, opened, send, working
from tests.desk_client import Desk, DeskUser, prepared_session
from tests.library.test_editing import SLUG, SWEDISH

Install = Callable[..., Installation]
AUTOSAVE = "/desk/drafts/"
TYPED = "Ett långt stycke, skrivet under en förmiddag."
LINK = re.compile(r'href="([^"]*\?draft=\d+)"')


@pytest.fixture
def desk(install: Install) -> Desk:
    return desk_of(install())


def typed(user: DeskUser, text: str = TYPED, path: str = PATH) -> dict[str, str]:
    """The form on a page, with a text typed into it."""
    return {**opened(user, path), "sv.practice": text, "themes": "trust"}


def offered(user: DeskUser, path: str = "/desk/") -> list[str]:
    """The addresses of the drafts that a page offers, each once."""
    page = user.get(path)
    assert page.status_code == 200
    return list(dict.fromkeys(LINK.findall(page.text)))


def practice(user: DeskUser, address: str) -> str:
    """The text in the form at an address."""
    return opened(user, address)["sv.practice"]


def again(desk: Desk, user: DeskUser) -> DeskUser:
    """Another browser of the same person."""
    assert user.me is not None
    return desk.sign_in(user.me.role, user.me.name)


def end_sessions(desk: Desk) -> None:
    with desk.installation.open() as db:
        db.execute("DELETE FROM sessions")
        db.conn.commit()


def saves_the_draft(desk: Desk, user: DeskUser) -> None:
    """Goes on with the only draft, and saves it; then there is none."""
    (address,) = offered(user)
    page = user.get(address)
    assert "You left this unsaved on Sunday at 12:00" in page.text
    given = fields(page)
    assert given["sv.practice"] == TYPED
    assert send(user, PATH, given, themes="trust").status_code == 303
    assert working(desk).entry["texts"]["sv"]["practice"] == TYPED
    assert offered(user) == []


def test_after_signing_in_by_a_mailed_link_the_form_opens_with_the_text(desk: Desk) -> None:
    user = desk.sign_in("curator")
    given, token = typed(user), user.csrf_token()
    end_sessions(desk)
    page = user.client.post(PATH, data={"mark": token, **given})
    assert page.status_code == 403
    assert "Nothing you typed is lost" in page.text
    going_on = re.search(r'name="next" value="(/desk/principles/[^"]*)"', page.text)
    assert going_on is not None
    user.post("/desk/sign-in", {"address": "curator@example.org", "next": going_on[1]})
    answer = user.post(desk.link(user.me, "sign-in"))
    assert answer.location == going_on[1]
    assert practice(user, answer.location) == TYPED


def test_the_text_survives_signing_out_in_another_tab(desk: Desk) -> None:
    user = desk.sign_in("curator")
    given, token = typed(user), user.csrf_token()
    assert user.post("/desk/sign-out").status_code == 303
    page = user.client.post(PATH, data={"mark": token, **given})
    assert page.status_code == 403
    assert "Nothing you typed is lost" in page.text
    saves_the_draft(desk, again(desk, user))


def test_the_text_survives_a_stronger_way_that_is_required_meanwhile(desk: Desk) -> None:
    user = desk.sign_in("editor", method="link")
    given, cookie = typed(user), user.client.get_cookie("devis-desk")
    assert cookie is not None
    config = replace(desk.installation.config, base_url="http://localhost:8000")
    desk.installation.config = config
    with desk.installation.open() as db:
        ways_in.require_strong(db, True)
    user = DeskUser(desk.installation.client(), user.me)
    user.client.set_cookie("devis-desk", cookie.value)
    assert user.post(PATH, given).location == "/desk/account/"
    saves_the_draft(desk, desk.sign_in("editor"))


@pytest.mark.parametrize(
    ("path", "changes", "status"),
    [
        (PATH, {"sv.title": ""}, 422),
        (PATH, {"act": "check"}, 200),
        ("/desk/preview/page/sv", {}, 200),
        (AUTOSAVE, {}, 204),
    ],
)
def test_the_text_survives_a_refused_save_a_check_and_a_preview(
    desk: Desk, path: str, changes: dict[str, str], status: int
) -> None:
    user = desk.sign_in("curator")
    answer = user.post(path, {**typed(user), **changes})
    assert answer.status_code == status
    assert answer.headers["Devis-Draft"] == "12:00"
    (address,) = offered(user)
    given = fields(user.get(address))
    assert (given["sv.practice"], given["sv.title"]) == (
        TYPED,
        changes.get("sv.title", SWEDISH["title"]),
    )


def test_a_refused_save_that_is_then_saved_leaves_no_draft(desk: Desk) -> None:
    user = desk.sign_in("curator")
    page = user.post(PATH, {**typed(user), "sv.title": ""})
    assert LINK.findall(page.text) == []
    saved = send(user, PATH, fields(page), sv__title="Ny", themes="trust")
    assert (saved.status_code, "Devis-Draft" in saved.headers) == (303, False)
    assert offered(user) == []


def test_signing_in_anew_in_another_tab_costs_no_text(desk: Desk) -> None:
    """The CSRF token of the page is stale then."""
    user = desk.sign_in("curator")
    given, token = typed(user), user.csrf_token()
    with desk.installation.open() as db:
        user.client.set_cookie("devis-desk", prepared_session(db, user.me, NOON))  # type: ignore[arg-type]
    answer = user.client.post(PATH, data={"mark": token, **given})
    assert answer.status_code == 303
    page = user.get(answer.location)
    assert "Nothing has been saved yet" in page.text
    assert fields(page)["sv.practice"] == TYPED
    assert working(desk).entry["texts"]["sv"]["practice"] != TYPED
    assert send(user, PATH, fields(page), themes="trust").status_code == 303
    assert offered(user) == []


def test_what_was_typed_is_on_every_device_of_its_writer_alone(desk: Desk) -> None:
    user, other = desk.sign_in("curator"), desk.sign_in("curator", "Other Person")
    assert user.post(AUTOSAVE, typed(user)).status_code == 204
    (address,) = offered(again(desk, user))
    assert practice(again(desk, user), address) == TYPED
    assert offered(again(desk, user), PATH) == [address]
    assert offered(other) == offered(other, PATH) == []
    assert practice(other, address) != TYPED
    number = address.rpartition("=")[2]
    assert other.post(f"{AUTOSAVE}{number}/discard").status_code == 303
    assert other.post(f"{AUTOSAVE}{number}/restore").status_code == 404
    assert offered(user) == [address]


def test_two_tabs_have_a_draft_each(desk: Desk) -> None:
    user = desk.sign_in("curator")
    first, second = typed(user, "Den första."), typed(user, "Den andra.")
    for given in (first, second, first):
        user.post(AUTOSAVE, given)
    assert sorted(practice(user, address) for address in offered(user)) == [
        "Den andra.",
        "Den första.",
    ]
    assert send(user, PATH, first).status_code == 303
    (address,) = offered(user)
    page = user.get(address)
    assert "The principle has changed since" in page.text
    conflict = send(user, PATH, fields(page), themes="trust")
    assert conflict.status_code == 409
    assert ("Den första." in conflict.text, fields(conflict)["sv.practice"]) == (True, "Den andra.")
    assert offered(user) == [address]
    assert send(user, PATH, fields(conflict), themes="trust").status_code == 303
    assert offered(user) == []


def test_a_draft_that_two_devices_go_on_with_loses_neither_text(desk: Desk) -> None:
    """A page that only shows the draft changes nothing of it."""
    user = desk.sign_in("curator")
    user.post(AUTOSAVE, typed(user))
    (address,) = offered(user)
    phone, laptop = ({**opened(user, address), "themes": "trust"} for _ in range(2))
    user.post(AUTOSAVE, {**laptop, "sv.practice": "På datorn."})
    assert offered(user) == [address]
    assert user.post("/desk/preview/page/sv", phone).status_code == 200  # comes by itself
    assert practice(user, address) == "På datorn."
    user.post(AUTOSAVE, {**phone, "sv.practice": "På telefonen."})
    texts = {practice(user, each) for each in offered(user)}
    assert texts == {"På datorn.", "På telefonen."}
    assert send(user, PATH, laptop).status_code == 303
    assert {practice(user, each) for each in offered(user)} == {"På telefonen."}


def test_going_back_after_saving_and_writing_on_makes_a_new_draft(desk: Desk) -> None:
    user = desk.sign_in("curator")
    given = typed(user)
    assert send(user, PATH, given).status_code == 303
    assert "Devis-Draft" not in user.post(AUTOSAVE, given).headers  # it came after the save
    assert offered(user) == []
    user.post(AUTOSAVE, {**given, "sv.practice": "Mer."})
    (address,) = offered(user)
    assert practice(user, address) == "Mer."


def test_a_form_without_changes_is_no_draft(desk: Desk) -> None:
    user = desk.sign_in("curator")
    for path in (PATH, NEW):
        given = {**opened(user, path), **({"themes": "trust"} if path == PATH else {})}
        user.post("/desk/preview/page/sv", given)
        assert offered(user) == []
        user.post(AUTOSAVE, {**given, "sv.practice": TYPED})
        assert len(offered(user)) == 1
        user.post(AUTOSAVE, given)
        assert offered(user) == []


def test_new_principles_are_drafts_too_with_their_themes_and_their_source(desk: Desk) -> None:
    user = desk.sign_in("curator")
    for title in ("Ett", "Två"):
        new = {**opened(user, NEW), **FIRST, "sv.title": title, "source": ""}
        user.post(AUTOSAVE, {**new, "themes": ["trust", "change"], "source_title": "En annan bok"})
    second, first = offered(user)
    assert offered(user, NEW) == [second, first]
    assert 'lang="sv">Två</a>' in again(desk, user).get("/desk/").text.replace(
        f' href="{second}"', ""
    )
    elsewhere = f"{PATH}?{first.partition('?')[2]}"  # of another form
    assert opened(user, elsewhere)["sv.title"] == SWEDISH["title"]
    page = user.get(first)
    assert re.findall(r'name="themes" value="(\w+)"[^>]* checked', page.text) == ["change", "trust"]
    given = {**fields(page), "themes": ["trust", "change"]}
    assert given["source_title"] == "En annan bok"
    assert send(user, NEW, given).location == "/desk/principles/ett/?done=save"
    assert offered(user) == [second]
    user.post(
        AUTOSAVE, {**new, "sv.title": "Två", "themes": ["trust"], "source_title": "En annan bok"}
    )
    assert offered(user) == [second]


def test_a_translator_goes_on_where_the_role_allows_it(desk: Desk) -> None:
    user = desk.sign_in("curator")
    given = {**typed(user), "en.practice": "In English."}
    with desk.installation.open() as db:
        people.change(db, user.me.id, {"role": "translator", "languages": "sv"}, ("sv", "en"))  # type: ignore[union-attr]
    user.post(AUTOSAVE, given)
    (address,) = offered(user)
    page = user.get(address)
    assert (fields(page)["sv.practice"], "In English." in page.text) == (TYPED, False)
    assert send(user, PATH, fields(page)).status_code == 303


def test_a_translation_beside_its_original_is_a_draft_of_its_own(desk: Desk) -> None:
    path = f"/desk/translations/{SLUG}/en/"
    user = desk.sign_in("curator")
    assert "Devis-Draft" not in user.post(AUTOSAVE, opened(user, path)).headers
    user.post(AUTOSAVE, {**opened(user, path), "en.practice": TYPED})
    (address,) = offered(user)
    assert (offered(user, path), offered(user, PATH)) == ([address], [])
    given = opened(user, address)
    assert given["en.practice"] == TYPED
    assert send(user, path, given).status_code == 303
    assert offered(user) == []


def test_throwing_away_can_be_undone(desk: Desk) -> None:
    user = desk.sign_in("curator")
    user.post(AUTOSAVE, typed(user))
    (address,) = offered(user)
    number = address.rpartition("=")[2]
    for given, location in (({"here": "1"}, PATH), ({}, "/desk/")):
        answer = user.post(f"{AUTOSAVE}{number}/discard", given)
        assert answer.location == f"{location}?discarded={number}"
        page = user.get(answer.location)
        assert "The draft has been thrown away" in page.text
        assert offered(user) == offered(user, PATH) == []
        assert practice(user, address) != TYPED
        assert f'action="{AUTOSAVE}{number}/restore"' in page.text
        assert user.post(f"{AUTOSAVE}{number}/restore").location == address
        assert practice(user, address) == TYPED


def test_a_draft_is_stored_for_thirty_days(desk: Desk) -> None:
    user = desk.sign_in("curator")
    given = typed(user)
    user.post(AUTOSAVE, given)
    late = Desk(replace(desk.installation, now=NOON + timedelta(days=29)))
    with desk.installation.open() as db:
        library_drafts.delete_expired(db, NOON + timedelta(days=30))
    page = late.sign_in("curator").get("/desk/")
    assert "You left this unsaved on 22 November 2026 at 12:00" in page.text
    with desk.installation.open() as db:
        library_drafts.delete_expired(db, NOON + timedelta(days=30, seconds=1))
    assert offered(user) == []
    old = Desk(replace(desk.installation, now=NOON + timedelta(days=31))).sign_in("curator")
    assert "Devis-Draft" not in old.post(AUTOSAVE, given).headers  # from a page of that age


def test_an_account_that_is_disabled_for_a_while_has_its_drafts_again(desk: Desk) -> None:
    user, administrator = desk.sign_in("curator"), desk.sign_in("administrator")
    given = typed(user)
    user.post(AUTOSAVE, given)
    administrator.post(f"/desk/people/{user.me.id}/disable")  # type: ignore[union-attr]
    user.post(AUTOSAVE, given | {"sv.practice": "After the end"})
    with desk.installation.open() as db:
        (draft,) = drafts.of_curator(db, user.me.id)  # type: ignore[union-attr]
        assert ("sv.practice", TYPED) in draft.fields
        assert sessions.of_curator(db, user.me.id) == []  # type: ignore[union-attr]
    administrator.post(f"/desk/people/{user.me.id}/enable")  # type: ignore[union-attr]
    assert len(offered(desk.sign_in("curator"))) == 1


def test_nobody_can_write_the_drafts_of_another_person(desk: Desk) -> None:
    user, other = desk.sign_in("curator"), desk.sign_in("curator", "Other Person")
    given = typed(user)
    number = str(other.me.id)  # type: ignore[union-attr]
    forged = re.sub(r"^\d+", number, given["draft"])
    for signature in (forged, given["draft"][:-1], "", "a.b", f"{number} 0 x {PATH}.é"):
        for browser in (user, desk.anonymous()):
            answer = browser.post(AUTOSAVE, {**given, "draft": signature})
            assert "Devis-Draft" not in answer.headers
    assert offered(user) == offered(other) == []
    answer = other.post(AUTOSAVE, given)  # a page that the writer left open in this browser
    assert answer.status_code == 204
    assert (len(offered(user)), offered(other)) == (1, [])


def test_a_stale_form_of_another_person_is_refused_and_stays_with_its_writer(desk: Desk) -> None:
    user, other = desk.sign_in("curator"), desk.sign_in("curator", "Other Person")
    answer = other.client.post(PATH, data={"mark": user.csrf_token(), **typed(user)})
    assert answer.status_code == 403
    assert "did not come from a page of this desk" in answer.text
    assert (len(offered(user)), offered(other)) == (1, [])


def test_what_cannot_be_stored_is_shown_where_one_signs_in(desk: Desk) -> None:
    """A form without drafts, and one whose writer is unknown; secrets are never shown."""
    user = desk.sign_in("administrator")
    token = user.csrf_token()
    given = {**typed(user), "draft": "of a lost key"}
    end_sessions(desk)
    for path, data in (
        (PATH, given),
        ("/desk/people/", {"name": TYPED, "code": "secret one", "address": "<b>"}),
    ):
        page = user.client.post(path, data={"mark": token, **data})
        assert page.status_code == 403
        assert f'<p class="typed">{TYPED}</p>' in page.text
        assert "has not been saved" in page.text
        assert ("secret one" in page.text, "<b>" in page.text) == (False, False)


def test_a_text_that_is_too_long_is_no_draft_and_the_form_keeps_it(desk: Desk) -> None:
    user = desk.sign_in("curator")
    given = typed(user, "å" * library_drafts.MAX_LENGTH)
    assert user.post(AUTOSAVE, given).status_code == 413
    page = user.post(PATH, given)
    assert page.status_code == 422
    assert fields(page)["sv.practice"] == given["sv.practice"]
    assert offered(user) == []


def test_the_oldest_drafts_go_where_there_are_too_many(desk: Desk) -> None:
    user = desk.sign_in("curator")
    with desk.installation.open() as db:
        for number in range(library_drafts.MAX_DRAFTS + 2):
            text = [("sv.title", f"Nummer {number}")]
            origin = FormOrigin(user.me.id, f"page {number}", NEW)  # type: ignore[union-attr]
            library_drafts.save(db, origin, text, NOON)
        found = drafts.of_curator(db, user.me.id)  # type: ignore[union-attr]
    assert len(found) == library_drafts.MAX_DRAFTS
    assert found[-1].fields == (("sv.title", "Nummer 2"),)


@pytest.mark.parametrize("number", ["x", "9" * 30, "-1", "0", "\u0661"])
def test_an_address_of_no_draft_shows_the_form_as_it_is_saved(desk: Desk, number: str) -> None:
    user = desk.sign_in("curator")
    assert practice(user, f"{PATH}?draft={quote(number)}") != TYPED
    assert user.get(f"/desk/?discarded={quote(number)}").status_code == 200


def test_a_draft_has_what_a_page_can_show(desk: Desk) -> None:
    user = desk.sign_in("curator")
    user.post(AUTOSAVE, typed(user, "Rad\r\n\0\x1b<b>\u202e"))
    (address,) = offered(user)
    assert practice(user, address) == "Rad\n<b>"


def test_a_database_that_cannot_be_written_costs_no_text(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = desk.sign_in("curator")
    given, token = typed(user), user.csrf_token()
    monkeypatch.setattr("feed.store.connection.BUSY_SECONDS", 0.1)
    with desk.installation.open() as other:
        other.execute("BEGIN IMMEDIATE")
        page = user.client.post(PATH, data={"mark": token, **given})
        other.rollback()
    assert (page.status_code, fields(page)["sv.practice"]) == (503, TYPED)


@pytest.mark.served
def test_what_was_typed_survives_a_crash_of_the_browser_and_leaving_the_page(
    install: Install, browser: Browser
) -> None:
    """The browser asks nothing."""
    port = free_port()
    desk = desk_of(install(PORT=str(port)))
    dialogs: list[Dialog] = []

    def entered(address: str) -> Page:
        context = browser.new_context(base_url=address)
        with desk.installation.open() as db:
            token = prepared_session(db, desk.account("curator"), NOON)
        context.add_cookies([{"name": "devis-desk", "value": token, "url": address}])
        page = context.new_page()
        page.on("dialog", lambda dialog: dialogs.append(dialog))
        return page

    app = create_app(desk.installation.config, lambda: NOON)  # type: ignore[arg-type]
    with listening(app, port) as address:
        page = entered(address)
        page.goto(PATH)
        text = page.locator('[name="sv.statement"]')
        text.fill("")
        text.press_sequentially(TYPED)
        page.get_by_text("Saved as your draft 12:00").wait_for(timeout=20_000)
        page.context.set_offline(True)  # a browser that crashes sends nothing more
        page.context.close()
        page = entered(address)
        page.goto("/desk/")
        page.get_by_role("link", name=re.compile("^Continue")).click()
        text = page.locator('[name="sv.statement"]')
        assert text.input_value() == TYPED
        text.press_sequentially("Och ")
        page.get_by_role("link", name="Overview").click()
        page.wait_for_url("**/desk/")
        page.get_by_role("link", name=re.compile("^Continue")).click()

        def is_complete() -> bool:
            page.reload()
            return text.input_value() in (f"Och {TYPED}", f"{TYPED}Och ")

        wait_until(is_complete, 20)
        page.locator(".acts button").first.click()
        page.wait_for_url("**done=*")
        page.goto("/desk/")
        assert page.get_by_text("You left this unsaved").count() == 0
        page.context.close()
    assert dialogs == []
