"""Check that the organisation's OpenID Connect provider is the one that the settings name."""

from datetime import datetime

from feed.accounts import ways_in
from feed.accounts.oidc import OidcProvider
from feed.checks.finding import Finding, bad, good, warn
from feed.config import Config
from feed.errors import ProviderError


def provider(config: Config, now: datetime) -> Finding:
    """The provider answers, with a discovery document of exactly its issuer."""
    client = config.oidc_client
    if client is None:
        return good("No sign-on of an organisation is set up.")
    if not ways_in.available(config).sign_on:
        return warn(
            "Sign-on is not offered: the address of the site begins with http://.",
            "Set DEVIS_BASE_URL to an https address.",
        )
    try:
        OidcProvider(client).metadata()
    except ProviderError as error:
        return bad(
            "Nobody can sign in with %(name)s: %(said)s.",
            "Compare DEVIS_OIDC_ISSUER with docs/sign-on.md, and see whether it is reachable from"
            " this machine. Until then people sign in with links and passkeys.",
            name=client.name,
            said=str(error),
        )
    return good("%(issuer)s answers.", issuer=client.issuer)
