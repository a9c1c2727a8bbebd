"""Passkeys in a real Chromium with a virtual authenticator."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, expect

from feed.app import create_app
from tests.conftest import Installation, Stopped, free_port, listening
from tests.desk.test_passkeys import Install
from tests.desk_client import Desk

AUTHENTICATOR: dict[str, Any] = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
# Else the virtual authenticator takes what the browser suggests, before a button is pressed.
WITHOUT_SUGGESTIONS = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"
PATIENCE = 30_000  # milliseconds


@contextmanager
def served(installation: Installation, port: int) -> Iterator[str]:
    """The installation at its base address."""
    with listening(create_app(installation.config, Stopped(installation.now)), port):
        yield installation.config.base_url


def open_signed_in(browser: Browser, desk: Desk, address: str) -> BrowserContext:
    cookie = desk.sign_in("editor").client.get_cookie("devis-desk")
    assert cookie is not None
    context = browser.new_context(base_url=address, locale="en")
    context.add_cookies([{"name": "devis-desk", "value": cookie.value, "url": address}])
    context.set_default_timeout(PATIENCE)
    return context


def test_a_passkey_is_added_signs_in_and_is_suggested(install: Install, browser: Browser) -> None:
    port = free_port()
    desk = Desk(install(BASE_URL=f"http://localhost:{port}"))
    with (
        served(desk.installation, port) as address,
        open_signed_in(browser, desk, address) as context,
    ):
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        device = context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        added = device.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})

        page.goto("/desk/account/")
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_role("button", name="Remove the passkey")).to_have_count(
            1, timeout=PATIENCE
        )
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_text("has a passkey on this device already")).to_be_visible(
            timeout=PATIENCE
        )

        sign_out = page.get_by_role("button", name="Sign out", exact=True)
        sign_out.click()  # the form suggests the passkey, and the authenticator takes it
        page.wait_for_url(f"{address}/desk/")

        page.add_init_script(WITHOUT_SUGGESTIONS)
        sign_out.click()
        verified = {"authenticatorId": added["authenticatorId"], "isUserVerified": False}
        device.send("WebAuthn.setUserVerified", verified)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_text("No passkey was used")).to_be_visible(timeout=PATIENCE)
        device.send("WebAuthn.setUserVerified", {**verified, "isUserVerified": True})
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url(f"{address}/desk/")
        assert said == []
