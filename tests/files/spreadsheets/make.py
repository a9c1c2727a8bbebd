"""Make the corpus of spreadsheets, as the programs that people have save them.

`python -m tests.files.spreadsheets.make` writes every file beside this one, and `readings.json`,
which has the right reading of each: what there is to guess, and the cells of each row by column.
Both come from the tables below, never from the reader.
"""

import csv
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).parent
Cells = dict[str, str]
ZIP_TIME = (2026, 11, 22, 12, 0, 0)

SWEDISH = {
    "title": "Rubrik",
    "statement": "Huvudtext",
    "reflection": "Att fundera på",
    "practice": "Att göra i dag",
    "source": "Källa",
    "themes": "Tema",
}
ENGLISH = {
    "slug": "Slug",
    "language": "Language",
    "title": "Title",
    "statement": "Statement",
    "practice": "To do today",
    "source": "Source",
}
SV: list[Cells] = [
    {
        "title": "Våga fråga på allvar",
        "statement": "Så går det bättre för alla.",
        "reflection": "Tänk själv: vad är det värsta som kan hända?",
        "practice": "Gör något nytt.",
        "source": "Handboken",
        "themes": "Förtroende",
    },
    {
        "title": "Ätten är inte allt",
        "statement": "Öva på att säga ”nej” – vänligt.",
        "reflection": "Är du den du vill vara?",
        "practice": "Ring någon på Åland.",
        "source": "Handboken",
        "themes": "Förtroende, Förändring",
    },
]
EN: list[Cells] = [
    {
        "slug": "ask-first",
        "language": "en",
        "title": "Ask first",
        "statement": "“Why?” is a good question – don’t fear it…",
        "practice": "Ask one person what you’ve missed.",
        "source": "handbook",
    },
    {
        "slug": "own-it",
        "language": "en",
        "title": "Own it",
        "statement": "It’s yours — all of it.",
        "practice": "Name one mistake.",
        "source": "handbook",
    },
]
LINES = [
    {**SV[0], "statement": 'Första raden;\nandra raden, med "citat".', "practice": ""},
    {**SV[1], "reflection": "", "practice": ""},
]


@dataclass
class Spreadsheet:
    """A file, and its right reading; the first row of `rows` has the headings."""

    content: bytes
    rows: list[Cells]
    language: str = "sv"
    heading_row: int = 1
    first_row: int = 0  # that of the data; 0: the next one
    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    ignored: list[str] = field(default_factory=list)

    def reading(self) -> dict[str, object]:
        first = self.first_row or self.heading_row + 1
        guessed = {
            name: getattr(self, name)
            for name in ("encoding", "separator", "sheet", "heading_row", "language", "ignored")
        }
        return {**guessed, "rows": {str(n): row for n, row in enumerate(self.rows, first)}}


def grid(headings: Cells, rows: list[Cells]) -> list[list[str]]:
    return [[*headings.values()], *([row.get(name, "") for name in headings] for row in rows)]


def text(
    cells: list[list[str]],
    separator: str = ",",
    end: str = "\r\n",
    quoting: int = csv.QUOTE_MINIMAL,
) -> str:
    out = io.StringIO(newline="")
    style: dict[str, object] = {"delimiter": separator, "lineterminator": end, "quoting": quoting}
    csv.writer(out, **style).writerows(cells)  # type: ignore[arg-type]
    return out.getvalue()


def swedish(
    encoding: str, separator: str = ";", end: str = "\r\n", mark: bytes = b"", **more: object
) -> Spreadsheet:
    content = mark + text(grid(SWEDISH, SV), separator, end).encode(encoding)
    return Spreadsheet(content, SV, encoding=encoding, separator=separator, **more)  # type: ignore[arg-type]


def english(encoding: str, separator: str = ",", end: str = "\r\n") -> Spreadsheet:
    content = text(grid(ENGLISH, EN), separator, end).encode(encoding)
    return Spreadsheet(content, EN, "", encoding=encoding, separator=separator)


Sheet = tuple[str, str, str]  # name, state, XML of its rows


def letters(column: int) -> str:
    return chr(65 + column)


def cell(reference: str, value: object, shared: list[str]) -> str:
    """A cell as Excel writes it: text among the shared strings, formulas with their values."""
    if isinstance(value, tuple):
        formula, result = value
        return f'<c r="{reference}" t="str"><f>{escape(formula)}</f><v>{escape(result)}</v></c>'
    if isinstance(value, bool):
        return f'<c r="{reference}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, float | int):
        return f'<c r="{reference}"><v>{value}</v></c>'
    if str(value).startswith("date:"):
        return f'<c r="{reference}" s="1"><v>{str(value)[5:]}</v></c>'
    if not value:
        return f'<c r="{reference}" s="0"/>'
    shared.append(str(value))
    return f'<c r="{reference}" t="s"><v>{len(shared) - 1}</v></c>'


def rows_xml(cells: list[list[object]], shared: list[str], first: int = 1, left: int = 0) -> str:
    return "".join(
        f'<row r="{n}">'
        + "".join(cell(f"{letters(c)}{n}", value, shared) for c, value in enumerate(row, left))
        + "</row>"
        for n, row in enumerate(cells, first)
    )


def packed(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def xlsx(sheets: list[Sheet], shared: list[str], merged: str = "") -> bytes:
    """A workbook of Excel: worksheets, shared strings, and a style for dates."""
    merges = f'<mergeCells count="1"><mergeCell ref="{merged}"/></mergeCells>' if merged else ""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        f"xl/worksheets/sheet{n}.xml": f'{XML}<worksheet xmlns="{MAIN}"><sheetData>{rows}'
        f"</sheetData>{merges}</worksheet>"
        for n, (_, _, rows) in enumerate(sheets, 1)
    }
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}"{state} r:id="rId{n}"/>'
        for n, (name, state, _) in enumerate(sheets, 1)
    )
    targets = [f"worksheets/sheet{n}.xml" for n in range(1, len(sheets) + 1)]
    kinds = ["worksheet"] * len(sheets) + ["styles", "sharedStrings"]
    relations = "".join(
        f'<Relationship Id="rId{n}" Type="{RELATION}/{relation}" Target="{target}"/>'
        for n, (relation, target) in enumerate(
            zip(kinds, [*targets, "styles.xml", "sharedStrings.xml"], strict=True), 1
        )
    )
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{kind}.{what}+xml"/>'
        for name, what in [
            ("xl/workbook.xml", "sheet.main"),
            *((name, "worksheet") for name in parts),
            ("xl/styles.xml", "styles"),
            ("xl/sharedStrings.xml", "sharedStrings"),
        ]
    )
    strings = "".join(f'<si><t xml:space="preserve">{escape(each)}</t></si>' for each in shared)
    return packed(
        {
            "[Content_Types].xml": f'{XML}<Types xmlns="{PACKAGE}/content-types"><Default'
            ' Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships'
            f'+xml"/><Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
            "_rels/.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships"><Relationship'
            f' Id="rId1" Type="{RELATION}/officeDocument" Target="xl/workbook.xml"/>'
            "</Relationships>",
            "xl/workbook.xml": f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{RELATION}"><sheets>'
            f"{listed}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships">'
            f"{relations}</Relationships>",
            "xl/styles.xml": f'{XML}<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId='
            '"0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
            "xl/sharedStrings.xml": f'{XML}<sst xmlns="{MAIN}">{strings}</sst>',
            **parts,
        }
    )


def workbook(
    cells: list[list[object]], name: str = "Blad1", first: int = 1, left: int = 0, merged: str = ""
) -> bytes:
    shared: list[str] = []
    return xlsx([(name, "", rows_xml(cells, shared, first, left))], shared, merged)


def anything(headings: Cells, rows: list[Cells]) -> list[list[object]]:
    return [list[object](row) for row in grid(headings, rows)]


ODS = "urn:oasis:names:tc:opendocument:xmlns"


def ods_cell(value: str) -> str:
    if not value:
        return "<table:table-cell/>"
    lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in value.split("\n"))
    return f'<table:table-cell office:value-type="string">{lines}</table:table-cell>'


def ods(tables: dict[str, list[list[str]]], hidden: str = "") -> bytes:
    """A workbook of LibreOffice, with the empty rows and cells that it writes to the end."""
    blank = '<table:table-cell table:number-columns-repeated="16378"/>'
    end = '<table:table-row table:number-rows-repeated="1048570">' + blank + "</table:table-row>"
    body = "".join(
        f'<table:table table:name="{name}" table:style-name="{"ta2" if name == hidden else "ta1"}">'
        + "".join(
            f"<table:table-row>{''.join(map(ods_cell, row))}{blank}</table:table-row>"
            for row in rows
        )
        + f"{end}</table:table>"
        for name, rows in tables.items()
    )
    styles = "".join(
        f'<style:style style:name="{name}" style:family="table"><style:table-properties'
        f' table:display="{shown}"/></style:style>'
        for name, shown in (("ta1", "true"), ("ta2", "false"))
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    names = " ".join(
        f'xmlns:{name}="{ODS}:{name}:1.0"' for name in ("office", "table", "text", "style")
    )
    return packed(
        {
            "mimetype": kind,
            "META-INF/manifest.xml": f'{XML}<manifest:manifest xmlns:manifest="{ODS}:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
            '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
            "</manifest:manifest>",
            "content.xml": f'{XML}<office:document-content {names} office:version="1.3">'
            f"<office:automatic-styles>{styles}</office:automatic-styles><office:body>"
            f"<office:spreadsheet>{body}</office:spreadsheet></office:body>"
            "</office:document-content>",
        }
    )


def texts() -> dict[str, Spreadsheet]:
    """CSV and other text, by program."""
    short = "\r\n".join(
        [
            ";".join(SWEDISH.values()),
            ";".join([*SV[0].values()][:4]),
            ";".join([*SV[1].values()][:2]),
        ]
    )
    columns = [*SWEDISH]
    cut = [
        {name: SV[0][name] if place < 4 else "" for place, name in enumerate(columns)},
        {name: SV[1][name] if place < 2 else "" for place, name in enumerate(columns)},
    ]
    lines = {
        name: value for name, value in SWEDISH.items() if name not in ("reflection", "practice")
    }
    extra = {**SWEDISH, "": "Ansvarig"}
    own = {"slug": "slug", "language": "language", "title": "title", "statement": "statement"}
    formula = {"slug": "sum", "language": "sv", "title": "Summan", "statement": "'=SUM(A1:A9)"}
    read = {**formula, "statement": "=SUM(A1:A9)"}
    numbers = [["Tabell 1"], *grid(SWEDISH, SV)]
    words = {**SWEDISH, "kind": "Typ", "status": "Status", "state": "Läge", "language": "Språk"}
    said = {"kind": "Citat", "status": "Publicerad", "state": "Godkänd", "language": "Svenska"}
    spaced = [[], grid(SWEDISH, SV)[0], [], *grid(SWEDISH, SV)[1:]]
    return {
        "excel-windows.csv": swedish("windows-1252"),
        "excel-windows-english.csv": english("windows-1252"),
        "excel-utf8.csv": swedish("utf-8", mark=b"\xef\xbb\xbf"),
        "excel-macintosh.csv": swedish("mac-roman", end="\r"),
        "excel-macintosh-english.csv": english("mac-roman", end="\r"),
        "excel-ms-dos.csv": Spreadsheet(
            text(grid(SWEDISH, [SV[0]]), ";").encode("cp850"),
            [SV[0]],
            encoding="cp850",
            separator=";",
        ),
        "excel-unicode-text.txt": swedish("utf-16-le", "\t", mark=b"\xff\xfe"),
        "excel-tabs.txt": swedish("windows-1252", "\t"),
        "excel-short-rows.csv": Spreadsheet(
            short.encode("windows-1252"), cut, encoding="windows-1252", separator=";"
        ),
        "excel-sep-line.csv": Spreadsheet(
            b"sep=;\r\n" + text(grid(SWEDISH, SV), ";").encode("windows-1252"),
            SV,
            heading_row=2,
            encoding="windows-1252",
            separator=";",
        ),
        "numbers.csv": swedish("utf-8", ",", "\n"),
        "numbers-table-name.csv": Spreadsheet(
            text(numbers, ";", "\n").encode(), SV, heading_row=2, encoding="utf-8", separator=";"
        ),
        "libreoffice.csv": Spreadsheet(
            text(grid(lines, LINES), quoting=csv.QUOTE_ALL, end="\n").encode(),
            [{name: row[name] for name in lines} for row in LINES],
            encoding="utf-8",
            separator=",",
        ),
        "libreoffice-windows.csv": Spreadsheet(
            text(grid(lines, LINES), ";", "\n").encode("windows-1252"),
            [{name: row[name] for name in lines} for row in LINES],
            encoding="windows-1252",
            separator=";",
        ),
        "google.csv": swedish("utf-8", ","),
        "google.tsv": swedish("utf-8", "\t"),
        "bars.csv": swedish("utf-8", "|", "\n"),
        "utf-16-without-mark.txt": swedish("utf-16-be", "\t"),
        "other-columns.csv": Spreadsheet(
            text(grid(extra, [{**row, "": "Åsa"} for row in SV]), ";").encode("windows-1252"),
            SV,
            encoding="windows-1252",
            separator=";",
            ignored=["Ansvarig"],
        ),
        "swedish-words.csv": Spreadsheet(
            text(grid(words, [{**row, **said} for row in SV]), ";").encode("windows-1252"),
            [{**row, **said} for row in SV],
            "",
            encoding="windows-1252",
            separator=";",
        ),
        "empty-rows.csv": Spreadsheet(
            text(spaced, ";").encode(),
            SV,
            heading_row=2,
            first_row=4,
            encoding="utf-8",
            separator=";",
        ),
        "devis-export.csv": Spreadsheet(
            text(grid(own, [formula])).encode("utf-8-sig"),
            [read],
            "",
            encoding="utf-8",
            separator=",",
        ),
    }


def workbooks() -> dict[str, Spreadsheet]:
    """Workbooks, by program."""
    cells = anything(SWEDISH, SV)
    title: list[list[object]] = [["Principer våren 2027", "", "", "", "", ""], []]
    shared: list[str] = []
    note = [["Läs detta först"], ["Skriv en princip på varje rad."]]
    several: list[Sheet] = [
        ("Anvisning", "", rows_xml([list[object](row) for row in note], shared)),
        ("Principer", "", rows_xml(cells, shared)),
    ]
    secret = anything(SWEDISH, [{**SV[0], "title": "Gammal rubrik"}])
    hidden_shared: list[str] = []
    hidden: list[Sheet] = [
        ("Gammalt", ' state="hidden"', rows_xml(secret, hidden_shared)),
        ("Nytt", "", rows_xml(cells, hidden_shared)),
    ]
    summary = [["Exporterat från Numbers"], ["Bladnamn", "Tabellnamn"], ["Blad 1", "Tabell 1"]]
    numbers_shared: list[str] = []
    numbers: list[Sheet] = [
        ("Exportsammanfattning", "", rows_xml([list[object](r) for r in summary], numbers_shared)),
        ("Blad 1 - Tabell 1", "", rows_xml([["Tabell 1"], *cells], numbers_shared)),
    ]
    formulas = [cells[0], *([("UPPER(H1)", row[0]), *row[1:]] for row in cells[1:])]
    values = {"title": "Rubrik", "statement": "Huvudtext", "locator": "Sida", "notes": "Anteckning"}
    typed: list[list[object]] = [
        [*values.values()],
        [1984, "Ett år.", 12, "date:46348"],
        [0.5, "Hälften är inte allt.", 4.2, True],
    ]
    as_text = [
        {"title": "1984", "statement": "Ett år.", "locator": "12", "notes": "2026-11-22"},
        {
            "title": "0.5",
            "statement": "Hälften är inte allt.",
            "locator": "4.2",
            "notes": "true",
        },
    ]
    two = {"slug": "Kortnamn", **SWEDISH, "language": "Språk"}
    both = [
        {**SV[0], "slug": "vaga", "language": "svenska"},
        {"slug": "vaga", "language": "engelska", "title": "Dare", "statement": "Ask."},
    ]
    full = [{name: row.get(name, "") for name in two} for row in both]
    plain = grid(SWEDISH, SV)
    aside = [["", *row] for row in plain]
    return {
        "excel.xlsx": Spreadsheet(workbook(cells), SV, sheet="Blad1"),
        "excel-title-rows.xlsx": Spreadsheet(
            workbook([*title, *cells], merged="A1:F1"), SV, heading_row=3, sheet="Blad1"
        ),
        "excel-several-sheets.xlsx": Spreadsheet(xlsx(several, shared), SV, sheet="Principer"),
        "excel-hidden-sheet.xlsx": Spreadsheet(xlsx(hidden, hidden_shared), SV, sheet="Nytt"),
        "excel-formulas.xlsx": Spreadsheet(workbook(formulas), SV, sheet="Blad1"),
        "excel-numbers-and-dates.xlsx": Spreadsheet(workbook(typed), as_text, sheet="Blad1"),
        "excel-two-languages.xlsx": Spreadsheet(
            workbook(anything(two, both)), full, "", sheet="Blad1"
        ),
        "excel-below-and-beside.xlsx": Spreadsheet(
            workbook(cells, first=4, left=2), SV, heading_row=4, sheet="Blad1"
        ),
        "numbers.xlsx": Spreadsheet(
            xlsx(numbers, numbers_shared), SV, heading_row=2, sheet="Blad 1 - Tabell 1"
        ),
        "google.xlsx": Spreadsheet(workbook(cells, "Kalkylblad1"), SV, sheet="Kalkylblad1"),
        "libreoffice.ods": Spreadsheet(ods({"Blad1": plain}), SV, sheet="Blad1"),
        "libreoffice-hidden-sheet.ods": Spreadsheet(
            ods({"Gammalt": plain[:2], "Nytt": plain}, "Gammalt"), SV, sheet="Nytt"
        ),
        "libreoffice-empty-column.ods": Spreadsheet(
            ods({"Blad1": [[], *aside]}), SV, heading_row=2, sheet="Blad1"
        ),
    }


def main() -> None:
    """Write all of them."""
    made = {**texts(), **workbooks()}
    for name, sheet in made.items():
        (FOLDER / name).write_bytes(sheet.content)
    readings = {name: sheet.reading() for name, sheet in made.items()}
    text_ = json.dumps(readings, ensure_ascii=False, indent=1)
    (FOLDER / "readings.json").write_text(text_ + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
