"""What the links in letters lead to: beginning, changing, pausing, stopping, moving.

Whoever has the link is whom it was written to: no cookie, nothing to sign in to. Only POST changes
anything, for mail scanners follow every link, with GET and HEAD, and more than once.
"""

from dataclasses import replace

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.errors import FormError, LinkError
from feed.model import Subscriber, email_addresses
from feed.subscribers import forms, subscriptions
from feed.web import form_state, my_data, timezones
from feed.web.context import db, key, language, now, site, translate
from feed.web.form_state import FormState
from feed.web.middleware.redact import redacted
from feed.web.subscriber_pages import PREFIX, page, speak_to

blueprint = Blueprint("subscription", __name__, url_prefix=PREFIX)


@blueprint.get("/")
def home(token: str) -> str:
    """Somebody's wishes, from any letter to them; behind a private link, what is private."""
    try:
        found = subscriptions.find_subscriber(db(), key(), token, now())
    except LinkError:
        return my_data.home(token)
    return _preferences(found, _filled(found))


@blueprint.post("/")
def change(token: str) -> AnyResponse | tuple[str, int]:
    """Change somebody's wishes, or pause their letters."""
    found = subscriptions.find_subscriber(db(), key(), token, now())
    try:
        subscriptions.change(
            db(), site(), key(), token, request.form, redacted(request.path), now()
        )
    except FormError as error:
        speak_to(found)
        return _preferences(found, form_state.again(translate(), request.form, error.fields)), 422
    return redirect(url_for(".home", token=token, saved=1), 303)


@blueprint.get("/confirm")
def ask_to_confirm(token: str) -> str:
    """What is about to begin; once it has, when the first letter comes."""
    found = subscriptions.find_unconfirmed(db(), key(), token, now())
    return page("confirmed" if found.status == "active" else "confirm", found)


@blueprint.post("/confirm")
def confirm(token: str) -> AnyResponse:
    """Let the letters begin."""
    subscriptions.confirm(db(), site(), key(), token, redacted(request.path), now())
    return redirect(url_for(".ask_to_confirm", token=token), 303)


@blueprint.get("/unsubscribe")
def ask_to_leave(token: str) -> str:
    """What is about to end; once it has, that it has."""
    found = subscriptions.find_recipient(db(), key(), token, now())
    until = found.paused_until
    return page(
        "left" if found.status == "left" else "leave",
        found,
        token,
        weekly=replace(found.preferences, cadence="weekly", workdays=False),
        paused_until=until.isoformat() if until and until > site().today(now()) else "",
    )


@blueprint.post("/unsubscribe")
def leave(token: str) -> str:
    """Stop all letters at once: from the page, or by a mail program's one click (RFC 8058)."""
    subscriptions.unsubscribe(db(), site(), key(), token, redacted(request.path), now())
    return page("left", subscriptions.find_recipient(db(), key(), token, now()), token)


@blueprint.post("/resume")
def resume(token: str) -> AnyResponse:
    """Write again to somebody who had left, or whose letters came back."""
    subscriptions.resume(db(), site(), key(), token, redacted(request.path), now())
    return redirect(url_for(".home", token=token, resumed=1), 303)


@blueprint.post("/private")
def ask_private(token: str) -> AnyResponse:
    """Mail the link to what is private."""
    subscriptions.request_private_link(db(), key(), token, now())
    return redirect(url_for(".home", token=token, mailed=1), 303)


@blueprint.get("/move")
def ask_to_move(token: str) -> str:
    """Which address gives way to which; once it has, that it has."""
    found = subscriptions.find_mover(db(), key(), token, now())
    if found.new_address is None:
        return page("moved", found)
    return page("move", found, new_address=email_addresses.masked(found.new_address))


@blueprint.post("/move")
def move(token: str) -> AnyResponse:
    """Write to the new address from now on."""
    subscriptions.move(db(), site(), key(), token, redacted(request.path), now())
    return redirect(url_for(".ask_to_move", token=token), 303)


def _preferences(found: Subscriber, form: FormState) -> str:
    speak_to(found)
    today, until = site().today(now()), found.paused_until
    return page(
        "preferences",
        found,
        form=form,
        may_resume=found.status != "active" and found.confirmed is not None,
        paused_until=until if until and until > today else None,
        timezones=timezones.grouped(language()),
        nearest_timezone=timezones.nearest,
        today=today,
        longest_pause=forms.MAX_PAUSE,
    )


def _filled(found: Subscriber) -> FormState:
    """The form with somebody's wishes in it."""
    wishes, until = found.preferences, found.paused_until
    return FormState(
        {
            "language": wishes.language,
            "cadence": wishes.cadence,
            "days": "workdays" if wishes.workdays else "every",
            "hour": str(wishes.hour),
            "timezone": wishes.timezone,
            "paused_until": until.isoformat() if until and until > site().today(now()) else "",
        }
    )
