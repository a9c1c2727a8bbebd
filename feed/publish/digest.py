"""Letters: an edition, a week, or a notice to one person, as a subject, a text and HTML.

Each kind is three templates side by side. The text is written for reading, not derived.
"""

import re
import textwrap
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from feed.i18n import translator
from feed.model import TOKEN, Digest, Showing, Site, Week
from feed.publish import markup

# Mail to `person` at the desk: an invitation, a link to sign in, and gaps in the plan (all `url`).
DESK_NOTICES = ("desk-invitation", "desk-sign-in", "desk-gaps")
# What a notice can be about: confirming a subscription (`url`, `choice`, `days`), being subscribed
# already (`url`), the page with one's data (`url`), confirming a new address (`url`, `days`), and
# telling the old one (`contact`). `days` are 7, and `contact` is the site's, unless given.
NOTICES = ("confirm", "known", "private", "move", "moved", *DESK_NOTICES)
WIDTH = 72
_FOLDER = Path(__file__).parent / "templates" / "letters"


def daily(site: Site, language: str, showing: Showing) -> Digest:
    """The letter of a day: all of the edition but its commentary, which is left to the site."""
    return _digest(site, language, "daily", showing.edition.date, showing=showing)


def weekly(site: Site, language: str, week: Week) -> Digest:
    """The letter of a week that is over, dated the Monday after; it needs an edition at least."""
    monday = week.monday + timedelta(days=7)
    return _digest(site, language, "weekly", monday, week=week)


def notice(site: Site, language: str, kind: str, **values: str) -> Digest:
    """A notice to one person, of one of NOTICES.

    `choice` tells, in the reader's language, what letters were asked for.
    """
    if kind not in NOTICES:
        raise ValueError(f"no notice is called {kind}")
    return _letter(site, language, kind, **values)


def _digest(site: Site, language: str, kind: str, day: date, **values: object) -> Digest:
    archive = site.url(f"/{language}/archive/")
    letter = _letter(site, language, kind, **values)
    return replace(letter, date=day, archive_url=archive)


def _letter(site: Site, language: str, kind: str, **values: object) -> Digest:
    known: dict[str, Any] = {
        **values,
        "site": site,
        "subscription": site.url(f"/subscription/{TOKEN}"),
        "link": lambda showing: site.url(markup.edition_path(language, showing)),
    }
    templates = _environment(language)
    known["subject"] = " ".join(templates.get_template(f"{kind}.subject.txt").render(known).split())
    return Digest(
        kind=kind,
        language=language,
        subject=known["subject"],
        text=_typed(templates.get_template(f"{kind}.txt").render(known)),
        html=_styled(templates.get_template(f"{kind}.html").render(known)),
    )


def _typed(text: str) -> str:
    """The text as a person would type it: in lines of WIDTH, addresses whole, no gaping holes."""
    fill = partial(textwrap.fill, width=WIDTH, break_long_words=False, break_on_hyphens=False)
    lines = (line if len(line) <= WIDTH else fill(line) for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _styled(html: str) -> str:
    """The page with its style in its elements, but for what depends on the screen."""
    return _inliner().inline(html).replace('<style data-css-inline="keep">', "<style>")


@lru_cache
def _environment(language: str) -> Environment:
    """The templates, with the words of one language."""
    t = translator(language)
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(["html"], default=False),  # the others are plain text
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        t.gettext, t.ngettext, newstyle=True
    )
    environment.globals.update(
        t=t,
        lang=language,
        credit=lambda showing: markup.credit(t, showing.source, showing.principle),
        credit_html=lambda showing: markup.credit_html(t, showing.source, showing.principle),
        fallback_note=lambda shown: markup.fallback_note(t, shown),
    )
    environment.filters["opening"] = lambda text: text[:1].upper() + text[1:]
    return environment


@lru_cache(maxsize=1)
def _inliner() -> CSSInliner:
    """Puts the style sheet into the elements it speaks of; it fetches nothing from anywhere."""
    sheet = (_FOLDER / "letter.css").read_text(encoding="utf-8")
    return CSSInliner(extra_css=sheet, minify_css=True, load_remote_stylesheets=False)
