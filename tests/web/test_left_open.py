"""What is left open in a browser follows the site: midnight, a day off, sleep, a withdrawal."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page

from feed import editions
from feed.app import wsgi
from feed.clock import Clock
from tests.conftest import Installation, fetch, listening, wait_until
from tests.editions.test_editions import exchange, principle
from tests.host_pages import Host, host_server

Install = Callable[..., Installation]


class Hand(Clock):
    """A clock that is moved by hand."""

    def __call__(self) -> datetime:
        assert self.origin
        return self.origin


@dataclass
class LeftOpen:
    """The front page, and an intranet's page with the element and the iframe, in one browser."""

    site: Installation
    clock: Hand
    address: str
    front: Page
    intranet: Page
    asked: list[str] = field(default_factory=list)
    answered: int = 0

    def listen(self) -> None:
        """Take down what the pages ask for, and count what is answered."""
        context = self.front.context
        context.on("request", lambda request: self.asked.append(request.url))
        for event in ("requestfinished", "requestfailed"):
            context.on(event, lambda _: self._answer())

    def _answer(self) -> None:
        self.answered += 1

    def set_time(self, now: str) -> None:
        self.site.now = datetime.fromisoformat(now).astimezone(UTC)
        object.__setattr__(self.clock, "origin", self.site.now)
        self.site.publish()

    def wait(self, seconds: int) -> None:
        """Let time pass for the site and the browser, in steps that let the answers arrive."""
        for _ in range(seconds // 5):
            self.set_time((self.site.now + timedelta(seconds=5)).isoformat())
            self.intranet.clock.run_for(5000)
            self.front.wait_for_timeout(5)
            for _ in range(6000):
                if self.answered >= len(self.asked):
                    break
                self.front.wait_for_timeout(5)

    def shown(self) -> set[str | None]:
        """The main text in each of the three."""
        element = "document.querySelector('devis-principle').shadowRoot.querySelector('blockquote')"
        frame = self.intranet.frames[1].evaluate("document.querySelector('blockquote').textContent")
        front = self.front.evaluate("document.querySelector('.statement').textContent")
        found = (self.intranet.evaluate(f"{element}?.textContent"), frame, front)
        return {text and text.strip() for text in found}

    def show(self, day: date) -> bool:
        """Whether all three show the edition of a date."""
        with self.site.open() as db:
            view = editions.on(db, self.site.site(), day, self.site.now)
        return self.shown() == {view.showing.text("en").statement}

    def notes(self) -> list[bool]:
        """Whether each of the three says that the next one comes on Monday."""
        note = "The next one comes on Monday."
        element = "document.querySelector('devis-principle').shadowRoot.textContent"
        found = (
            self.intranet.evaluate(element),
            self.intranet.frames[1].evaluate("document.body.textContent"),
            self.front.evaluate("document.querySelector('main').textContent"),
        )
        return [note in text for text in found]

    def count(self, path: str) -> int:
        return sum(url.endswith(path) for url in self.asked)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with host_server() as made:
        yield made


@pytest.fixture
def left_open(install: Install, host: Host, browser: Browser) -> Iterator[LeftOpen]:
    """A site that publishes on weekdays, half a minute past 23:58 on a Thursday."""
    site = install(DAYS="weekdays", NOW="")
    site.load(exchange(*(principle(f"p{n}") for n in range(12))))
    clock = Hand(site.now, 0.0)
    context = browser.new_context()
    context.clock.install(time=0)  # the viewer's clock is wrong by decades
    with listening(wsgi(site.config, clock)) as address:
        made = LeftOpen(site, clock, address, context.new_page(), context.new_page())
        made.set_time("2026-11-26T23:58:30+01:00")
        made.listen()
        made.front.goto(f"{address}/en/")
        frame = f'<iframe src="{address}/en/widget/"></iframe>'
        element = f'<devis-principle lang="en"></devis-principle><script src="{address}/widget.js">'
        made.intranet.goto(host.page(f"{frame}{element}</script>"))
        wait_until(lambda: None not in made.shown())
        yield made
        context.close()


@pytest.mark.served
@pytest.mark.slow
def test_what_is_left_open_follows_the_site(left_open: LeftOpen) -> None:
    thursday, friday, monday = date(2026, 11, 26), date(2026, 11, 27), date(2026, 11, 30)
    assert left_open.show(thursday)
    assert left_open.notes() == [False] * 3

    # Over midnight, on a clock that is wrong by decades, and set back once more.
    left_open.wait(85)
    assert left_open.show(thursday)
    left_open.intranet.clock.set_system_time(datetime(1969, 1, 1, tzinfo=UTC))
    left_open.wait(20)
    wait_until(lambda: left_open.show(friday), seconds=30)
    assert left_open.notes() == [True] * 3
    assert left_open.count("/api/v1/today?lang=en") == 2

    # Into a day without an edition.
    left_open.set_time("2026-11-27T23:58:30+01:00")
    left_open.intranet.clock.fast_forward("24:00:00")
    left_open.wait(120)
    assert left_open.show(friday)
    assert left_open.notes() == [True] * 3
    before = len(left_open.asked)
    left_open.wait(60)
    assert len(left_open.asked) == before  # fresh for five minutes again

    # Asleep over the weekend: time has passed for the clock on the wall alone.
    left_open.set_time("2026-11-30T08:00:00+01:00")
    left_open.intranet.clock.set_system_time(datetime(1969, 2, 1, tzinfo=UTC))
    left_open.wait(10)
    wait_until(lambda: left_open.show(monday), seconds=30)
    assert left_open.notes() == [False] * 3

    # A replacement, within one max-age.
    with left_open.site.open() as db:
        site = left_open.site.site()
        editions.withdraw(db, site, left_open.site.config, monday, "a test", left_open.site.now)
    replaced = f"{left_open.address}/api/v1/today?lang=en"
    text = json.loads(fetch(replaced).body)["text"]["statement"]
    left_open.wait(300)
    wait_until(lambda: left_open.shown() == {text})
