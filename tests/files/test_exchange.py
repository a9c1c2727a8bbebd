"""Exchange files: what goes out comes in again whole; what is malformed is refused whole."""

import csv
import io
import json
import unicodedata
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from feed import files as exchange_files
from feed.errors import ExchangeError
from feed.files.models import PrincipleEntryText
from feed.library import exchange
from feed.model.shapeless import is_blank
from feed.store import library
from tests.conftest import Installation

Install = Callable[..., Installation]

ODD: dict[str, list[dict[str, Any]]] = {
    "themes": [
        {
            "slug": "trust",
            "texts": {
                "sv": {"name": "Förtroende", "description": "Tillit, öppenhet; “tro”"},
                "en": {"name": "Trust", "description": ""},
            },
        },
        {"slug": "change", "texts": {"en": {"name": "Change", "description": "=NOW()"}}},
        {"slug": "unnamed", "texts": {}},
    ],
    "sources": [
        {
            "slug": "handbook",
            "title": "Handboken; “andra” upplagan",
            "author": 'Å. Ängström, "Ö"',
            "publisher": "Förlaget",
            "year": -44,
            "language": "sv",
            "url": "https://example.org/?a=1&b=å",
            "texts": {"en": {"introduction": "Two\n\nparagraphs", "rights": "All, reserved"}},
        },
        {"slug": "nameless", "title": "Anonymous", "language": "en", "texts": {}},
    ],
    "principles": [
        {
            "slug": "listen-first",
            "kind": "quote",
            "source": "handbook",
            "locator": "4.2, “s. 7”; b",
            "themes": ["trust", "change"],
            "status": "published",
            "original_language": "sv",
            "notes": "Ett ”du”;\ninte ni",
            "texts": {
                "sv": {
                    "title": "Lyssna först, “tala” sedan; 🙂 👩‍👩‍👧",
                    "short": "-1; ”kort”",
                    "statement": "=SUM(A1:A9)",
                    "reflection": "+46, -1, @alla",
                    "practice": "'Citat' \"citat\" \\n \\ %s {x} <b>&amp;</b>",
                    "team": "=Fråga\nsedan 🙂",
                    "commentary": 'Första raden,\nandra; raden\n\n\tindragen "rad"',
                    "state": "approved",
                },
                "en": {
                    "title": "עברית ועוד English",
                    "short": "",
                    "statement": "؟العربية\nand a line break",
                    "reflection": "",
                    "practice": "",
                    "team": "",
                    "commentary": "",
                    "state": "outdated",
                },
                "pt-BR": {
                    "title": "Ouvir",
                    "short": "",
                    "statement": "Ouça",
                    "reflection": "",
                    "practice": "",
                    "team": "",
                    "commentary": "",
                    "state": "review",
                },
            },
        },
        {
            "slug": "007",
            "kind": "principle",
            "source": "nameless",
            "locator": "",
            "themes": [],
            "status": "draft",
            "original_language": "en",
            "notes": "",
            "texts": {
                "en": {
                    "title": "1e5",
                    "short": "",
                    "statement": "true",
                    "reflection": "",
                    "practice": "",
                    "team": "",
                    "commentary": "",
                    "state": "draft",
                }
            },
        },
    ],
}


def document(**changes: Any) -> dict[str, Any]:
    """A small correct library; `changes` are to its principle `listen-first`."""
    made = deepcopy(ODD)
    made["principles"][0].update(changes)
    return made


def vocabulary(made: dict[str, Any]) -> str:
    """The themes and sources of a document, which CSV needs."""
    return json.dumps({kind: made[kind] for kind in ("themes", "sources")})


def exported(installation: Installation, form: str = "json", *languages: str) -> str:
    """What `devis export` writes."""
    with installation.open() as db:
        return exchange_files.write(exchange.export(db, languages or None), form)


def contents(installation: Installation) -> str:
    """Everything in the database, as SQL."""
    with installation.open() as db:
        return "\n".join(db.conn.iterdump())


def test_the_json_export_is_the_document_it_was_imported_from(install: Install) -> None:
    """A curator gets back every field as it was written: only the order is by slug."""
    made = install()
    made.load({"odd.json": json.dumps(ODD)})
    told = json.loads(exported(made))
    for kind in ("themes", "sources", "principles"):
        assert told[kind] == sorted(ODD[kind], key=lambda entry: entry["slug"])


@pytest.mark.parametrize("form", exchange_files.FORMATS)
def test_an_export_makes_the_same_library_elsewhere(install: Install, form: str) -> None:
    one, two = install("one"), install("two")
    one.load({"odd.json": json.dumps(ODD)})
    text = exported(one, form)
    if form == "csv":
        two.load({"vocabulary.json": vocabulary(ODD)})
    two.load({f"library.{form}": text})
    assert exported(two, form) == text
    assert exported(two) == exported(one)
    with one.open() as first, two.open() as second:
        assert library.principles(second) == library.principles(first)


@pytest.mark.parametrize("form", exchange_files.FORMATS)
def test_the_shipped_library_survives_its_export(
    devis: Installation, install: Install, form: str
) -> None:
    two = install("two")
    if form == "csv":
        two.load({"vocabulary.json": vocabulary(json.loads(exported(devis)))})
    two.load({f"library.{form}": exported(devis, form)})
    assert exported(two, form) == exported(devis, form)
    assert exported(two) == exported(devis)


def test_an_export_is_the_same_elsewhere_after_the_original_language_changed(
    install: Install,
) -> None:

    one, two = install("one"), install("two")
    one.load({"odd.json": json.dumps(ODD)})
    english = {"en": {"title": "It was English after all", "state": "approved"}}
    change = {"slug": "listen-first", "original_language": "en", "texts": english}
    one.load({"a.json": json.dumps({"principles": [change]})})
    two.load({"library.json": exported(one)})
    assert exported(two) == exported(one)


LETTERS = st.sampled_from("\n\t\",;='\\ \u200f\u200d\u0301\u00a0\ufeff🙂é|+-@%{<&") | (
    st.characters(
        exclude_categories=("Cc", "Cs"),
        exclude_characters="\ufffe\uffff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        "\u2028\u2029",
    )
)
FILLED = st.text(LETTERS, max_size=40).filter(lambda text: not is_blank(text))
PROSE = FILLED | st.just("")
LINE = FILLED.filter(lambda text: not {"\n", "\t"} & set(text.strip()))


@pytest.mark.slow
def test_any_text_survives_every_format(install: Install) -> None:
    """Only surrounding blanks are cut, and characters composed (NFC)."""
    made = install()
    made.load({"odd.json": json.dumps(ODD)})

    @hypothesis(max_examples=60, deadline=None)
    @given(LINE, FILLED, PROSE, st.sampled_from(("draft", "review", "approved", "outdated")))
    def survives(title: str, statement: str, commentary: str, state: str) -> None:
        given = {"title": title, "statement": statement, "commentary": commentary}
        made.load({"a.json": json.dumps(document(texts={"en": {**given, "state": state}}))})
        with made.open() as db:
            stored = library.principles(db)["listen-first"].texts["en"]
        for field, written in given.items():
            assert getattr(stored, field) == unicodedata.normalize("NFC", written).strip()
        for form in exchange_files.FORMATS:
            file = {f"library.{form}": exported(made, form).encode()}
            told = exchange_files.read(file).principles["listen-first"]["texts"]["en"]
            assert told == {
                name: getattr(stored, name) for name in PrincipleEntryText.__annotations__
            }

    survives()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ending", ["csv", "txt"])
def test_a_spreadsheet_may_save_its_csv_in_its_own_way(
    install: Install, delimiter: str, encoding: str, ending: str
) -> None:
    """Separators, encodings, empty cells and rows at the end are what spreadsheets make of it."""
    made = install()
    made.load({"vocabulary.json": vocabulary(ODD)})
    rows = (
        ("Slug", "source ", "themes", "language", "title", "statement", "state", ""),
        ("new-one", "handbook", '"change, trust"', "sv", "Å", '"a, b; c\td"', "approved", ""),
        ("new-one", "", "", "en", "A", "Much – “so”", "", ""),
        ("", "", "", "", "", "", "", ""),
    )
    text = "\r\n".join(delimiter.join(row) for row in rows)
    made.load({f"sheet.{ending}": text.encode(encoding)})
    with made.open() as db:
        stored = library.principles(db)["new-one"]
    assert stored.themes == ("change", "trust")
    assert stored.texts["sv"].statement == "a, b; c\td"
    assert stored.texts["en"].statement == "Much – “so”"
    assert (stored.texts["sv"].state, stored.texts["en"].state) == ("approved", "draft")


def test_a_table_may_be_in_the_encoding_of_old_windows(install: Install) -> None:
    made = install()
    made.load({"vocabulary.json": vocabulary(ODD)})
    text = "sep=;\r\n" + HEAD.replace(",", ";") + "new-one;handbook;sv;Å, ä och ö;”Så” – 5 €"
    made.load({"sheet.csv": text.encode("windows-1252")})
    with made.open() as db:
        stored = library.principles(db)["new-one"].texts["sv"]
    assert (stored.title, stored.statement) == ("Å, ä och ö", "”Så” – 5 €")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "'=", "''@", "'", "'a"])
def test_no_cell_of_a_table_is_a_formula(install: Install, start: str) -> None:
    """A spreadsheet would run it; and yet the table comes in again as it was."""
    made = install()
    made.load({"odd.json": json.dumps(ODD)})
    written = f"{start}cmd|' /C calc'!A1"
    texts = {"sv": {"title": written, "statement": written, "commentary": written}}
    made.load({"a.json": json.dumps(document(texts=texts))})
    text = exported(made, "csv")
    assert not [
        cell
        for row in csv.reader(io.StringIO(text))
        for cell in row
        if cell[:1] in tuple("=+-@\t\r")
    ]
    assert made.load({"a.csv": text})["principles"].unchanged == ["007", "listen-first"]


def test_only_the_languages_asked_for_are_exported(install: Install) -> None:
    made = install()
    made.load({"odd.json": json.dumps(ODD)})
    (only,) = json.loads(exported(made, "json", "sv"))["principles"]
    assert (only["slug"], list(only["texts"])) == ("listen-first", ["sv"])
    both = json.loads(exported(made, "json", "sv", "en"))["principles"]
    assert [list(entry["texts"]) for entry in both] == [["en"], ["sv", "en"]]
    assert exported(made, "csv", "en").count("listen-first") == 1


def principle(**fields: Any) -> str:
    """A file with one principle, correct but for `fields`."""
    entry = {
        "slug": "new-one",
        "source": "handbook",
        "texts": {"sv": {"title": "T", "statement": "S"}},
        **fields,
    }
    return json.dumps({"principles": [entry]})


def text(**fields: Any) -> str:
    """A file with one principle whose Swedish text is correct but for `fields`."""
    return principle(texts={"sv": {"title": "T", "statement": "S", **fields}})


def source(**fields: Any) -> str:
    """A file with one source, correct but for `fields`."""
    return json.dumps({"sources": [{"slug": "s", "title": "T", "language": "en", **fields}]})


NEW = "principles “new-one”"
S = "sources “s”"
HEAD = "slug,source,language,title,statement\n"

# What is in the file; what the message names: the entry, the field, and what was expected.
REFUSED: dict[str, tuple[str, str | bytes, str, str, str]] = {
    "wrong content": ("a.xlsx", "x", "", "", "No row has the headings"),
    "no ending": ("library", "{}", "", "", "a file that ends in .csv, .tsv"),
    "empty json": ("a.json", "", "", "", "be read as JSON"),
    "empty csv": ("a.csv", "", "", "", "No row has the headings of a table of principles"),
    "json cut short": ("a.json", '{"principles": [', "", "", "be read as JSON"),
    "two json values": ("a.json", "{} {}", "", "", "be read as JSON: Extra data"),
    "broken toml": ("a.toml", "[[principles\n", "", "", "be read as TOML"),
    "toml key twice": ("a.toml", "themes = []\nthemes = []", "", "", "be read as TOML"),
    "csv quote left open": ("a.csv", HEAD + 'a,b,sv,T,"S', "", "", "end of data"),
    "not utf-8": ("a.json", b'{}\n{"\xe5"', "", "", "line 2 should be UTF-8 text"),
    "half of utf-16": ("a.csv", HEAD.encode("utf-16")[:-1], "", "", "as UTF-16 text"),
    "binary": ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x81", "", "", "line 1 can’t be read as"),
    "a picture without zeros": ("a.csv", b"\xff\xd8\xff\xe0JFIF", "", "", "No row has the head"),
    "deep json": ("a.json", "[" * 100_000, "", "", "be read as JSON"),
    "deep toml": ("a.toml", "a = " + "[" * 100_000, "", "", "be read as TOML"),
    "endless number": ("a.json", "1" * 5000, "", "", "be read as JSON"),
    "a list of everything": ("a.json", "[]", "", "", "an object with themes, sources or"),
    "NaN for everything": ("a.json", "NaN", "", "", "an object with themes, sources or"),
    "unknown kind": ("a.json", '{"people": []}', "", "people", "should be one of themes, sources"),
    "not a list": ("a.json", '{"themes": {}}', "", "themes", "a list, not a table"),
    "not a table": ("a.json", '{"themes": ["x"]}', "themes 1", "", "a table, not text"),
    "no slug": ("a.json", '{"themes": [{}]}', "themes 1", "slug", "a name, but there is none"),
    "a title that cannot be seen": (
        *("a.json", principle(texts={"sv": {"title": "\u200b\u00ad\u200d", "statement": "x"}})),
        *(NEW, "texts.sv.title", ""),
    ),
    "a title of two lines": (
        *("a.json", principle(texts={"sv": {"title": "a\u2028b", "statement": "x"}})),
        *(NEW, "texts.sv.title", "one line"),
    ),
    "a title with a tab": (
        *("a.json", principle(texts={"sv": {"title": "a\tb", "statement": "x"}})),
        *(NEW, "texts.sv.title", "one line"),
    ),
    "slug with capitals": ("a.json", principle(slug="New"), "principles “New”", "slug", "“New”"),
    "slug with a space": ("a.json", principle(slug="a b"), "principles “a b”", "slug", "“a b”"),
    "slug with ö": ("a.json", principle(slug="ö"), "principles “ö”", "slug", "lower-case a–z"),
    "slug with --": ("a.json", principle(slug="a--b"), "principles “a--b”", "slug", "lower-case"),
    "slug with a line break": ("a.json", principle(slug="a\n"), "principles", "slug", "lower"),
    "slug too long": ("a.json", principle(slug="a" * 81), "principles", "slug", "lower-case"),
    "slug a number": ("a.json", principle(slug=7), "principles 1", "slug", "not “7”"),
    "unknown field": ("a.json", principle(titel="x"), NEW, "titel", "should be one of slug, kind"),
    "unknown field of a text": (
        "a.json",
        text(titel="x"),
        NEW,
        "texts.sv.titel",
        "should be one of title, short, statement",
    ),
    "unknown kind of principle": ("a.json", principle(kind="law"), NEW, "kind", "principle, quote"),
    "kind a list": ("a.json", principle(kind=[]), NEW, "kind", "principle, quote"),
    "unknown status": ("a.json", principle(status="x"), NEW, "status", "draft, published, retired"),
    "unknown state": ("a.json", text(state="x"), NEW, "texts.sv.state", "review, approved, outdat"),
    "themes as text": ("a.json", principle(themes="trust"), NEW, "themes", "a list, not text"),
    "theme a number": ("a.json", principle(themes=[1]), NEW, "themes", "a name in lower-case"),
    "unknown theme": ("a.json", principle(themes=["love"]), NEW, "themes", "not “love”"),
    "unknown source": ("a.json", principle(source="x"), NEW, "source", "not “x”"),
    "no source": ("a.json", principle(source=None), NEW, "source", "Fill this in."),
    "bad original language": (
        "a.json",
        principle(original_language="Swedish"),
        NEW,
        "original_language",
        "a language code such as sv",
    ),
    "no text in the original language": (
        "a.json",
        principle(original_language="en"),
        NEW,
        "texts",
        "a text in the original language, en",
    ),
    "no texts": ("a.json", principle(texts={}), NEW, "texts", "a text in the original language"),
    "texts as a list": ("a.json", principle(texts=[]), NEW, "texts", "a table, not a list"),
    "text as text": ("a.json", principle(texts={"sv": "T"}), NEW, "texts.sv", "a table, not text"),
    "bad language of a text": (
        "a.json",
        principle(texts={"SV": {}}),
        NEW,
        "texts.SV",
        "a language code such as sv",
    ),
    "no title": ("a.json", text(title=None), NEW, "texts.sv.title", "Fill this in."),
    "blank title": ("a.json", text(title=" \n "), NEW, "texts.sv.title", "Fill this in."),
    "no statement": ("a.json", text(statement=""), NEW, "texts.sv.statement", "Fill this in."),
    "title a number": ("a.json", text(title=1), NEW, "texts.sv.title", "text, not a number"),
    "title a truth": ("a.json", text(title=True), NEW, "texts.sv.title", "not true or false"),
    "title of two lines": ("a.json", text(title="a\nb"), NEW, "texts.sv.title", "one line"),
    "title too long": ("a.json", text(title="å" * 201), NEW, "texts.sv.title", "200 characters"),
    "commentary too long": (
        "a.json",
        text(commentary="x" * 10_001),
        NEW,
        "texts.sv.commentary",
        "at most 10000 characters, not 10001",
    ),
    "control character": ("a.json", text(practice="\x1b[1m"), NEW, "texts.sv.practice", "U+001B"),
    "NUL": ("a.json", text(practice="a\0b"), NEW, "texts.sv.practice", "U+0000"),
    "half a character": ("a.json", text(practice="\ud800"), NEW, "texts.sv.practice", "U+D800"),
    "no character": ("a.json", text(practice="\uffff"), NEW, "texts.sv.practice", "U+FFFF"),
    "NUL in csv": ("a.csv", HEAD + "new-one,handbook,sv,T,a\0b", NEW, "texts.sv.sta", "U+0000"),
    "date for text": (
        "a.toml",
        '[[sources]]\nslug = "s"\ntitle = 2020-01-01\nlanguage = "en"',
        S,
        "title",
        "text, not a date",
    ),
    "year as text": ("a.json", source(year="2019"), S, "year", "a year such as 2019"),
    "year NaN": ("a.json", source(year=float("nan")), S, "year", "a year such as 2019"),
    "year a fraction": ("a.json", source(year=2019.0), S, "year", "a year such as 2019"),
    "year a truth": ("a.json", source(year=True), S, "year", "a year such as 2019"),
    "year of a far future": ("a.json", source(year=10**4000), S, "year", "a year such as 2019"),
    "year without end": (
        "a.toml",
        '[[sources]]\nslug = "s"\ntitle = "T"\nlanguage = "en"\nyear = 0x' + "f" * 6000,
        S,
        "year",
        "a year such as 2019",
    ),
    "deep value": ("a.toml", "[[principles]]\nslug" + ".a" * 5000 + " = 1", "", "", "50 parts"),
    "slug null": ("a.json", principle(slug=None), "principles 1", "slug", "needs a name"),
    "json key twice": ("a.json", '{"themes": [], "themes": []}', "", "", "themes"),
    "csv column twice": (
        "a.csv",
        "slug,source,language,title,statement,title\nnew-one,handbook,sv,Lost,S,Kept",
        "",
        "",
        "title",
    ),
    "source without title": ("a.json", source(title=None), S, "title", "Fill this in."),
    "source without language": ("a.json", source(language=None), S, "language", "Fill this in."),
    "script for an address": ("a.json", source(url="javascript:x"), S, "url", "begins with https"),
    "theme without a name": (
        "a.json",
        '{"themes": [{"slug": "t", "texts": {"en": {"description": "x"}}}]}',
        "themes “t”",
        "texts.en.name",
        "Fill this in.",
    ),
    "csv without headings": ("a.csv", "a,b,c\n1,2,3", "", "", "Write them in the first row: slug"),
    "csv without titles": ("a.csv", "source,language\na,sv", "", "", "No column has titles"),
    "csv row too short": (
        "a.csv",
        HEAD + "new-one,handbook,sv,T",
        NEW,
        "texts.sv.st",
        "row 2: princ",
    ),
    "csv row too long": ("a.csv", HEAD + "a,b,sv,T,S,x", "", "", "row 2: This row has more cells"),
    "csv rows that disagree": (
        "a.csv",
        HEAD + "a,handbook,sv,T,S\na,nameless,en,T,S",
        "",
        "source",
        "row 3: source: Another row of “a” says something else",
    ),
    "csv row twice": (
        "a.csv",
        HEAD + "a,b,sv,T,S\na,b,sv,T,S",
        "",
        "language",
        "row 3: language: Ano",
    ),
    "csv without a title": ("a.csv", HEAD + ",b,sv,,S", "", "title", "row 2: title: Write a title"),
    "csv with a wrong language": (
        "a.csv",
        HEAD + "a,b,,T,S",
        "",
        "language",
        "row 2: language: Wri",
    ),
    "a cell of a megabyte": ("a.csv", HEAD + "a,b,sv,T," + "x" * 2**20, "", "", "field larger"),
    "a cell of 100 KB": (
        "a.csv",
        HEAD + "new-one,handbook,sv,T," + "x" * 10**5,
        NEW,
        "",
        "at most",
    ),
}


@pytest.mark.parametrize(
    ("file", "content", "entry", "name", "expected"), REFUSED.values(), ids=REFUSED
)
def test_a_malformed_file_is_refused_whole(
    install: Install, file: str, content: str | bytes, entry: str, name: str, expected: str
) -> None:
    """The file, the entry and the field are named, and what was expected; nothing has changed."""
    made = install()
    made.load({"odd.json": json.dumps(ODD)})
    before = contents(made)
    good = json.dumps({"themes": [{"slug": "fine", "texts": {"en": {"name": "Fine"}}}]})
    with pytest.raises(ExchangeError) as refused:
        made.load({"good.json": good, file: content})
    problem = refused.value.problems[0]
    assert problem.file == file
    assert problem.entry.startswith(entry)
    assert problem.field.startswith(name)
    assert expected in str(problem)
    assert str(problem).startswith(file)
    assert len(str(problem)) < 10_000
    assert "nothing was imported" in str(refused.value)
    assert contents(made) == before


def test_every_problem_of_every_file_is_reported_at_once(install: Install) -> None:
    with pytest.raises(ExchangeError) as refused:
        install().load(
            {"a.json": text(title="", state="x"), "b.toml": "?", "c.json": source(year="")}
        )
    told = [(problem.file, problem.field) for problem in refused.value.problems]
    assert told == [
        ("a.json", "texts.sv.title"),
        ("a.json", "texts.sv.state"),
        ("b.toml", ""),
        ("c.json", "year"),
    ]


@pytest.mark.parametrize("kind", ["themes", "sources", "principles"])
def test_a_slug_in_two_files_is_refused_and_both_are_named(install: Install, kind: str) -> None:
    made = install()
    files = {"one.json": json.dumps(ODD), "two.json": json.dumps({kind: ODD[kind][:1]})}
    with pytest.raises(ExchangeError) as refused:
        made.load(files)
    slug = ODD[kind][0]["slug"]
    assert str(refused.value.problems[0]).startswith(f"two.json: {kind} “{slug}”: slug: ")
    assert "one.json" in str(refused.value.problems[0])
    assert json.loads(exported(made)) == {}


@pytest.mark.parametrize("content", ["{}", '{"themes": []}', '{"principles": []}'])
def test_a_file_with_nothing_in_it_changes_nothing(install: Install, content: str) -> None:
    made = install()
    made.load({"odd.json": json.dumps(ODD)})
    before = contents(made)
    made.load({"a.json": content, "a.toml": "", "a.csv": "slug,language\n"})
    assert contents(made) == before
