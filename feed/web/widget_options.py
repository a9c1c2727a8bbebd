"""How the widget may look: the choices that its page, its element and its builder share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from feed.errors import ParameterError, gettext_noop

PARTS = ("title", "statement", "reflection", "practice", "credit")
SCHEMES = ("auto", "light", "dark")
LAYOUTS = ("card", "line", "wide")
SIZES = ("small", "medium", "large", "huge")
USUAL_PARTS = ("statement", "credit")

_ONE_OF = {
    "scheme": (SCHEMES, gettext_noop("auto, light or dark")),
    "layout": (LAYOUTS, gettext_noop("card, line or wide")),
    "text-size": (SIZES, gettext_noop("small, medium, large or huge")),
}
_SHOW = gettext_noop(
    "some of title, statement, reflection, practice and credit, with blanks between"
)


@dataclass(frozen=True, slots=True)
class WidgetOptions:
    """One way for the widget to look. `show` has the parts in the order they are shown."""

    scheme: str = "auto"
    layout: str = "card"
    size: str = "medium"
    show: tuple[str, ...] = USUAL_PARTS

    @property
    def options(self) -> dict[str, str]:
        """What differs from the usual, as parameters of the page and attributes of the element."""
        given = {
            "scheme": self.scheme,
            "layout": self.layout,
            "text-size": self.size,
            "show": " ".join(self.show),
        }
        usual = {"scheme": "auto", "layout": "card", "text-size": "medium"}
        usual["show"] = " ".join(USUAL_PARTS)
        return {name: value for name, value in given.items() if value != usual[name]}

    @property
    def query(self) -> str:
        """The options as the query of an address, empty if there are none."""
        return f"?{urlencode(self.options)}" if self.options else ""

    @property
    def height(self) -> int:
        """Pixels that are enough in most places, for an iframe that nobody tells its height."""
        lines = {"title": 60, "statement": 110, "reflection": 90, "practice": 90, "credit": 50}
        wanted = 60 + sum(lines[part] for part in self.show)
        factor = {"small": 0.9, "medium": 1, "large": 1.3, "huge": 2}[self.size]
        wide = {"card": 1.0, "line": 0.6, "wide": 0.75}[self.layout]
        return int(wanted * factor * wide / 10) * 10


def read(given: Mapping[str, str], show: Sequence[str]) -> WidgetOptions:
    """The look that parameters ask for. Raises ParameterError at the first that is wrong."""
    for name, (choices, expected) in _ONE_OF.items():
        if given.get(name, choices[0]) not in choices:
            raise ParameterError(name, given[name], expected)
    parts = " ".join(show).replace(",", " ").split()
    if not set(parts) <= set(PARTS) or (show and not parts):
        raise ParameterError("show", " ".join(show), _SHOW)
    return WidgetOptions(
        given.get("scheme", "auto"),
        given.get("layout", "card"),
        given.get("text-size", "medium"),
        tuple(part for part in PARTS if part in parts) or USUAL_PARTS,
    )
