"""A corpus of spreadsheets as people have them: each is read as it was meant."""

import json
import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from feed.errors import ExchangeError
from feed.files import Names, decoding, read, tables, workbooks
from feed.files.entries import ExpectedError
from feed.files.grids import GridChoices
from feed.files.tables import TableChoices
from feed.library.exchange import shipped_files
from tests.files.spreadsheets import make

FOLDER = Path(make.__file__).parent
READINGS: dict[str, dict[str, Any]] = json.loads((FOLDER / "readings.json").read_text("utf-8"))
served = pytest.mark.served  # a workbook is read by a process of its own
NAMES = Names(
    sources={"handboken": "handbook"},
    themes={"förtroende": "trust", "förändring": "change"},
    titles={("sv", "Ätten är inte allt"): "the-clan"},
    taken={"the-clan", "vaga-fraga-pa-allvar"},
)


def corpus(*endings: str) -> list[Any]:
    """The names of the files, those of workbooks marked."""
    names = [name for name in READINGS if name.endswith(endings)]
    books = (".xlsx", ".ods")
    return [pytest.param(name, marks=[served] if name.endswith(books) else []) for name in names]


def content(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


@pytest.mark.parametrize("name", corpus(""))
def test_a_spreadsheet_is_read_as_it_was_meant(name: str) -> None:
    found = tables.read(content(name), NAMES)
    expected = READINGS[name]
    assert {
        "encoding": found.grid.encoding.replace("utf-16-le", "utf-16"),
        "separator": found.grid.separator,
        "sheet": found.grid.sheet,
        "heading_row": found.grid.heading_row,
        "language": found.language,
        "ignored": found.ignored,
        "rows": {str(number): cells for number, cells in found.cells.items()},
    } == {**expected, "encoding": expected["encoding"].replace("utf-16-le", "utf-16")}
    assert found.problems == []


def test_the_corpus_is_as_it_is_made() -> None:
    made = {**make.texts(), **make.workbooks()}
    assert len(made) >= 30
    assert {name: sheet.reading() for name, sheet in made.items()} == READINGS
    for name, sheet in made.items():
        if name.endswith((".xlsx", ".ods")):  # compressed, by another version perhaps
            one, two = zipfile.ZipFile(BytesIO(sheet.content)), zipfile.ZipFile(FOLDER / name)
            with one, two:
                assert {n: one.read(n) for n in one.namelist()} == {
                    n: two.read(n) for n in two.namelist()
                }
        else:
            assert content(name) == sheet.content


@pytest.mark.parametrize("encoding", decoding.EIGHT_BIT)
def test_the_encoding_of_every_shipped_text_is_detected_from_a_single_field(encoding: str) -> None:
    """In Swedish by its letters, in English by its quotation marks and dashes."""
    principles = read(shipped_files()).principles.values()
    fields = {
        text[name]
        for principle in principles
        for text in principle["texts"].values()
        for name in ("title", "statement", "reflection", "practice")
        if not text.get(name, "").isascii()
    }
    encoded = [field.encode(encoding) for field in fields if can_encode(field, encoding)]
    assert len(encoded) > 200
    assert {decoding.detect(content) for content in encoded} == {encoding}


def can_encode(text: str, encoding: str) -> bool:
    return text.encode(encoding, "replace") == text.encode(encoding, "ignore")


def test_sources_and_themes_are_found_by_name_and_slugs_made_from_titles() -> None:
    found = read({"excel-windows.csv": content("excel-windows.csv")}, NAMES).principles
    assert list(found) == ["vaga-fraga-pa-allvar-2", "the-clan"]
    assert [entry["source"] for entry in found.values()] == ["handbook"] * 2
    assert [entry["themes"] for entry in found.values()] == [["trust"], ["trust", "change"]]


def test_words_for_states_and_languages_may_be_swedish() -> None:
    found = read({"a.csv": content("swedish-words.csv")}, NAMES).principles["the-clan"]
    assert (found["kind"], found["status"]) == ("quote", "published")
    assert found["texts"]["sv"]["state"] == "approved"


def test_rows_of_one_slug_are_one_principle() -> None:
    table = b"slug,language,title,statement\na,sv,T,S\na,english,T,S\n"
    assert set(read({"a.csv": table}).principles["a"]["texts"]) == {"sv", "en"}


def test_a_table_may_name_what_another_file_has() -> None:
    sources = {"slug": "b", "title": "Bästa boken", "language": "sv"}
    themes = {"slug": "t", "texts": {"sv": {"name": "Tillit och mod"}}}
    files = {
        "a.csv": "rubrik;text;källa;tema\nT;S;bästa boken!;Tillit och Mod".encode(),
        "b.json": json.dumps({"sources": [sources], "themes": [themes]}).encode(),
    }
    (found,) = read(files).principles.values()
    assert (found["source"], found["themes"]) == ("b", ["t"])


@pytest.mark.parametrize(
    ("row", "place", "expected"),
    [
        ("T;S;Okänd bok;", "a.csv: row 2: Källa", "There is no source called “Okänd bok”."),
        ("T;S;Tvåan;", "a.csv: row 2: Källa", "Several are called “Tvåan”."),
        ("T;S;b;Okänt tema", "a.csv: row 2: Tema", "There is no theme called “Okänt tema”."),
        (";S;b;", "a.csv: row 2: Rubrik", "Write a title."),
        (f"{'x' * 201};S;b;", "a.csv: row 2: principles “x", "at most 200 characters"),
    ],
)
def test_an_error_names_the_row_and_the_heading(row: str, place: str, expected: str) -> None:
    names = Names(sources={"tvåan": ""})
    with pytest.raises(ExchangeError) as refused:
        read({"a.csv": f"Rubrik;Text;Källa;Tema\n{row}".encode()}, names)
    (problem,) = refused.value.problems
    assert str(problem).startswith(place)
    assert expected in str(problem)
    assert problem.row == 2


def test_what_was_guessed_can_be_chosen() -> None:
    """A Mac's bytes read as those of Windows, another row of headings, and columns by hand."""
    choices = TableChoices(
        GridChoices("windows-1252", ";", heading_row=2),
        language="sv",
        columns=("", "statement", "title"),
        cells={4: {"statement": "Mended"}},
        left_out=frozenset({5}),
    )
    table = "a;b;c\rd;e;f\rg;Vœga;i\rj;k;l\rm;n;o\r".encode("mac-roman")
    found = tables.read(table, None, choices)
    assert (found.grid.headings, found.language) == (["d", "e", "f"], "sv")
    assert found.cells == {
        3: {"statement": "VÏga", "title": "i"},
        4: {"statement": "Mended", "title": "l"},
    }


def test_quotation_marks_between_tabs_may_be_those_of_the_text() -> None:
    table = b'title\tstatement\n"Yes" and "no"\tS\nT\t"open\n'
    assert tables.read(table).cells == {
        2: {"title": '"Yes" and "no"', "statement": "S"},
        3: {"title": "T", "statement": '"open'},
    }


def test_the_language_of_a_table_is_that_of_its_texts_not_of_its_headings() -> None:
    english = b"Rubrik;Text\nAsk;What is it that you are afraid of?\n"
    swedish = "Title;Text\nFråga;Vad är det som du är rädd för?\n".encode()
    assert [tables.read(table).language for table in (english, swedish)] == ["en", "sv"]
    assert tables.read(b"Rubrik;Text\nx;y\n").language == "sv"


@served
def test_another_sheet_can_be_chosen() -> None:
    choices = TableChoices(GridChoices(sheet="Gammalt"))
    found = tables.read(content("excel-hidden-sheet.xlsx"), None, choices)
    assert found.cells[2]["title"] == "Gammal rubrik"
    assert found.grid.sheets == ["Gammalt", "Nytt"]


def book(rows: str) -> bytes:
    """A workbook with these rows."""
    return make.xlsx([("A", "", rows)], [])


def bomb() -> bytes:
    """Two hundred megabytes in one cell, compressed a thousandfold."""
    return book(f'<row r="1"><c r="A1" t="str"><v>{"x" * 200_000_000}</v></c></row>')


def echo() -> bytes:
    """Eighteen million characters: a shared string of 30 000 in six hundred cells."""
    rows = (f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 601))
    return make.xlsx([("A", "", "".join(rows))], ["å" * 30_000])


@served
@pytest.mark.parametrize(
    ("workbook", "expected"),
    [
        (b"PK\x03\x04\x14\0", "can’t be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old format, or has a password"),
        (book('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), "too large"),
        (book('<row r="30000"><c r="ALL30000"><v>1</v></c></row>'), "too large"),
        (bomb, "too large"),
        (echo, "too large"),
        (make.ods({str(number): [["x"]] for number in range(1001)}), "too large"),
        (make.packed({"xl/workbook.xml": "<workbook/>"}), "can’t be read"),
    ],
    ids=[
        "cut short",
        "xls",
        "the last cell",
        "30 million cells",
        "a bomb",
        "an echo",
        "sheets",
        "no sheet",
    ],
)
def test_a_workbook_that_asks_for_too_much_is_refused(
    workbook: bytes | Callable[[], bytes], expected: str
) -> None:
    """In a process of its own, which the kernel stops."""
    content = workbook if isinstance(workbook, bytes) else workbook()
    assert len(content) < 1_000_000
    with pytest.raises(ExpectedError) as refused:
        workbooks.read(content)
    assert expected in refused.value.message


def test_equal_titles_have_slugs_of_their_own_in_no_time() -> None:
    began = time.process_time()
    found = tables.read(b"title;slug\nA;\n;a-3\n" + b"A;\n" * 9_000).entries
    assert time.process_time() - began < 2  # where it took six seconds
    assert [*found][:4] == ["a", "a-3", "a-2", "a-4"]
    assert len(found) == 9_002


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (b"title\n" + b"\n" * 2_000_000, "more than"),
        (b'sep=\t\ntitle\ttext\n"x\n' + b"\t\n" * 1_000_000, "more than"),
        (b"title" + b",x" * 500 + b"\na\n", "columns"),
    ],
    ids=["blank lines", "between tabs", "wide"],
)
def test_a_text_that_takes_too_much_memory_or_time_as_a_table_is_refused(
    table: bytes, expected: str
) -> None:
    with pytest.raises(ExpectedError) as refused:
        tables.count(table)
    assert expected in refused.value.message
