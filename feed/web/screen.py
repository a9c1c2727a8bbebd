"""The screen: today's edition as a full-screen page for a display in a corridor.

Its script follows what is published. Without scripts the page reloads itself every five minutes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product

from flask import Blueprint, Response, render_template, request

from feed import editions
from feed.errors import gettext_noop
from feed.i18n import Translator, match, translator
from feed.model import Showing, Text
from feed.publish import markup
from feed.web.context import db, language, now, site
from feed.web.middleware.headers import SCRIPT_POLICY, cacheable_by

blueprint = Blueprint("screen", __name__)

LABELS = {
    "statement": "",
    "reflection": gettext_noop("To think about"),
    "practice": gettext_noop("To do today"),
}


@dataclass(frozen=True, slots=True)
class Slide:
    """One text of the day in one language, with the size at which it fills a screen."""

    text: Text
    heading: str
    words: str
    is_label: bool
    t: Translator
    credit: str
    next_note: str

    @property
    def sizes(self) -> str:
        """The classes of the font sizes at which it fills a screen of 16:9 and one of 9:16."""
        from feed.publish import screen_sizes  # slow to import, and needed here only

        scales = screen_sizes.LABEL_SCALES if self.is_label else screen_sizes.TITLE_SCALES
        spaces = {"wide": screen_sizes.LANDSCAPE, "tall": screen_sizes.PORTRAIT}
        return " ".join(
            f"{name}-{step} {name}-heading-{scale}"
            for name, space in spaces.items()
            for step, scale in [screen_sizes.font_sizes(self.heading, self.words, scales, space)]
        )


@blueprint.get("/<language:language>/screen/")
@cacheable_by("with", "show")
def page() -> Response:
    """Today's edition, else the newest: texts by `show`, languages by `with`, one after another."""
    view = editions.today(db(), site(), now())
    slides: list[Slide] = []
    if view:
        following = editions.following(db(), site(), view.showing.edition.date, now())
        slides = list(_slides(view.showing, following, _parts()))
        slides = slides or list(_slides(view.showing, following, ["statement"]))
    body = render_template("screen.html", showing=view and view.showing, slides=slides)
    return Response(body, headers={"Content-Security-Policy": SCRIPT_POLICY})


def _slides(showing: Showing, following: date | None, parts: Sequence[str]) -> Iterator[Slide]:
    """The texts that the day has, of those asked for; each language once."""
    texts: dict[str, tuple[Translator, Text]] = {}
    for code in _languages():
        text = showing.text(code)
        texts.setdefault(text.language, (translator(code), text))
    day = showing.edition.date
    for part, (t, text) in product(parts, texts.values()):
        if words := getattr(text, part):
            yield Slide(
                text=text,
                heading=t.gettext(LABELS[part]) if LABELS[part] else text.title,
                words=words,
                is_label=bool(LABELS[part]),
                t=t,
                credit=markup.credit(t, showing.source, showing.principle),
                next_note=markup.next_note(t, day, following),
            )


def _languages() -> Sequence[str]:
    """The page's language, then the site's languages among those of `with`."""
    wanted = request.args.get("with", "").replace(",", " ").split()
    found = (match(tag, site().languages) for tag in wanted)
    return list(dict.fromkeys([language(), *(code for code in found if code)]))


def _parts() -> Sequence[str]:
    wanted = request.args.get("show", "").lower().replace(",", " ").split()
    return list(dict.fromkeys(part for part in wanted if part in LABELS)) or ["statement"]
