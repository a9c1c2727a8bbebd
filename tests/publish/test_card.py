"""The card in its three formats: in the colours of the theme, whole, and the same every time."""

from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from PIL import Image

from feed import editions
from feed.i18n import translator
from feed.model import Showing, Site, Theme, ThemeText
from feed.publish import card, card_fonts, colours, markup
from feed.publish.card import FORMATS, Subject
from feed.publish.card_fonts import Face
from tests.conftest import Installation

SIZES = {"wide": (1200, 630), "square": (1080, 1080), "tall": (1080, 1920)}


@pytest.fixture
def today(devis: Installation) -> tuple[Site, Showing]:
    with devis.open() as db:
        view = editions.today(db, devis.site(), devis.now)
    assert view is not None
    return devis.site(), view.showing


def opened(body: bytes) -> Image.Image:
    return Image.open(BytesIO(body))


@pytest.mark.parametrize("language", ["en", "sv"])
def test_days_and_principles_have_pictures_in_three_formats(
    devis: Installation, today: tuple[Site, Showing], language: str
) -> None:
    client, slug = devis.client(), today[1].principle.slug
    undated = replace(Subject.of(language, today[1]), day=None)
    picture = client.get(f"/{language}/principles/{slug}/card.png")
    assert picture.data == card.render(today[0], language, undated)
    for path in (f"/{language}/card/2026-11-22.png", f"/{language}/principles/{slug}/card.png"):
        plain = client.get(path)
        for name, size in SIZES.items():
            answer = client.get(f"{path}?format={name}")
            assert answer.content_type == "image/png"
            assert opened(answer.data).size == size
            assert len(answer.data) < 100_000
            assert (answer.data == plain.data) is (name == "wide")
        for odd in ("?format=", "?format=A4", "?size=tall"):
            assert client.get(path + odd).data == plain.data
    assert client.get(f"/{language}/principles/nothing/card.png").status_code == 404


@pytest.mark.parametrize("slug", ["change", "trust", "dialogue", None])
def test_a_card_has_the_colours_of_its_theme(today: tuple[Site, Showing], slug: str | None) -> None:
    site, showing = today
    themes = (Theme(slug, {"en": ThemeText("A theme")}),) if slug else ()
    ground, deep = card.PAPER, card.ACCENT
    if slug:
        step = colours.hue(slug)
        ground, deep = (colours.colour(each, step) for each in (colours.BAND, colours.DEEP))
    subject = Subject.of("en", replace(showing, themes=themes))
    image = opened(card.render(site, "en", subject)).convert("RGB")
    found = {f"#{r:02x}{g:02x}{b:02x}": n for n, (r, g, b) in image.getcolors(256) or ()}  # type: ignore[misc]
    assert (
        max(found, key=lambda each: found[each])
        == ground
        == "#{:02x}{:02x}{:02x}".format(
            *image.getpixel((0, 0))  # type: ignore[misc]
        )
    )
    assert {deep, card.INK} < set(found)
    assert len(found) <= 63, "and nothing but the shades between them"


class Line(NamedTuple):
    """A line as it was drawn."""

    x: float
    baseline: float
    words: str
    face: Face


def drawn(
    monkeypatch: pytest.MonkeyPatch, site: Site, subject: Subject, name: str
) -> tuple[list[Line], Image.Image]:
    """The lines of a card, and the card."""
    lines: list[Line] = []
    draw = Face.draw

    def note(face: Face, canvas: Any, x: float, baseline: float, words: str, width: int) -> None:
        lines.append(Line(x, baseline, words, face))
        draw(face, canvas, x, baseline, words, width)

    with monkeypatch.context() as patch:
        patch.setattr(Face, "draw", note)
        body = card.render(site, "en", subject, form=FORMATS[name])
    return lines, opened(body)


@pytest.mark.parametrize("name", list(SIZES))
@pytest.mark.parametrize("words", ["Ask first. ", "MWÅG", "Donaudampfschifffahrtskapitän "])
def test_the_longest_texts_are_whole(
    today: tuple[Site, Showing], monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    site, showing = today
    title, statement = ((words * 2000)[:most].strip() for most in (200, 2000))
    source = replace(
        showing.source,
        title=(words * 300)[:300].strip(),
        author=(words * 200)[:200].strip(),
        publisher=(words * 200)[:200].strip(),
    )
    themes = tuple(Theme(f"t{n}", {"en": ThemeText((words * 80)[:80].strip())}) for n in range(3))
    text = replace(showing.text("en"), title=title, statement=statement)
    told = replace(showing.principle, texts={"en": text})
    subject = Subject(told, source, themes, "/en/", showing.edition.date)
    lines, image = drawn(monkeypatch, site, subject, name)
    said = "".join(line.words for line in lines).replace(" ", "")
    credit = markup.credit(translator("en"), source, told)
    for each in (title, statement, credit, *(theme.text("en")[1].name for theme in themes)):
        assert each.replace(" ", "") in said
    form, ground = FORMATS[name], image.getpixel((0, 0))
    box = image.point(lambda value: value != ground).getbbox()
    assert box is not None
    assert box[0] >= form.beside - 4
    assert box[2] <= form.width - form.beside + 4
    assert box[1] >= form.above - 8
    assert box[3] <= form.height - form.above + 8
    order = sorted({line.baseline: line for line in lines[::-1]}.values(), key=lambda line: line[1])
    below = [line for line in order if line.words != str(showing.edition.date.day)]
    for upper, lower in pairwise(below):
        assert lower.baseline - upper.baseline > lower.face.size * 0.9, "lines do not overlap"


def test_lines_of_a_title_are_about_equally_long_and_break_no_word() -> None:
    face = Face("Semibold", 60)
    title = "Stop one thing before you start anything else"
    greedy, even = (wrap(title, face, 1000) for wrap in (card.wrapped, card.balanced))
    assert len(even) == len(greedy) == 2
    assert " ".join(even) == title
    widths = [face.length(line) for line in even]
    assert max(widths) < face.length(greedy[0])
    assert min(widths) > 0.7 * max(widths)
    assert card.balanced("An Unbreakablelongword so", face, 620) == [
        "An",
        "Unbreakablelongword",
        "so",
    ]


def test_a_card_of_a_principle_has_no_date(
    today: tuple[Site, Showing], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, showing = today
    subject = Subject.of("en", showing)
    with_date, _ = drawn(monkeypatch, site, subject, "wide")
    without, _ = drawn(monkeypatch, site, replace(subject, day=None), "wide")
    day, principle = ([line.words for line in lines] for lines in (with_date, without))
    assert {"22", "Sunday in November"} == set(day) - set(principle)
    assert showing.themes[0].text("en")[1].name in " ".join(principle)


def test_the_same_card_has_the_same_bytes(today: tuple[Site, Showing]) -> None:
    site, showing = today
    bodies = set()
    for _ in range(2):
        bodies.add(card.render(site, "en", Subject.of("en", showing), form=FORMATS["tall"]))
        card_fonts._font.cache_clear()
        card._measured.cache_clear()
    assert len(bodies) == 1


def test_pages_offer_the_pictures_and_name_the_wide_one_in_their_head(
    devis: Installation, today: tuple[Site, Showing]
) -> None:
    client, slug = devis.client(), today[1].principle.slug
    day = ("/sv/", "/sv/card/2026-11-22.png", "2026-11-22")
    principle = (f"/sv/principles/{slug}/", f"/sv/principles/{slug}/card.png", slug)
    for page, picture, name in (day, principle):
        html = client.get(page).text
        assert f'<a href="{picture}" download="{name}.png">bred</a>' in html
        for form, words in (("square", "kvadratisk"), ("tall", "hög")):
            link = f'<a href="{picture}?format={form}" download="{name}-{form}.png">{words}</a>'
            assert link in html
        assert f'<meta property="og:image" content="{devis.config.base_url}{picture}">' in html
        for part in ('width" content="1200', 'height" content="630', 'alt" content="'):
            assert f'<meta property="og:image:{part}' in html
