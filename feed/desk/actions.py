"""The buttons of the principle form: what this person can do with it in its state."""

from dataclasses import dataclass

from feed.desk.principle_form import PrincipleForm
from feed.errors import gettext_noop
from feed.model import SHOWABLE
from feed.model.people import Curator


@dataclass(frozen=True, slots=True)
class Action:
    """A button: its workflow action, for one text as in `review.sv`, and what pressing it does."""

    act: str
    label: str


SAVE_DRAFT = Action("save", gettext_noop("Save draft"))
SAVE = Action("save", gettext_noop("Save"))
SEND = Action("review", gettext_noop("Send to the editor"))


def of_form(form: PrincipleForm, me: Curator) -> list[Action]:
    """The actions a person can take on a principle, the main one first."""
    return _of_editor(form, me) if me.may("editor") else _of_writer(form, me)


def of_text(form: PrincipleForm, me: Curator, code: str) -> list[Action]:
    """The actions a person can take on one translation before the next, the main one first."""
    save = Action("save", gettext_noop("Save and open next"))
    if me.may("editor"):
        return [Action(f"approve.{code}", gettext_noop("Approve and open next")), save]
    if form.state(code) == "review":
        return [save]
    return [Action(f"review.{code}", gettext_noop("Send to the editor and open next")), save]


def _of_editor(form: PrincipleForm, me: Curator) -> list[Action]:
    publish = Action("publish", gettext_noop("Publish now"))
    if form.status == "published" and form.is_waiting:
        return [Action("approve", gettext_noop("Approve and publish")), SAVE]
    if form.status == "published":
        is_draft = form.state(form.original) == "draft"  # saving keeps it one
        return [publish, SAVE] if is_draft else [Action("save", gettext_noop("Save and publish"))]
    if form.status == "retired":
        approve = [Action("approve", gettext_noop("Approve"))] if form.is_waiting else []
        return [*approve, SAVE, Action("publish", gettext_noop("Publish again"))]
    if form.is_waiting:
        return [publish, SAVE_DRAFT, Action("approve", gettext_noop("Approve for later"))]
    send = Action("review", gettext_noop("Send to another editor"))
    return [publish, SAVE_DRAFT, *([send] if form.sendable(me) else [])]


def _of_writer(form: PrincipleForm, me: Curator) -> list[Action]:
    """Of a curator or translator: changes of approved texts go to an editor in any case."""
    if form.sendable(me):
        return [SEND, SAVE_DRAFT if form.status in ("", "draft") else SAVE]
    states = {form.state(code) for code in form.languages if me.may_write(code)}
    return [Action("save", SEND.label) if states & set(SHOWABLE) else SAVE]
