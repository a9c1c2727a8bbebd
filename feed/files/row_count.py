"""How large an exchange file is, told before the work of reading it is done."""

import csv
import re
from typing import Any

from feed.files import csv_table
from feed.files.encoding import text_of
from feed.files.fields import KINDS_OF_ENTRY, ExpectedError
from feed.files.parsing import PARSERS

_TEXT = re.compile(r"^[ \t]*\[[ \t]*\w+[ \t]*\.[ \t]*\"?texts\"?[ \t]*\.", re.MULTILINE)


def rows(name: str, content: bytes, enough: int) -> int:
    """How many rows a file has: one for each entry and language; 0 where it cannot be read.

    A TOML file that has more headings of texts than `enough` is counted by these, since reading
    one takes its time.
    """
    ending = name.rpartition(".")[2].lower()
    try:
        text = text_of(content, is_table=ending in csv_table.ENDINGS)
        if ending in csv_table.ENDINGS:
            return csv_table.count(text)
        if ending == "toml" and (found := len(_TEXT.findall(text))) > enough:
            return found
        return _entries(PARSERS[ending](text)) if ending in PARSERS else 0
    except (ValueError, RecursionError, csv.Error, ExpectedError):
        return 0


def _entries(document: Any) -> int:
    lists = [document.get(kind) for kind in KINDS_OF_ENTRY] if isinstance(document, dict) else []
    return sum(_texts(entry) for entries in lists if isinstance(entries, list) for entry in entries)


def _texts(entry: Any) -> int:
    texts = entry.get("texts") if isinstance(entry, dict) else None
    return max(1, len(texts)) if isinstance(texts, dict) else 1
