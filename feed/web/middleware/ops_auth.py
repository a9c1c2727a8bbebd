"""Whether it is the operator who asks."""

import hmac

from flask import request
from werkzeug.wrappers import Response

from feed.web.context import here
from feed.web.middleware import client_ip


def asks() -> bool:
    """Whether the request has the operator's token.

    Without such a setting, whether it comes from this machine to a site for this machine only.
    """
    config = here().config
    if config.operator_token is None:
        return not config.is_public and client_ip.is_here()
    given = request.headers.get("Authorization", "").encode()
    return hmac.compare_digest(given, f"Bearer {config.operator_token}".encode())


def refusal() -> Response:
    """What anybody else gets, who then can ask again with a token."""
    return Response(status=401, headers={"WWW-Authenticate": 'Bearer realm="devis"'})
