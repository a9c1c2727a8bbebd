"""A small OpenID Connect provider on this machine, honest until a test spoils an answer."""

import base64
import hashlib
import json
import secrets
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import RSAKey

from tests.conftest import NOON, fetch

CLIENT_ID, CLIENT_SECRET = "devis", "a secret/of 20+ characters"
Claims = dict[str, Any]
Answer = Callable[["_Handler"], None]


def signing_key(name: str = "first", bits: int = 2048) -> RSAKey:
    """An RSA key; each name has its own, made once."""
    return _made_key(name, bits)


@cache
def _made_key(name: str, bits: int) -> RSAKey:
    with warnings.catch_warnings(action="ignore", category=SecurityWarning):  # a short one
        return RSAKey.generate_key(bits, {"kid": name, "use": "sig", "alg": "RS256"})


def unsigned(header: Claims, claims: Claims, signature: bytes = b"") -> str:
    """A token in compact form with any header and any signature."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@dataclass
class OidcServer:
    """The provider: who is signed in there, and what a test has changed of its answers.

    `answers` replaces the answer at a path, `document`, `claims` and `token` change the discovery
    document, an ID token's claims, and the ID token itself. `requests` are the paths asked for.
    """

    port: int = 0
    now: datetime = NOON
    subject: str = "f3b1"
    address: str | None = "curator@example.org"
    verified: object = True
    proved: timedelta | None = timedelta(0)  # how long ago they typed a password there
    names_issuer: bool = True
    document: Callable[[Claims], Claims] = lambda found: found
    claims: Callable[[Claims], Claims] = lambda found: found
    token: Callable[[Claims], str] | None = None
    response: Callable[[Claims], Claims] = lambda found: found
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    asked: Claims = field(default_factory=dict)  # of the last authorization request
    codes: dict[str, Claims] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)
    http: ThreadingHTTPServer | None = field(default=None, repr=False)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}/realms/staff"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a site that signs on here."""
        return {
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
        }

    def authorize(self, url: str) -> str:
        """Where the provider sends a browser that opens this URL."""
        answer = fetch(url)
        assert answer.status == 302, answer
        return answer.headers["location"]

    def discovery(self) -> Claims:
        at = f"http://127.0.0.1:{self.port}"
        return self.document(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{at}/authorize?realm=staff",
                "token_endpoint": f"{at}/token",
                "jwks_uri": f"{at}/keys",
                "userinfo_endpoint": f"{at}/userinfo",
                "authorization_response_iss_parameter_supported": self.names_issuer,
            }
        )

    def redirect(self, query: Claims) -> str:
        """The authorization response."""
        self.asked = query
        assert (query["client_id"], query["response_type"]) == (CLIENT_ID, "code")
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(24)
        self.codes[code] = query
        issuer = {"iss": self.issuer} if self.names_issuer else {}
        response = self.response({"code": code, "state": query["state"], **issuer})
        return f"{query['redirect_uri']}?{urlencode(response)}"

    def exchange(self, form: Claims, authorization: str) -> tuple[int, Claims]:
        """The answer of the token endpoint."""
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        known = dict(parse_qsl(f"id={pair.replace(':', '&secret=')}"))
        if known != {"id": CLIENT_ID, "secret": CLIENT_SECRET}:
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).decode().rstrip("=")
        if asked is None or (asked["redirect_uri"], asked["code_challenge"]) != (
            *(form.get("redirect_uri"), challenge),
        ):
            return 400, {"error": "invalid_grant", "error_description": "Code not valid\r\nx" * 99}
        claims = self.id_claims(asked)
        header = {"alg": "RS256", "kid": "first"}
        token = self.token or (lambda given: jwt.encode(header, given, signing_key()))
        return 200, {"id_token": token(claims), "access_token": "opaque", "token_type": "Bearer"}

    def id_claims(self, asked: Claims) -> Claims:
        moment = int(self.now.timestamp())
        claims: Claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "exp": moment + 300,
            "iat": moment,
            "nonce": asked.get("nonce"),
        }
        if self.proved is not None:
            claims["auth_time"] = int((self.now - self.proved).timestamp())
        if self.address is not None:
            claims |= {"email": self.address, "email_verified": self.verified}
        return self.claims(claims)


class _Handler(BaseHTTPRequestHandler):
    here: OidcServer

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        self.here.requests.append(path.path)
        length = int(self.headers.get("Content-Length", 0))
        self.form = dict(parse_qsl(self.rfile.read(length).decode()))
        if path.path in self.here.answers:
            self.here.answers[path.path](self)
        elif path.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(path.query).items()}
            self.answer(302, b"", Location=self.here.redirect(query))
        elif path.path == "/token":
            status, found = self.here.exchange(self.form, self.headers.get("Authorization", ""))
            self.answer(status, json.dumps(found).encode())
        elif path.path == "/keys":
            keys = {"keys": [signing_key().as_dict(private=False)]}
            self.answer(200, json.dumps(keys).encode())
        elif path.path == "/userinfo":
            self.answer(200, json.dumps({"sub": self.here.subject}).encode())
        elif path.path == "/realms/staff/.well-known/openid-configuration":
            self.answer(200, json.dumps(self.here.discovery()).encode())
        else:
            self.answer(404, b"{}")

    do_POST = do_GET  # noqa: N815

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # the client has read enough
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def says(status: int, body: bytes, **headers: str) -> Answer:
    """An answer of these bytes."""
    return lambda handler: handler.answer(status, body, **headers)


def drips(start: bytes) -> Answer:
    """An answer of which a byte comes now and then, without an end."""

    def answer(handler: _Handler) -> None:
        try:
            handler.wfile.write(start)
            while not handler.here.over.wait(0.05):
                handler.wfile.write(b" ")
                handler.wfile.flush()
        except OSError:
            pass

    return answer


SLOW_HEADER = drips(b"HTTP/1.1 200 OK\r\nX-Slow: ")
SLOW_BODY = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
DISCOVERY = "/realms/staff/.well-known/openid-configuration"


@contextmanager
def oidc_server() -> Iterator[OidcServer]:
    """Such a provider, while the block runs."""
    here = OidcServer()
    handler = type("Handler", (_Handler,), {"here": here})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    here.port, here.http = server.server_address[1], server
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        here.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
