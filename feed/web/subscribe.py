"""Signing up for letters: a form that needs no script, and one answer for everybody."""

from collections.abc import Mapping

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge, TooManyRequests
from werkzeug.wrappers import Response as AnyResponse

from feed.errors import FormError, gettext_noop
from feed.subscribers import consent_texts, subscriptions
from feed.subscribers.links import CONFIRM_DAYS
from feed.web import form_state, honeypot, timezones
from feed.web.context import db, here, key, language, now, site, translate
from feed.web.form_state import FormState
from feed.web.middleware.headers import CONTENT_SECURITY_POLICY

blueprint = Blueprint("subscribe", __name__, url_prefix="/<language:language>/subscribe")

STALE = gettext_noop("The form had been open for too long. Nothing is lost: send it again.")
TOO_MANY = gettext_noop(
    "Many people are signing up from your network just now. Send it again in a minute."
)


@blueprint.before_request
def not_set_up() -> Response | None:
    """Where no mail can go out, every page here says so, and no address is taken."""
    if here().config.accepts_sign_ups:
        return None
    status = 200 if request.method in ("GET", "HEAD") else 503
    return make_response(render_template("subscribe_closed.html"), status)


@blueprint.get("/")
def form() -> Response:
    """The form, as most people would fill it in."""
    config = here().config
    usual = {
        "language": language(),
        "cadence": "daily",
        "days": "every",
        "hour": str(config.digest_hour),
        "timezone": timezones.nearest(config.timezone.key),
    }
    return _page(form_state.again(translate(), usual), guess=True)


@blueprint.post("/")
def sign_up() -> AnyResponse:
    """Ask for letters; what comes of it is told by mail alone."""
    given = request.form
    if honeypot.is_trapped(given):
        return redirect(url_for(".sent"), 303)
    if not honeypot.is_fresh(key(), given, now()):
        return _page(form_state.again(translate(), given, problem=STALE), 422)
    try:
        subscriptions.sign_up(
            db(), site(), here().config, given, request.path, now(), shown_in=language()
        )
    except FormError as error:
        return _page(form_state.again(translate(), given, error.fields), 422)
    return redirect(url_for(".sent"), 303)


@blueprint.get("/sent/")
def sent() -> str:
    """What to do now, whoever it was that asked."""
    return render_template("subscribe_sent.html", days=CONFIRM_DAYS)


@blueprint.errorhandler(429)
def too_many(error: TooManyRequests) -> Response:
    """The form again, with all that was typed, unless that is too much, too."""
    try:
        typed: Mapping[str, str] = request.form
    except RequestEntityTooLarge:
        typed = {}
    return _page(form_state.again(translate(), typed, problem=TOO_MANY), 429)


def _page(form: FormState, status: int = 200, *, guess: bool = False) -> Response:
    """The form. With `guess`, its timezone is the browser's, where that tells."""
    response = make_response(
        render_template(
            "subscribe.html",
            form=form,
            guess=guess,
            trap=honeypot.TRAP,
            stamp_name=honeypot.STAMP,
            stamp=honeypot.stamp(key(), now()),
            timezones=timezones.grouped(language()),
            nearest_timezone=timezones.nearest,
            consent=consent_texts.offered(translate(), site().name(language())),
            domains=here().config.mail_domains,
        ),
        status,
    )
    response.headers["Content-Security-Policy"] = f"{CONTENT_SECURITY_POLICY}; script-src 'self'"
    return response
