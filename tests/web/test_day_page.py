"""The page of a day: its week, what was to be done yesterday, a year ago, and the way on."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page

from feed.library import exchange
from feed.publish import colours
from tests.conftest import ROOT, Installation

Install = Callable[..., Installation]
FRIDAY = datetime.fromisoformat("2026-11-27T08:00+01:00")


@pytest.fixture
def weekdays(install: Install) -> Installation:
    """A site that publishes on weekdays, with more than a year of editions, on a Friday."""
    made = install(DAYS="weekdays", BACKFILL_DAYS="300")
    made.now = FRIDAY
    made.load(exchange.shipped_files())
    made.publish()
    return made


def page(made: Installation, path: str = "/en/") -> str:
    answer = made.client().get(path)
    assert answer.status_code == 200
    return answer.text


def strip(body: str) -> list[str]:
    """The words of each day in the strip of the week."""
    (found,) = re.findall(r'<nav class="strip".*?</nav>', body, re.DOTALL)
    cells = re.findall(r"<li.*?</li>", found, re.DOTALL)
    return [" ".join(re.sub("<.*?>", " ", each).split()) for each in cells]


def test_the_strip_shows_the_week_and_when_the_next_day_opens(weekdays: Installation) -> None:
    cells = strip(page(weekdays))
    assert [each.split()[0] for each in cells] == ["Mon", "Tue", "Wed", "Thu", "today", "Mon"]
    assert cells[-1] == "Mon opens on Monday"
    assert strip(page(weekdays, "/sv/"))[-1] == "mån öppnas natten till måndag"


def test_past_days_are_linked_and_a_past_week_has_nothing_to_come(weekdays: Installation) -> None:
    body = page(weekdays, "/en/2026-11-18/")
    assert [each.split()[0] for each in strip(body)] == ["Mon", "Tue", "Wed", "Thu", "Fri"]
    (found,) = re.findall(r'<nav class="strip".*?</nav>', body, re.DOTALL)
    days = re.findall(r'href="/en/(\S+)/"', found)
    assert days == ["2026-11-16", "2026-11-17", "2026-11-19", "2026-11-20"]


def test_the_next_day_opens_at_midnight_in_the_middle_of_a_week(weekdays: Installation) -> None:
    weekdays.now = datetime.fromisoformat("2026-11-30T08:00+01:00")
    weekdays.publish()
    assert strip(page(weekdays)) == [strip(page(weekdays))[0], "Tue opens at midnight"]


def test_todays_page_recalls_what_was_to_be_done_on_the_day_before(weekdays: Installation) -> None:
    assert "Yesterday you were going to …" in page(weekdays)
    assert "I går skulle du …" in page(weekdays, "/sv/")
    assert "you were going to" not in page(weekdays, "/en/2026-11-26/")
    weekdays.now = datetime.fromisoformat("2026-11-30T08:00+01:00")
    weekdays.publish()
    assert "On Friday you were going to …" in page(weekdays)
    assert "I fredags skulle du …" in page(weekdays, "/sv/")


def test_a_day_links_to_the_same_date_a_year_ago_and_to_other_days_of_its_principle(
    weekdays: Installation,
) -> None:
    body = page(weekdays)
    (then,) = re.findall(r'A year ago: <a href="/en/(\S+)/"', body)
    assert then == "2025-11-27"
    (others,) = re.findall("Also shown on: (.*?)</p>", body, re.DOTALL)
    days = re.findall(r'href="/en/(\S+)/"', others)
    (title,) = re.findall(r'<h1 itemprop="name">(.*?)</h1>', body)
    assert days
    assert all(f">{title}</h1>" in page(weekdays, f"/en/{day}/") for day in days)


def test_the_current_section_is_marked_on_its_child_pages(weekdays: Installation) -> None:
    for path, label in (
        ("/en/archive/2026/11/", "Archive"),
        ("/en/2026-11-18/", "Archive"),
        ("/en/themes/change/", "Library"),
        ("/en/sources/", "Library"),
        ("/en/embed/", "Get it daily"),
    ):
        assert f'aria-current="true">{label}</a>' in page(weekdays, path), path
    assert 'aria-current="page">Archive</a>' in page(weekdays, "/en/archive/")
    assert 'aria-current="page">Devis</a>' in page(weekdays)


def test_a_year_of_the_archive_has_every_day_in_the_hue_of_its_theme(
    weekdays: Installation,
) -> None:
    body = page(weekdays, "/en/archive/")
    days = dict(re.findall(r'<a class="hue (hue-\d+)" href="/en/(2026-\d\d-\d\d)/"', body))
    linked = re.findall(r'href="/en/(2026-\d\d-\d\d)/"', body)
    assert (
        len(linked)
        == len(set(linked))
        == sum(day.weekday() < 5 for day in map(date.fromisoformat, linked))
    )
    assert linked[0] == "2026-11-02"
    assert '<td class="now"><a' in body
    for step, day in days.items():
        assert f'<body class="poster hue {step}">' in page(weekdays, f"/en/{day}/")

    earlier = page(weekdays, "/en/archive/2025/")
    assert 'aria-current="page">2025</a>' in earlier
    assert "/en/2025-12-31/" in earlier
    assert "/en/2026-" not in earlier
    assert weekdays.client().get("/en/archive/2019/").status_code == 404


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    yield context.new_page()
    context.close()


RED_GREEN_BLUE = """colour => {
  const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


def test_on_a_phone_the_header_is_low_and_the_fonts_are_our_own(live: str, phone: Page) -> None:
    phone.goto(f"{live}/sv/", wait_until="networkidle")
    assert phone.locator("header.top").bounding_box()["height"] <= 72  # type: ignore[index]
    loaded = "[...document.fonts].filter(f => f.status === 'loaded').map(f => f.weight).sort()"
    assert phone.evaluate(loaded) == ["400", "600"]
    for font in ("regular", "semibold"):
        size = (ROOT / "feed" / "web" / "static" / f"serif-{font}.woff2").stat().st_size
        assert size <= 30_000

    for (lightness, chroma), step in ((colours.BAND, 13), (colours.DEEP, 0), (colours.DEEP, 17)):
        drawn = phone.evaluate(RED_GREEN_BLUE, f"oklch({lightness} {chroma} {step * 15})")
        ours = bytes.fromhex(colours.colour((lightness, chroma), step)[1:])
        assert all(abs(one - other) <= 1 for one, other in zip(drawn, ours, strict=True))


def test_a_day_can_be_sent_by_email_and_its_page_prints_as_a_poster(live: str, phone: Page) -> None:
    phone.goto(f"{live}/sv/")
    day = phone.locator("time").first.get_attribute("datetime")
    mail = phone.locator("a[href^='mailto:']").get_attribute("href") or ""
    assert f"/sv/{day}/" in unquote(mail.partition("body=")[2])
    printed = phone.locator(".printed")
    assert not printed.is_visible()

    phone.emulate_media(media="print")
    assert (printed.text_content() or "").endswith(f"/sv/{day}/")
    for part in (".printed", ".statement", ".practice", ".credit"):
        assert phone.locator(part).is_visible(), part
    for part in (".top", ".bottom", ".strip", ".share", ".commentary", ".beside"):
        assert not phone.locator(part).is_visible(), part
    document = phone.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type /Page\b", document)) == 1
    (width, height) = re.findall(rb"/MediaBox \[0 0 (\d+)[\d.]* (\d+)[\d.]*\]", document)[0]
    assert (int(width), int(height)) in {(594, 841), (595, 842), (595, 841)}
