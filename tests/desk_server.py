"""A served desk for tests in a real browser, and what every page of it must pass."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from feed import clock
from feed.library import exchange
from feed.server import database_setup
from feed.store.connection import transaction
from tests.conftest import Command, Installation, answers, free_port, outside, settings, wait_until
from tests.desk_client import Desk
from tests.web.test_browser import AXE, OPTIONS

# Each language in either light, each size in either language.
VIEWS = (
    ("en", 1280, "light"),
    ("en", 320, "dark"),
    ("sv", 1280, "dark"),
    ("sv", 320, "light"),
)


@dataclass
class DeskServer:
    """A desk behind a real `devis serve`."""

    desk: Desk
    address: str

    @contextmanager
    def signed_in(
        self, browser: Browser, role: str, language: str = "en"
    ) -> Iterator[BrowserContext]:
        """A browser context, signed in as a user with that role and language."""
        token = self.desk.sign_in(role).client.get_cookie("devis-desk")
        assert token is not None
        with self.desk.installation.open() as db, transaction(db):
            db.execute("UPDATE curators SET language = ?", [language])
        context = browser.new_context(base_url=self.address)
        context.add_cookies([{"name": "devis-desk", "value": token.value, "url": self.address}])
        try:
            yield context
        finally:
            context.close()


def create_installation(folder: Path, **values: str) -> Installation:
    """An installation with the shipped library and its editions."""
    made = Installation(settings(folder, **values))
    database_setup.create(made.config, clock.Clock(made.now, time.monotonic()))
    made.load(exchange.shipped_files())
    made.publish()
    return made


@contextmanager
def serve_desk(folder: Path) -> Iterator[DeskServer]:
    """A real `devis serve` with two web processes, on a clock that began at noon."""
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"
    made = create_installation(folder, PORT=port, BASE_URL=address)
    given = {"DATABASE": str(made.config.database), "NOW": made.now.isoformat(), "PORT": port}
    given["BASE_URL"] = address
    process = Command(folder, outside()).start("serve", WEB_WORKERS="2", **given)
    try:
        wait_until(lambda: answers(address + "/healthz"), 30)
        yield DeskServer(Desk(made), address)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def assert_accessible(page: Page, language: str, width: int, scheme: str) -> None:
    """In this size and colour scheme axe finds nothing and the page does not scroll sideways."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("h1").count() == 1
    page.evaluate(Axe().axe_script)
    assert page.evaluate(AXE, OPTIONS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
