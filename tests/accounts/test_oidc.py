"""What an OpenID Connect provider answers is checked, and cannot hold up the site."""

import hmac
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from joserfc import jwt
from joserfc.jwk import ECKey

from feed.accounts import oidc_http
from feed.accounts.oidc import Flow, Identity, OidcProvider
from feed.config.oidc import OidcClient
from feed.errors import ProviderError
from tests.conftest import NOON
from tests.oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    DISCOVERY,
    SLOW_BODY,
    SLOW_HEADER,
    OidcServer,
    oidc_server,
    says,
    signing_key,
    unsigned,
)

FLOW = Flow("a state", "a nonce", "v" * 43, "https://devis.example.org/desk/sign-on/callback")
Claims = dict[str, Any]
Spoil = Callable[[OidcServer], None]


@pytest.fixture
def server() -> Iterator[OidcServer]:
    with oidc_server() as here:
        yield here


def client(server: OidcServer) -> OidcProvider:
    return OidcProvider(OidcClient(server.issuer, CLIENT_ID, CLIENT_SECRET))


def sign_on(server: OidcServer, provider: OidcProvider, flow: Flow = FLOW) -> Identity:
    """Follow the flow as a browser does."""
    back = server.authorize(provider.authorization_url(flow, renew=False))
    given = dict(part.split("=", 1) for part in back.partition("?")[2].split("&"))
    provider.check_issuer(server.issuer if "iss" in given else None)
    return provider.identify(flow, given["code"], NOON)


def test_an_honest_provider_says_who_it_is(server: OidcServer) -> None:
    provider = client(server)
    found = sign_on(server, provider)
    assert found == Identity(server.issuer, "f3b1", "curator@example.org", NOON)
    assert server.asked["scope"] == "openid email"
    assert server.asked["redirect_uri"] == FLOW.redirect_uri
    sign_on(server, provider)
    assert server.requests.count(DISCOVERY) == server.requests.count("/keys") == 1
    url = provider.authorization_url(FLOW, renew=True)
    assert "prompt=login" in url
    assert "max_age=0" in url
    assert FLOW.verifier not in url


def spoilt(**changes: object) -> Spoil:
    """A provider with other attributes."""

    def spoil(server: OidcServer) -> None:
        for name, value in changes.items():
            setattr(server, name, value)

    return spoil


def at(path: str, answer: Any) -> Spoil:
    """A provider with another answer at a path."""
    return lambda server: server.answers.update({path: answer})


def claiming(**changes: object) -> Spoil:
    """A provider whose ID tokens say something else; None leaves a claim out."""

    def change(found: Claims) -> Claims:
        return {name: value for name, value in {**found, **changes}.items() if value is not None}

    return spoilt(claims=change)


def documented(**changes: object) -> Spoil:
    return spoilt(document=lambda found: {**found, **changes})


def signed_by(name: str, kid: str = "first", bits: int = 2048) -> Spoil:
    key = signing_key(name, bits)
    return spoilt(token=lambda claims: jwt.encode({"alg": "RS256", "kid": kid}, claims, key))


def hs256(claims: Claims) -> str:
    """A token whose key is what everybody knows."""
    header = {"alg": "HS256", "kid": "first"}
    start = unsigned(header, claims).rpartition(".")[0]
    public = signing_key().as_pem(private=False)
    signature = hmac.digest(public, start.encode(), "sha256")
    return unsigned(header, claims, signature)


def none(claims: Claims) -> str:
    return unsigned({"alg": "none"}, claims)


def short_key(server: OidcServer) -> None:
    signed_by("short", "short", 1024)(server)
    keys = {"keys": [signing_key("short", 1024).as_dict(private=False)]}
    at("/keys", says(200, json.dumps(keys).encode()))(server)


MOMENT = int(NOON.timestamp())
OTHERS = "another-client"
# What is refused, and the reason in the log; tests/desk/test_sign_on.py tries each at the desk.
HOSTILE: dict[str, tuple[Spoil, str]] = {
    "a discovery document of another issuer": (documented(issuer="https://evil.example"), "issuer"),
    "an issuer with another slash": (
        lambda server: documented(issuer=server.issuer + "/")(server),
        "issuer",
    ),
    "a discovery document without issuer": (documented(issuer=None), "issuer"),
    "a token endpoint over http": (documented(token_endpoint="http://10.0.0.1/token"), "endpoint"),
    "a file for keys": (documented(jwks_uri="file:///etc/passwd"), "endpoint"),
    "an authorization endpoint that is a script": (
        documented(authorization_endpoint="javascript:alert(1)"),
        "endpoint",
    ),
    "a token endpoint whose host is no name": (
        documented(token_endpoint=f"https://{'a' * 70}.example/token"),
        "no-answer",
    ),
    "no token endpoint": (documented(token_endpoint=None), "endpoint"),
    "a huge discovery document": (at(DISCOVERY, says(200, b" " * 300_000 + b"{}")), "too-large"),
    "a discovery document that is HTML": (at(DISCOVERY, says(200, b"<!doctype html>")), "not-json"),
    "a discovery document that is a list": (at(DISCOVERY, says(200, b"[]")), "not-json"),
    "a deep discovery document": (at(DISCOVERY, says(200, b"[" * 100_000)), "not-json"),
    "a discovery document elsewhere": (
        at(DISCOVERY, says(302, b"", Location="https://evil.example/")),
        "redirect",
    ),
    "an error instead of a discovery document": (at(DISCOVERY, says(500, b"{}")), "status"),
    "the issuer of another provider in the token": (claiming(iss="https://evil.example"), "token"),
    "the audience of another client": (claiming(aud=OTHERS), "token"),
    "several audiences without azp": (claiming(aud=[CLIENT_ID, OTHERS]), "token"),
    "the azp of another client": (claiming(aud=[CLIENT_ID, OTHERS], azp=OTHERS), "token"),
    "one audience and the azp of another client": (claiming(azp=OTHERS), "token"),
    "no audience": (claiming(aud=None), "token"),
    "a token that has expired": (claiming(exp=MOMENT - 61), "token"),
    "a token without expiry": (claiming(exp=None), "token"),
    "a token from tomorrow": (claiming(iat=MOMENT + 86_400), "token"),
    "a token made an hour ago": (claiming(iat=MOMENT - 3600), "token"),
    "a token that says no time": (claiming(iat="yesterday"), "token"),
    "no nonce": (claiming(nonce=None), "token"),
    "the nonce of another sign-on": (claiming(nonce="another"), "token"),
    "no subject": (claiming(sub=None), "token"),
    "an empty subject": (claiming(sub=""), "token"),
    "a subject that is a number": (claiming(sub=7), "token"),
    "a huge subject": (claiming(sub="x" * 256), "token"),
    "a wrong hash of the access token": (claiming(at_hash="AAAA"), "token"),
    "the algorithm none": (spoilt(token=none), "token"),
    "HS256 with the public key as its secret": (spoilt(token=hs256), "token"),
    "the signature of another key": (signed_by("second"), "token"),
    "a key that the provider does not publish": (signed_by("second", "second"), "token"),
    "a short key": (short_key, "keys"),
    "a token that is none": (spoilt(token=lambda claims: "a.b.c"), "token"),
    "a token that is a number": (spoilt(token=lambda claims: 7), "token"),
    "keys elsewhere": (at("/keys", says(307, b"", Location="/elsewhere")), "redirect"),
    "keys that are HTML": (at("/keys", says(200, b"<p>")), "not-json"),
    "keys that are none": (at("/keys", says(200, b'{"keys": 7}')), "keys"),
    "huge keys": (at("/keys", says(200, b" " * 300_000)), "too-large"),
    "a refused code": (at("/token", says(400, b'{"error": "invalid_grant"}')), "status"),
    "an answer without token": (at("/token", says(200, b"{}")), "token"),
    "a response that names no issuer, though it promised": (
        lambda server: spoilt(names_issuer=False, document=promised)(server),
        "issuer",
    ),
}


def promised(found: Claims) -> Claims:
    return {**found, "authorization_response_iss_parameter_supported": True}


def test_a_response_of_another_provider_is_refused(server: OidcServer) -> None:
    """Mix-up: the code of one provider must not reach another’s token endpoint."""
    with pytest.raises(ProviderError, match="issuer"):
        client(server).check_issuer("https://evil.example")
    with pytest.raises(ProviderError, match="issuer"):
        client(server).check_issuer("")
    assert server.requests == []


def test_a_provider_needs_a_certificate_that_the_machine_trusts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with oidc_server() as server:
        assert server.http
        server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
        url = f"https://localhost:{server.port}/keys"
        with pytest.raises(ProviderError, match=r"no-answer: .*CERTIFICATE_VERIFY_FAILED"):
            oidc_http.OidcHttp().get(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert oidc_http.OidcHttp().get(url)["keys"]
        with pytest.raises(ProviderError, match=r"no-answer: .*CERTIFICATE_VERIFY_FAILED"):
            oidc_http.OidcHttp().get(url.replace("localhost", "127.0.0.1"))


def test_a_code_works_once_and_only_with_its_verifier(server: OidcServer) -> None:
    provider = client(server)
    back = server.authorize(provider.authorization_url(FLOW, renew=False))
    code = back.partition("code=")[2].partition("&")[0]
    with pytest.raises(ProviderError, match="status"):
        provider.identify(Flow(*("s", "a nonce", "w" * 43, FLOW.redirect_uri)), code, NOON)
    found = sign_on(server, provider)
    assert found.subject == "f3b1"
    with pytest.raises(ProviderError, match="code"):
        provider.identify(FLOW, "x" * 9000, NOON)


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "RS512"])
def test_the_algorithms_of_public_keys_are_taken(server: OidcServer, algorithm: str) -> None:
    ec = ECKey.generate_key("P-256", {"kid": "ec"})
    key = ec if algorithm == "ES256" else signing_key("plain")
    public = {"kid": "k", **{k: v for k, v in key.as_dict(private=False).items() if k != "alg"}}
    other = {"kty": "oct", "k": "c2VjcmV0", "kid": key.kid}
    keys = json.dumps({"keys": [other, {"kty": "AKP", "kid": "new"}, public]}).encode()
    server.answers["/keys"] = says(200, keys)
    bare = type(key).import_key({k: v for k, v in key.as_dict(private=True).items() if k != "alg"})
    header = {"alg": algorithm, "kid": public["kid"]}
    server.token = lambda claims: jwt.encode(header, claims, bare, algorithms=[algorithm])
    assert sign_on(server, client(server)).subject == "f3b1"


def test_a_new_key_is_found_by_fetching_the_keys_once_more(server: OidcServer) -> None:
    provider = client(server)
    sign_on(server, provider)
    signed_by("second", "second")(server)
    published = [signing_key(name).as_dict(private=False) for name in ("first", "second")]
    server.answers["/keys"] = says(200, json.dumps({"keys": published}).encode())
    sign_on(server, provider)
    sign_on(server, provider)
    assert server.requests.count("/keys") == 2


@pytest.mark.parametrize(
    ("issuer", "claims", "address"),
    [
        ("https://id.example.org", {"email": "a@b.example", "email_verified": True}, "a@b.example"),
        ("https://id.example.org", {"email": "a@b.example", "email_verified": False}, ""),
        ("https://id.example.org", {"email": "a@b.example", "email_verified": "true"}, ""),
        ("https://id.example.org", {"email": "a@b.example"}, ""),
        ("https://id.example.org", {"email": "a@b.example", "xms_edov": True}, ""),
        ("https://id.example.org", {"email": ["a@b.example"], "email_verified": True}, ""),
        ("https://accounts.google.com", {"email": "a@b.example", "email_verified": True}, ""),
        (
            "https://accounts.google.com",
            {"email": "a@b.example", "email_verified": True, "hd": "B.example"},
            "a@b.example",
        ),
        (
            "https://accounts.google.com",
            {"email": "a@evil.example", "email_verified": True, "hd": "b.example"},
            "",
        ),
        ("https://login.microsoftonline.com/1/v2.0", {"email": "a@b.example"}, ""),
        (
            "https://login.microsoftonline.com/1/v2.0",
            {"email": "a@b.example", "xms_edov": "1"},
            "a@b.example",
        ),
    ],
)
def test_only_an_address_that_the_provider_answers_for_counts(
    issuer: str, claims: Claims, address: str
) -> None:
    from feed.accounts.oidc import _verified_address

    assert _verified_address(issuer, claims) == address


def test_the_secret_goes_where_the_provider_wants_it(server: OidcServer) -> None:
    form: Claims = {}

    def token(handler: Any) -> None:
        form.update(handler.form)
        handler.answer(400, b"{}")

    server.answers["/token"] = token
    for methods, expected in ((["client_secret_post"], CLIENT_SECRET), (7, None)):
        documented(token_endpoint_auth_methods_supported=methods)(server)
        with pytest.raises(ProviderError, match="status"):
            sign_on(server, client(server))
        assert form.pop("client_secret", None) == expected


def test_an_address_that_is_not_in_the_token_is_asked_for(server: OidcServer) -> None:
    server.address = None
    said = {"sub": "f3b1", "email": "anna@example.org", "email_verified": True, "aud": "x"}
    server.answers["/userinfo"] = says(200, json.dumps(said).encode())
    assert sign_on(server, client(server)).address == "anna@example.org"
    server.answers["/userinfo"] = says(200, json.dumps({**said, "sub": "another"}).encode())
    with pytest.raises(ProviderError, match="user-info"):
        sign_on(server, client(server))


@pytest.mark.parametrize("answer", [SLOW_HEADER, SLOW_BODY], ids=["header", "body"])
def test_a_slow_provider_is_left_and_its_thread_ends(
    server: OidcServer, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(oidc_http, "SECONDS", 0.3)
    server.answers[DISCOVERY] = answer
    before = set(threading.enumerate())
    with pytest.raises(ProviderError, match="no-answer"):
        client(server).authorization_url(FLOW, renew=False)
    mine = [each for each in set(threading.enumerate()) - before if "run" in each.name]
    for thread in mine:
        thread.join(30)
        assert not thread.is_alive()


def test_a_silent_provider_holds_two_threads_at_most(
    server: OidcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_http, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(oidc_http, "SECONDS", 60.0)
    reached = threading.Semaphore(0)

    def silent(handler: Any) -> None:
        reached.release()
        handler.here.over.wait(60)

    server.answers["/keys"] = silent
    http = oidc_http.OidcHttp()
    url = f"http://127.0.0.1:{server.port}/keys"
    waiting = [threading.Thread(target=_ask, args=[http, url]) for _ in range(2)]
    for thread in waiting:
        thread.start()
        assert reached.acquire(timeout=30)
    with pytest.raises(ProviderError, match="busy"):
        http.get(url)
    server.over.set()
    for thread in waiting:
        thread.join(30)
    server.answers["/keys"] = says(200, b"{}")
    assert http.get(url) == {}


def _ask(http: oidc_http.OidcHttp, url: str) -> None:
    with suppress(ProviderError):
        http.get(url)


def test_a_provider_that_is_down_is_not_asked_again_at_once(server: OidcServer) -> None:
    server.answers[DISCOVERY] = says(503, b"")
    provider = client(server)
    for _ in range(3):
        with pytest.raises(ProviderError):
            provider.authorization_url(FLOW, renew=False)
    assert server.requests == [DISCOVERY]


def test_a_proof_is_as_old_as_the_provider_says(server: OidcServer) -> None:
    server.proved = timedelta(hours=5)
    assert sign_on(server, client(server)).proved == NOON - timedelta(hours=5)
    server.proved = None
    assert sign_on(server, client(server)).proved is None
    claiming(auth_time=float("1e30"))(server)
    with pytest.raises(ProviderError, match="auth_time"):
        sign_on(server, client(server))
