"""Each theme has a hue, and every text on it can be read."""

import re
import tomllib

import pytest

from feed.publish import colours
from tests.conftest import ROOT

STYLE = (ROOT / "feed" / "web" / "static" / "style.css").read_text()
LIGHT = {"paper": "#fbf8f2", "ink": "#1f2426", "soft": "#5a6265"}
DARK = {"paper": "#171b1d", "ink": "#e8e4db", "soft": "#a7adaf"}


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("step", range(colours.STEPS))
def test_every_text_on_every_hue_can_be_read_in_either_light(step: int) -> None:
    for band, deep, page in (
        (colours.BAND, colours.DEEP, LIGHT),
        (colours.DARK_BAND, colours.DARK_DEEP, DARK),
    ):
        ground, mark = colours.colour(band, step), colours.colour(deep, step)
        for text in (mark, page["ink"], page["soft"]):
            assert contrast(text, ground) >= 4.5
        assert contrast(mark, page["paper"]) >= 4.5


def test_the_style_sheet_has_the_same_hues_and_tones() -> None:
    hues = dict(re.findall(r"\.hue-(\d+) { --hue: (\d+); }", STYLE))
    assert hues == {str(step): str(step * 15) for step in range(colours.STEPS)}
    for tone in (colours.BAND, colours.DEEP, colours.DARK_BAND, colours.DARK_DEEP):
        assert f"-tone: {tone[0]:.0%} {tone[1]};" in STYLE


def test_the_shipped_themes_have_hues_of_their_own() -> None:
    themes = tomllib.loads((ROOT / "data" / "themes.toml").read_text())["themes"]
    assert len({colours.hue(theme["slug"]) for theme in themes}) == len(themes) > 10
