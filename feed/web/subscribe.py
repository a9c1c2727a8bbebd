"""The sign-up form for digests, usable without scripts, with a honeypot against bots.

Every address gets the same answer, so that nobody learns who subscribes.
"""

import hashlib
import logging
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from itsdangerous import BadSignature, Signer
from werkzeug.exceptions import RequestEntityTooLarge, TooManyRequests
from werkzeug.wrappers import Response as AnyResponse

from feed.digests import alarms
from feed.errors import FormError, gettext_noop
from feed.i18n import match
from feed.subscribers import consent_texts, forms, sign_up_limits, subscriptions
from feed.subscribers.links import CONFIRM_DAYS
from feed.web import subscription_form
from feed.web.context import accepted_languages, db, here, key, language, now, site, translate
from feed.web.middleware import rate_limits
from feed.web.middleware.client_ip import network, prefix
from feed.web.middleware.headers import CONTENT_SECURITY_POLICY
from feed.web.subscription_form import FormState

log = logging.getLogger(__name__)

blueprint = Blueprint("subscribe", __name__, url_prefix="/<language:language>/subscribe")

HONEYPOT = "comment"  # a form field that people do not see; bots fill it in
STAMP = "stamp"  # a form field with the signed time at which the form was fetched, good for once
STAMP_LIFETIME = timedelta(days=1)
EXPIRED = gettext_noop(
    "This form has already been used, or was open for too long. Nothing is lost: send it again."
)
TOO_MANY = gettext_noop(
    "Many people are signing up just now. Nothing is lost: please try again in a little while."
)


@blueprint.before_request
def check_sign_up_is_open() -> Response | None:
    """Answer with a notice while no e-mail can be sent, or sign-up is paused."""
    is_set_up = here().config.accepts_sign_ups
    is_over = request.endpoint == f"{blueprint.name}.sent"  # this one has signed up already
    if is_set_up and (is_over or not sign_up_limits.paused_since(db())):
        return None
    status = 200 if request.method in ("GET", "HEAD") else 503
    return make_response(render_template("subscribe_closed.html", paused=is_set_up), status)


@blueprint.get("/")
def form() -> Response:
    """The form, filled in with the usual preferences, in the browser's language if it is offered.

    Without an Accept-Language header it is that of the page.
    """
    config = here().config
    languages = (match(tag, config.languages) for tag in accepted_languages())
    usual = {
        "language": next(filter(None, languages), language()),
        "cadence": "daily",
        "days": "every",
        "hour": str(config.digest_hour),
        "timezone": subscription_form.nearest_timezone(config.timezone.key),
    }
    form = subscription_form.with_errors(translate(), usual)
    response = _page(form, guess_timezone=True)
    response.vary.add("Accept-Language")
    return response


@blueprint.post("/")
def sign_up() -> AnyResponse:
    """Request a subscription; whether the address is known is said by e-mail only."""
    given = request.form
    if given.get(HONEYPOT):
        return redirect(url_for(".sent"), 303)
    stamp = read_stamp(key(), given.get(STAMP, ""), now())
    try:
        outcome = _request(given, stamp) if stamp else "used"
    except FormError as error:
        return _page(subscription_form.with_errors(translate(), given, error.fields), 422)
    if outcome == "used":
        return _page(subscription_form.with_errors(translate(), given, problem=EXPIRED), 422)
    return redirect(url_for(".sent"), 303)


def _request(given: Mapping[str, str], stamp: str) -> str:
    """Request a subscription within the limits; returns what became of it. Raises FormError."""
    config = here().config
    address, _ = forms.read_sign_up(given, config.languages, config.mail_domains)
    admission = sign_up_limits.admit(config, key(), address, stamp, network())
    if admission.outcome == "delayed":
        if admission.is_new:
            log.warning("sign-up: too many, asked to wait; the last one is from %s", prefix())
            alarms.report_surge(db(), admission.domain, now())
        rate_limits.delay(admission.seconds)
    if admission.outcome == "accepted":
        subscriptions.sign_up(db(), site(), config, given, request.path, now(), shown_in=language())
    return admission.outcome


@blueprint.get("/sent/")
def sent() -> str:
    """What to do next; the same for every address."""
    return render_template("subscribe_sent.html", days=CONFIRM_DAYS)


@blueprint.errorhandler(429)
def too_many(error: TooManyRequests) -> Response:
    """The form again with what was typed, unless the request is too large to read."""
    try:
        typed: Mapping[str, str] = request.form
    except RequestEntityTooLarge:
        typed = {}
    return _page(subscription_form.with_errors(translate(), typed, problem=TOO_MANY), 429)


def new_stamp(key: bytes, now: datetime) -> str:
    """A signed time stamp for the form, unlike any other."""
    return _signer(key).sign(f"{int(now.timestamp())}-{secrets.token_hex(8)}").decode()


def read_stamp(key: bytes, stamp: str, now: datetime) -> str | None:
    """What a stamp is known by; None unless it was signed here, STAMP_LIFETIME ago at most."""
    try:
        name = _signer(key).unsign(stamp).decode()
        fetched = int(name.partition("-")[0])
    except (BadSignature, ValueError):
        return None
    return name if now.timestamp() - fetched <= STAMP_LIFETIME.total_seconds() else None


def _signer(key: bytes) -> Signer:
    return Signer(key, salt="sign-up", key_derivation="hmac", digest_method=hashlib.sha256)


def _page(form: FormState, status: int = 200, *, guess_timezone: bool = False) -> Response:
    """The form. With `guess_timezone`, a script chooses the browser's timezone."""
    response = make_response(
        render_template(
            "subscribe.html",
            form=form,
            guess=guess_timezone,
            trap=HONEYPOT,
            stamp_name=STAMP,
            stamp=new_stamp(key(), now()),
            timezones=subscription_form.timezones(language()),
            nearest_timezone=subscription_form.nearest_timezone,
            consent=consent_texts.offered(translate(), site().name(language())),
            domains=here().config.mail_domains,
        ),
        status,
    )
    response.headers["Content-Security-Policy"] = f"{CONTENT_SECURITY_POLICY}; script-src 'self'"
    return response
