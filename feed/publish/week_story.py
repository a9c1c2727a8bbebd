"""The story of a week in its e-mail: a sentence from the week's themes, and the leading principle.

Both depend on the editions alone, so every recipient of a language gets the same.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from feed.i18n import Translator
from feed.model import Showing, Theme, Week
from feed.model.language_tags import primary

MAX_NAMED = 3  # themes named together: more make no sentence


@dataclass(frozen=True, slots=True)
class WeekStory:
    """The sentence, the principle in full, and the others, oldest first."""

    sentence: str
    lead: Showing
    others: tuple[Showing, ...]


def compose(t: Translator, week: Week) -> WeekStory:
    """The story of a week with at least one edition.

    The lead is an edition with the theme that most editions of the week have (of several such
    themes the one that came first); of these, one with a question and an act comes before one
    without, and then the newest. It is the same in every language.
    """
    leading = next(iter(_ranked(week.showings)), "")

    def rank(showing: Showing) -> tuple[bool, bool, str]:
        text = showing.text(showing.principle.original_language)
        is_full = bool(text.reflection and text.practice)
        return leading in showing.principle.themes, is_full, showing.edition.key

    lead = max(week.showings, key=rank)
    others = tuple(showing for showing in week.showings if showing is not lead)
    return WeekStory(_sentence(t, week.showings), lead, others)


def _ranked(showings: Sequence[Showing]) -> dict[str, int]:
    """The number of editions of each theme, by slug: the most frequent first, then the earliest."""
    slugs = (slug for showing in showings for slug in showing.principle.themes)
    return dict(Counter(slugs).most_common())


def _sentence(t: Translator, showings: Sequence[Showing]) -> str:
    """What the week was about, from the themes that have a name in the language of `t`."""
    themes = {theme.slug: theme for showing in showings for theme in showing.themes}
    counts = {
        name: number
        for slug, number in _ranked(showings).items()
        if slug in themes and (name := _name(t, themes[slug]))
    }
    names = list(counts)
    if not names:
        return t.ngettext(
            "Here is last week’s principle.", "Here are last week’s principles.", len(showings)
        )
    if len(showings) == 1:
        form = t.ngettext(
            "Last week had one principle, on the theme of %(themes)s.",
            "Last week had one principle, on the themes of %(themes)s.",
            len(names),
        )
        return form % {"themes": t.listed(names)}
    return _of_several(t, counts)


def _of_several(t: Translator, counts: dict[str, int]) -> str:
    """The sentence of several editions, from the number of editions of each theme's name."""
    names, most = list(counts), max(counts.values())
    top = [name for name, number in counts.items() if number == most]
    if len(names) == 1:
        return t.gettext("One theme ran through all of last week: %(theme)s.", theme=names[0])
    if len(top) == 1:
        others = names[1 : 1 + MAX_NAMED]
        form = t.ngettext(
            "Last week kept coming back to %(theme)s, by way of %(others)s.",
            "Last week kept coming back to %(theme)s, by way of %(others)s.",
            len(others),
        )
        return form % {"theme": top[0], "others": t.listed(others)}
    if len(top) == 2:
        return t.gettext("Two themes met last week: %(themes)s.", themes=t.listed(top))
    if len(top) == MAX_NAMED:
        return t.gettext("Three themes met last week: %(themes)s.", themes=t.listed(top))
    return t.gettext(
        "Many themes met last week, among them %(themes)s.", themes=t.listed(top[:MAX_NAMED])
    )


def _name(t: Translator, theme: Theme) -> str:
    """The name of a theme as it stands within a sentence; empty if it has none in the language.

    A capital that only begins the name becomes small: `Trust`, but not `GDPR`.
    """
    language, text = theme.text(t.interface)
    if primary(language) != primary(t.interface) or not text.name:
        return ""
    first, rest = text.name[:1], text.name[1:]
    return first.lower() + rest if rest == rest.lower() else text.name
