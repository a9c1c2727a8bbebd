"""From the bytes of a file to its text: spreadsheets save in more encodings than UTF-8."""

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOK = 8  # bytes that tell UTF-16 from other text: the name of a column has four letters


def text_of(content: bytes, *, is_table: bool = False) -> str:
    """The text of a file: UTF-8, or UTF-16 with its mark; a table may be Windows-1252, too.

    Raises UnicodeDecodeError where it is none of these.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    if is_table and (unmarked := _utf_16(content[:_LOOK])):
        return content.decode(unmarked)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        if not is_table or b"\0" in content:
            raise
    return content.decode("windows-1252")


def _utf_16(start: bytes) -> str:
    """UTF-16 without its mark: the names of the columns have a zero in every other byte."""
    high, low = start[0::2], start[1::2]
    if low and not any(low) and all(high):
        return "utf-16-le"
    if low and not any(high[: len(low)]) and all(low):
        return "utf-16-be"
    return ""
