"""The desk's first page: what waits for whoever has signed in."""

from flask import Blueprint, render_template

from feed.web.desk.guard import needs

blueprint = Blueprint("desk", __name__, url_prefix="/desk")


@blueprint.get("/")
@needs("translator")
def home() -> str:
    """What waits for somebody, and where to go."""
    return render_template("desk/home.html")
