"""The operator's token, for /metrics and the details of /healthz."""

import hmac

from flask import request
from werkzeug.wrappers import Response

from feed.web.context import here
from feed.web.middleware import client_ip, host_header


def is_operator() -> bool:
    """Whether the request carries the operator's token.

    Without DEVIS_OPERATOR_TOKEN: whether it comes from this machine, under a host name that is no
    stranger's, to a site that is not public.
    """
    config = here().config
    if config.operator_token is None:
        return not config.is_public and client_ip.is_local() and host_header.is_known_host()
    given = request.headers.get("Authorization", "").encode()
    return hmac.compare_digest(given, f"Bearer {config.operator_token}".encode())


def unauthorized() -> Response:
    """401 response asking for the operator's bearer token."""
    return Response(status=401, headers={"WWW-Authenticate": 'Bearer realm="devis"'})
