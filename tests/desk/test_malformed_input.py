"""What nobody types by accident at the desk: odd numbers, broken signs, and what takes too long."""

import json
import re
import time
from pathlib import Path

import pytest

from feed import clock
from feed.files import examine
from feed.library import diff, editing, exchange
from feed.library.workflow import Transition
from feed.model.people import ROLES
from feed.server import database_setup
from tests.conftest import NOON, Installation, settings
from tests.desk.test_exchange_pages import bring
from tests.desk.test_principle_form import opened
from tests.desk_client import Desk, field_errors

HUGE = "9" * 25
SLUG = "the-sign-on-the-door"
IN_TIME = 2  # seconds, where it took minutes


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk on the shipped library, with one person of each role."""
    folder: Path = tmp_path_factory.mktemp("odd")
    installation = Installation(settings(folder))
    database_setup.create(installation.config, clock.Clock(NOON, 0))
    installation.load(exchange.shipped_files())
    installation.publish()
    made = Desk(installation)
    for role in ROLES:
        made.account(role)
    return made


@pytest.mark.parametrize("path", ["people/{}/", "exchange/{}/"])
@pytest.mark.parametrize("number", [HUGE, "\u0661"])
def test_a_number_that_nothing_has_is_not_found(desk: Desk, path: str, number: str) -> None:
    user = desk.sign_in("administrator")
    assert user.get(f"/desk/{path.format(number)}").status_code == 404


def test_an_entry_with_countless_wrong_fields_makes_no_endless_page(desk: Desk) -> None:
    fields = {f"wrong{number}": 1 for number in range(1000)}
    content = {"principles": [{"slug": "a", **fields}]}
    page = bring(desk.sign_in("curator"), "a.json", json.dumps(content))
    assert len(set(re.findall(r"wrong\d+", page.text))) == 20
    assert "…" in page.text


def test_an_invitation_that_never_was_is_not_shown(desk: Desk) -> None:
    page = desk.sign_in("administrator").get(f"/desk/people/?invited={HUGE}")
    assert page.status_code == 200


@pytest.mark.parametrize("base", ["x", "1.5", HUGE])
def test_a_revision_that_never_was_costs_no_draft(desk: Desk, base: str) -> None:
    user, path = desk.sign_in("curator"), f"/desk/principles/{SLUG}/"
    given = {**opened(user, path), "base": base, "sv.title": "Another title"}
    assert user.post("/desk/drafts/", given).status_code == 204
    assert "Another title" in user.post(path, given).text


@pytest.mark.parametrize("step", [f"{SLUG}.{'9' * 5000}", f"{SLUG}.\u0661", ".", SLUG])
def test_a_step_that_is_none_is_no_step(desk: Desk, step: str) -> None:
    given = {"act": "review", "step": step}
    answer = desk.sign_in("curator").post("/desk/principles/bulk/confirmed", given)
    assert answer.status_code == 303
    assert "number=0" in answer.location


def test_a_date_at_the_end_of_the_calendar_is_refused_at_its_field(desk: Desk) -> None:
    given = {"date": "0001-01-01", "principle": SLUG}
    answer = desk.sign_in("editor").post("/desk/calendar/pin", given)
    assert answer.status_code == 422
    assert field_errors(answer)


@pytest.mark.parametrize("path", ["//[", "\ud800", "/desk/\r\nx", "7"])
def test_the_page_to_go_on_to_may_be_anything(desk: Desk, path: str) -> None:
    query = {"next": path.encode("utf-8", "surrogatepass")}
    assert desk.anonymous().get("/desk/sign-in", query_string=query).status_code == 200
    given = {"next": path.encode("utf-8", "surrogatepass"), "address": "nobody@example.org"}
    assert desk.anonymous().post("/desk/sign-in", given).status_code == 303


@pytest.mark.parametrize(
    "content",
    [
        {"\ud800": 1},
        {"principles": [{"slug": "\ud800"}]},
        {"principles": [{"slug": "a", "kind": "\ud800", "\ud800": 1, "texts": {"\ud800": {}}}]},
    ],
)
def test_a_file_with_broken_signs_is_refused_in_words(desk: Desk, content: object) -> None:
    page = bring(desk.sign_in("curator"), "a.json", json.dumps(content))
    assert page.status_code == 200
    assert "should be" in page.text
    twice = bring(desk.sign_in("curator"), "a.json", '{"\\ud800": 1, "\\ud800": 2}')
    assert "twice" in twice.text


def test_nothing_that_one_can_send_takes_minutes(desk: Desk) -> None:
    editor, translator = desk.sign_in("editor"), desk.sign_in("translator")
    begun = time.process_time()
    typed = {"act": "check", "sv.title": "[" * 100_000}
    assert translator.post(f"/desk/principles/{SLUG}/", typed).status_code == 200
    assert time.process_time() - begun < IN_TIME
    begun = time.process_time()
    editor.post("/desk/calendar/pin", {"date": "2026-12-01", "principle": "ab " * 50_000})
    assert time.process_time() - begun < IN_TIME
    names = ",".join(f'"name-{number}":1' for number in range(20_000))
    begun = time.process_time()
    examine({"a.json": f"{{{names}}}".encode()})
    assert time.process_time() - begun < IN_TIME
    begun = time.process_time()
    _, problems = examine({"a.toml": " . ".join("a" * 20_000).encode() + b" = 1"})
    assert "50 parts" in str(problems[0].values["detail"])
    assert time.process_time() - begun < IN_TIME


def test_a_long_reordered_text_is_compared_in_time() -> None:
    old, new = "a b " * 2500, "b a " * 2500
    begun = time.process_time()
    found = diff.pieces(old, new)
    assert time.process_time() - begun < IN_TIME
    assert "".join(piece.text for piece in found if piece.kind != "new") == old
    assert "".join(piece.text for piece in found if piece.kind != "old") == new


def test_a_new_source_is_public_with_its_first_principle(desk: Desk) -> None:
    """A curator publishes nothing: not by way of a source, either."""
    texts = {"en.title": "Rights first", "en.statement": "Who owns it says so."}
    source = {"source_title": "Whispered", "source_url": "https://example.org/"}
    given = {"kind": "principle", "original_language": "en", "themes": "dialogue"}
    answer = desk.sign_in("curator").post("/desk/principles/new", {**given, **texts, **source})
    assert answer.status_code == 303
    reader = desk.installation.client()
    lists = ("/en/sources/", "/en/feeds/", "/feeds.opml", "/sitemap.xml", "/api/v1/sources")
    pages = ("/en/sources/whispered/", "/en/sources/whispered/feed.rss")
    assert not any("hispered" in reader.get(path).text for path in (*lists, "/en/principles/"))
    assert [reader.get(path).status_code for path in pages] == [404, 404]
    with desk.installation.open() as db:
        step = Transition(desk.account("editor"), "publish")
        editing.act(db, step, "rights-first", desk.installation.now)
    assert all("hispered" in reader.get(path).text for path in lists)
    assert [reader.get(path).status_code for path in pages] == [200, 200]
