"""Remarks on what is written in the principle form: the style checks in kind words, by field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from feed.errors import gettext_noop
from feed.i18n import Translator
from feed.library.style_checks import Hint

_SHORT = gettext_noop("A bit short: %(count)s characters. At least %(least)s work best.")
_LONG = gettext_noop("A bit long: %(count)s characters. At most %(most)s fit everywhere.")
# By message of the style check; what is missing in a text needs no words: its field is empty.
_KIND_WORDS: Mapping[str, str] = {
    "has straight quotes where curly ones should be": gettext_noop(
        "Curly quotation marks and apostrophes look better: “ ” ’"
    ),
    "has a hyphen where a dash (–) should be": gettext_noop("Use a dash here: –"),
    "has a space too many": gettext_noop("There is one space too many."),
    "has unbalanced quotes": gettext_noop(
        "A quotation mark is missing its partner, or is the wrong kind."
    ),
    "has a line break": gettext_noop("Try it as one paragraph, without a line break."),
    "ends with a full stop": gettext_noop("A title doesn’t need a full stop."),
    "has “%(phrase)s”; better: %(instead)s": gettext_noop("Better than “%(phrase)s”: %(instead)s."),
    "can be answered with yes or no": gettext_noop(
        "This can be answered with yes or no. Try who, what, when or how."
    ),
    "is not exactly one question": gettext_noop("Try it as one question, with a question mark."),
}
_LENGTH = "has %(count)s characters; should have %(least)s to %(most)s"


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark in the reader's language, and the slug of the principle it refers to, if any."""

    text: str
    slug: str | None


def by_field(hints: Iterable[Hint], t: Translator) -> dict[str, list[Remark]]:
    """The remarks on each field of the form."""
    found: dict[str, list[Remark]] = {}
    for hint in hints:
        if words := _words(hint):
            remark = Remark(t.gettext(words, **hint.values), hint.slug)
            found.setdefault(hint.field, []).append(remark)
    return found


def _words(hint: Hint) -> str:
    if hint.message == "is missing":
        return ""
    if hint.message == _LENGTH:
        count, least = hint.values["count"], hint.values["least"]
        return _SHORT if isinstance(count, int) and count < int(str(least)) else _LONG
    return _KIND_WORDS.get(hint.message, hint.message)
