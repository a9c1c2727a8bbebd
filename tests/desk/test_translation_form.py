"""A translation beside its original: one language at a time, and on to the next."""

import json
from collections.abc import Callable

import html5lib
import pytest

from feed.library import editing
from tests.conftest import Installation
from tests.desk.test_principle_form import fields, opened, remarks, send, stored
from tests.desk_client import Desk
from tests.library.test_editing import LIBRARY, SLUG

Install = Callable[..., Installation]
PATH = f"/desk/translations/{SLUG}/en/"


@pytest.fixture
def desk(install: Install) -> Desk:
    """The principle of the tests and another, both written in Swedish; four languages."""
    made = install(LANGUAGES="sv,en,fi,de")
    library = json.loads(json.dumps(LIBRARY))
    (principle,) = library["principles"]
    principle["notes"] = "Mind the pun."
    other = json.loads(json.dumps({**principle, "slug": "other"}))
    other["texts"]["sv"]["title"] = "En annan"
    del other["texts"]["en"]
    library["principles"].append(other)
    made.load({"a.json": json.dumps(library)})
    made.publish()
    return Desk(made)


def test_a_translator_sees_one_language_beside_what_has_changed_in_the_original(desk: Desk) -> None:
    editor = desk.sign_in("editor")
    whole = f"/desk/principles/{SLUG}/"
    given = opened(editor, whole)
    send(editor, whole, given, sv__statement="Den som frågar först får veta mer.", themes="trust")
    desk.account("translator", languages="en")
    page = desk.sign_in("translator").get(PATH)
    assert set(fields(page)) - {"base", "principle", "draft"} == {
        *("en.title", "en.short", "en.statement", "en.reflection", "en.practice", "en.team"),
        "en.commentary",
    }
    assert "What is new there is marked" in page.text
    assert "lyssnar<" in page.text.partition("<del>")[2].partition("</del>")[0] + "<"
    assert "Mind the pun." in page.text
    html5lib.HTMLParser(strict=True).parse(page.text)


def test_saving_goes_on_to_the_next_text_and_in_the_end_to_the_board(desk: Desk) -> None:
    desk.account("translator", languages="fi en")
    user = desk.sign_in("translator")
    first, last = (f"/desk/translations/{slug}/fi/" for slug in (SLUG, "other"))
    assert f'href="{last}">Skip to the next' in user.get(first).text
    typed = {"fi.title": "Kuuntele", "fi.statement": "Kuuntele ensin."}
    answer = send(user, first, {**opened(user, first), **typed}, act="review.fi")
    assert answer.location == f"{last}?done=review"
    assert "Sent to the editor. Here is the next one." in user.get(answer.location).text
    assert stored(desk).texts["fi"].state == "review"
    answer = send(user, last, {**opened(user, last), **typed}, act="review.fi")
    assert answer.location == "/desk/translations/?language=fi&done=review"
    assert 'role="status">Sent' in user.get(answer.location).text


def test_remarks_and_errors_are_about_that_language_alone(desk: Desk) -> None:
    desk.account("translator", languages="en")
    user = desk.sign_in("translator")
    typed = {**opened(user, PATH), "en.title": "Listen.", "en.practice": "x" * 3000}
    page = send(user, PATH, typed, act="check")
    assert page.status_code == 200
    assert "full stop" in remarks(page)["en.title"]
    assert {name.partition(".")[0] for name in remarks(page)} == {"en"}
    page = send(user, PATH, typed, act="review.en")
    assert page.status_code == 422
    assert fields(page) == typed


def test_what_somebody_else_saved_meanwhile_is_merged(desk: Desk) -> None:
    desk.account("translator", languages="en")
    user, editor = desk.sign_in("translator"), desk.sign_in("editor")
    given = opened(user, PATH)
    send(editor, PATH, opened(editor, PATH), en__title="Theirs", act="approve.en")
    page = send(user, PATH, given, en__title="Mine")
    assert page.status_code == 409
    assert "Theirs" in page.text
    assert fields(page)["en.title"] == "Mine"
    assert send(user, PATH, fields(page)).status_code == 303
    with desk.installation.open() as db:
        assert editing.working(db, SLUG).entry["texts"]["en"]["title"] == "Mine"


def test_only_the_languages_of_a_translator_and_never_the_original(desk: Desk) -> None:
    desk.account("translator", languages="en")
    user = desk.sign_in("translator")
    assert user.get(f"/desk/translations/{SLUG}/fi/").status_code == 403
    assert desk.sign_in("curator").get(f"/desk/translations/{SLUG}/fi/").status_code == 200
    for code in ("sv", "xx"):
        assert user.get(f"/desk/translations/{SLUG}/{code}/").status_code == 404


def test_saving_an_approved_translation_says_that_it_went_to_the_editor(desk: Desk) -> None:
    user = desk.sign_in("translator")
    path = f"/desk/translations/{SLUG}/en/"
    desk.account("translator")
    with desk.installation.open() as db:
        db.execute("""UPDATE curators SET languages = '["en"]' WHERE role = 'translator'""")
        db.conn.commit()
    answer = send(user, path, opened(user, path), act="save", en__title="Listen now")
    assert "done=review" in answer.location
    assert "Sent to the editor." in user.get(answer.location).text
