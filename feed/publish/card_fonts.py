"""Fonts of the card: which one draws which words, and text set in several of them.

Source Serif is part of Devis, and draws Latin, Greek and Cyrillic. Other scripts need the fonts of
DEVIS_CARD_FONTS. Those whose letters change with their neighbours, or that are written from right
to left, also need Raqm, which Pillow has where FriBidi is installed.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Literal

import font_source_serif_pro
from PIL import Image, ImageDraw, ImageFont, features
from PIL.ImageFont import FreeTypeFont

from feed.i18n import direction

Weight = Literal["Regular", "Semibold"]
Piece = tuple[str, FreeTypeFont]  # of a line, in one font
# The styles of a family that stand for a weight, the best first.
_STYLES: dict[Weight, tuple[str, ...]] = {
    "Regular": ("regular", "book", "roman", "medium"),
    "Semibold": ("semibold", "demibold", "bold", "medium", "regular", "book"),
}
_FULL = 255  # coverage, in a mask
_PROBE = 24  # font size at which glyphs are compared
_NO_CHARACTER = "\U0010ffff"  # no font has it: it is drawn as what stands for a missing glyph
_SYMBOLS = ("So", "Sk", "Co")  # categories of characters without which a text can be read
# Arabic, Hebrew and other scripts from right to left are known by their direction; these are the
# blocks of Indic scripts, Tibetan, Burmese, Khmer and Mongolian.
_SHAPED = ((0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x18AF))


@dataclass(frozen=True)
class Face:
    """The fonts of a text: Source Serif, then those of the settings, in one weight and size.

    `language` is that of the text: the direction of its lines.
    """

    weight: Weight
    size: int
    files: tuple[Path, ...] = ()
    language: str = "en"

    @cached_property
    def is_rtl(self) -> bool:
        """Whether its lines begin on the right."""
        return direction(self.language) == "rtl"

    def drawable(self, text: str) -> str | None:
        """The text as it can be drawn, without symbols that no font has; None if it cannot be."""
        found = "".join(
            character
            for character in unicodedata.normalize("NFC", text)
            if unicodedata.category(character) not in _SYMBOLS or self._file(character)
        )
        if any(map(_is_shaped, found)) and not has_shaping():
            return None
        return found if all(map(self._file, set(found))) else None

    def narrowed(self, text: str) -> "Face":
        """The face with one of its fonts alone, if a text from right to left needs no other."""
        file = self._file(text) if self.is_rtl else None
        return self if file is None else replace(self, files=(file,))

    def length(self, text: str) -> float:
        """The width of a text on one line, in pixels."""
        if self._is_plain(text):
            return self._own.getlength(_without_format(text))
        return sum(map(self._length, self._pieces(text)))

    def draw(
        self, draw: ImageDraw.ImageDraw, x: float, baseline: float, line: str, width: int
    ) -> None:
        """Draw a line in a box of a mask: from its left, or from its right for Arabic."""
        if self._is_plain(line):
            draw.text((x, baseline), _without_format(line), _FULL, self._own, "ls")
            return
        left = x + width - self.length(line) if self.is_rtl else x
        for piece in self._in_visual_order(line):
            text, font = piece
            draw.text((left, baseline), text, _FULL, font, "ls", direction=self._direction)
            left += self._length(piece)

    def _is_plain(self, text: str) -> bool:
        """Whether Source Serif draws it alone: with the same bytes on every machine."""
        return not self.is_rtl and _has(_own_file(self.weight), text)

    @cached_property
    def _own(self) -> FreeTypeFont:
        return _font(_own_file(self.weight), self.size, ImageFont.Layout.BASIC)

    @property
    def _direction(self) -> str | None:
        if not has_shaping():
            return None
        return "rtl" if self.is_rtl else "ltr"

    def _length(self, piece: Piece) -> float:
        return piece[1].getlength(piece[0], direction=self._direction)

    def _file(self, text: str) -> Path | None:
        """The first font with every character of a text."""
        own, others = (_own_file(self.weight),), by_weight(self.files, self.weight)
        candidates = (*others, *own) if self.is_rtl else (*own, *others)
        return next((file for file in candidates if _has(file, text)), None)

    def _pieces(self, text: str) -> Iterator[Piece]:
        """The words of a text and the blanks between; a word is cut where its font changes.

        A line from right to left is one piece, if one font has all of it: Raqm orders it better.
        """
        layout = ImageFont.Layout.RAQM if has_shaping() else ImageFont.Layout.BASIC
        own = _own_file(self.weight)
        if self.is_rtl and len(self.files) == 1 and _has(self.files[0], text):
            yield text, _font(self.files[0], self.size, layout)
            return
        for _, group in groupby(text, str.isspace):
            word = "".join(group)
            if file := self._file(word):
                yield word, _font(file, self.size, layout)
                continue
            for part, characters in groupby(word, self._file):
                yield "".join(characters), _font(part or own, self.size, layout)

    def _in_visual_order(self, line: str) -> list[Piece]:
        """The pieces of a line from left to right, those of the other direction among them."""
        order: list[Piece] = []
        pieces = list(self._pieces(line))
        kinds = [_is_rtl(text) for text, _ in pieces]
        for place, kind in enumerate(kinds):  # a blank between two words of one direction
            around = {kinds[place - 1] if place else None, *kinds[place + 1 : place + 2]}
            if kind is None:
                kinds[place] = around.pop() if len(around) == 1 else self.is_rtl
        for kind, group in groupby(zip(kinds, pieces, strict=True), lambda each: each[0]):
            found = [piece for _, piece in group]
            order += found if kind in (self.is_rtl, None) else found[::-1]
        return order[::-1] if self.is_rtl else order


def has_shaping() -> bool:
    """Whether Pillow can draw scripts that need more than one glyph after the other."""
    return bool(features.check("raqm"))


@lru_cache
def by_weight(files: tuple[Path, ...], weight: Weight) -> tuple[Path, ...]:
    """The files that Pillow can read, those of the weight first."""
    styles = _STYLES[weight]
    found: list[tuple[int, Path]] = []
    for file in files:
        try:
            name = ImageFont.truetype(file, _PROBE).getname()[1] or ""
        except OSError:  # without outlines, as a font of emoji
            continue
        style = name.casefold().replace(" ", "")
        found.append((styles.index(style) if style in styles else len(styles), file))
    return tuple(file for _, file in sorted(found, key=lambda each: each[0]))


@lru_cache
def _own_file(weight: Weight) -> Path:
    folder = Path(font_source_serif_pro.__file__).parent / "files"
    return folder / f"SourceSerifPro-{weight}.otf"


def _has(file: Path, text: str) -> bool:
    """Whether a font has a glyph for every character of a text."""
    return all(_has_glyph(file, character) for character in set(text))


@lru_cache(maxsize=20_000)
def _has_glyph(file: Path, character: str) -> bool:
    if character.isspace() or unicodedata.category(character) in ("Cf", "Cc"):
        return True
    return _shape(file, character) != _missing(file)


@lru_cache(maxsize=512)
def _missing(file: Path) -> bytes:
    return _shape(file, _NO_CHARACTER)


def _shape(file: Path, character: str) -> bytes:
    image = Image.new("L", (3 * _PROBE, 3 * _PROBE))
    font = _font(file, _PROBE, ImageFont.Layout.BASIC)
    ImageDraw.Draw(image).text((_PROBE, _PROBE), character, 255, font)
    return image.tobytes()


def _without_format(text: str) -> str:
    """A text without joiners and marks of direction, which Source Serif would draw as boxes."""
    if text.isascii():
        return text
    return "".join(each for each in text if unicodedata.category(each) != "Cf")


def _is_rtl(word: str) -> bool | None:
    """Whether a word is written from right to left; None if it has no direction."""
    kinds = (unicodedata.bidirectional(character) for character in word)
    strong = next((kind for kind in kinds if kind in ("L", "R", "AL", "EN")), None)
    return None if strong is None else strong in ("R", "AL")


def _is_shaped(character: str) -> bool:
    code = ord(character)
    return unicodedata.bidirectional(character) in ("R", "AL") or any(
        first <= code <= last for first, last in _SHAPED
    )


@lru_cache(maxsize=128)
def _font(file: Path, size: int, layout: ImageFont.Layout) -> FreeTypeFont:
    return ImageFont.truetype(file, size, layout_engine=layout)
