"""Sign in with a real OpenID Connect provider, in a real browser: by hand, as it needs Node.js.

`npm install oidc-provider@9` in any folder, then `python -m tests.real_oidc_provider FOLDER`.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.conftest import ROOT, Command, answers, free_port, outside, wait_until
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET
from tests.required_programs import CHROMIUM


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def log_in(page: Page, name: str) -> None:
    """Fill in the provider's own forms."""
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    consent = page.get_by_role("button", name="Continue")
    page.wait_for_load_state()
    if consent.count():
        consent.click()


def walk(page: Page, site: str, link: str) -> None:
    """Connect, sign in, and confirm; and be refused as somebody else."""
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{site}/desk/account/")
    page.get_by_role("button", name="Connect localhost").click()
    log_in(page, "doubtful")
    page.get_by_text("doesn’t vouch for an email address").wait_for()
    page.context.clear_cookies(name=re.compile("^_(session|interaction)"))
    page.goto(f"{site}/desk/account/")
    page.get_by_role("button", name="Connect localhost").click()
    log_in(page, "anna")
    page.get_by_text("as anna@example.org.").wait_for()
    say("connected")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with localhost").click()
    page.wait_for_url(f"{site}/desk/")
    say("signed in, by the provider's running session")
    page.goto(f"{site}/desk/sign-in/confirm")
    page.get_by_role("button", name="Sign in with localhost").click()
    log_in(page, "anna")
    page.wait_for_url(f"{site}/desk/")
    say("confirmed, after a new password")
    page.get_by_role("button", name="Sign out").click()
    page.context.clear_cookies(name=re.compile("^_(session|interaction)"))
    page.get_by_role("button", name="Sign in with localhost").click()
    log_in(page, "mallory")
    page.get_by_text("no account here is connected").wait_for()
    say("a stranger is refused")


def main(modules: Path) -> None:
    ports = [str(free_port()) for _ in range(2)]
    site, issuer = (f"http://localhost:{port}" for port in ports)
    given: dict[str, Any] = {"PORT": ports[0], "BASE_URL": site, "OIDC_ISSUER": issuer}
    given |= {"OIDC_CLIENT_ID": CLIENT_ID, "OIDC_CLIENT_SECRET": CLIENT_SECRET}
    script = ["node", str(ROOT / "tests" / "real_oidc_provider.mjs"), str(modules.resolve())]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        command = Command(Path(folder), outside())
        provider = subprocess.Popen([*script, ports[1], f"{site}/desk/sign-on/callback"])
        command("init", **given)
        added = command("curator", "add", "anna@example.org", "--name", "Anna", **given)
        serving = command.start("serve", **given)
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            wait_until(lambda: answers(f"{site}/healthz") and answers(f"{issuer}/jwks"))
            page = browser.new_page()
            page.set_default_timeout(10_000)
            walk(page, site, re.findall(r"http\S+/desk/link/\S+", added.stdout)[0])
        finally:
            browser.close()
            provider.terminate()
            serving.terminate()
            say(serving.communicate(timeout=60)[0])
            provider.wait(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
