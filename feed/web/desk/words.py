"""What roles, states and acts are called on the pages of the desk."""

from feed.errors import mark

ROLES = {
    "translator": mark("Translator"),
    "curator": mark("Curator"),
    "editor": mark("Editor"),
    "administrator": mark("Administrator"),
}
STATES = {
    "draft": mark("Draft"),
    "review": mark("In review"),
    "approved": mark("Approved"),
    "outdated": mark("Outdated"),
    "missing": mark("Missing"),
    "published": mark("Published"),
    "retired": mark("Retired"),
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
}
