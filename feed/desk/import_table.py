"""The table of an import plan: what happens to each entry of a file, and why."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feed.desk.labels import STATES
from feed.desk.principle_form import LABELS
from feed.errors import Problem, gettext_noop
from feed.files import Entry
from feed.i18n import Translator
from feed.library import diff
from feed.library.diff import Piece
from feed.library.import_plan import Plan, PlannedEntry, label

OUTCOMES: Mapping[str, str] = {
    "refused": gettext_noop("Refused"),
    "pending": gettext_noop("Waits for an editor"),
    "new": gettext_noop("New"),
    "changed": gettext_noop("Changed"),
    "left_alone": gettext_noop("Left alone"),
    "unchanged": gettext_noop("Unchanged"),
}
KINDS: Mapping[str, str] = {
    "themes": gettext_noop("Theme"),
    "sources": gettext_noop("Source"),
    "principles": gettext_noop("Principle"),
}
_FIELDS: Mapping[str, str] = {
    **LABELS,
    "status": gettext_noop("Status"),
    "state": gettext_noop("State"),
    "language": gettext_noop("Language"),
    "author": gettext_noop("Author"),
    "publisher": gettext_noop("Publisher"),
    "year": gettext_noop("Year"),
    "url": gettext_noop("Address on the web"),
    "rights": gettext_noop("Right to use it"),
    "introduction": gettext_noop("Introduction"),
    "name": gettext_noop("Name"),
    "description": gettext_noop("Description"),
}
PAGE_LENGTH = 100
MAX_REASONS = 20  # of an entry; a file can have a wrong field for every few bytes


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that changes: its name, and its words before and after, in `language` if in one."""

    name: str
    language: str
    before: list[Piece]
    after: list[Piece]


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a file, or an error of the file as a whole (`kind` is empty).

    `where` is its row numbers in the file, `changes` the fields that change, `reasons` the errors.
    """

    outcome: str
    kind: str
    slug: str
    title: str
    where: str
    changes: tuple[FieldChange, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TablePage:
    """A page of the table: rows of one outcome, or of all (`outcome` is empty)."""

    rows: tuple[Row, ...]
    outcome: str
    number: int
    pages: int


class ImportTable:
    """The rows of an import plan, refused entries first."""

    def __init__(self, t: Translator, plan: Plan) -> None:
        self._t = t
        reasons: dict[str, list[Problem]] = {}
        for problem in plan.problems:
            reasons.setdefault(problem.entry, []).append(problem)
        known = {label(item.kind, item.slug): item for item in plan.items}
        general = [p for entry, found in reasons.items() if entry not in known for p in found]
        order = list(OUTCOMES)
        items = sorted(plan.items, key=lambda item: order.index(item.outcome))
        self._rows: list[Problem | PlannedEntry] = [*general, *items]
        self._reasons = reasons
        self.counts = Counter(item.outcome for item in plan.items)
        self.counts["refused"] += len(general)

    def page(self, outcome: str, number: int) -> TablePage:
        """A page of the rows of one outcome, or of all if `outcome` is empty."""
        chosen = [row for row in self._rows if outcome in ("", _fate(row))]
        pages = max(1, -(-len(chosen) // PAGE_LENGTH))
        number = min(number, pages)
        part = chosen[(number - 1) * PAGE_LENGTH : number * PAGE_LENGTH]
        return TablePage(tuple(map(self._row, part)), outcome, number, pages)

    def _row(self, given: Problem | PlannedEntry) -> Row:
        if isinstance(given, Problem):
            where = "" if given.row is None else str(given.row)
            title = given.entry if given.row is None else ""
            return Row("refused", "", "", title, where, (), (self._message(given),))
        texts = given.entry["texts"]
        text: Entry = texts.get(given.entry.get("original_language")) or next(
            iter(texts.values()), {}
        )
        title = given.entry.get("title") or text.get("title") or text.get("name") or ""
        problems = self._reasons.get(label(given.kind, given.slug), [])
        return Row(
            given.outcome,
            given.kind,
            given.slug,
            title,
            _spans(given.rows),
            tuple(self._change(given, name) for name in given.fields),
            self._messages(problems),
        )

    def _change(self, item: PlannedEntry, name: str) -> FieldChange:
        pieces = diff.pieces(self._value(item.old or {}, name), self._value(item.entry, name))
        return FieldChange(
            field_name(self._t, name),
            name.split(".")[1] if name.startswith("texts.") else "",
            [piece for piece in pieces if piece.kind != "new"],
            [piece for piece in pieces if piece.kind != "old"],
        )

    def _value(self, entry: Entry, name: str) -> str:
        """The value of a field such as `texts.sv.title`, as text."""
        found: Any = entry
        for part in name.split("."):
            found = found.get(part, "") if isinstance(found, dict) else ""
        if name == "status" or name.endswith(".state"):
            return self._t.gettext(STATES[found]) if found in STATES else ""
        return ", ".join(found) if isinstance(found, list) else str(found or "")

    def _messages(self, problems: list[Problem]) -> tuple[str, ...]:
        found = tuple(map(self._message, problems[:MAX_REASONS]))
        return (*found, "…") if len(problems) > MAX_REASONS else found

    def _message(self, problem: Problem) -> str:
        values = problem.values
        if "kind" in values:  # of a value, such as "a number"
            values = {**values, "kind": self._t.gettext(str(values["kind"]))}
        words = self._t.gettext(problem.message, **values)
        name = problem.heading or field_name(self._t, problem.field)
        return f"{name}: {words}" if name else words


def _fate(row: Problem | PlannedEntry) -> str:
    return row.outcome if isinstance(row, PlannedEntry) else "refused"


def _spans(rows: tuple[int, ...]) -> str:
    """`2–4, 9` for 2, 3, 4 and 9."""
    spans: list[list[int]] = []
    for row in rows:
        if spans and row == spans[-1][1] + 1:
            spans[-1][1] = row
        else:
            spans.append([row, row])
    return ", ".join(f"{a}–{b}" if b > a else f"{a}" for a, b in spans)


def field_name(t: Translator, name: str) -> str:
    """The name of a field of an entry: `Title (Swedish)` for `texts.sv.title`."""
    first, _, rest = name.partition(".")
    if first != "texts" or not rest:
        return column_name(t, name)
    language, _, field = rest.partition(".")
    code = t.language_name(language)
    return f"{column_name(t, field)} ({code})" if field else code


def column_name(t: Translator, name: str) -> str:
    """The name of a field, or of a column of a table."""
    return t.gettext(_FIELDS[name]) if name in _FIELDS else name
