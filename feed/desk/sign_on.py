"""Sign-in by the organisation's sign-on (OpenID Connect), and connecting it under My account."""

import logging

from flask import Blueprint, Flask, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.accounts import sign_on, ways_in
from feed.accounts.oidc import OidcProvider
from feed.accounts.sign_in_events import record
from feed.accounts.sign_on import Aim, SignOnError
from feed.desk import session
from feed.desk.permissions import requires
from feed.errors import InputError, NotFoundError, ProviderError, gettext_noop
from feed.store import sign_ons
from feed.store.connection import transaction
from feed.store.sign_ons import SignOn
from feed.web.context import Context, db, here, now, translate

log = logging.getLogger(__name__)

blueprint = Blueprint("sign_on", __name__)

LONGEST_PARAMETER = 8192  # characters of a code; nothing else in a response is as long
_EXTENSION = "devis_oidc"
_OFF = gettext_noop("This site doesn’t use an organisation’s sign-in.")
_TOO_MANY = gettext_noop("Too many attempts from your network. Wait ten minutes.")
_BROKEN = gettext_noop("Signing in with %(provider)s isn’t working at the moment.")

Page = AnyResponse | str | tuple[str, int]


def init(app: Flask, context: Context) -> None:
    """Give `app` its provider, whose documents it stores, if there is one."""
    client = context.config.oidc_client
    app.extensions[_EXTENSION] = OidcProvider(client) if client else None


def connected() -> SignOn | None:
    """The identity of the person signed in; None without one."""
    return sign_ons.of_curator(db(), _provider().client.issuer, session.me().id)


def provider_name() -> str:
    """What people call the provider."""
    return _provider().client.name


@blueprint.post("/sign-in/sign-on")
@requires(None)
def begin() -> Page:
    """Go to the provider, to sign in or, signed in already, to confirm who one is."""
    return _begin("confirm" if session.session() else "sign-in", session.next_path())


@blueprint.post("/account/sign-on")
@requires("translator", even_by_link=True, fresh=True)
def connect() -> Page:
    """Go to the provider, to connect one's account there."""
    return _begin("connect", url_for("desk.account.home", saved=1))


@blueprint.post("/account/sign-on/remove")
@requires("translator", fresh=True)
def disconnect() -> Page:
    """Disconnect one's account at the provider."""
    config, me = here().config, session.me()
    try:
        issuer = _provider().client.issuer
        sign_on.disconnect(db(), config, issuer, me, session.where(me.id), now())
    except InputError as error:
        return _page(translate().gettext(error.message, **error.values), 422)
    return redirect(url_for("desk.account.home", saved=1), 303)


@blueprint.get("/sign-on/callback")
@requires(None)
def callback() -> Page:
    """Complete a sign-on with what the provider answers; it is good once, in this browser only."""
    me = session.session()
    where = session.where(me.curator.id if me else None)
    response, browser = _response(), session.browser()
    try:
        done = sign_on.finish(db(), here().config, _provider(), response, browser, where, now())
    except (SignOnError, ProviderError) as error:
        return _refuse(error, response.error)
    return session.start(done.curator, "sign-on", done.next_path, proved=done.proved)


def _begin(aim: Aim, path: str) -> Page:
    if session.attempts_exceeded():
        return _page(translate().gettext(_TOO_MANY), 429)
    current, provider = session.session(), _provider()
    person, browser = current.curator if current else None, session.browser()
    try:
        url = sign_on.begin(db(), here().config, provider, aim, browser, path, now(), person)
    except ProviderError as error:
        return _refuse(error)
    return render_template("desk/sign_on_go.html", url=url, provider=provider.client.name)


def _provider() -> OidcProvider:
    """The provider. Raises NotFoundError where none is set, or the origin is not secure."""
    found: OidcProvider | None = current_app.extensions[_EXTENSION]
    if found is None or not ways_in.available(here().config).sign_on:
        raise NotFoundError(_OFF)
    return found


def _response() -> sign_on.Response:
    """The parameters of an authorization response, cut to their greatest length."""
    given = {name: text[:LONGEST_PARAMETER] for name, text in request.args.items()}
    return sign_on.Response(
        given.get("state", ""), given.get("code", ""), given.get("iss"), given.get("error", "")
    )


def _refuse(error: SignOnError | ProviderError, theirs: str = "") -> Page:
    """Record a refusal and explain it in our words; those of the provider are for the log."""
    if session.responses_exceeded():
        return _page(translate().gettext(_TOO_MANY), 429)
    is_theirs = isinstance(error, ProviderError)
    if is_theirs or theirs:
        said = f"{request.args.get('error_description', '')}"[:200]
        log.warning("desk: the sign-on provider: %s %s %s", str(error)[:300], theirs[:60], said)
    current = session.session()
    person = error.curator if isinstance(error, SignOnError) else None
    person = person or (current.curator.id if current else None)
    outcome = error.outcome if isinstance(error, SignOnError) else "provider"
    with transaction(db()):
        where = session.where(person)
        record(db(), "refused", where, now(), curator=person, method="sign-on", outcome=outcome)
    if isinstance(error, SignOnError):
        return _page(translate().gettext(error.message, **error.values), 403)
    return _page(translate().gettext(_BROKEN, provider=provider_name()), 503, is_broken=True)


def _page(problem: str, status: int, *, is_broken: bool = False) -> tuple[str, int]:
    page = render_template("desk/sign_on_refused.html", problem=problem, is_broken=is_broken)
    return page, status
