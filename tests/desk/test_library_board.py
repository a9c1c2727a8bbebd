"""The boards of the library and its translations: what is found, what waits, what many acts do."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, Page
from werkzeug.test import TestResponse

from feed import clock
from feed.app import create_app
from feed.library import editing
from feed.library.workflow import Act, Transition
from feed.server import database_setup
from feed.store import desk_queries
from feed.store.connection import transaction, undone
from tests.conftest import NOON, Installation, listening, settings
from tests.desk_client import Desk, DeskUser, prepared_session
from tests.web.test_browser import AXE, OPTIONS

Install = Callable[..., Installation]
LATER = NOON + timedelta(days=9)
BOARD = "/desk/principles/"


def principle(slug: str, title: str, status: str, source: str = "book", **states: str) -> Any:
    """A principle with a Swedish original, and texts in these states by language."""
    texts = {
        language: {"title": f"{title} {language}", "statement": f"{title}.", "state": state}
        for language, state in states.items()
    }
    parts = {"source": source, "status": status, "themes": ["trust"] if source == "book" else []}
    return {"slug": slug, **parts, "original_language": "sv", "texts": texts}


FILE = {
    "themes": [
        {"slug": "trust", "texts": {"en": {"name": "Trust"}, "sv": {"name": "Tillit"}}},
        {"slug": "help", "texts": {"en": {"name": "Help"}, "sv": {"name": "Hjälp"}}},
    ],
    "sources": [
        {"slug": "book", "title": "Boken", "language": "sv"},
        {"slug": "paper", "title": "Artikeln", "language": "sv"},
    ],
    "principles": [
        principle("change", "Förändring", "published", sv="approved", en="approved"),
        principle("alone", "Ensam", "published", sv="approved"),
        principle("old", "Bygg", "published", sv="approved", en="outdated"),
        principle("asked", "Clara", "draft", "paper", sv="review", en="draft"),
        principle("begun", "Dag", "draft", sv="draft"),
        principle("gone", "Erik", "retired", sv="approved"),
    ],
}


def desk_of(installation: Installation) -> Desk:
    """A desk with people of every role, on that library."""
    installation.load({"a.json": json.dumps(FILE)})
    made = Desk(installation)
    for role in ("translator", "curator", "editor"):
        made.account(role)
    return made


@pytest.fixture
def desk(install: Install) -> Desk:
    return desk_of(install())


def slugs(page: TestResponse) -> list[str]:
    """The principles of a board, in its order."""
    return re.findall(
        r'<a [^>]*href="/desk/principles/([a-z0-9-]+)/', page.text.partition("<tbody")[2]
    )


def found(user: DeskUser, **given: str) -> list[str]:
    """What the library has for a filter."""
    page = user.get(BOARD, query_string=given)
    assert page.status_code == 200
    return slugs(page)


def act(desk: Desk, role: str, slug: str, deed: Act, **more: Any) -> None:
    with desk.installation.open() as db:
        editing.act(db, Transition(desk.account(role), deed, **more), slug, desk.installation.now)


def write(desk: Desk, role: str, slug: str, **texts: Any) -> None:
    """Change texts, as the form does."""
    with desk.installation.open() as db:
        known = editing.working(db, slug)
        entry = {**known.entry, "texts": {**known.entry["texts"], **texts}}
        editing.save(db, Transition(desk.account(role)), entry, known, desk.installation.now)


@pytest.mark.parametrize(
    ("given", "slugs"),
    [
        ({}, ["old", "asked", "begun", "alone", "gone", "change"]),
        ({"q": "forandring"}, ["change"]),
        ({"q": "FÖRÄND"}, ["change"]),
        ({"q": '" OR *'}, []),
        ({"q": "change\0"}, ["change"]),
        ({"status": "draft"}, ["asked", "begun"]),
        ({"status": "nonsense"}, ["old", "asked", "begun", "alone", "gone", "change"]),
        ({"source": "paper"}, ["asked"]),
        ({"source": "paper", "theme": "trust"}, []),
        ({"theme": "trust", "status": "retired"}, ["gone"]),
        ({"state": "missing"}, ["begun", "alone", "gone"]),
        ({"state": "missing", "language": "sv"}, []),
        ({"state": "outdated", "language": "en"}, ["old"]),
        ({"state": "outdated", "language": "sv"}, []),
        ({"state": "draft"}, ["asked", "begun"]),
        ({"language": "en"}, ["old", "asked", "change"]),
        ({"waiting": "1"}, ["asked"]),
        ({"sort": "-title", "status": "draft"}, ["begun", "asked"]),
        ({"sort": "source", "status": "draft"}, ["asked", "begun"]),
        ({"sort": "status"}, ["asked", "begun", "old", "alone", "change", "gone"]),
        ({"page": "2"}, []),
        ({"page": "x", "status": "retired"}, ["gone"]),
    ],
)
def test_the_library_finds_what_is_asked_for(
    desk: Desk, given: dict[str, str], slugs: list[str]
) -> None:
    assert found(desk.sign_in("translator"), **given) == slugs


def test_what_was_saved_last_comes_first_when_sorted_so(desk: Desk) -> None:
    desk.installation.now = LATER
    write(desk, "editor", "gone", en={"title": "E", "statement": "S"})
    assert found(desk.sign_in("editor", now=LATER), sort="changed")[0] == "gone"
    assert found(desk.sign_in("editor", now=LATER), sort="-changed")[-1] == "gone"
    assert "1 December 2026" in desk.sign_in("editor", now=LATER).get(BOARD).text


def test_a_step_that_waits_is_seen_and_the_library_is_not(desk: Desk) -> None:
    """What an editor is asked for counts before what readers have; declined, it is over."""
    user = desk.sign_in("editor")
    write(desk, "curator", "change", sv={"title": "Ny", "statement": "Ny."})
    assert found(user, waiting="1") == ["asked", "change"]
    assert found(user, state="review", language="sv") == ["asked", "change"]
    act(desk, "editor", "change", "decline", reason="No")
    assert found(user, waiting="1") == ["asked"]
    with desk.installation.open() as db:
        known = editing.working(db, "old")
        moved = {**known.entry, "source": "paper"}
        editing.save(db, Transition(desk.account("curator")), moved, known, desk.installation.now)
    assert found(user, waiting="1") == ["old", "asked"]
    assert found(user, state="outdated") == ["old"]


def test_an_unfinished_translation_is_a_draft_and_not_missing(desk: Desk) -> None:
    user = desk.sign_in("editor")
    assert "alone" in found(user, state="missing", language="en")
    write(desk, "curator", "alone", en={"title": "Half", "statement": ""})
    assert "alone" not in found(user, state="missing", language="en")
    assert "alone" in found(user, state="draft", language="en")


def numbers_of_pages(page: TestResponse) -> str:
    """The numbers below a list, as a screen reader has them."""
    shown = page.text.partition('class="numbers-of-pages"')[2].partition("</nav>")[0]
    return " ".join(re.sub(r"<[^>]+>", "", shown.partition(">")[2].partition("Next")[0]).split())


def test_pages_have_numbers_the_first_and_the_last_among_them(desk: Desk) -> None:
    many = [principle(f"p-{n:03}", f"T {n:03}", "draft", sv="draft") for n in range(594)]
    desk.installation.load({"b.json": json.dumps({"principles": many})})
    page = desk.sign_in("translator").get(f"{BOARD}?page=6")
    assert numbers_of_pages(page) == "Page 1 … Page 4 Page 5 Page 6 Page 7 Page 8 … Page 12"


def test_search_finds_slugs_and_the_people_who_wrote_or_edited(desk: Desk) -> None:
    user = desk.sign_in("curator", "Märta Öberg-Lind")
    assert user.me is not None
    write(desk, "editor", "alone", sv={"title": "Ensam kvar", "statement": "S"})
    with desk.installation.open() as db:
        known = editing.working(db, "begun")
        entry = {**known.entry, "texts": {"sv": {"title": "Dagen", "statement": "S"}}}
        editing.save(db, Transition(user.me), entry, known, NOON)
    assert found(user, q="begun") == ["begun"]
    assert found(user, q="BEG") == ["begun"]
    for name in ("marta", "Öberg-Lind", "Märta Öberg", "mär"):
        assert found(user, q=name) == ["begun"], name
    assert found(user, q="editor åström") == ["alone"]
    assert found(user, q="mä") == []
    assert found(user, q="Märta Nobody") == []
    assert found(user, mine="1") == ["begun"]
    assert found(user, mine="1", q="ensam") == []
    assert found(desk.sign_in("editor"), mine="1") == ["alone"]
    assert "mine=1" in user.get(f"{BOARD}?mine=1").text  # sorting and exporting keep the filter


def test_fifty_are_on_a_page_and_the_filter_goes_along(desk: Desk) -> None:
    many = [principle(f"p-{n:03}", f"T {n:03}", "draft", sv="draft") for n in range(120)]
    desk.installation.load({"b.json": json.dumps({"principles": many})})
    user = desk.sign_in("translator")
    page = user.get(f"{BOARD}?q=T&status=draft&sort=-title")
    assert slugs(page)[0] == "p-119"
    assert len(slugs(page)) == 50
    forward = re.search(r'rel="next" href="([^"]+)"', page.text)
    assert forward
    second = user.get(unescape(forward[1]))
    assert slugs(second)[0] == "p-069"
    assert numbers_of_pages(second) == "Page 1 Page 2 Page 3"
    assert 'aria-current="page"><span class="unseen">Page </span>2<' in second.text
    last = user.get(f"{BOARD}?q=T&status=draft&page=3")
    assert len(slugs(last)) == 20


def bulk(user: DeskUser, deed: str, *chosen: str, **more: str) -> TestResponse:
    """Choose some principles and press a button below the board."""
    return user.post(f"{BOARD}bulk", {"act": deed, "slug": list(chosen), **more})


def confirm(user: DeskUser, page: TestResponse, **more: str) -> TestResponse:
    """Press the button of the page that says what will happen."""
    hidden = re.findall(r'name="(act|themed|step|q|sort|status)" value="([^"]*)"', page.text)
    steps = [value for name, value in hidden if name == "step"]
    given = {name: value for name, value in hidden if name != "step"}
    return user.post(f"{BOARD}bulk/confirmed", {**given, "step": steps, **more})


def states(desk: Desk, slug: str) -> tuple[str, dict[str, str]]:
    with desk.installation.open() as db:
        entry = editing.working(db, slug).entry
    return entry["status"], {code: text["state"] for code, text in entry["texts"].items()}


def test_a_bulk_action_does_exactly_what_its_preview_showed(desk: Desk) -> None:
    with desk.installation.open() as db, transaction(db):
        db.execute("UPDATE principles SET kind = 'quote' WHERE slug = 'begun'")
    user = desk.sign_in("editor")
    before = {slug: states(desk, slug) for slug in ("asked", "begun", "change")}
    page = bulk(user, "publish", "asked", "begun", "change", status="draft", sort="-title")
    assert page.status_code == 200
    text = " ".join(re.sub(r"<[^>]+>", " ", unescape(page.text)).split())
    assert "This happens to 1 principle. 1 is refused." in text
    assert "Principle: Draft → becomes Published" in text
    assert "Swedish: With the editor → becomes Approved" in text
    assert "Refused Dag sv A quote needs an author" in text
    assert "Nothing to do Förändring en" in text
    assert {slug: states(desk, slug) for slug in before} == before
    answer = confirm(user, page)
    assert answer.location == f"{BOARD}?status=draft&sort=-title&done=publish&number=1&undo=1"
    assert "Done with 1 principle: published." in user.get(answer.location).text
    assert states(desk, "asked") == ("published", {"sv": "approved", "en": "draft"})
    assert states(desk, "begun") == before["begun"]
    with desk.installation.open() as db:
        assert desk_queries.rows(db, ["asked"], "en")[0].by == "Editor Åström"


@pytest.mark.parametrize(
    ("deed", "slug", "after"),
    [
        ("review", "begun", ("draft", {"sv": "review"})),
        ("approve", "asked", ("draft", {"sv": "approved", "en": "draft"})),
        ("retire", "alone", ("retired", {"sv": "approved"})),
        ("draft", "alone", ("draft", {"sv": "approved"})),
    ],
)
def test_every_act_can_be_done_to_many(desk: Desk, deed: str, slug: str, after: Any) -> None:
    user = desk.sign_in("editor")
    assert confirm(user, bulk(user, deed, slug)).status_code == 303
    assert states(desk, slug) == after


def test_a_bulk_action_does_nothing_after_a_concurrent_save(desk: Desk) -> None:
    user = desk.sign_in("editor")
    page = bulk(user, "retire", "alone", "change")
    write(desk, "editor", "change", sv={"title": "Annan", "statement": "S"})
    late = confirm(user, page)
    assert late.status_code == 409
    assert "Someone has saved in the meantime" in late.text
    assert (states(desk, "alone")[0], states(desk, "change")[0]) == ("published", "published")
    assert confirm(user, late).status_code == 303
    assert confirm(user, late).status_code == 409
    assert states(desk, "change")[0] == "retired"


def test_a_role_does_no_more_to_many_than_to_one(desk: Desk) -> None:
    curator = desk.sign_in("curator")
    for deed in ("approve", "publish", "retire", "draft"):
        assert bulk(curator, deed, "asked").status_code == 403
    page = bulk(desk.sign_in("editor"), "retire", "alone")
    assert confirm(curator, page).status_code == 403
    assert confirm(curator, bulk(curator, "review", "begun")).status_code == 303
    assert states(desk, "begun") == ("draft", {"sv": "review"})
    assert 'name="slug"' not in desk.sign_in("translator").get(BOARD).text


def themes(desk: Desk, slug: str) -> tuple[list[str], list[str]]:
    """The themes of a principle, as its writers and as readers have them."""
    with desk.installation.open() as db:
        known = editing.working(db, slug)
    assert known.live is not None
    return known.entry["themes"], known.live["themes"]


def test_a_bulk_action_adds_and_removes_a_theme(desk: Desk) -> None:
    """The other languages stay current: no word has changed."""
    user = desk.sign_in("editor")
    page = bulk(user, "theme", "asked", "alone", "gone", themed="help")
    text = " ".join(re.sub(r"<[^>]+>", " ", unescape(page.text)).split())
    assert "Give it the theme: Help" in text
    assert "This happens to 3 principles." in text
    assert "Themes: none → becomes Help" in text
    assert "Themes: Trust → becomes Trust , Help" in text
    assert "Waits for an editor" not in text
    assert themes(desk, "asked") == ([], [])
    answer = confirm(user, page)
    assert "Done with 3 principles: added a theme." in user.get(answer.location or "").text
    assert themes(desk, "asked") == (["help"], ["help"])
    assert themes(desk, "alone") == (["trust", "help"], ["trust", "help"])
    again = bulk(user, "theme", "asked", "old", themed="help")
    assert "This happens to 1 principle." in again.text
    before = states(desk, "old")
    assert confirm(user, again).status_code == 303
    assert states(desk, "old") == before
    assert confirm(user, bulk(user, "untheme", "alone", "asked", themed="help")).status_code == 303
    assert (themes(desk, "alone")[1], themes(desk, "asked")[1]) == (["trust"], [])
    assert "Nothing would happen." in bulk(user, "untheme", "alone", themed="help").text


def test_a_theme_that_a_curator_gives_to_what_is_public_waits_for_an_editor(desk: Desk) -> None:
    curator, editor = desk.sign_in("curator"), desk.sign_in("editor")
    page = bulk(curator, "theme", "alone", "asked", themed="help")
    assert page.text.count("Waits for an editor") == 1
    assert confirm(curator, page).status_code == 303
    assert themes(desk, "alone") == (["trust", "help"], ["trust"])
    assert themes(desk, "asked") == (["help"], ["help"])
    page = bulk(editor, "approve", "alone")
    assert "Readers see the change of: Themes" in page.text
    assert confirm(editor, page).status_code == 303
    assert themes(desk, "alone")[1] == ["trust", "help"]


def test_a_theme_that_is_not_there_is_asked_for(desk: Desk) -> None:
    user = desk.sign_in("editor")
    for given in ("", "nonsense", "a\0b"):
        answer = bulk(user, "theme", "alone", themed=given, theme="trust")
        assert answer.location == f"{BOARD}?theme=trust&none=theme"
    assert "Choose a theme first." in user.get(f"{BOARD}?none=theme").text
    page = bulk(user, "theme", "alone", themed="help")
    assert confirm(user, page, themed="nonsense").status_code == 400
    assert themes(desk, "alone")[0] == ["trust"]


def test_odd_forms_are_answered_and_change_nothing(desk: Desk) -> None:
    user = desk.sign_in("editor")
    assert bulk(user, "nonsense", "alone").status_code == 400
    assert bulk(user, "retire", "no-such-one").status_code == 404
    assert bulk(user, "retire", "a\0b").status_code == 404
    assert bulk(user, "retire", sort="title").location == f"{BOARD}?sort=title&none=1"
    for step in ("alone", "alone.x", ".1", "alone.999", "no-such-one.1"):
        given = {"act": "retire", "step": [step]}
        assert user.post(f"{BOARD}bulk/confirmed", given).status_code in (303, 404, 409)
    assert states(desk, "alone")[0] == "published"


def test_a_rehearsal_leaves_nothing_and_a_part_fails_alone(desk: Desk) -> None:
    with desk.installation.open() as db:
        with undone(db):
            db.execute("DELETE FROM pins")
            db.execute("UPDATE principles SET locator = 'x'")
        with transaction(db):
            db.execute("UPDATE principles SET locator = 'kept' WHERE slug = 'alone'")
            with suppress(ZeroDivisionError), transaction(db):
                db.execute("UPDATE principles SET locator = 'lost' WHERE slug = 'old'")
                raise ZeroDivisionError
    with desk.installation.open() as db:
        rows = db.execute("SELECT DISTINCT locator FROM principles ORDER BY 1").fetchall()
    assert rows == [("",), ("kept",)]


def test_what_to_do_next_is_missing_then_outdated_then_draft_the_oldest_first(desk: Desk) -> None:
    write(desk, "editor", "change", en={"title": "T", "statement": "S"})
    with desk.installation.open() as db:
        editing.act(db, Transition(desk.account("editor"), "approve", ("sv",)), "asked", NOON)
    desk.installation.now = LATER
    late = principle("later", "Adam", "published", sv="approved")
    desk.installation.load({"b.json": json.dumps({"principles": [late]})})
    with desk.installation.open() as db:
        tasks, total = desk_queries.translation_tasks(db, ("en",))
    told = [(task.cell.slug, task.cell.state, (LATER - task.cell.since).days) for task in tasks]
    assert told == [
        ("alone", "missing", 9),
        ("later", "missing", 0),
        ("old", "outdated", 9),
        ("asked", "draft", 9),
    ]
    assert total == 4


def test_a_translator_sees_what_waits_in_their_languages(desk: Desk) -> None:
    user = desk.sign_in("translator")
    assert "Nothing: every approved original is translated." in user.get("/desk/translations/").text
    page = desk.sign_in("editor").get("/desk/translations/")
    assert re.findall(r'href="/desk/translations/(\w+)/en/"', page.text) == ["alone", "old"]
    counts = re.findall(r'language=(\w\w)&amp;state=(\w+)">(\d+)<', page.text)
    assert ("en", "missing", "2") in counts
    assert ("en", "outdated", "1") in counts
    assert ("sv", "approved", "3") in counts
    everything = desk.sign_in("translator").get("/desk/translations/all")
    assert len(slugs(everything)) == 6


def test_a_third_language_is_missing_everywhere_at_once(desk: Desk) -> None:
    """The work that was done stays; nothing has to be imported or saved again."""
    folder = desk.installation.config.database.parent
    desk.installation.config = settings(folder, LANGUAGES="en,sv,de")
    user = desk.sign_in("editor")
    assert (
        len(found(user, state="missing", language="de")) == len(found(user, state="missing")) == 6
    )
    page = user.get("/desk/translations/?language=de")
    assert re.findall(r'href="/desk/translations/(\w+)/de/"', page.text) == [
        "alone",
        "change",
        "old",
    ]
    assert "Deutsch" in page.text
    assert user.get("/desk/translations/all").text.count('<span class="code">de</span>') == 6
    assert 'name="de.title"' in user.get(f"{BOARD}alone/").text


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, str]]:
    """A desk that a browser can visit."""
    installation = Installation(settings(tmp_path_factory.mktemp("boards")))
    ticking = clock.Clock(installation.now, time.monotonic())
    database_setup.create(installation.config, ticking)
    made = desk_of(installation)
    with listening(create_app(installation.config, ticking)) as url:
        yield made, url


# From a Mac: a new principle, one that changes, a row to mend, and a column without a meaning.
TABLE = (
    "Kortnamn;Källa;Rubrik;Huvudtext;Ansvarig\rone;book;Ett;Så.;Åsa\r"
    "alone;paper;Ensam är stark;Något annat.;\r;Okänd bok;;En text utan rubrik.;\r"
).encode("mac-roman")


def look_at_an_import(page: Page, url: str) -> None:
    page.goto(f"{url}/desk/exchange/")
    sheet: FilePayload = {"name": "a.csv", "mimeType": "text/csv", "buffer": TABLE}
    page.locator("#file").set_input_files(sheet)
    page.locator("main form.deed button").press("Enter")
    page.wait_for_selector(".sides del")
    for details in page.locator("main summary").all():
        details.press("Enter")


def ask_for_many(page: Page, url: str) -> None:
    page.goto(f"{url}/desk/principles/?status=draft")
    for box in page.locator("input[name=slug]").all():
        box.press("Space")
    page.locator("button[value=publish]").press("Enter")
    page.wait_for_selector(".outcomes")


VISITS: dict[str, str | Callable[[Page, str], None]] = {
    "library": "desk/principles/?sort=changed",
    "nothing found": "desk/principles/?q=nothing&language=sv&state=missing",
    "many": ask_for_many,
    "translations": "desk/translations/",
    "everything": "desk/translations/all",
    "exchange": "desk/exchange/",
    "import": look_at_an_import,
}


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("sv", "dark")])
def test_every_board_is_sound_narrow_and_wide_without_a_script(
    address: tuple[Desk, str], browser: Browser, language: str, scheme: Any
) -> None:
    desk, url = address
    me = desk.account("editor")
    with desk.installation.open() as db:
        with transaction(db):
            db.execute("UPDATE curators SET language = ?", [language])
        token = prepared_session(db, me, desk.installation.now)
    with browser.new_context(color_scheme=scheme) as context:
        context.add_cookies([{"name": "devis-desk", "value": token, "url": url}])
        page = context.new_page()
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        for name, way in VISITS.items():
            if isinstance(way, str):
                page.goto(f"{url}/{way}")
            else:
                way(page, url)
            assert page.locator("html").get_attribute("lang") == language
            page.evaluate(Axe().axe_script)
            for width in (1280, 320):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate(AXE, OPTIONS) == [], (name, width)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, (name, width)
        assert messages == []
