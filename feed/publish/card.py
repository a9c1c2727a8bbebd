"""The card of an edition: a PNG for link previews and screens, 1200 × 630 pixels.

The bytes are the same on every machine, unless the fonts of the settings are needed.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from math import ceil
from pathlib import Path

from PIL import Image, ImageDraw

from feed.i18n import Translator, translator
from feed.model import Showing, Site
from feed.model.shapeless import without_shapeless
from feed.publish import markup
from feed.publish.card_fonts import Face

WIDTH, HEIGHT = 1200, 630
MARGIN = 80
PAPER, INK, SOFT, ACCENT = "#fbf8f2", "#22282b", "#5b6468", "#a8431f"
COLOURS = 64  # enough for anti-aliased text; a palette keeps the file small
SMALL = 26
LARGEST, SMALLEST = 60, 12  # font size of the title, in pixels; the statement is set at two thirds
_TITLE_SPACE, _LINE = 1.15, 1.35
ORDINARY_WORD = 64  # characters; a longer word is measured in pieces


@dataclass(frozen=True)
class Block:
    """Words that are wrapped into lines; `spacing` is the height of a line in font sizes."""

    words: str
    face: Face
    spacing: float


def render(site: Site, language: str, showing: Showing, fonts: tuple[Path, ...] = ()) -> bytes:
    """Render an edition as PNG. Long texts are wrapped and set smaller; nothing is cut off.

    `fonts` are the files for scripts that Source Serif does not have. What no font can draw is said
    in words: the principle of the day, and where to read it.
    """
    t, blocks = translator(language), _blocks(site, language, showing, fonts)
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 20, HEIGHT), ACCENT)
    site_name = Face("Semibold", SMALL, fonts).drawable(site.name(language)) or _host(site)
    _line(draw, MARGIN - 22, site_name, Face("Semibold", SMALL, fonts), ACCENT, "left")
    _line(draw, MARGIN - 22, t.day(showing.edition.date), Face("Regular", SMALL), SOFT, "right")
    credit = Face("Regular", SMALL, fonts).drawable(_credit(t, showing)) or ""
    _line(draw, HEIGHT - MARGIN - 8, credit, Face("Regular", SMALL, fonts), SOFT, "left")
    top, bottom = MARGIN + 45, HEIGHT - MARGIN - 40
    size = next(
        size
        for size in range(LARGEST, SMALLEST - 1, -3)
        if size == SMALLEST or _height(_sized(blocks, size)) <= bottom - top
    )
    blocks = _sized(blocks, size)
    y = top + max(0, bottom - top - _height(blocks)) / 2
    for block in blocks:
        for line in wrapped(block.words, block.face, WIDTH - 2 * MARGIN):
            block.face.draw(draw, MARGIN, y, line, WIDTH - 2 * MARGIN, INK)
            y += block.face.size * block.spacing
        y += size * 0.4
    target = BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(target, "PNG", optimize=True)
    return target.getvalue()


def _blocks(
    site: Site, language: str, showing: Showing, fonts: tuple[Path, ...]
) -> tuple[Block, Block]:
    """Title and statement, or words for what cannot be drawn of them."""
    t, text = translator(language), showing.text(language)
    address = site.url(markup.edition_path(language, showing)).partition("://")[2]
    title = text.title, t.gettext("The principle of the day")
    statement = text.statement, t.gettext("Read it at %(address)s", address=address)

    def block(words: tuple[str, str], face: Face, spacing: float) -> Block:
        drawable = face.drawable(words[0])
        if drawable is None or not drawable.strip():
            return Block(words[1], replace(face, language=t.interface), spacing)
        return Block(drawable, face.narrowed(drawable), spacing)

    return (
        block(title, Face("Semibold", LARGEST, fonts, text.language), _TITLE_SPACE),
        block(statement, Face("Regular", LARGEST, fonts, text.language), _LINE),
    )


def _host(site: Site) -> str:
    return site.base_url.partition("://")[2]


def _sized(blocks: tuple[Block, Block], size: int) -> tuple[Block, Block]:
    title, statement = blocks
    small = max(SMALLEST, size * 2 // 3)
    return (
        replace(title, face=replace(title.face, size=size)),
        replace(statement, face=replace(statement.face, size=small)),
    )


def wrapped(text: str, face: Face, width: int) -> list[str]:
    """Wrap text into lines of at most `width` pixels; a longer word is broken."""
    space = face.length(" ")
    lines: list[str] = []
    room = 0.0  # on the last line
    for word in without_shapeless(text).split():
        for part in _parts(word, face, width):
            length = face.length(part)
            if lines and space + length <= room:
                lines[-1] += f" {part}"
                room -= space + length
            else:
                lines.append(part)
                room = width - length
    return lines


def _parts(word: str, face: Face, width: int) -> Iterator[str]:
    """Break a word wherever it is wider than a line, in linear time."""
    if len(word) <= ORDINARY_WORD and face.length(word) <= width:
        yield word
        return
    start = 0
    while start < len(word):
        reach = 1  # characters to measure: at most about twice as many as fit
        while start + reach < len(word) and face.length(word[start : start + reach]) <= width:
            reach *= 2
        ends = range(start + 1, min(start + reach, len(word)) + 1)
        fits = bisect_right(ends, width, key=lambda end: ceil(face.length(word[start:end])))
        yield word[start : start + max(1, fits)]
        start += max(1, fits)


def _height(blocks: tuple[Block, Block]) -> float:
    return blocks[0].face.size * 0.4 + sum(
        len(wrapped(each.words, each.face, WIDTH - 2 * MARGIN)) * each.face.size * each.spacing
        for each in blocks
    )


def _credit(t: Translator, showing: Showing) -> str:
    return markup.credit(t, showing.source, showing.principle)


def _line(
    draw: ImageDraw.ImageDraw, y: float, text: str, face: Face, colour: str, side: str
) -> None:
    """Draw one line of small text, reduced further if it is too wide."""
    room = WIDTH - 2 * MARGIN if side == "left" and y > HEIGHT / 2 else WIDTH / 2 - MARGIN
    while face.size > SMALLEST and face.length(text) > room:
        face = replace(face, size=face.size - 1)
    x = MARGIN if side == "left" else WIDTH - MARGIN - face.length(text)
    face.draw(draw, x, y, text, WIDTH, colour)
