"""A process that reads a workbook (.xlsx or .ods) from its input and writes its cells as JSON.

Workbooks are compressed, and name cells as far away as they like: a small file can ask for more
memory than the machine has. So it is opened in a process of its own, whose memory and processor
time the kernel limits. It imports nothing of Devis, to start at once.
"""

import datetime
import io
import json
import resource
import sys
from typing import Any

MEMORY = 512 * 2**20  # bytes of address space
SECONDS = 2  # of processor time: a million cells take one
MAX_SHEETS = 1000  # a page offers to read another one
MAX_CELLS = 1_000_000
MAX_CHARACTERS = 16_000_000  # the site has them in memory, too; up to four bytes each
UNREADABLE, PROTECTED, TOO_LARGE = 65, 66, 67  # exit codes


def main() -> int:
    """Read, convert and write; returns the exit code."""
    from python_calamine import CalamineError, PasswordError  # not in the process of the site

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        sheets = _sheets(sys.stdin.buffer.read())
    except PasswordError:
        return PROTECTED
    except (CalamineError, ValueError, OSError):
        return UNREADABLE
    except (MemoryError, OverflowError):
        return TOO_LARGE
    text = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")  # in any locale
    json.dump(sheets, text, ensure_ascii=False)
    text.flush()
    return 0


def _sheets(content: bytes) -> list[dict[str, Any]]:
    """The worksheets: name, whether it is hidden, and its rows from the first on."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum, load_workbook

    found: list[dict[str, Any]] = []
    cells = characters = 0
    with load_workbook(io.BytesIO(content)) as book:
        for sheet in book.sheets_metadata:
            if sheet.typ is not SheetTypeEnum.WorkSheet:
                continue
            opened = book.get_sheet_by_name(sheet.name)
            height, width = opened.end or (0, 0)
            cells += (height + 1) * (width + 1)
            if cells > MAX_CELLS or len(found) == MAX_SHEETS:
                raise OverflowError
            rows = [[_text(cell) for cell in row] for row in opened.to_python(False)]
            characters += sum(len(cell) for row in rows for cell in row)
            if characters > MAX_CHARACTERS:
                raise OverflowError
            hidden = sheet.visible is not SheetVisibleEnum.Visible
            found.append({"name": sheet.name, "hidden": hidden, "rows": rows})
    return found


def _text(cell: object) -> str:
    """A cell as text: numbers without a needless fraction, dates as ISO 8601 writes them."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time.min:
        return cell.date().isoformat()
    return cell if isinstance(cell, str) else str(cell)


if __name__ == "__main__":
    sys.exit(main())
