"""Files in and out at the desk: looked at row by row, mended, then imported as they were shown."""

import csv
import io
import json
import re
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from werkzeug.test import TestResponse

from feed import clock, worker
from feed.accounts import people
from feed.checks.machine import WORKER_LOCK
from feed.library import editing, exchange
from feed.library.workflow import Transition
from feed.server import database_setup
from feed.store import library
from tests import library_changes
from tests.conftest import NOON, Installation, settings
from tests.desk_client import Desk, DeskUser
from tests.files.test_exchange import ODD, contents

SPREADSHEETS = Path(__file__).parent.parent / "files" / "spreadsheets"
HEAD = "slug,source,language,title,statement\n"
SLUG = "listen-first"
CODES = ("sv", "en")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk on a library with a published and a draft principle."""
    installation = Installation(settings(tmp_path))
    database_setup.create(installation.config, clock.Clock(NOON, 0))
    installation.load({"odd.json": json.dumps(ODD)})
    made = Desk(installation)
    for role in ("curator", "editor"):
        made.account(role)
    return made


def bring(user: DeskUser, name: str, content: str | bytes) -> TestResponse:
    """Bring a file, and look at what it would do."""
    body = content.encode() if isinstance(content, str) else content
    data = {"file": (io.BytesIO(body), name)}
    answer = user.post("/desk/exchange/", data, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()  # a file, where it is large
    if answer.status_code != 303:
        return answer
    return user.get(answer.location or "")


def confirm(user: DeskUser, page: TestResponse, **more: str) -> TestResponse:
    """Press the button of the confirmation page."""
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', page.text)
    assert found, page.text
    return user.post(page.request.path, {"seen": found[1], **more})


def plain(html: str) -> str:
    """What a piece of a page says."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def rows(page: TestResponse) -> list[list[str]]:
    """The rows of the table of a page, as what they say."""
    body = page.text.partition('<table class="rows"')[2].partition("</tbody>")[0]
    body = body.partition("<tbody")[2]
    cells = re.compile(r"<t[dh] [^>]*>(.*?)</t[dh]>", re.DOTALL)
    found = [[plain(cell) for cell in cells.findall(row)] for row in body.split("</tr>")]
    return [row for row in found if row]


def entry(**fields: Any) -> str:
    """A file that says something of the published principle."""
    return json.dumps({"principles": [{"slug": SLUG, **fields}]})


def title(desk: Desk, slug: str, language: str = "sv") -> str | None:
    """What the library has for a title."""
    with desk.installation.open() as db:
        found = library.principle(db, slug)
    return found.texts[language].title if found else None


def waiting(desk: Desk) -> int:
    """How many files wait."""
    with desk.installation.open() as db:
        return int(db.execute("SELECT count(*) FROM uploads").fetchone()[0])


def test_a_file_changes_nothing_until_it_is_confirmed(desk: Desk) -> None:
    """What happens is then exactly what was shown: by row, with the fields that change."""
    with desk.installation.open() as db:
        editor = desk.account("editor")
        found = editing.working(db, "007")
        editing.save(db, Transition(editor), {**found.entry, "locator": "by hand"}, found, NOON)
    table = (
        "slug,source,language,title,statement,locator\n"
        "brand-new,handbook,sv,Ny,Först,\n"
        "brand-new,handbook,en,New,First,\n"
        f"{SLUG},handbook,sv,Annan rubrik,=SUM(A1:A9),\n"
        f"{SLUG},handbook,pt-BR,Ouvir,Ouça,\n"
        "007,nameless,en,1e5,true,another\n"
    )
    user, before = desk.sign_in("editor"), contents(desk.installation)
    page = bring(user, "blad.csv", table)
    assert rows(page) == [
        ["Row 2–3", "Ny Principle brand-new", "New", "–"],
        [
            "Row 4–5",
            f"Annan rubrik Principle {SLUG}",
            "Changed",
            "Title (Swedish) Before Lyssna först, “tala” sedan; 🙂 👩‍👩‍👧 After Annan rubrik",
        ],
        [
            "Row 6",
            "1e5 Principle 007",
            "Left alone",
            "Place in the source Before by hand After another",
        ],
    ]
    assert "uploads" in before
    assert (title(desk, "brand-new"), title(desk, SLUG)) == (
        None,
        "Lyssna först, “tala” sedan; 🙂 👩‍👩‍👧",
    )
    answer = confirm(user, page)
    assert answer.status_code == 303
    told = user.get(answer.location or "").text
    assert "1 is new, 1 has changed." in told
    assert (title(desk, "brand-new"), title(desk, SLUG)) == ("Ny", "Annan rubrik")
    with desk.installation.open() as db:
        assert editing.working(db, "007").entry["locator"] == "by hand"
        who = db.execute("SELECT curator, origin FROM revisions ORDER BY id DESC").fetchone()
    assert user.me is not None
    assert who == (user.me.id, "import")
    assert waiting(desk) == 0


def test_an_import_preview_writes_nothing(desk: Desk) -> None:
    user = desk.sign_in("editor")
    page = bring(user, "a.json", entry(locator="9"))
    before = contents(desk.installation)
    for path in ("", "?overwrite=1", "?show=changed", "?show=nonsense", "?page=99"):
        assert user.get(page.request.path + path).status_code == 200
    assert contents(desk.installation) == before


def test_entries_edited_at_the_desk_are_replaced_only_with_the_overwrite_box(desk: Desk) -> None:
    with desk.installation.open() as db:
        library_changes.revise(db, {"slug": SLUG, "locator": "desk"}, NOON)
    user = desk.sign_in("editor")
    page = bring(user, "a.json", entry(locator="file"))
    assert rows(page)[0][2] == "Left alone"
    assert "Import 1 entry" not in page.text
    again = user.get(page.request.path + "?overwrite=1")
    assert rows(again)[0][2:] == ["Changed", "Place in the source Before desk After file"]
    confirm(user, again, overwrite="1")
    with desk.installation.open() as db:
        assert editing.working(db, SLUG).entry["locator"] == "file"


REFUSED: Mapping[str, tuple[str, str | bytes, list[str]]] = {
    "a NUL": ("a.csv", HEAD + "new-one,handbook,sv,T,a\0b", ["Row 2", "control character U+0000"]),
    "a cell of 100 KB": ("a.csv", HEAD + f"new-one,handbook,sv,T,{'x' * 10**5}", ["at most 2000"]),
    "a direction override": ("a.csv", HEAD + "new-one,handbook,sv,T,\u202egnp", ["U+202E"]),
    "an unknown source": ("a.csv", HEAD + "new-one,nowhere,sv,T,S", ["source: should be a source"]),
    "a short row": (
        "a.csv",
        HEAD + "new-one,handbook\n",
        ["Row 2", "Write a language"],
    ),
    "a picture": ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x81\xff", ["line 1 can’t be read as"]),
    "half of UTF-16": ("a.csv", HEAD.encode("utf-16")[:-1], ["as UTF-16 text"]),
    "another format": ("a.pdf", b"%PDF-1.7", ["a file that ends in .csv"]),
    "broken JSON": ("a.json", b'{"principles": [', ["be read as JSON"]),
    "a script": (
        "<script>alert(1)</script>.json",
        json.dumps({"sources": [{"slug": "s", "title": "<script>alert(1)</script>"}]}),
        ["<script>alert(1)</script>", "Language: Fill this in"],
    ),
    "a script for an address": (
        "a.json",
        json.dumps({"sources": [{"slug": "handbook", "url": "javascript:alert(1)"}]}),
        ["Address on the web: should be an address that begins with https://"],
    ),
}


@pytest.mark.parametrize(("name", "content", "told"), REFUSED.values(), ids=REFUSED)
def test_a_refused_file_lists_every_error_with_its_place_and_nothing_is_imported(
    desk: Desk, name: str, content: str | bytes, told: list[str]
) -> None:
    user = desk.sign_in("editor")
    page = bring(user, name, content)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    for words in told:
        assert words in plain(page.text)
    assert rows(page)[0][2] == "Refused"
    assert "Import 1 entry" not in page.text
    before = contents(desk.installation)
    assert confirm(user, page).status_code == 409
    assert contents(desk.installation) == before


def test_a_refusal_is_all_in_the_language_of_the_desk(desk: Desk) -> None:
    user = desk.sign_in("editor")
    with desk.installation.open() as db:
        people.set_language(db, desk.account("editor"), "sv")
    page = bring(user, "a.json", entry(texts={"sv": {"title": 5}}))
    assert "Rubrik (svenska): Här ska stå text, inte ett tal." in plain(page.text)


def test_one_bad_row_is_shown_beside_the_good_ones(desk: Desk) -> None:
    page = bring(desk.sign_in("editor"), "a.csv", HEAD + "one,handbook,sv,T,S\n,,,T,S\nb,x,sv,T,S")
    assert [(row[0], row[2]) for row in rows(page)] == [
        ("Row 3", "Refused"),
        ("Row 4", "Refused"),
        ("Row 2", "New"),
    ]
    only = desk.sign_in("editor").get(page.request.path + "?show=new")
    assert [row[0] for row in rows(only)] == ["Row 2"]


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ({"principles": [{"slug": SLUG, "texts": {"de": {"title": "T", "statement": "S"}}}]}, "C"),
        ({"principles": [{"slug": "007", "locator": "9"}]}, "Changed"),
        ({"sources": [{"slug": "new-book", "title": "T", "language": "sv"}]}, "New"),
        ({"principles": [{"slug": SLUG, "locator": "9"}]}, "Waits for an editor"),
        ({"principles": [{"slug": SLUG, "texts": {"sv": {"title": "X"}}}]}, "Waits for an editor"),
        ({"principles": [{"slug": SLUG, "texts": {"pt-BR": {"state": "approved"}}}]}, "Unchanged"),
        ({"principles": [{"slug": "007", "status": "published"}]}, "Waits for an editor"),
        ({"principles": [{"slug": SLUG, "status": "retired"}]}, "Refused"),
        ({"sources": [{"slug": "handbook", "title": "T"}]}, "Refused"),
        ({"themes": [{"slug": "new-theme", "texts": {"en": {"name": "N"}}}]}, "Refused"),
    ],
)
def test_a_curator_brings_in_nothing_that_readers_would_see(
    desk: Desk, content: dict[str, Any], outcome: str
) -> None:
    """What touches published text waits for an editor; only what cannot wait is refused."""
    text = json.dumps(content)
    user = desk.sign_in("curator")
    page = bring(user, "a.json", text)
    assert rows(page)[0][2].startswith(outcome)
    assert ("Only an editor can import this" in page.text) == (outcome == "Refused")
    before, seen = contents(desk.installation), public(desk)
    assert confirm(user, page).status_code == (409 if outcome == "Refused" else 303)
    assert (contents(desk.installation) != before) == (outcome != "Refused")
    assert public(desk) == seen
    if outcome.startswith("Waits"):
        with desk.installation.open() as db:
            assert editing.working(db, content["principles"][0]["slug"]).waiting
    editors = bring(desk.sign_in("editor"), "a.json", text)
    assert "Only an editor" not in editors.text


def public(desk: Desk) -> list[str]:
    """What readers see of the two principles."""
    reader = desk.installation.client()
    paths = [f"/{code}/principles/{slug}/" for code in CODES for slug in (SLUG, "007")]
    return [re.sub(r'"tag:[^"]*"', "", reader.get(path).text) for path in paths]


def test_an_editor_approves_what_a_curator_imported(desk: Desk) -> None:
    """A new principle that the file calls published, and new words for an old one, in one table."""
    table = (
        HEAD.strip() + ",state,status\n"
        f"{SLUG},handbook,sv,Lyssna länge,Så.,approved,published\n"
        "brand-new,handbook,sv,Ny,Först,approved,published\n"
        "broken,nowhere,sv,T,S,,\n"
    )
    user = desk.sign_in("curator")
    page = bring(user, "a.csv", table)
    assert [(row[0], row[2]) for row in rows(page)] == [
        ("Row 4", "Refused"),
        ("Row 2", "Waits for an editor"),
        ("Row 3", "Waits for an editor"),
    ]
    assert "Title (Swedish) Before Lyssna först" in rows(page)[1][3]
    assert "After Lyssna länge" in rows(page)[1][3]
    answer = confirm(user, page)
    assert "2 are waiting for an editor." in user.get(answer.location or "").text
    assert title(desk, SLUG) == "Lyssna först, “tala” sedan; 🙂 👩‍👩‍👧"
    again = bring(user, "a.csv", table)
    assert rows(again)[1][2] == "Left alone"
    assert "Unchanged" in user.get(again.request.path + "?overwrite=1").text
    with desk.installation.open() as db:
        step = Transition(desk.account("editor"), "publish", confirmed=True)
        for slug in (SLUG, "brand-new"):
            assert editing.working(db, slug).waiting
            editing.act(db, step, slug, NOON)
    assert (title(desk, SLUG), title(desk, "brand-new")) == ("Lyssna länge", "Ny")


def test_a_quote_without_its_credit_cannot_wait_for_an_editor(desk: Desk) -> None:
    text = entry(kind="quote", source="nameless", texts={"sv": {"state": "approved", "title": "X"}})
    page = bring(desk.sign_in("curator"), "a.json", text)
    assert rows(page)[0][2] == "Refused"
    assert "A quote needs an author" in page.text


def test_an_import_is_confirmed_once_by_its_uploader_and_as_it_was_shown(desk: Desk) -> None:
    one, two = desk.sign_in("editor"), desk.sign_in("editor", "Second Editor")
    page = bring(one, "a.json", entry(locator="9"))
    path = page.request.path
    assert two.get(path).status_code == 404
    assert confirm(two, page).status_code == 404
    assert two.post(path + "forget").status_code == 303
    assert one.post(path, {"seen": "0" * 64}).status_code == 409
    with desk.installation.open() as db:
        library_changes.revise(db, {"slug": SLUG, "locator": "9"}, NOON)
    late = confirm(one, page)
    assert late.status_code == 409
    assert "has changed in the meantime" in late.text
    assert rows(late)[0][2] == "Unchanged"
    page = bring(one, "a.json", json.dumps({"principles": [{"slug": "007", "locator": "x"}]}))
    assert confirm(one, page).status_code == 303
    assert confirm(one, page).status_code == 404
    assert one.get(page.request.path).status_code == 404


def test_an_import_does_not_overwrite_a_text_saved_after_the_preview(desk: Desk) -> None:
    """The same field would be changed, but another text than the one that was there."""
    user = desk.sign_in("editor")
    page = bring(user, "a.json", entry(texts={"sv": {"title": "Mine"}}))
    desk.installation.load({"b.json": entry(texts={"sv": {"title": "Another"}})})
    late = confirm(user, page)
    assert late.status_code == 409
    assert title(desk, SLUG) == "Another"
    assert confirm(user, late).status_code == 303
    assert title(desk, SLUG) == "Mine"


def test_an_upload_is_deleted_after_a_day_or_on_request(desk: Desk) -> None:
    user = desk.sign_in("editor")
    page = bring(user, "a.json", entry(locator="9"))
    assert 'href="/desk/exchange/1/">a.json' in user.get("/desk/exchange/").text
    assert user.post(page.request.path + "forget").status_code == 303
    assert waiting(desk) == 0
    bring(user, "a.json", entry(locator="9"))
    config = desk.installation.config
    for hours, left in ((23, 1), (25, 0)):
        later = clock.Clock(NOON + timedelta(hours=hours), time.monotonic())
        with FileLock(config.instance / WORKER_LOCK) as lock:
            worker.clean_up(config, later, lock, threading.Event())
        assert waiting(desk) == left
    user = desk.sign_in("editor")  # the session is over, too
    for _ in range(7):
        bring(user, "a.json", entry(locator="9"))
    assert waiting(desk) == 5


@pytest.mark.parametrize(("name", "content"), [("", b""), ("a.csv", b""), ("a.csv", b" \n")])
def test_a_missing_file_is_an_error_at_its_field(desk: Desk, name: str, content: bytes) -> None:
    answer = bring(desk.sign_in("editor"), name, content)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'id="file-wrong"' in answer.text


def test_an_export_is_of_what_was_filtered_and_comes_in_again_unchanged(desk: Desk) -> None:
    user = desk.sign_in("curator")
    for form, start in (("json", b"{"), ("toml", b"[["), ("csv", b"\xef\xbb\xbfslug,")):
        answer = user.get(f"/desk/exchange/export?format={form}&status=published")
        assert answer.data.startswith(start)
        assert f'filename="devis-2026-11-22.{form}"' in answer.headers["Content-Disposition"]
        assert SLUG in answer.text
        assert "007" not in answer.text
        page = bring(user, f"a.{form}", answer.data)
        assert {row[2] for row in rows(page)} == {"Unchanged"}
        assert "is already in the library" in page.text
    text = user.get("/desk/exchange/export?format=csv").data.decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert "'=SUM(A1:A9)" in cells
    assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r"))]


@pytest.mark.slow
def test_ten_thousand_rows_are_previewed_page_by_page(desk: Desk) -> None:
    lines = [f"row-{n // 2},handbook,{('sv', 'en')[n % 2]},T {n},S" for n in range(10_000)]
    user = desk.sign_in("curator")
    page = bring(user, "a.csv", HEAD + "\n".join(lines))
    assert "Import 5000 entries" in page.text
    assert len(page.data) < 100_000
    last = rows(user.get(page.request.path + "?page=50"))
    assert last[-1][:2] == ["Row 10000–10001", "T 9998 Principle row-4999"]


def send(user: DeskUser, page: TestResponse, part: str, **fields: str) -> TestResponse:
    """Submit a form of an import’s page; the page after it."""
    answer = user.post(page.request.path + part, {k.replace("__", "."): fields[k] for k in fields})
    assert answer.status_code == 303, answer.text
    return user.get(answer.location)


def samples(page: TestResponse) -> list[list[str]]:
    """The first rows of a table as the page shows them, the headings first."""
    body = page.text.partition('<table class="samples">')[2].partition("</table>")[0]
    cells = re.compile(r"<t[dh][^>]*>(.*?)(?:<select.*?)?</t[dh]>", re.DOTALL)
    return [[plain(cell) for cell in cells.findall(row)] for row in body.split("</tr>")[:-1]]


def test_what_was_guessed_is_shown_with_three_rows_and_can_be_chosen_instead(desk: Desk) -> None:
    """From a Mac: the guess is right, another makes it wrong, and one more is undone."""
    user = desk.sign_in("editor")
    table = (
        "Rubrik;Text;Källa;Om\rVåga;Sä;handbook;1\rÖva;På;handbook;2\rÄta;Allt;handbook;3\rD;D;D;4"
    )
    page = bring(user, "a.csv", table.encode("mac-roman"))
    told = plain(page.text)
    assert "Macintosh (Mac Roman) text, separated by semicolons, with its headings in row 1" in told
    assert "Not read: Om." in told
    assert samples(page) == [
        ["Row", "Rubrik", "Text", "Källa", "Om"],
        ["2", "Våga", "Sä", "handbook", "1"],
        ["3", "Öva", "På", "handbook", "2"],
        ["4", "Äta", "Allt", "handbook", "3"],
    ]
    wrong = send(user, page, "reading", encoding="windows-1252", separator=";", heading_row="2")
    assert samples(wrong)[:2] == [
        ["Row", "VŒga", "SŠ", "handbook", "1"],
        ["3", "…va", "PŒ", "handbook", "2"],
    ]
    assert "No row has the headings" in plain(wrong.text)
    columns = {"column__0": "title", "column__1": "statement", "column__2": "source"}
    mine = send(user, wrong, "reading", **columns, column__3="nonsense", language="en")
    assert [row[:3] for row in rows(mine)] == [
        ["Row 5", "–", "Refused"],
        ["Row 3", "…va Principle va", "New"],
        ["Row 4", "€ta Principle ta", "New"],
    ]
    again = send(user, mine, "reading", again="1")
    assert samples(again) == samples(page)
    unreadable = send(user, page, "reading", encoding="utf-8")
    assert "can’t be read as UTF-8 text" in plain(unreadable.text)
    assert samples(send(user, unreadable, "reading", again="1")) == samples(page)
    ignored = send(user, page, "reading", encoding="klingon", separator="x", heading_row="١")
    assert samples(ignored) == samples(page)


def test_bad_rows_are_mended_on_the_page_or_left_out(desk: Desk) -> None:
    user = desk.sign_in("editor")
    table = "Rubrik;Huvudtext;Källa\nA;Så.;handbook\n;Det.;handbook\nC;Så.;Okänd\nD;;handbook\n"
    page = bring(user, "a.csv", table)
    for words in (
        "Row 3 Rubrik Write a title.",
        "Row 4 Källa There is no source called “Okänd”. Write the title of an existing one.",
        "Row 5 Huvudtext Fill this in.",
    ):
        assert words in plain(page.text)
    assert 'value="Okänd" list="sources" aria-describedby="cell.source.4-wrong"' in page.text
    assert '<option value="Handboken; “andra” upplagan"></option>' in page.text
    assert "Import 1 entry" in page.text
    changes = {"cell__title__3": "B", "cell__statement__5": "", "leave__row__5": "1"}
    page = send(user, page, "rows", **changes, cell__source__99="x", cell__status__x="published")
    assert "Left out: row 5." in plain(page.text)
    assert [row[:3] for row in rows(page)] == [
        ["Row 4", "–", "Refused"],
        ["Row 2", "A Principle a", "New"],
        ["Row 3", "B Principle b", "New"],
    ]
    page = send(user, page, "rows", back="1")
    assert "Row 5 Huvudtext Fill this in." in plain(page.text)
    page = send(user, page, "rows", cell__statement__5="På.\r\nallvar")
    assert "Import 3 entries" in page.text
    assert "What is refused isn’t imported." in page.text
    answer = confirm(user, page)
    assert "new=3" in (answer.location or "")
    with desk.installation.open() as db:
        assert {"a", "b", "d"} <= set(library.principles(db))
        assert library.principles(db)["d"].texts["sv"].statement == "På.\nallvar"
        assert "c" not in library.principles(db)


def test_cells_that_were_typed_are_saved_when_the_other_button_is_pressed(desk: Desk) -> None:
    """Importing at once would lose them: what happens with them is shown first."""
    user = desk.sign_in("editor")
    page = bring(user, "a.csv", "Rubrik;Huvudtext;Källa\nA;Så.;handbook\n;Det.;handbook\n")
    typed = {"cell.title.3": "B"}
    answer = confirm(user, page, **typed)
    page = user.get(answer.location or "")
    assert "Saved. This is what would happen now." in plain(page.text)
    assert "Import 2 entries" in page.text
    assert title(desk, "a") is None
    assert "new=2" in (confirm(user, page, **typed).location or "")
    assert (title(desk, "a"), title(desk, "b")) == ("A", "B")


def test_what_is_imported_is_what_was_shown_also_where_another_window_changed_a_cell(
    desk: Desk,
) -> None:
    user = desk.sign_in("editor")
    page = bring(user, "a.csv", HEAD + "a,handbook,sv,T,S\n")
    send(user, page, "rows", cell__title__2="Another")
    assert confirm(user, page).status_code == 409
    assert title(desk, "a") is None


def test_another_sheet_or_separator_cannot_bring_more_rows(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = desk.sign_in("editor")
    page = bring(user, "a.csv", 'title;a,b\nT;"1\n2\n3"\n')
    monkeypatch.setattr(exchange, "MOST_ROWS", 2)
    page = send(user, page, "reading", separator="|", encoding="utf-8", heading_row="1")
    assert "The table has 3 rows; at most 2 can be read here." in plain(page.text)


def test_what_an_entry_refers_to_must_come_in_with_it(desk: Desk) -> None:
    """A source that is refused takes its principles with it, and the others go on."""
    texts = {"sv": {"title": "T", "statement": "S"}}
    content = {
        "sources": [{"slug": "bad", "title": "T"}],
        "principles": [
            {"slug": "one", "source": "bad", "texts": texts},
            {"slug": "two", "source": "handbook", "texts": texts},
        ],
    }
    user = desk.sign_in("editor")
    page = bring(user, "a.json", json.dumps(content))
    assert [(row[1], row[2]) for row in rows(page)] == [
        ("T Source bad", "Refused"),
        ("T Principle one", "Refused"),
        ("T Principle two", "New"),
    ]
    assert confirm(user, page).status_code == 303
    assert title(desk, "two") == "T"


def test_an_upload_is_changed_by_its_owner_only(desk: Desk) -> None:
    page = bring(desk.sign_in("editor"), "a.csv", HEAD + "a,handbook,sv,T,S")
    other = desk.sign_in("editor", "Second Editor")
    for part in ("reading", "rows"):
        assert other.post(page.request.path + part, {"again": "1"}).status_code == 404


@pytest.mark.served
def test_a_workbook_is_imported_like_any_file(desk: Desk) -> None:
    content = (SPREADSHEETS / "excel-several-sheets.xlsx").read_bytes()
    user = desk.sign_in("editor")
    desk.installation.load(
        {"a.json": json.dumps({"sources": [{"slug": "handbook", "title": "Handboken"}]})}
    )
    page = bring(user, "principer.xlsx", content)
    assert "The sheet “Principer”, with its headings in row 1." in plain(page.text)
    other = send(user, page, "reading", sheet="Anvisning")
    assert samples(other)[0] == ["Row", "Läs detta först"]
    assert "vaga-fraga-pa-allvar" in send(user, other, "reading", sheet="Principer").text


def too_many(form: str, rows: int) -> str:
    """A file with that many rows, two for each principle."""
    slugs = [f"r-{n}" for n in range(rows // 2)]
    if form == "csv":
        return HEAD + "".join(f"{slug},handbook,{code},T,S\n" for slug in slugs for code in CODES)
    if form == "json":
        texts = {code: {"title": "T"} for code in CODES}
        return json.dumps({"principles": [{"slug": slug, "texts": texts} for slug in slugs]})
    parts = "".join(f"[principles.texts.{code}]\ntitle = 'T'\n" for code in CODES)
    return "".join(f"[[principles]]\nslug = '{slug}'\n{parts}" for slug in slugs)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "count"), [("csv", 300_000), ("json", 10_002), ("toml", 10_002)])
def test_a_file_with_too_many_rows_is_refused_before_the_work_is_done(
    desk: Desk, form: str, count: int
) -> None:
    user, content = desk.sign_in("curator"), too_many(form, count)
    started = time.process_time()
    page = bring(user, f"a.{form}", content)
    assert time.process_time() - started < 5  # reading it all takes longer
    assert page.status_code == 422
    for words in (f"The file has {count} rows", "at most 10000", "Split it", "devis import"):
        assert words in plain(page.text)
    assert 'aria-invalid="true"' in page.text
    assert waiting(desk) == 0
    assert "At most 8 MB and 10,000 rows" in plain(user.get("/desk/exchange/").text)


def test_a_file_in_one_line_has_as_many_rows_as_any(desk: Desk) -> None:
    one = "{slug = 'r', texts = {sv = {title = 'T'}}}"
    page = bring(desk.sign_in("curator"), "a.toml", f"principles = [{', '.join([one] * 10_001)}]")
    assert "The file has 10001 rows" in plain(page.text)


def test_what_was_typed_elsewhere_may_not_reach_the_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    user = desk.sign_in("editor")
    confirm(user, bring(user, "forged.json", entry(locator="9")))
    assert "imported: 0 new, 1 changed" in caplog.text
    assert "forged" not in caplog.text
