"""Exchange files: TOML, JSON or CSV to checked entries, and principles back to files.

An *entry* is a dict in the shape of the JSON format: only the keys that its file gave, each value
checked and cleaned. What it leaves out stays as it is when the entry is merged into a library.
"""

from feed.files.entry import COLUMNS, Entry, Exchange, entry_of, merged
from feed.files.reader import examine, read
from feed.files.row_count import rows
from feed.files.writer import FORMATS, write

__all__ = [
    "COLUMNS",
    "FORMATS",
    "Entry",
    "Exchange",
    "entry_of",
    "examine",
    "merged",
    "read",
    "rows",
    "write",
]
