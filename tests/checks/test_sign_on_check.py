"""`devis check` and the organisation's sign-on."""

from collections.abc import Callable

from feed.checks import sign_on
from tests.conftest import NOON, Installation
from tests.oidc_provider import DISCOVERY, oidc_server, says

Install = Callable[..., Installation]


def test_the_check_asks_the_provider(install: Install) -> None:
    assert sign_on.provider(install().config, NOON).level == "good"
    with oidc_server() as server:
        config = install("with", **server.settings).config
        found = sign_on.provider(config, NOON)
        assert (found.level, found.message) == ("good", f"{server.issuer} answers.")
        server.document = lambda said: {**said, "issuer": f"{server.issuer}/"}
        found = sign_on.provider(config, NOON)
        assert found.level == "bad"
        assert f"issuer: the discovery document is of '{server.issuer}/'" in found.message
        server.answers[DISCOVERY] = says(404, b"")
        assert sign_on.provider(config, NOON).level == "bad"
        plain = install("plain", **server.settings, BASE_URL="http://desk.example.org").config
        assert sign_on.provider(plain, NOON).level == "warn"
