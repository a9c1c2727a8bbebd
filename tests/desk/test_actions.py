"""What the buttons of the principle form say, for each role and state."""

import json
from collections.abc import Callable

import pytest

from feed.desk import actions, principle_form
from feed.library import editing
from tests.conftest import Installation
from tests.desk_client import Desk
from tests.library.test_editing import LIBRARY, SLUG

Install = Callable[..., Installation]


@pytest.mark.parametrize(
    ("role", "status", "state", "labels"),
    [
        ("translator", "published", "approved", "Send to the editor"),
        ("translator", "draft", "draft", "Send to the editor, Save draft"),
        ("translator", "published", "review", "Save"),
        ("curator", "", "", "Send to the editor, Save draft"),
        ("curator", "draft", "review", "Save"),
        ("curator", "published", "approved", "Send to the editor"),
        ("editor", "", "", "Publish now, Save draft, Send to another editor"),
        ("editor", "draft", "review", "Publish now, Save draft, Approve for later"),
        ("editor", "published", "approved", "Save and publish"),
        ("editor", "published", "draft", "Publish now, Save"),
        ("administrator", "published", "review", "Approve and publish, Save"),
        ("editor", "retired", "approved", "Save, Publish again"),
        ("editor", "retired", "review", "Approve, Save, Publish again"),
    ],
)
def test_the_main_button_says_what_it_does_for_this_role_and_state(
    install: Install, role: str, status: str, state: str, labels: str
) -> None:
    made = install()
    me = Desk(made).account(role)
    form = principle_form.blank(("sv", "en"), "sv")
    if status:
        entry = json.loads(json.dumps(LIBRARY))
        (principle,) = entry["principles"]
        principle["status"] = status
        for text in principle["texts"].values():
            text["state"] = state
        made.load({"a.json": json.dumps(entry)})
        with made.open() as db:
            form = principle_form.of(editing.working(db, SLUG), ("sv", "en"))
    found = actions.of_form(form, me)
    assert ", ".join(action.label for action in found) == labels
