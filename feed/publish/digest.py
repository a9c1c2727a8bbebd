"""E-mails: daily and weekly digests, and notices to one person, as subject, text and HTML.

Each kind has three templates side by side; the text part is written, not derived from the HTML.
"""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from feed.i18n import translator
from feed.model import TOKEN, Digest, Showing, Site, Week
from feed.publish import markup, week_story

# Notices to `person` at the desk, all with `url`: an invitation (`inviter`, a name or None, `role`,
# `languages`, the names of a translator's), a sign-in link, gaps in the plan, trouble with sending
# (`alarms`, texts), what happened at the desk (`about`, the subject, `items`, each with `sentence`,
# `quote`, `note` and `path`, and the number of `more`), and the coming week (the number `week`, and
# `days`, each with `day`, `title` and `notes`), and a step of sign-in (`event`, `what` happened,
# and when, `at`).
DESK_NOTICES = (
    *("desk-invitation", "desk-sign-in", "desk-gaps", "desk-sending", "desk-activity", "desk-week"),
    "desk-way-in",
)
# The kinds of notices and their values: confirm a subscription (`url`, `choice`, `days`), already
# subscribed (`url`), the page with one's data (`url`), confirm a new address (`url`, `days`), and
# the information to the old one (`contact`). Defaults: `days` 7, `contact` that of the site.
NOTICES = ("confirm", "known", "private", "move", "moved", *DESK_NOTICES)
WIDTH = 72
_FOLDER = Path(__file__).parent / "templates" / "email"


def daily(site: Site, languages: str, showing: Showing, day: date | None = None) -> Digest:
    """The daily digest: all of the edition except its commentary, which is on the site.

    `languages` is one, or several as `sv+en`, the texts of which follow each other. `day` is the
    recipient's date, in the heading; that of the edition if None.
    """
    own = showing.edition.date
    codes = _shown_once(languages, [showing])
    values: dict[str, Any] = {"showing": showing, "day": day or own}
    return _digest(site, "daily", own, dict.fromkeys(codes, values))


def weekly(site: Site, languages: str, week: Week) -> Digest:
    """The weekly digest of a past week with at least one edition, dated the Monday after."""
    monday = week.monday + timedelta(days=7)
    return _digest(
        site,
        "weekly",
        monday,
        {
            code: {"week": week, "story": week_story.compose(translator(code), week)}
            for code in _shown_once(languages, week.showings)
        },
    )


def _shown_once(languages: str, showings: Sequence[Showing]) -> list[str]:
    """The languages, less those that show the same texts as one before."""
    found: dict[tuple[str, ...], str] = {}
    for code in languages.split("+"):
        found.setdefault(tuple(each.text(code).language for each in showings), code)
    return list(found.values())


def welcome(
    site: Site,
    language: str,
    showing: Showing | None,
    *,
    choice: str,
    first: datetime | None,
    today: date,
) -> Digest:
    """The e-mail after a subscription is confirmed, with the newest principle if there is one.

    `choice` describes the subscription in words of the recipient's language, `first` is when its
    first digest comes, in the recipient's timezone; `today` is the date at the site.
    """
    t, when = translator(language), ""
    if showing is not None and showing.edition.date == today:
        when = t.gettext("Today’s principle")
    elif showing is not None:
        when = t.gettext("The principle of %(day)s", day=t.day(showing.edition.date))
    values = {"showing": showing, "choice": choice, "first": first, "when": when}
    return replace(_render(site, language, "welcome", **values), unsubscribe=True)


def notice(site: Site, language: str, kind: str, **values: Any) -> Digest:
    """A notice to one person, of a kind in NOTICES; see there for its values.

    `choice` describes the subscription in words of the recipient's language.
    """
    if kind not in NOTICES:
        raise ValueError(f"there is no kind of notice called {kind}")
    return _render(site, language, kind, **values)


def _digest(site: Site, kind: str, dated: date, values: Mapping[str, dict[str, Any]]) -> Digest:
    """A digest in the languages of `values`, each with its values."""
    language, *others = values
    archive = site.url(f"/{language}/archive/")
    parts = {
        form: [_part(site, code, f"{kind}.body.{form}", values[code]) for code in others]
        for form in ("txt", "html")
    }
    rendered = _render(site, language, kind, **values[language], parts=parts)
    made = replace(rendered, date=dated, archive_url=archive, unsubscribe=True)
    return replace(made, others=tuple(others))


def _part(site: Site, language: str, template: str, values: dict[str, Any]) -> tuple[str, Markup]:
    """The texts of a digest in a further language: the attributes of that, and the body."""
    body = _environment(language).get_template(template).render(_context(site, language, values))
    return language, Markup(body)  # noqa: S704  # nosec B704 – rendered with autoescape


def _context(site: Site, language: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        **values,
        "site": site,
        "subscription": site.url(f"/subscription/{TOKEN}"),
        "link": lambda showing: site.url(markup.edition_path(language, showing)),
    }


def _render(site: Site, language: str, kind: str, **values: Any) -> Digest:
    context = _context(site, language, values)
    templates = _environment(language)
    context["subject"] = " ".join(
        templates.get_template(f"{kind}.subject.txt").render(context).split()
    )
    return Digest(
        kind=kind,
        language=language,
        subject=context["subject"],
        text=_wrapped(templates.get_template(f"{kind}.txt").render(context)),
        html=_inlined(templates.get_template(f"{kind}.html").render(context)),
    )


def _wrapped(text: str) -> str:
    """Wrap the text at WIDTH without breaking URLs, and collapse repeated blank lines."""
    fill = partial(textwrap.fill, width=WIDTH, break_long_words=False, break_on_hyphens=False)
    lines = (line if len(line) <= WIDTH else fill(line) for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _inlined(html: str) -> str:
    """Inline the style sheet, except for media queries, which stay in a style element."""
    return _inliner().inline(html).replace('<style data-css-inline="keep">', "<style>")


@lru_cache
def _environment(language: str) -> Environment:
    """The Jinja environment of one language."""
    t = translator(language)
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(["html"], default=False),  # the other templates are plain text
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
        marks=lambda code: markup.marks(code, t.interface),
        page_marks=lambda: markup.marks(t.interface),
        beside=lambda code: markup.marks(translator(code).interface, t.interface),
        credit=lambda showing: markup.credit(t, showing.source, showing.principle),
        credit_html=lambda showing: markup.credit_html(t, showing.source, showing.principle),
        fallback_note=lambda shown: markup.fallback_note(t, shown),
    )
    environment.filters["opening"] = lambda text: text[:1].upper() + text[1:]
    return environment


@lru_cache(maxsize=1)
def _inliner() -> CSSInliner:
    """The CSS inliner, which loads nothing from the network."""
    sheet = (_FOLDER / "email.css").read_text(encoding="utf-8")
    return CSSInliner(extra_css=sheet, minify_css=True, load_remote_stylesheets=False)
