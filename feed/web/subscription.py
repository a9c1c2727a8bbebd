"""A subscriber's own pages: confirm, change, pause, unsubscribe, move, export and erase.

They are reached by signed links in e-mails, without cookies or sign-in. Only POST changes anything,
as mail scanners open every link. Links in digests never expire; export, change of address and
erasure need a one-hour link sent to the mailbox, since a forwarded digest must not give access.
"""

import json
from dataclasses import replace

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed import editions
from feed.config.logs import SUBSCRIPTION, redacted
from feed.digests import schedule
from feed.errors import FormError, LinkError
from feed.model import Preferences, Subscriber, email_addresses
from feed.subscribers import consent_texts, forms, links, subscriptions
from feed.web import subscription_form
from feed.web.context import db, here, key, language, now, site, translate
from feed.web.subscription_form import FormState

blueprint = Blueprint("subscription", __name__, url_prefix=f"{SUBSCRIPTION}<token>")

EXPORT_NAME = "devis.json"


@blueprint.get("/")
def home(token: str) -> str:
    """The subscriber's preferences; behind a one-hour link, the page of their personal data."""
    try:
        subscriber = subscriptions.find_subscriber(db(), key(), token, now())
    except LinkError:
        owner = subscriptions.find_owner(db(), key(), token, now())
        return _private_page(owner, FormState({}))
    return _preferences_page(subscriber, _current_values(subscriber))


@blueprint.post("/")
def change(token: str) -> AnyResponse | tuple[str, int]:
    """Change the preferences, or pause the digests."""
    subscriber = subscriptions.find_subscriber(db(), key(), token, now())
    try:
        subscriptions.change(
            db(), site(), key(), token, request.form, redacted(request.path), now()
        )
    except FormError as error:
        _use_language_of(subscriber)
        form = subscription_form.with_errors(translate(), request.form, error.fields)
        return _preferences_page(subscriber, form), 422
    return redirect(url_for(".home", token=token, saved=1), 303)


@blueprint.get("/confirm")
def ask_to_confirm(token: str) -> str:
    """Ask for confirmation (double opt-in); once confirmed, say when the first digest comes.

    The newest principle is shown then.
    """
    subscriber = subscriptions.find_unconfirmed(db(), key(), token, now())
    if subscriber.status != "active":
        return _page("confirm", subscriber)
    return _page("confirmed", subscriber, today=editions.today(db(), site(), now()))


@blueprint.post("/confirm")
def confirm(token: str) -> AnyResponse:
    """Confirm the subscription."""
    subscriptions.confirm(db(), site(), key(), token, redacted(request.path), now())
    return redirect(url_for(".ask_to_confirm", token=token), 303)


@blueprint.get("/unsubscribe")
def ask_to_leave(token: str) -> str:
    """Ask before unsubscribing, with weekly digests or a pause instead."""
    subscriber = subscriptions.find_recipient(db(), key(), token, now())
    until = _paused_until(subscriber)
    return _page(
        "left" if subscriber.status == "left" else "leave",
        subscriber,
        token,
        weekly=replace(subscriber.preferences, cadence="weekly", workdays=False),
        paused_until=until,
    )


@blueprint.post("/unsubscribe")
def leave(token: str) -> str:
    """Unsubscribe at once: from the page, or by a mail client's one click (RFC 8058).

    After erasure there is nothing to do, and no error: mail clients report one to the reader.
    """
    if links.is_of_erased(db(), key(), token, now()):
        return render_template("subscription/erased.html")
    subscriptions.unsubscribe(db(), site(), key(), token, redacted(request.path), now())
    return _page("left", subscriptions.find_recipient(db(), key(), token, now()), token)


@blueprint.post("/resume")
def resume(token: str) -> AnyResponse:
    """Resume digests for a subscriber who had left or was suspended after bounces."""
    subscriptions.resume(db(), site(), key(), token, redacted(request.path), now())
    return redirect(url_for(".home", token=token, resumed=1), 303)


@blueprint.post("/private")
def ask_private(token: str) -> AnyResponse:
    """E-mail the one-hour link to the subscriber's personal data."""
    subscriptions.request_private_link(db(), key(), token, now())
    return redirect(url_for(".home", token=token, mailed=1), 303)


@blueprint.get("/move")
def ask_to_move(token: str) -> str:
    """Ask for confirmation of a new address; once confirmed, say so."""
    subscriber = subscriptions.find_mover(db(), key(), token, now())
    if subscriber.new_address is None:
        return _page("moved", subscriber)
    return _page("move", subscriber, new_address=email_addresses.masked(subscriber.new_address))


@blueprint.post("/move")
def move(token: str) -> AnyResponse:
    """Confirm the new address."""
    subscriptions.move(db(), site(), key(), token, redacted(request.path), now())
    return redirect(url_for(".ask_to_move", token=token), 303)


@blueprint.get("/export")
def export(token: str) -> Response:
    """Download everything stored about the subscriber, as JSON (GDPR, article 20)."""
    data = subscriptions.export(db(), key(), token, now())
    body = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    response = Response(body, content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{EXPORT_NAME}"'
    return response


@blueprint.post("/address")
def change_address(token: str) -> AnyResponse | tuple[str, int]:
    """Request a change of address; the new address has to confirm it."""
    subscriber = subscriptions.find_owner(db(), key(), token, now())
    typed = request.form.get("address", "")
    try:
        subscriptions.request_move(db(), here().config, key(), token, typed, now())
    except FormError as error:
        _use_language_of(subscriber)
        form = subscription_form.with_errors(translate(), request.form, error.fields)
        return _private_page(subscriber, form), 422
    return redirect(url_for(".home", token=token, asked=1), 303)


@blueprint.get("/erase")
def ask_to_erase(token: str) -> str:
    """Ask before erasing."""
    return _page("erase", subscriptions.find_owner(db(), key(), token, now()))


@blueprint.post("/erase")
def erase(token: str) -> str:
    """Erase everything stored about the subscriber (GDPR, article 17).

    A hash of the address stays where they ask never to be written to again.
    """
    _use_language_of(subscriptions.find_owner(db(), key(), token, now()))
    suppress = "suppress" in request.form
    subscriptions.erase(db(), key(), token, now(), suppress=suppress)
    return render_template("subscription/erased.html", is_suppressed=suppress)


def _preferences_page(subscriber: Subscriber, form: FormState) -> str:
    _use_language_of(subscriber)
    today, until = site().today(now()), subscriber.paused_until
    return _page(
        "preferences",
        subscriber,
        form=form,
        may_resume=subscriber.status != "active" and subscriber.confirmed is not None,
        paused_until=until if until and until > today else None,
        timezones=subscription_form.timezones(language()),
        nearest_timezone=subscription_form.nearest_timezone,
        today=today,
        longest_pause=forms.MAX_PAUSE,
    )


def _private_page(subscriber: Subscriber, form: FormState) -> str:
    return _page(
        "private",
        subscriber,
        form=form,
        whole_address=subscriber.address,
        domains=here().config.mail_domains,
    )


def _page(name: str, subscriber: Subscriber, token: str | None = None, **values: object) -> str:
    """Render a page in the subscriber's language; it shows the masked `address` only.

    A `token` is that of the digest the page was opened from. If a newer one has replaced it, not
    even the masked address is shown, and the page's links carry the old token on.
    """
    _use_language_of(subscriber)
    t, preferences = translate(), subscriber.preferences
    current = links.digest_token(key(), subscriber)
    is_current = token in (None, current)
    return render_template(
        f"subscription/{name}.html",
        preferences=preferences,
        status=subscriber.status,
        address=email_addresses.masked(subscriber.address) if is_current else "…",
        is_current=is_current,
        summary=_summary,
        consent=consent_texts.consent(t, preferences, site().name(language())),
        offered_consent=consent_texts.offered(t, site().name(language())),
        digest_token=token or current,
        next_due=schedule.next_due(site(), preferences, now(), subscriber.paused_until),
        **values,
    )


def _use_language_of(subscriber: Subscriber) -> None:
    wanted = subscriber.preferences.language
    g.language = wanted if wanted in site().languages else site().languages[0]


def _summary(preferences: Preferences) -> str:
    """The preferences in words, as the beginning of a sentence."""
    words = consent_texts.described(translate(), preferences)
    return words[:1].upper() + words[1:]


def _paused_until(subscriber: Subscriber) -> str:
    """The last date of the current pause as a form field has it; empty if there is none."""
    until = subscriber.paused_until
    return until.isoformat() if until and until > site().today(now()) else ""


def _current_values(subscriber: Subscriber) -> FormState:
    preferences = subscriber.preferences
    return FormState(
        {
            "language": preferences.language,
            "also": next(iter(preferences.others), ""),
            "cadence": preferences.cadence,
            "days": "workdays" if preferences.workdays else "every",
            "hour": str(preferences.hour),
            "timezone": preferences.timezone,
            "paused_until": _paused_until(subscriber),
        }
    )
