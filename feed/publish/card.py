"""The card of an edition: a PNG for link previews and screens, 1200 × 630 pixels.

The bytes are the same on every machine.
"""

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Literal

import font_source_serif_pro
from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

from feed.i18n import Translator, translator
from feed.model import Showing, Site
from feed.model.shapeless import without_shapeless
from feed.publish import markup

WIDTH, HEIGHT = 1200, 630
MARGIN = 80
PAPER, INK, SOFT, ACCENT = "#fbf8f2", "#22282b", "#5b6468", "#a8431f"
COLOURS = 64  # enough for anti-aliased text; a palette keeps the file small
SMALL = 26
LARGEST, SMALLEST = 60, 12  # font size of the title, in pixels; the statement is set at two thirds
_TITLE_SPACE, _LINE = 1.15, 1.35
ORDINARY_WORD = 64  # characters; a longer word is measured in pieces

Weight = Literal["Regular", "Semibold"]


def render(site: Site, language: str, showing: Showing) -> bytes:
    """Render an edition as PNG. Long texts are wrapped and set smaller; nothing is cut off."""
    t, text = translator(language), showing.text(language)
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 20, HEIGHT), ACCENT)
    _line(draw, MARGIN - 22, site.name(language), "Semibold", ACCENT, "left")
    _line(draw, MARGIN - 22, t.day(showing.edition.date), "Regular", SOFT, "right")
    _line(draw, HEIGHT - MARGIN - 8, _credit(t, showing), "Regular", SOFT, "left")
    top, bottom = MARGIN + 45, HEIGHT - MARGIN - 40
    size = next(
        size
        for size in range(LARGEST, SMALLEST - 1, -3)
        if size == SMALLEST or _height(text.title, text.statement, size) <= bottom - top
    )
    y = top + max(0, bottom - top - _height(text.title, text.statement, size)) / 2
    for line in wrapped(text.title, "Semibold", size, WIDTH - 2 * MARGIN):
        draw.text((MARGIN, y), line, INK, _font("Semibold", size))
        y += size * _TITLE_SPACE
    y += size * 0.4
    for line in wrapped(text.statement, "Regular", _statement_size(size), WIDTH - 2 * MARGIN):
        draw.text((MARGIN, y), line, INK, _font("Regular", _statement_size(size)))
        y += _statement_size(size) * _LINE
    target = BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(target, "PNG", optimize=True)
    return target.getvalue()


def wrapped(text: str, weight: Weight, size: int, width: int) -> list[str]:
    """Wrap text into lines of at most `width` pixels; a longer word is broken."""
    font = _font(weight, size)
    space = font.getlength(" ")
    lines: list[str] = []
    room = 0.0  # on the last line
    for word in without_shapeless(text).split():
        for part in _parts(word, font, width):
            length = font.getlength(part)
            if lines and space + length <= room:
                lines[-1] += f" {part}"
                room -= space + length
            else:
                lines.append(part)
                room = width - length
    return lines


def _parts(word: str, font: FreeTypeFont, width: int) -> Iterator[str]:
    """Break a word wherever it is wider than a line, in linear time."""
    if len(word) <= ORDINARY_WORD and font.getlength(word) <= width:
        yield word
        return
    start = 0
    while start < len(word):
        reach = 1  # characters to measure: at most about twice as many as fit
        while start + reach < len(word) and font.getlength(word[start : start + reach]) <= width:
            reach *= 2
        ends = range(start + 1, min(start + reach, len(word)) + 1)
        fits = bisect_right(ends, width, key=lambda end: ceil(font.getlength(word[start:end])))
        yield word[start : start + max(1, fits)]
        start += max(1, fits)


def _height(title: str, statement: str, size: int) -> float:
    width = WIDTH - 2 * MARGIN
    above = len(wrapped(title, "Semibold", size, width)) * size * _TITLE_SPACE
    below = (
        len(wrapped(statement, "Regular", _statement_size(size), width))
        * _statement_size(size)
        * _LINE
    )
    return above + size * 0.4 + below


def _statement_size(size: int) -> int:
    return max(SMALLEST, size * 2 // 3)


def _credit(t: Translator, showing: Showing) -> str:
    return markup.credit(t, showing.source, showing.principle)


def _line(
    draw: ImageDraw.ImageDraw, y: float, text: str, weight: Weight, colour: str, side: str
) -> None:
    """Draw one line of small text, reduced further if it is too wide."""
    room = WIDTH - 2 * MARGIN if side == "left" and y > HEIGHT / 2 else WIDTH / 2 - MARGIN
    size = SMALL
    while size > SMALLEST and _font(weight, size).getlength(text) > room:
        size -= 1
    font = _font(weight, size)
    x = MARGIN if side == "left" else WIDTH - MARGIN - font.getlength(text)
    draw.text((x, y), text, colour, font)


@lru_cache(maxsize=64)
def _font(weight: Weight, size: int) -> FreeTypeFont:
    folder = Path(font_source_serif_pro.__file__).parent / "files"
    # The basic layout is in every build of Pillow: the same bytes everywhere.
    return ImageFont.truetype(
        folder / f"SourceSerifPro-{weight}.otf", size, layout_engine=ImageFont.Layout.BASIC
    )
