"""The card of an edition or of a principle: a PNG for link previews, slides and phones.

It is set as the page is, on the hue of the theme, in three formats. The bytes are the same on
every machine, unless the fonts of the settings are needed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from io import BytesIO
from math import ceil
from pathlib import Path

from PIL import Image, ImageChops, ImageColor, ImageDraw

from feed.i18n import Translator, translator
from feed.model import Principle, Showing, Site, Source, Theme
from feed.model.shapeless import without_shapeless
from feed.publish import colours, markup
from feed.publish.card_fonts import Face

PAPER, INK, ACCENT = "#fbf8f2", "#1f2426", "#14586b"  # paper and accent: without a theme
SMALLEST = 8  # font size of what is long, in pixels; the statement is set at two thirds
ORDINARY_WORD = 64  # characters; a longer word is measured in pieces
_TITLE_LINE, _LINE, _SMALL_LINE = 1.1, 1.38, 1.3
_CAP = 0.66  # height of a capital and of a figure, in font sizes
_GAPS = 0.7  # spaces around the title, in its font size
_BALANCED = 8  # lines; more of them are filled one after the other
_SHADES = 32  # between the ground and each of the two colours, for anti-aliased text


@dataclass(frozen=True)
class CardFormat:
    """Pixels of a card, its margins, and the font sizes of the title (at most) and of the rest."""

    width: int
    height: int
    beside: int
    above: int
    title: int
    small: int

    @property
    def room(self) -> int:
        """The width of a line."""
        return self.width - 2 * self.beside


# Wide for link previews and slides, square for channels, tall for phones and signs.
FORMATS = {
    "wide": CardFormat(1200, 630, 76, 56, 64, 26),
    "square": CardFormat(1080, 1080, 90, 84, 90, 32),
    "tall": CardFormat(1080, 1920, 96, 200, 112, 36),
}


@dataclass(frozen=True)
class Block:
    """Words that are wrapped into lines; `spacing` is the height of a line in font sizes."""

    words: str
    face: Face
    spacing: float

    def sized(self, size: int) -> "Block":
        """The same words in another font size."""
        return replace(self, face=replace(self.face, size=size))

    def lines(self, width: int) -> list[str]:
        """The lines, about equally long if they are few."""
        return balanced(self.words, self.face, width)

    def height(self, width: int) -> float:
        """The height of the lines."""
        return len(wrapped(self.words, self.face, width)) * self.face.size * self.spacing


@dataclass(frozen=True)
class Subject:
    """What is drawn: a principle, as the edition of a `day` if there is one. `path` is its page."""

    principle: Principle
    source: Source
    themes: tuple[Theme, ...]
    path: str
    day: date | None = None

    @classmethod
    def of(cls, language: str, showing: Showing) -> "Subject":
        """An edition, with its page in a language."""
        path, day = markup.edition_path(language, showing), showing.edition.date
        return cls(showing.principle, showing.source, showing.themes, path, day)


class Canvas:
    """Two masks of one size: what is drawn in ink, and what in the deep tone of the theme."""

    def __init__(self, form: CardFormat) -> None:
        self.ink, self.deep = (Image.new("L", (form.width, form.height)) for _ in range(2))

    def write(self, block: Block, x: int, top: float, width: int, *, deep: bool = False) -> float:
        """Write a block; returns where it ends."""
        draw = ImageDraw.Draw(self.deep if deep else self.ink)
        size = block.face.size
        for line in block.lines(width):
            block.face.draw(draw, x, top + size * (block.spacing + _CAP) / 2, line, width)
            top += size * block.spacing
        return top

    def png(self, ground: str, deep: str) -> bytes:
        """The picture with a palette: from the ground to ink, then from the ground to deep."""
        step = 256 // _SHADES
        indices = self.deep.point(
            [_SHADES + value // step if value >= step else 0 for value in range(256)]
        )
        image = ImageChops.lighter(self.ink.point([value // step for value in range(256)]), indices)
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette([*_shades(ground, INK), *_shades(ground, deep)])
        target = BytesIO()
        image.save(target, "PNG")
        return target.getvalue()


def render(
    site: Site,
    language: str,
    subject: Subject,
    fonts: tuple[Path, ...] = (),
    form: CardFormat = FORMATS["wide"],
) -> bytes:
    """Render a subject as PNG. Long texts are wrapped and set smaller; nothing is cut off.

    `fonts` are the files for scripts that Source Serif does not have. What no font can draw is said
    in words: the principle of the day, and where to read it.
    """
    t, canvas = translator(language), Canvas(form)
    foot = _foot(t, site, subject, fonts, form)
    y = form.height - form.above - sum(block.height(form.room) for block in foot)
    bottom = y - form.small * 1.4
    for block in foot:
        y = canvas.write(block, form.beside, y, form.room, deep=True)
    date_height = _date_height(form, subject.day)
    title, statement = _fitted(
        _texts(site, t, subject, fonts), form, bottom - form.above - date_height
    )
    gap = title.face.size * _GAPS / 2  # above the title and below it
    height = date_height + title.height(form.room) + 2 * gap + statement.height(form.room)
    top = form.above + max(0, bottom - form.above - height) * 0.45
    _write_date(canvas, t, subject, fonts, form, top)
    y = canvas.write(title, form.beside, top + date_height + gap, form.room)
    canvas.write(statement, form.beside, y + gap, form.room)
    if not subject.themes:
        return canvas.png(PAPER, ACCENT)
    hue = colours.hue(subject.themes[0].slug)
    return canvas.png(colours.colour(colours.BAND, hue), colours.colour(colours.DEEP, hue))


def _shades(ground: str, colour: str) -> list[int]:
    """Red, green and blue of each shade from one colour to another."""
    ends = list(zip(ImageColor.getrgb(ground), ImageColor.getrgb(colour), strict=True))
    return [
        first + (last - first) * shade // (_SHADES - 1)
        for shade in range(_SHADES)
        for first, last in ends
    ]


def _date_height(form: CardFormat, day: date | None) -> float:
    """The height of the row above the title, with the least space below it."""
    return form.small * ((2 if day else 1) * _SMALL_LINE + 0.5)


def _write_date(
    canvas: Canvas,
    t: Translator,
    subject: Subject,
    fonts: tuple[Path, ...],
    form: CardFormat,
    top: float,
) -> None:
    """Write the day of the month, large, and beside it the weekday, the month and the theme."""
    plain, bold = _small(form, fonts)
    x, width = form.beside, form.room
    names = [plain.drawable(theme.text(t.language)[1].name) for theme in subject.themes]
    said = " · ".join(name for name in names if name)
    if subject.day:
        line = form.small * _SMALL_LINE
        # Its figures are as high as the two lines beside it.
        number = Block(str(subject.day.day), Face("Semibold", round(2 * line / _CAP * 0.86)), 0)
        canvas.write(number, x, top + line, form.room, deep=True)
        x += ceil(number.face.length(number.words)) + form.small * 3 // 4
        width = form.width - form.beside - x
        words = t.weekday_and_month(subject.day)
        day = _beside(words[0].upper() + words[1:], bold, width)
        top = canvas.write(day, x, top, width, deep=True)
    if said:
        canvas.write(_beside(said, plain if subject.day else bold, width), x, top, width, deep=True)


def _beside(words: str, face: Face, width: int) -> Block:
    """Words as high as one line: smaller, and on several lines, where they are many."""
    block, line = Block(words, face, _SMALL_LINE), face.size * _SMALL_LINE
    while block.face.size > SMALLEST and block.height(width) > line:
        block = block.sized(block.face.size - 1)
    return replace(block, spacing=line / block.face.size / len(block.lines(width)))


def _small(form: CardFormat, fonts: tuple[Path, ...]) -> tuple[Face, Face]:
    return Face("Regular", form.small, fonts), Face("Semibold", form.small, fonts)


def _foot(
    t: Translator, site: Site, subject: Subject, fonts: tuple[Path, ...], form: CardFormat
) -> list[Block]:
    """The credit, on two lines if it can be, and the name of the site."""
    plain, bold = _small(form, fonts)
    host = site.base_url.partition("://")[2]
    name = Block(bold.drawable(site.name(t.language)) or host, bold, _SMALL_LINE)
    credit = plain.drawable(markup.credit(t, subject.source, subject.principle))
    if not credit:
        return [name]
    block = Block(credit, plain, _SMALL_LINE)
    while block.face.size > SMALLEST and block.height(form.room) > 3 * form.small:
        block = block.sized(block.face.size - 2)
    return [block, name]


def _texts(
    site: Site, t: Translator, subject: Subject, fonts: tuple[Path, ...]
) -> tuple[Block, Block]:
    """Title and statement, or words for what cannot be drawn of them."""
    text = subject.principle.text(t.language)
    address = site.url(subject.path).partition("://")[2]
    unnamed = t.gettext("The principle of the day") if subject.day else t.gettext("Principle")
    read = t.gettext("Read it at %(address)s", address=address)

    def block(words: str, instead: str, face: Face, spacing: float) -> Block:
        drawable = face.drawable(words)
        if drawable is None or not drawable.strip():
            return Block(instead, replace(face, language=t.interface), spacing)
        return Block(drawable, face.narrowed(drawable), spacing)

    return (
        block(text.title, unnamed, Face("Semibold", SMALLEST, fonts, text.language), _TITLE_LINE),
        block(text.statement, read, Face("Regular", SMALLEST, fonts, text.language), _LINE),
    )


def _fitted(texts: tuple[Block, Block], form: CardFormat, height: float) -> tuple[Block, Block]:
    """Title and statement in the largest size in which they fit."""
    title, statement = texts

    def sized(size: int) -> tuple[Block, Block]:
        return title.sized(size), statement.sized(max(SMALLEST, size * 2 // 3))

    def fits(size: int) -> bool:
        return sum(block.height(form.room) for block in sized(size)) + size * _GAPS <= height

    sizes = range(form.title, SMALLEST - 1, -2)
    return sized(sizes[min(bisect_left(sizes, True, key=fits), len(sizes) - 1)])


def balanced(text: str, face: Face, width: int) -> list[str]:
    """Wrap text into as few lines as `wrapped` does, the longest of them as short as it can be."""
    parts, space = _measured(text, face, width), face.length(" ")
    lines = _filled(parts, space, width)
    if not 1 < len(lines) <= _BALANCED:
        return lines
    widths = range(ceil(max(length for _, length in parts)), width)
    least = bisect_left(
        widths, True, key=lambda each: len(_filled(parts, space, each)) <= len(lines)
    )
    return _filled(parts, space, widths[least]) if least < len(widths) else lines


def wrapped(text: str, face: Face, width: int) -> list[str]:
    """Wrap text into lines of at most `width` pixels; a longer word is broken."""
    return _filled(_measured(text, face, width), face.length(" "), width)


@lru_cache(maxsize=32)  # the height of a block is asked for before its lines
def _measured(text: str, face: Face, width: int) -> tuple[tuple[str, float], ...]:
    """The words of a text, or the parts of a long one, with their widths."""
    words = without_shapeless(text).split()
    parts = (part for word in words for part in _parts(word, face, width))
    return tuple((part, face.length(part)) for part in parts)


def _filled(parts: Iterable[tuple[str, float]], space: float, width: int) -> list[str]:
    lines: list[str] = []
    room = 0.0  # on the last line
    for part, length in parts:
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
