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
