"""Undo: what one click does can be taken back, as long as nothing has changed since."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from feed.accounts import people
from feed.library import undo
from feed.store import desk_queries, ledger, revisions
from tests.conftest import NOON, Installation
from tests.desk.test_principle_form import PATH, desk_of, opened, send, steps, stored, working
from tests.desk_client import Desk, DeskUser
from tests.library.test_editing import SLUG

Install = Callable[..., Installation]
BUTTON = re.compile(r'action="(/desk/undo/\d+)"')
FINGERPRINT = re.compile(r'name="seen" value="([0-9a-f]+)"')
DAY = "2026-12-01"


@pytest.fixture
def desk(install: Install) -> Desk:
    return desk_of(install())


def done(user: DeskUser, path: str, given: Mapping[str, object] | None = None) -> TestResponse:
    """The page that confirms an action."""
    answer = user.post(path, given)
    assert answer.status_code == 303, answer.text
    return user.get(answer.location)


def button(page: TestResponse) -> str:
    """The address of the page's button to undo."""
    (address,) = BUTTON.findall(page.text)
    return str(address)


def content(desk: Desk) -> object:
    """What the library has of the principle, and its working copy, apart from the history."""
    found = working(desk)
    with desk.installation.open() as db:
        texts = list(db.execute("SELECT language, title, state FROM texts ORDER BY language"))
    return found.entry, found.live, texts


@pytest.mark.parametrize("act", ["retire", "draft"])
def test_retiring_and_taking_off_the_site_can_be_undone(desk: Desk, act: str) -> None:
    user, curator = desk.sign_in("editor"), desk.sign_in("curator")
    waiting = {**opened(curator), "sv.title": "Väntar", "themes": "trust"}
    assert send(curator, PATH, waiting, act="review").status_code == 303
    before = content(desk)
    page = done(user, f"{PATH}{act}")
    assert content(desk) != before
    undone = done(user, button(page))
    assert "Undone." in undone.text
    assert content(desk) == before
    assert steps(desk)[:2] == ["undo", act]
    assert "undid the last step" in user.get(f"{PATH}history/").text
    assert BUTTON.findall(undone.text) == []


@pytest.mark.parametrize("act", ["publish", "approve", "decline"])
def test_what_an_editor_decides_on_the_page_of_a_review_can_be_undone(desk: Desk, act: str) -> None:
    user, curator = desk.sign_in("editor"), desk.sign_in("curator")
    if act == "publish":
        done(user, f"{PATH}draft")
    waiting = {**opened(curator), "sv.title": "Väntar", "themes": "trust"}
    assert send(curator, PATH, waiting, act="review").status_code == 303
    before = content(desk)
    given = {"base": _newest(desk, SLUG), "act": act, "reason": "Kortare, tack."}
    page = done(user, f"{PATH}review", given)
    assert content(desk) != before
    undone = done(user, button(page))
    assert "Undone." in undone.text
    assert content(desk) == before
    assert desk.anonymous().get(f"/sv/principles/{SLUG}/").status_code == (
        404 if act == "publish" else 200
    )
    assert desk.sign_in("editor").get(f"{PATH}review").text.count('value="decline"') == 1


def test_a_theme_that_was_merged_since_comes_back_as_the_one_that_stands_for_it(desk: Desk) -> None:
    user = desk.sign_in("editor")
    user.post("/desk/themes/new", {"sv.name": "Gläntor"})
    send(user, PATH, opened(user), themes="glantor")
    step = {"act": "untheme", "themed": "glantor", "step": f"{SLUG}.{_newest(desk, SLUG)}"}
    page = done(user, "/desk/principles/bulk/confirmed", step)
    seen = FINGERPRINT.search(user.get("/desk/themes/glantor/merge?into=trust").text)
    assert seen
    done(user, "/desk/themes/glantor/merge", {"into": "trust", "seen": seen[1]})
    done(user, button(page))
    found = working(desk)
    assert (found.entry["themes"], found.live["themes"]) == (["trust"], ["trust"])
    assert desk.anonymous().get(f"/sv/principles/{SLUG}/").status_code == 200


def test_a_change_since_is_not_overwritten(desk: Desk) -> None:
    user = desk.sign_in("editor")
    address = button(done(user, f"{PATH}retire"))
    assert send(user, PATH, opened(user), sv__title="Nytt", themes="trust").status_code == 303
    before = content(desk), steps(desk)
    refused = user.post(address)
    assert refused.status_code == 409
    assert "has changed since, so this wasn’t undone" in refused.text
    assert (content(desk), steps(desk)) == before


def test_an_action_is_undone_once_by_the_person_who_did_it_within_a_day(desk: Desk) -> None:
    user, other = desk.sign_in("editor"), desk.sign_in("editor", "Other Person")
    address = button(done(user, f"{PATH}retire"))
    assert other.post(address).status_code == 404
    late = Desk(replace(desk.installation, now=NOON + timedelta(days=1, seconds=1)))
    assert late.sign_in("editor").post(address).status_code == 404
    with desk.installation.open() as db:
        undo.delete_expired(db, NOON + timedelta(days=1))
    assert user.post(address).status_code == 303
    again = user.post(address)
    assert again.status_code == 404
    assert "already been undone" in again.text
    address = button(done(user, f"{PATH}retire"))
    with desk.installation.open() as db:
        undo.delete_expired(db, NOON + timedelta(days=1, seconds=1))
    assert user.post(address).status_code == 404


def test_a_lower_role_undoes_nothing(desk: Desk) -> None:
    user = desk.sign_in("editor")
    address = button(done(user, f"{PATH}retire"))
    assert user.me is not None
    with desk.installation.open() as db:
        people.change(db, user.me.id, {"role": "curator"}, ("sv", "en"))
    assert user.post(address).status_code == 403
    assert stored(desk).status == "retired"


@pytest.mark.parametrize("act", ["retire", "draft", "approve", "untheme"])
def test_a_bulk_action_is_undone_as_a_whole(desk: Desk, act: str) -> None:
    user, curator = desk.sign_in("editor"), desk.sign_in("curator")
    changed = {**opened(curator), "sv.title": "Väntar", "themes": "trust"}
    assert send(curator, PATH, changed, act="review").status_code == 303
    before = content(desk)
    with desk.installation.open() as db:
        step = f"{SLUG}.{revisions.newest_id(db, SLUG)}"
        tasks = desk_queries.translation_tasks(db, ("sv", "en"))
    given = {"act": act, "step": step, "themed": "trust", "q": "lyss"}
    page = done(user, "/desk/principles/bulk/confirmed", given)
    assert content(desk) != before
    answer = user.post(button(page))
    assert answer.location == "/desk/principles/?q=lyss&done=undo"
    assert "Undone." in user.get(answer.location).text
    assert content(desk) == before
    with desk.installation.open() as db:
        assert desk_queries.translation_tasks(db, ("sv", "en")) == tasks


def test_a_bulk_action_is_not_undone_in_part(desk: Desk) -> None:
    """One of two principles has changed since: neither is restored."""
    user = desk.sign_in("editor")
    given = {**opened(user), "themes": "trust", "slug": "second", "sv.title": "Den andra"}
    new = {**opened(user, "/desk/principles/new"), **{k: given[k] for k in given if "." in k}}
    more = {"slug": "second", "kind": "principle", "source": "handbook", "original_language": "sv"}
    assert send(user, "/desk/principles/new", {**new, **more}).status_code == 303
    with desk.installation.open() as db:
        both = [f"{slug}.{revisions.newest_id(db, slug)}" for slug in ("second", SLUG)]
    page = done(user, "/desk/principles/bulk/confirmed", {"act": "publish", "step": both[:1]})
    page = done(
        user,
        "/desk/principles/bulk/confirmed",
        {"act": "retire", "step": [both[1], f"second.{_newest(desk, 'second')}"]},
    )
    address = button(page)
    done(user, f"{PATH}draft")
    assert user.post(address).status_code == 409
    assert (stored(desk).status, stored(desk, "second").status) == ("draft", "retired")


def _newest(desk: Desk, slug: str) -> int:
    with desk.installation.open() as db:
        return revisions.newest_id(db, slug)


def test_a_pin_that_was_taken_away_comes_back(desk: Desk) -> None:
    user = desk.sign_in("editor")

    def pinned() -> dict[str, str]:
        with desk.installation.open() as db:
            return {day.isoformat(): slug for day, slug in ledger.pins(db).items()}

    assert user.post("/desk/calendar/pin", {"date": DAY, "principle": SLUG}).status_code == 303
    page = done(user, "/desk/calendar/unpin", {"pinned": DAY})
    assert pinned() == {}
    address = button(page)
    undone = user.post(address)
    assert undone.location == f"/desk/calendar/?done={DAY}#d{DAY}"
    assert pinned() == {DAY: SLUG}
    assert BUTTON.findall(user.get(undone.location).text) == []
    address = button(done(user, "/desk/calendar/unpin", {"pinned": DAY}))
    user.post("/desk/calendar/pin", {"date": DAY, "principle": SLUG})
    refused = user.post(address)
    assert refused.status_code == 409
    assert "has another pin" in refused.text
    assert BUTTON.findall(done(user, "/desk/calendar/unpin", {"pinned": "2026-12-02"}).text) == []


@pytest.mark.parametrize("number", ["x", "9" * 30, "\u0661"])
def test_an_address_of_nothing_to_undo_is_harmless(desk: Desk, number: str) -> None:
    user = desk.sign_in("editor")
    query = {"done": "retire", "undo": number}
    assert user.get(PATH, query_string=query).status_code == 200
