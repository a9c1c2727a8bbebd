"""The build hook: compile the catalogues, subset the fonts, and put data into the wheel."""

from pathlib import Path

import font_source_serif_pro
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fontTools import subset
from fontTools.ttLib import TTFont
from pdm.backend.hooks import Context

OUTSIDE = ("data", "translations")  # folders beside the package that a wheel has inside it

# Latin as Europe writes it, and the marks that typography needs.
CHARACTERS = (
    "U+20-7E,U+A0-17F,U+218-21B,U+2010-2015,U+2018-201E,U+2020-2022,U+2026,U+2030,U+2032-2033"
    ",U+2039-203A,U+20AC,U+2122,U+2190-2193,U+2212"
)


def pdm_build_initialize(context: Context) -> None:
    """Make what is built and not committed; before every build, the editable one too."""
    _compile_catalogues(context)
    fonts = Path(font_source_serif_pro.__file__).parent / "files"
    for weight in ("Regular", "Semibold"):  # the .ttf files set quotation marks too tight
        target = context.root / "feed" / "web" / "static" / f"serif-{weight.lower()}.woff2"
        _subset(fonts / f"SourceSerifPro-{weight}.otf", target)


def _subset(source: Path, target: Path) -> None:
    """Write the font that the pages use: its Latin part, compressed."""
    options = subset.Options()
    options.hinting = False
    options.layout_features = ["kern", "liga", "locl", "mark", "ccmp"]
    font = TTFont(source)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=subset.parse_unicodes(CHARACTERS))
    subsetter.subset(font)
    font.flavor = "woff2"
    font.save(target)


def _compile_catalogues(context: Context) -> None:
    """Write a messages.mo beside every messages.po."""
    for po in sorted((context.root / "translations").glob("*/LC_MESSAGES/messages.po")):
        with po.open("rb") as source:
            catalogue = read_po(source, locale=po.parts[-3])
        with po.with_suffix(".mo").open("wb") as target:
            write_mo(target, catalogue)


def pdm_build_update_files(context: Context, files: dict[str, Path]) -> None:
    """Add `data/` and `translations/` to a wheel as `feed/data/` and `feed/translations/`."""
    if context.target != "wheel":
        return
    for folder in OUTSIDE:
        for path in sorted((context.root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files[f"feed/{path.relative_to(context.root).as_posix()}"] = path
