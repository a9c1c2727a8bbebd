"""An OpenID Connect provider: discovery, the authorization code flow with PKCE, and ID tokens."""

import base64
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlsplit

from feed.accounts.oidc_http import OidcHttp
from feed.config.oidc import OidcClient, is_entra
from feed.errors import ProviderError

if TYPE_CHECKING:
    from joserfc.jwk import Key

SCOPE = "openid email"
# Signatures by a key that the provider alone has: never HS…, whose key we have too, and never none.
ALGORITHMS = tuple(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512))
SHORTEST_RSA = 2048  # bits
LEEWAY = 60  # seconds between the clocks
OLDEST_TOKEN = 600  # seconds since an ID token was made
CACHE_SECONDS, FAILURE_SECONDS = 3600.0, 10.0
LONGEST_SUBJECT = 255  # characters, says OpenID Connect
LONGEST_CODE = 8192
_GOOGLE = "https://accounts.google.com"

# What parsers raise for data of a shape that they do not expect.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, RecursionError)

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a provider knows them: `subject` alone identifies them.

    `address` is an e-mail address that the provider has verified, else empty; `proved` is when they
    last proved to it who they are, None if it did not say.
    """

    issuer: str
    subject: str
    address: str
    proved: datetime | None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the discovery document of a provider says."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    posts_secret: bool  # the client secret goes into the form, not into a header
    names_issuer: bool  # in each authorization response (RFC 9207)


@dataclass(frozen=True, slots=True)
class Flow:
    """The secrets of one sign-on, and where the provider sends the browser."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str


class OidcProvider:
    """A provider; discovery document and keys are stored for an hour, a failure for seconds."""

    def __init__(self, client: OidcClient) -> None:
        self.client = client
        self._http = OidcHttp()
        self._lock = threading.Lock()
        self._found: tuple[float, Metadata | ProviderError] | None = None
        self._keys: tuple[float, list[Claims]] | None = None

    def authorization_url(self, flow: Flow, *, renew: bool) -> str:
        """Where to send the browser; with `renew` they must prove anew who they are.

        Raises ProviderError.
        """
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # an extra
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        more = {"prompt": "login", "max_age": "0"} if renew else {}
        if self.client.issuer == _GOOGLE:  # it refuses this prompt, and ignores the age
            more = {}
        url: str = prepare_grant_uri(
            self.metadata().authorization_endpoint,
            self.client.client_id,
            "code",
            redirect_uri=flow.redirect_uri,
            scope=SCOPE,
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256",
            **more,
        )
        return url

    def check_issuer(self, issuer: str | None) -> None:
        """Raise ProviderError where an authorization response comes from another provider."""
        if issuer != self.client.issuer and (issuer is not None or self.metadata().names_issuer):
            raise ProviderError("issuer", f"the response is of {issuer!r}")

    def identify(self, flow: Flow, code: str, now: datetime) -> Identity:
        """Exchange the code of a response for the identity of who signed on.

        Raises ProviderError.
        """
        if not 0 < len(code) <= LONGEST_CODE:
            raise ProviderError("code", f"{len(code)} characters")
        answer = self._exchange(flow, code)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise ProviderError("id-token", "there is none")
        claims = self._claims(token, access, flow.nonce, now)
        if "email" not in claims and isinstance(access, str):
            claims |= {"email_verified": False, **self._user_info(access, claims["sub"])}
        moment = claims.get("auth_time")
        return Identity(
            self.client.issuer,
            claims["sub"],
            _verified_address(self.client.issuer, claims),
            _instant(moment) if moment is not None else None,
        )

    def metadata(self) -> Metadata:
        """The discovery document, checked. Raises ProviderError."""
        with self._lock:
            found = self._found
        if found is None or time.monotonic() >= found[0]:
            found = self._discovered()
            with self._lock:
                self._found = found
        if isinstance(found[1], ProviderError):
            raise ProviderError(found[1].reason, found[1].detail)
        return found[1]

    def _discovered(self) -> tuple[float, Metadata | ProviderError]:
        """The metadata, or why there is none, and until when that is good."""
        from authlib.oidc.discovery import get_well_known_url  # an extra

        try:
            document = self._http.get(get_well_known_url(self.client.issuer, external=True))
            return time.monotonic() + CACHE_SECONDS, _metadata(self.client.issuer, document)
        except ProviderError as error:
            is_known = error.reason != "busy"  # others are asking
            return time.monotonic() + (FAILURE_SECONDS if is_known else 0), error

    def _exchange(self, flow: Flow, code: str) -> Claims:
        from authlib.oauth2.rfc6749.parameters import prepare_token_request  # an extra

        found, client = self.metadata(), self.client
        more = {"code": code, "code_verifier": flow.verifier, "client_id": client.client_id}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if found.posts_secret:
            more["client_secret"] = client.client_secret
        else:
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        form = prepare_token_request("authorization_code", "", flow.redirect_uri, **more)
        return self._http.post(found.token_endpoint, form, headers)

    def _user_info(self, access_token: str, subject: str) -> Claims:
        """The claims that some providers leave out of the ID token; none of another person."""
        url = self.metadata().userinfo_endpoint
        if not url or not access_token.isascii() or not access_token.isprintable():
            return {}
        found = self._http.get(url, {"Authorization": f"Bearer {access_token}"})
        if found.get("sub") != subject:
            raise ProviderError("user-info", "it is of another subject")
        return {name: found[name] for name in ("email", "email_verified") if name in found}

    def _claims(self, token: str, access: object, nonce: str, now: datetime) -> Claims:
        """The claims of an ID token, once its signature and all that it says is checked."""
        from authlib.oidc.core import CodeIDToken  # an extra
        from joserfc import jws, jwt
        from joserfc.errors import JoseError

        params = {"nonce": nonce, "client_id": self.client.client_id, "access_token": access}
        expected = {"iss": self.client.issuer, "aud": self.client.client_id}
        options = {name: {"essential": True, "value": text} for name, text in expected.items()}
        try:
            header = jws.extract_compact(token.encode()).headers()
            if header.get("alg") not in ALGORITHMS:
                raise ProviderError("id-token", f"its algorithm is {header.get('alg')!r}")
            read = jwt.decode(token, self._key(header), algorithms=ALGORITHMS)
            claims = CodeIDToken(read.claims, read.header, options, params)
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
        except (JoseError, *_MALFORMED) as error:
            raise ProviderError("id-token", f"{type(error).__name__}: {error}") from None
        _check_rest(claims, now)
        return dict(claims)

    def _key(self, header: Claims) -> "Key":
        """The key that an ID token names; the keys are fetched anew once if there is none."""
        matches = _matching(self._stored_keys(renew=False), header)
        if not matches:
            matches = _matching(self._stored_keys(renew=True), header)
        if len(matches) != 1:
            raise ProviderError("id-token", f"{len(matches)} keys match {header.get('kid')!r}")
        return _imported(matches[0])

    def _stored_keys(self, *, renew: bool) -> list[Claims]:
        with self._lock:
            stored = self._keys
        if renew or stored is None or time.monotonic() >= stored[0]:
            keys = self._http.get(self.metadata().jwks_uri).get("keys")
            if not isinstance(keys, list):
                raise ProviderError("keys", "the document has no list of keys")
            usable = [key for key in keys if isinstance(key, dict)]
            stored = time.monotonic() + CACHE_SECONDS, usable
            with self._lock:
                self._keys = stored
        return stored[1]


def _metadata(issuer: str, document: Claims) -> Metadata:
    """A discovery document of exactly this issuer, with addresses that may be fetched."""
    if document.get("issuer") != issuer:
        raise ProviderError("issuer", f"the discovery document is of {document.get('issuer')!r}")
    plain = issuer.startswith("http:")  # on this machine only, says the setting
    methods = document.get("token_endpoint_auth_methods_supported")
    methods = methods if isinstance(methods, list) else ["client_secret_basic"]

    def endpoint(name: str, *, needed: bool = True) -> str:
        url = document.get(name)
        if url is None and not needed:
            return ""
        if not isinstance(url, str) or not _is_endpoint(url, issuer if plain else None):
            raise ProviderError("endpoint", f"{name} is {url!r}")
        return url

    return Metadata(
        endpoint("authorization_endpoint"),
        endpoint("token_endpoint"),
        endpoint("jwks_uri"),
        endpoint("userinfo_endpoint", needed=False),
        "client_secret_basic" not in methods and "client_secret_post" in methods,
        document.get("authorization_response_iss_parameter_supported") is True,
    )


def _is_endpoint(url: str, plain_issuer: str | None) -> bool:
    """Whether it is an https URL, or at the same http address as the issuer of a trial."""
    try:
        parts = urlsplit(url)
        is_valid = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    if not is_valid or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        return False
    same = plain_issuer is not None and parts[:2] == urlsplit(plain_issuer)[:2]
    return parts.scheme == "https" or same


def _matching(keys: list[Claims], header: Claims) -> list[Claims]:
    """The keys of the right kind for a token's algorithm, by its `kid` if it has one."""
    kind = "EC" if header["alg"].startswith("ES") else "RSA"
    return [
        key
        for key in keys
        if key.get("kty") == kind
        and key.get("use", "sig") == "sig"
        and key.get("alg", header["alg"]) == header["alg"]
        and ("kid" not in header or key.get("kid") == header["kid"])
    ]


def _imported(data: Claims) -> "Key":
    """The public key of a JWK. Raises ProviderError for a short one, ValueError for a bad one."""
    from joserfc.jwk import ECKey, RSAKey  # an extra
    from joserfc.util import base64_to_int

    public: dict[str, Any] = {
        name: data.get(name) for name in ("kty", "n", "e", "crv", "x", "y") if name in data
    }
    if data["kty"] == "EC":
        return ECKey.import_key(public)
    if (bits := base64_to_int(public["n"]).bit_length()) < SHORTEST_RSA:
        raise ProviderError("keys", f"an RSA key of {bits} bits")
    return RSAKey.import_key(public)


def _check_rest(claims: Claims, now: datetime) -> None:
    """What the standard demands beyond Authlib’s checks. Raises ProviderError."""
    subject, made = claims["sub"], claims["iat"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise ProviderError("id-token", "its subject is empty or too long")
    if not subject.isprintable():
        raise ProviderError("id-token", "its subject is not printable")
    if not -LEEWAY <= now.timestamp() - made <= OLDEST_TOKEN:
        raise ProviderError("id-token", f"it was made {now.timestamp() - made:.0f} s ago")


def _verified_address(issuer: str, claims: Claims) -> str:
    """The e-mail address of claims, if the provider answers for it, else empty.

    Google verifies addresses of any domain, but answers only for those of the Workspace that `hd`
    names. Entra ID has no `email_verified`; `xms_edov` says that the tenant owns the domain.
    """
    address = claims.get("email")
    if not isinstance(address, str) or not address.isprintable() or len(address) > 254:
        return ""
    is_verified = claims.get("email_verified") is True
    if issuer == _GOOGLE:
        domain = address.rpartition("@")[2].lower()
        is_verified = is_verified and str(claims.get("hd", "")).lower() == domain
    elif is_entra(issuer):
        is_verified = is_verified or claims.get("xms_edov") in (True, "1", "true")
    return address if is_verified else ""


def _instant(moment: object) -> datetime | None:
    """A time in seconds since 1970. Raises ProviderError if it cannot be one."""
    try:
        return datetime.fromtimestamp(float(moment), UTC)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        raise ProviderError("id-token", "auth_time is not a time") from None
