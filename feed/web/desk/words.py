"""What roles, states and acts are called on the pages of the desk."""

from feed.errors import mark

ROLES = {
    "translator": mark("Translator"),
    "curator": mark("Curator"),
    "editor": mark("Editor"),
    "administrator": mark("Administrator"),
}
KINDS = {"principle": mark("Principle"), "quote": mark("Quote")}
STATES = {
    "draft": mark("Draft"),
    "review": mark("In review"),
    "approved": mark("Approved"),
    "outdated": mark("Outdated"),
    "missing": mark("Missing"),
    "published": mark("Published"),
    "retired": mark("Retired"),
}
SAVED = mark("Saved.")
DONE = {
    "approve": mark("Approved."),
    "decline": mark("Declined."),
    "publish": mark("Published."),
    "retire": mark("Retired."),
    "draft": mark("Taken off the site."),
}
ACTS = {
    "import": mark("imported"),
    "save": mark("saved"),
    "review": mark("sent for review"),
    "approve": mark("approved"),
    "decline": mark("declined"),
    "publish": mark("published"),
    "retire": mark("retired"),
    "draft": mark("taken back to a draft"),
    "restore": mark("restored an earlier version"),
    "theme": mark("given a theme"),
    "untheme": mark("relieved of a theme"),
}
# Why a letter was not sent.
REASONS = {
    "withdrawn": mark("the edition was withdrawn"),
    "nothing to send": mark("there was no edition"),
    "late": mark("it was too late"),
    "left": mark("they had left meanwhile"),
}
# What buttons for many at once say.
DEEDS = {
    "review": mark("Send for review"),
    "approve": mark("Approve what waits"),
    "publish": mark("Approve and publish"),
    "retire": mark("Retire"),
    "draft": mark("Take off the site"),
    "theme": mark("Give it the theme"),
    "untheme": mark("Take the theme away"),
}
