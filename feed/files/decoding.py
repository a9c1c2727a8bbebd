"""Character encodings of uploaded text: detection, and decoding.

UTF-8 and UTF-16 are certain. Between the 8-bit encodings of spreadsheets the letters decide: each
candidate is scored by the words and quotation marks that it makes of the bytes above 127.
"""

import codecs
import re

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
EIGHT_BIT = ("windows-1252", "mac-roman", "cp850")  # the most frequent first: it wins a draw
ENCODINGS = ("utf-8", "utf-16", *EIGHT_BIT)
_SNIFFED = 8  # bytes that tell UTF-16 from other text: a heading has four letters
_SAMPLES = 2000
_ABOVE_ASCII = re.compile(rb"[\x00-\x7f]?[\x80-\xff]+[\x00-\x7f]?", re.DOTALL)
_SWEDISH = frozenset("åäöÅÄÖéÉ")
_RULES = (
    (re.compile(r"[a-zß-öø-ÿ][A-ZÀ-ÖØ-Þ]"), -3),  # a capital inside a word
    (re.compile(r"[^\W\d_][^\w\s’'\-–—][^\W\d_]"), -3),  # a symbol inside a word
    (re.compile(r"[^\W\d_]’[^\W\d_]"), 2),  # an apostrophe
    (re.compile(r"(^|[\s(])[“‘„”»«](?=\w)|[\w.,!?…][”’“»«](?=$|[\s.,;:!?)])"), 2),  # quotes
    (re.compile(r"[\s\d][–—](?=[\s\d])|\w…|[€£]"), 2),
    (re.compile(r"[ˆ˜¬∂ƒ∆◊†‡‰ŒœŠšŽžŸÿ¤¦¨¯¸¹²³¼½¾\x80-\x9f\u2500-\u259f]|[^\W\d_]?÷"), -2),
)


def detect(content: bytes) -> str:
    """The encoding that a text file seems to have; one that may fail where none fits."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    if unmarked := _utf_16(content[:_SNIFFED]):
        return unmarked
    if b"\0" in content:
        return "utf-8"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return max(EIGHT_BIT, key=lambda encoding: _score(content, encoding))
    return "utf-8"


def decode(content: bytes, encoding: str = "") -> str:
    """The text of a file in an encoding, without its byte order mark.

    Without an encoding: UTF-8, or UTF-16 with a byte order mark. Raises UnicodeDecodeError.
    """
    marked = next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), "")
    if not encoding:
        return content.decode(marked or "utf-8")
    return content.decode(marked if marked.startswith(encoding) else encoding)


def _utf_16(start: bytes) -> str:
    """Detect UTF-16 without a byte order mark: headings have a zero in every other byte."""
    high, low = start[0::2], start[1::2]
    if low and not any(low) and all(high):
        return "utf-16-le"
    if low and not any(high[: len(low)]) and all(low):
        return "utf-16-be"
    return ""


def _score(content: bytes, encoding: str) -> int:
    """How likely the encoding is, by the first passages with bytes above 127."""
    score = 0
    for number, found in enumerate(_ABOVE_ASCII.finditer(content)):
        if number == _SAMPLES:
            break
        start, end = max(0, found.start() - 1), found.end() + 1
        try:
            text = content[start:end].decode(encoding)
        except UnicodeDecodeError:
            return -(10**9)
        score += 2 * sum(letter in _SWEDISH for letter in text)
        score += sum(points * len(rule.findall(text)) for rule, points in _RULES)
    return score
