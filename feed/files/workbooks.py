"""Workbooks, .xlsx and .ods: read by a process of its own, see `workbook_process`."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from feed.errors import gettext_noop
from feed.files import workbook_process
from feed.files.entries import ExpectedError

ENDINGS = ("xlsx", "ods")
TIMEOUT = 120  # seconds, where the machine is busy
_ZIP = b"PK\x03\x04"  # how .xlsx and .ods begin
_COMPOUND = b"\xd0\xcf\x11\xe0"  # .xls, and .xlsx with a password
_UNREADABLE = gettext_noop("This workbook can’t be read. Save it as .xlsx, .ods or CSV.")
_MESSAGES = {
    workbook_process.PROTECTED: gettext_noop(
        "This workbook has a password. Save it without one, or as CSV."
    ),
    workbook_process.TOO_LARGE: gettext_noop(
        "This workbook is too large. Save the sheet that you need as CSV."
    ),
}
_OLD = gettext_noop(
    "This workbook is in an old format, or has a password. Save it as .xlsx without a password."
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet: its rows from the first on, each cell as text."""

    name: str
    hidden: bool
    rows: list[list[str]]


def is_workbook(content: bytes) -> bool:
    """Whether a file is one, whatever its name says."""
    return content.startswith((_ZIP, _COMPOUND))


def read(content: bytes) -> list[Sheet]:
    """The worksheets of a workbook, at least one. Raises ExpectedError."""
    if content.startswith(_COMPOUND):
        raise ExpectedError(_OLD)
    program = [sys.executable, "-I", str(Path(workbook_process.__file__))]
    try:
        done = subprocess.run(  # noqa: S603 – our own program
            program, input=content, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise ExpectedError(_MESSAGES[workbook_process.TOO_LARGE]) from None
    if done.returncode:
        # The kernel ends a process that asks for too much by a signal.
        code = workbook_process.TOO_LARGE if done.returncode < 0 else done.returncode
        raise ExpectedError(_MESSAGES.get(code, _UNREADABLE))
    sheets = [Sheet(**sheet) for sheet in json.loads(done.stdout)]
    if not sheets:
        raise ExpectedError(_UNREADABLE)
    return sheets
