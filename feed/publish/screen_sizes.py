"""The font sizes at which a text fills a screen: measured with its font, so that nothing is cut.

Lengths are in hundredths of the square root of the screen's area, as in screen.css.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from unicodedata import east_asian_width

from feed.publish.card_fonts import Face, Weight

# Width and height between the margins, head and foot, of a screen of 16:9 and of one of 9:16.
LANDSCAPE, PORTRAIT = (126.0, 55.0), (68.0, 113.0)
SMALLEST, LARGEST, STEPS = 1, 18, 8  # font sizes of the text, and the steps of each unit
# Font sizes of a heading, in tenths of that of the text below it.
TITLE_SCALES, LABEL_SCALES = range(11, 19), range(5, 9)
_HEADING_LINE, _LINE = 1.08, 1.22  # heights of lines, in font sizes
_GAP, _BETWEEN = 0.3, 0.4  # below the heading, and between paragraphs, in font sizes
_MEASURED = 100  # font size in pixels at which words are measured
_KERNED = 1.03  # how much more fits on a line that is kerned
_LONGEST_WORD = 30  # characters; a longer one is a line without blanks, and is broken

Lengths = Sequence[float]  # of words, in font sizes; the first is that of a blank


def font_sizes(
    heading: str, text: str, scales: Iterable[int], space: tuple[float, float]
) -> tuple[int, int]:
    """The font size of a text, in steps from SMALLEST, and the scale of its heading.

    Each scale has a largest size at which everything fits; that which leaves the least space wins.
    """
    above = _lengths("Semibold", heading)
    below = [_lengths("Regular", part) for part in text.split("\n\n") if part.strip()]

    def height(step: int, scale: float, stretch: float = 1.0) -> float:
        size = SMALLEST + step / STEPS
        width = space[0] * stretch / size  # in font sizes
        heading_height = scale * (_lines(above, width / scale) * _HEADING_LINE + _GAP)
        lines = sum(_lines(part, width) for part in below)
        return size * (heading_height + lines * _LINE + (len(below) - 1) * _BETWEEN)

    found = [(0.0, 0, min(scales))]
    for scale in scales:
        for step in range((LARGEST - SMALLEST) * STEPS, 0, -1):
            if height(step, scale / 10) <= space[1]:
                # A browser's kerning may save a line that is only just needed.
                found.append((height(step, scale / 10, _KERNED), step, scale))
                break
    return max(found)[1:]


def _lengths(weight: Weight, text: str) -> Lengths:
    face = Face(weight, _MEASURED)
    return [face.length(part) / _MEASURED for part in (" ", *_parts(text))]


def _parts(text: str) -> Iterator[str]:
    """The words of a text, and the characters of those that may be broken anywhere."""
    for word in text.split():
        # A letter of Chinese or Japanese, which the font does not have, is as wide as a W.
        plain = "".join("W" if east_asian_width(each) in "WF" else each for each in word)
        yield from [plain] if len(plain) <= _LONGEST_WORD else plain


def _lines(lengths: Lengths, width: float) -> float:
    """The number of lines of this width; infinite if a word is wider."""
    blank, *words = lengths
    if max(words, default=0) > width:
        return inf
    lines, room = 0, -1.0
    for word in words:
        if blank + word > room:
            lines, room = lines + 1, width + blank
        room -= blank + word
    return lines
