"""Labels of roles, states, actions and buttons on the pages of the desk."""

from collections.abc import Sequence

from feed.errors import gettext_noop
from feed.i18n import Translator

ROLES = {
    "translator": gettext_noop("Translator"),
    "curator": gettext_noop("Curator"),
    "editor": gettext_noop("Editor"),
    "administrator": gettext_noop("Administrator"),
}
# What each role may do, said where it is chosen.
ROLE_PERMISSIONS = {
    "translator": gettext_noop("writes texts in the languages chosen below; an editor approves"),
    "curator": gettext_noop("writes in every language, adds sources; an editor approves"),
    "editor": gettext_noop("also approves, publishes, and decides what is shown when"),
    "administrator": gettext_noop("also invites people, and looks after subscribers"),
}
METHODS = {
    "link": gettext_noop("link"),
    "passkey": gettext_noop("passkey"),
    "sign-on": gettext_noop("organisation’s sign-in"),
}
KINDS = {"principle": gettext_noop("Principle"), "quote": gettext_noop("Quote")}
STATES = {
    "draft": gettext_noop("Draft"),
    "review": gettext_noop("With the editor"),
    "approved": gettext_noop("Approved"),
    "outdated": gettext_noop("Outdated"),
    "missing": gettext_noop("Missing"),
    "published": gettext_noop("Published"),
    "retired": gettext_noop("Retired"),
}
SAVED = gettext_noop("Saved.")
DONE = {
    "review": gettext_noop("Sent to the editor."),
    "approve": gettext_noop("Approved."),
    "decline": gettext_noop("Sent back."),
    "publish": gettext_noop("Published."),
    "retire": gettext_noop("Retired."),
    "draft": gettext_noop("Taken off the site."),
    "offer": gettext_noop("Offered again."),
    "merge": gettext_noop("Merged."),
    "undo": gettext_noop("Undone."),
}
ACTS = {
    "import": gettext_noop("imported"),
    "save": gettext_noop("saved"),
    "review": gettext_noop("sent to the editor"),
    "approve": gettext_noop("approved"),
    "decline": gettext_noop("sent back"),
    "publish": gettext_noop("published"),
    "retire": gettext_noop("retired"),
    "draft": gettext_noop("took back to a draft"),
    "restore": gettext_noop("restored an earlier version"),
    "theme": gettext_noop("added a theme"),
    "untheme": gettext_noop("removed a theme"),
    "offer": gettext_noop("offered again"),
    "merge": gettext_noop("merged a source or theme"),
    "undo": gettext_noop("undid the last step"),
}
# Why a digest was not sent.
REASONS = {
    "withdrawn": gettext_noop("the edition was withdrawn"),
    "nothing to send": gettext_noop("there was no edition"),
    "late": gettext_noop("it was too late"),
    "left": gettext_noop("they had left in the meantime"),
}
# Of subscribers: their status, what they agreed to, what was delivered, what came back, and what
# administrators did.
SUBSCRIBER_STATUSES = {
    "pending": gettext_noop("Hasn’t confirmed yet"),
    "active": gettext_noop("Gets emails"),
    "suspended": gettext_noop("Suspended: emails came back, or were reported as spam"),
    "left": gettext_noop("Unsubscribed"),
}
CONSENT_ACTS = {
    "asked": gettext_noop("asked for emails"),
    "confirmed": gettext_noop("confirmed"),
    "changed": gettext_noop("changed preferences"),
    "moved": gettext_noop("moved to a new address"),
    "left": gettext_noop("unsubscribed"),
}
DELIVERY_STATES = {
    "claimed": gettext_noop("being sent"),
    "sent": gettext_noop("sent"),
    "deferred": gettext_noop("waiting to be retried"),
    "bounced": gettext_noop("bounced"),
    "failed": gettext_noop("failed"),
    "skipped": gettext_noop("skipped"),
}
BOUNCE_KINDS = {
    "hard": gettext_noop("no such mailbox"),
    "soft": gettext_noop("a passing fault"),
    "complaint": gettext_noop("reported as spam"),
}
AUDIT_ACTS = {
    "stop": gettext_noop("stopped the emails"),
    "resume": gettext_noop("resumed the emails"),
    "ask": gettext_noop("asked them to confirm"),
    "export": gettext_noop("exported the data"),
}
# Buttons of bulk actions.
BUTTONS = {
    "review": gettext_noop("Send to the editor"),
    "approve": gettext_noop("Approve what waits"),
    "publish": gettext_noop("Approve and publish"),
    "retire": gettext_noop("Retire"),
    "draft": gettext_noop("Take off the site"),
    "theme": gettext_noop("Give it the theme"),
    "untheme": gettext_noop("Take the theme away"),
}
_FIELDS = gettext_noop("details")


def parts(t: Translator, found: Sequence[str]) -> str:
    """The names of languages, and of the other fields (SHARED), as a list in a sentence."""
    return t.listed([t.language_name(part) if part else t.gettext(_FIELDS) for part in found])
