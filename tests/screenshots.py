"""Take the README's pictures: today's page, and the widget in light, dark, narrow and wide.

`python -m tests.screenshots FOLDER` (or `make picture`).
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.conftest import Command, answers, free_port, wait_until
from tests.required_programs import CHROMIUM

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ALL = "title+statement+reflection+practice+credit"
WIDGETS = {
    "light": ("en", "scheme=light", 560),
    "dark": ("en", "scheme=dark&show=title+statement+practice+credit", 560),
    "narrow": ("sv", f"scheme=light&show={ALL}", 280),
    "wide": ("sv", f"scheme=light&layout=wide&show={ALL}", 1120),
}

target = Path(sys.argv[1]).resolve()
with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
    port = str(free_port())
    process = Command(Path(folder), {"PATH": "/usr/bin"}).start(
        "serve", PORT=port, BASE_URL=f"http://127.0.0.1:{port}", NOW="2026-11-22T08:00+01:00"
    )
    address = f"http://127.0.0.1:{port}"
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    try:
        wait_until(lambda: answers(f"{address}/en/"))
        page = browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=1.5)
        page.goto(f"{address}/en/")
        page.screenshot(path=target / "today.png")
        for name, (language, options, width) in WIDGETS.items():
            page.set_viewport_size({"width": width, "height": 300})
            page.goto(f"{address}/{language}/widget/?{options}")
            page.locator("main").screenshot(path=target / f"widget-{name}.png")
    finally:
        browser.close()
        process.terminate()
        process.communicate(timeout=60)
