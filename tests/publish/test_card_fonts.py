"""The card in other scripts: with fonts of the settings, and in words where there are none."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import font_source_serif_pro
import pytest
from PIL import Image, ImageChops

from feed import editions
from feed.config import load
from feed.errors import SettingError
from feed.model import Showing, Site
from feed.publish import card, card_fonts
from feed.publish.card import Subject
from feed.publish.card_fonts import Face
from tests.conftest import Installation

SERIF = Path(font_source_serif_pro.__file__).parent / "files"
DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
ARABIC = "القائد الذي يسأل (Devis, Inc.) أولا يتعلم أكثر مما يقول. اسأل قبل أن تجيب، 42 مرة."
WORDS = ("The principle of the day", "Read it at 127.0.0.1:8000/en/2026-11-22/")


@pytest.fixture
def today(devis: Installation) -> tuple[Site, Showing]:
    with devis.open() as db:
        view = editions.today(db, devis.site(), devis.now)
    assert view is not None
    return devis.site(), view.showing


def drawn(
    today: tuple[Site, Showing], title: str, statement: str, code: str = "en", *fonts: Path
) -> Image.Image:
    """The card with that text in a language, on the English page."""
    site, showing = today
    text = replace(showing.text("en"), language=code, title=title, statement=statement)
    said = replace(showing.principle, original_language=code, texts={code: text})
    body = card.render(site, "en", Subject.of("en", replace(showing, principle=said)), fonts)
    return Image.open(BytesIO(body)).convert("RGB")


def same(first: Image.Image, second: Image.Image) -> bool:
    return ImageChops.difference(first, second).getbbox() is None


@pytest.mark.parametrize("text", ["まず尋ねる", "اسأل أولا", "Ask 尋 first", "🎉", "\U0010fffe"])
def test_what_no_font_can_draw_is_said_in_words(today: tuple[Site, Showing], text: str) -> None:
    assert same(drawn(today, text, text), drawn(today, *WORDS))
    assert same(drawn(today, text, text, "ar"), drawn(today, *WORDS))
    assert same(drawn(today, "Ask", text), drawn(today, "Ask", WORDS[1]))


def test_symbols_that_no_font_has_are_left_out(today: tuple[Site, Showing]) -> None:
    with_symbols = drawn(today, "Ask 🎉 first 👩🏽\u200d💻", "Ω, Ж and\u200d e\u0301.")
    assert same(with_symbols, drawn(today, "Ask first", "Ω, Ж and é."))


def test_a_source_that_cannot_be_drawn_is_left_out(today: tuple[Site, Showing]) -> None:
    site, showing = today
    foreign = replace(showing, source=replace(showing.source, title="本", author=None))
    image = Image.open(BytesIO(card.render(site, "en", Subject.of("en", foreign)))).convert("RGB")
    assert len(image.crop((76, 480, 1200, 535)).getcolors() or ()) == 1


def test_a_font_of_the_settings_draws_what_the_own_one_lacks(
    today: tuple[Site, Showing], monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = set("Begin ")
    has_glyph = card_fonts._has_glyph

    def lacking(file: Path, character: str) -> bool:
        return has_glyph(file, character) and ("Light" in file.name or character in letters)

    monkeypatch.setattr(card_fonts, "_has_glyph", lacking)
    light = SERIF / "SourceSerifPro-Light.otf"
    face = Face("Regular", 30, (light,))
    assert Face("Regular", 30).drawable("Begin here") is None
    assert face.drawable("Begin here") == "Begin here"
    assert [piece for piece, _ in face._pieces("Begin here")] == ["Begin", " ", "here"]
    styles = [font.getname()[1] for _, font in face._pieces("Begin here")]
    assert styles == ["Regular", "Regular", "Light"]
    assert all(face.length(line) <= 300 for line in card.wrapped("Begin here now " * 9, face, 300))
    assert not same(drawn(today, "Begin", "Begin here", "en", light), drawn(today, *WORDS))


def test_the_weight_of_a_font_is_chosen_by_its_style() -> None:
    files = tuple(sorted(SERIF.glob("*.otf")))
    regular, semibold = (card_fonts.by_weight(files, each)[0] for each in ("Regular", "Semibold"))
    assert (regular.stem, semibold.stem) == ("SourceSerifPro-Regular", "SourceSerifPro-Semibold")
    assert card_fonts.by_weight((Path(__file__),), "Regular") == ()


@pytest.mark.needs("arabic")
def test_arabic_is_drawn_from_the_right(today: tuple[Site, Showing]) -> None:
    fonts = tuple(sorted(DEJAVU.glob("*.ttf")))
    image = drawn(today, "اسأل أولا", ARABIC, "ar", *fonts)
    assert not same(image, drawn(today, *WORDS))
    ink = ImageChops.difference(image, Image.new("RGB", image.size, image.getpixel((0, 0))))
    box = ink.crop((30, 140, 1200, 500)).getbbox()
    assert box is not None
    assert 1100 <= box[2] + 30 <= 1125, "lines begin at the right margin"
    assert box[0] + 30 >= 75, "and stay within the left one"
    face = Face("Regular", 40, fonts, "ar").narrowed(ARABIC)
    for line in card.wrapped(ARABIC, face, 1040):
        assert len(list(face._pieces(line))) == 1, "one font, so that Raqm orders the whole line"
    mixed = Face("Regular", 40, fonts)
    order = [text for text, _ in mixed._in_visual_order("Say مرحبا بكم today")]
    assert order == ["Say", " ", "بكم", " ", "مرحبا", " ", "today"]


def test_without_raqm_arabic_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_fonts, "has_shaping", lambda: False)
    monkeypatch.setattr(card_fonts, "_has_glyph", lambda file, character: True)
    assert Face("Regular", 30, (), "ar").drawable("اسأل") is None
    assert Face("Regular", 30).drawable("นคร") == "นคร"
    assert Face("Regular", 30).drawable("हिन्दी") is None


def test_fonts_are_read_from_files_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "with space" / "noto"
    folder.mkdir(parents=True)
    for name in ("B.ttf", "a.otf", "readme.txt"):
        (folder / name).touch()
    assert load({"DEVIS_CARD_FONTS": str(folder)}).card_fonts == (
        folder / "B.ttf",
        folder / "a.otf",
    )
    (tmp_path / "C.TTF").touch()
    plain = f"{tmp_path}/C.TTF {tmp_path}/C.TTF"
    assert load({"DEVIS_CARD_FONTS": plain}).card_fonts == (tmp_path / "C.TTF",)
    assert load({}).card_fonts == ()


@pytest.mark.parametrize("name", ["missing.ttf", "notes.txt", "empty", "C.ttf missing.otf"])
def test_a_font_that_is_not_there_stops_the_start(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "C.ttf").touch()
    text = " ".join(str(tmp_path / part) for part in name.split())
    with pytest.raises(SettingError, match=f"DEVIS_CARD_FONTS.*{name.split()[-1]} is neither"):
        load({"DEVIS_CARD_FONTS": text})
