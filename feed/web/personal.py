"""What a link that works for an hour leads to: all that is kept about somebody, as their own.

The link goes to the mailbox, so that a letter which was passed on gives nothing away.
"""

import json

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feed import subscriptions
from feed.errors import FormError
from feed.model import Subscriber
from feed.web import filled
from feed.web.addressed import PREFIX, page, speak_to
from feed.web.context import db, here, key, now, translate
from feed.web.filled import Filled

blueprint = Blueprint("personal", __name__, url_prefix=PREFIX)

FILE = "devis.json"


def home(token: str) -> str:
    """What can be done with all that is kept about somebody."""
    return _page(subscriptions.owner(db(), key(), token, now()), Filled({}))


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
    found = subscriptions.owner(db(), key(), token, now())
    typed = request.form.get("address", "")
    try:
        subscriptions.ask_move(db(), here().config, key(), token, typed, now())
    except FormError as error:
        speak_to(found)
        return _page(found, filled.again(translate(), request.form, error.fields)), 422
    return redirect(url_for("subscription.home", token=token, asked=1), 303)


@blueprint.get("/erase")
def ask_to_erase(token: str) -> str:
    """What is about to be forgotten."""
    return page("erase", subscriptions.owner(db(), key(), token, now()))


@blueprint.post("/erase")
def erase(token: str) -> str:
    """Forget somebody at once."""
    speak_to(subscriptions.owner(db(), key(), token, now()))
    subscriptions.erase(db(), key(), token, now())
    return render_template("subscription/erased.html")


def _page(found: Subscriber, form: Filled) -> str:
    return page(
        "private",
        found,
        form=form,
        whole_address=found.address,
        domains=here().config.mail_domains,
    )
