"""What a link that works for an hour leads to: all that is kept about somebody, as their own.

The link goes to the mailbox, so that a letter which was passed on gives nothing away.
"""

import json

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed.errors import FormError
from feed.model import Subscriber
from feed.subscribers import subscriptions
from feed.web import form_state
from feed.web.context import db, here, key, now, translate
from feed.web.form_state import FormState
from feed.web.subscriber_pages import PREFIX, page, speak_to

blueprint = Blueprint("personal", __name__, url_prefix=PREFIX)

FILE = "devis.json"


def home(token: str) -> str:
    """What can be done with all that is kept about somebody."""
    return _page(subscriptions.find_owner(db(), key(), token, now()), FormState({}))


@blueprint.get("/export")
def export(token: str) -> Response:
    """All of it, to take away."""
    held = subscriptions.export(db(), key(), token, now())
    body = json.dumps(held, ensure_ascii=False, indent=2) + "\n"
    response = Response(body, content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{FILE}"'
    return response


@blueprint.post("/address")
def change_address(token: str) -> AnyResponse | tuple[str, int]:
    """Have letters go to another address, once that has agreed."""
    found = subscriptions.find_owner(db(), key(), token, now())
    typed = request.form.get("address", "")
    try:
        subscriptions.request_move(db(), here().config, key(), token, typed, now())
    except FormError as error:
        speak_to(found)
        return _page(found, form_state.again(translate(), request.form, error.fields)), 422
    return redirect(url_for("subscription.home", token=token, asked=1), 303)


@blueprint.get("/erase")
def ask_to_erase(token: str) -> str:
    """What is about to be forgotten."""
    return page("erase", subscriptions.find_owner(db(), key(), token, now()))


@blueprint.post("/erase")
def erase(token: str) -> str:
    """Forget somebody at once."""
    speak_to(subscriptions.find_owner(db(), key(), token, now()))
    subscriptions.erase(db(), key(), token, now())
    return render_template("subscription/erased.html")


def _page(found: Subscriber, form: FormState) -> str:
    return page(
        "private",
        found,
        form=form,
        whole_address=found.address,
        domains=here().config.mail_domains,
    )
