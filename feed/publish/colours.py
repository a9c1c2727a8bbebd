"""The colours of the themes: one hue each, as CSS, pictures and e-mails need them.

The site's style sheet defines the same colours in OKLCH, for each step of the colour wheel.
"""

import hashlib
from functools import lru_cache
from math import cos, radians, sin

STEPS = 24  # of the colour wheel, 15° apart
# Lightness and chroma of: the ground of a day, and the text and lines on it.
BAND, DEEP = (0.94, 0.035), (0.38, 0.08)
DARK_BAND, DARK_DEEP = (0.27, 0.035), (0.86, 0.07)
_SALT = "564681"  # with it the shipped themes lie about 30° apart


def hue(theme: str) -> int:
    """The step of a theme on the colour wheel, from its slug: 0 to 23."""
    return hashlib.sha256(f"{_SALT}{theme}".encode()).digest()[0] % STEPS


@lru_cache
def colour(tone: tuple[float, float], step: int) -> str:
    """A colour of a step as `#rrggbb`, from its lightness and chroma in OKLCH."""
    lightness, chroma = tone
    angle = radians(step * 360 / STEPS)
    return "#" + "".join(
        f"{round(255 * _encoded(part)):02x}"
        for part in _linear(lightness, chroma * cos(angle), chroma * sin(angle))
    )


def _linear(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    """Linear sRGB of a colour in Oklab (https://bottosson.github.io/posts/oklab/)."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _encoded(part: float) -> float:
    """A linear part of sRGB with its gamma, within 0 and 1."""
    part = min(max(part, 0), 1)
    return 12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055
