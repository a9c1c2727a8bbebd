"""Exchange files: TOML, JSON, CSV or workbooks to validated entries, and principles back to files.

An *entry* is a dict in the shape of the JSON format: only the fields that its file gave, each
validated and cleaned. What it leaves out stays as it is when the entry is merged into a library.
"""

from feed.files.documents import FORMATS, examine, read, rows, write
from feed.files.entries import COLUMNS, Entry, Exchange, entry_of, merged, without_controls
from feed.files.tables import Names, Table, TableChoices

__all__ = [
    "COLUMNS",
    "FORMATS",
    "Entry",
    "Exchange",
    "Names",
    "Table",
    "TableChoices",
    "entry_of",
    "examine",
    "merged",
    "read",
    "rows",
    "without_controls",
    "write",
]
