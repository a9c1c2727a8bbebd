"""Take the README's picture: today's page of a fresh installation, as a browser shows it.

`python -m tests.picture FILE` (or `make picture`).
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.conftest import Command, answers, free_port, wait_until

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

target = Path(sys.argv[1]).resolve()
with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
    port = str(free_port())
    process = Command(Path(folder), {"PATH": "/usr/bin"}).start(
        "serve", PORT=port, NOW="2026-11-22T08:00+01:00"
    )
    address = f"http://127.0.0.1:{port}"
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
    try:
        wait_until(lambda: answers(address))
        page = browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=1.5)
        page.goto(address + "/en/")
        page.screenshot(path=target)
    finally:
        browser.close()
        process.terminate()
        process.communicate(timeout=15)
