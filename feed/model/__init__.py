"""The domain model: immutable dataclasses without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import takewhile
from typing import Literal, get_args

from feed.model.language_tags import lookup
from feed.model.site import Site as Site

Kind = Literal["principle", "quote"]
Status = Literal["draft", "published", "retired"]
State = Literal["draft", "review", "approved", "outdated"]
Why = Literal["pin", "rotation"]
Cadence = Literal["daily", "weekly"]

Day = date  # for classes with a field called `date`

KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)
CADENCES: tuple[Cadence, ...] = get_args(Cadence)
STATES: tuple[State, ...] = get_args(State)
SHOWABLE: tuple[State, ...] = ("approved", "outdated")
TEXT_FIELDS = ("title", "short", "statement", "reflection", "practice", "team", "commentary")
NEEDED_FIELDS = ("title", "statement")  # a text may lack the others


@dataclass(frozen=True, slots=True)
class Text:
    """A principle in one language; missing parts are empty strings.

    `short` says it in one line, for narrow places; `team` is something to do at the next meeting.

    The state `outdated` is an approved translation of an original that has changed since.
    `corrected` is the time of the last significant change, None if there was none.
    """

    language: str
    title: str
    statement: str
    reflection: str = ""
    practice: str = ""
    commentary: str = ""
    short: str = ""
    team: str = ""
    state: State = "draft"
    corrected: datetime | None = None

    @property
    def line(self) -> str:
        """The text in one line: `short`, else the title."""
        return self.short or self.title


@dataclass(frozen=True, slots=True)
class SourceText:
    """The introduction and the rights note of a source, in one language."""

    introduction: str = ""
    rights: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The work that a principle comes from; unknown fields are None.

    A retired one is not offered for further principles.
    """

    slug: str
    title: str
    language: str
    author: str | None = None
    publisher: str | None = None
    year: int | None = None
    url: str | None = None
    texts: Mapping[str, SourceText] = field(default_factory=dict)
    corrected: datetime | None = None
    retired: bool = False

    def text(self, language: str) -> tuple[str, SourceText]:
        """The text in `language`, else in any language: (language, text)."""
        for candidate in (*lookup(language), self.language, *self.texts):
            if candidate in self.texts:
                return candidate, self.texts[candidate]
        return language, SourceText()

    @property
    def has_rights(self) -> bool:
        """Whether it has a note on the right to use it, in any language."""
        return any(text.rights for text in self.texts.values())

    @property
    def can_be_quoted(self) -> bool:
        """Whether it has what the credit of a quote needs: author, year and rights."""
        return bool(self.author and self.year and self.has_rights)


@dataclass(frozen=True, slots=True)
class ThemeText:
    """A theme's name and description in one language."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme of the library, named in every language.

    A retired one is not offered for further principles. `corrected` is the last change of a name.
    """

    slug: str
    texts: Mapping[str, ThemeText] = field(default_factory=dict)
    corrected: datetime | None = None
    retired: bool = False

    def text(self, language: str) -> tuple[str, ThemeText]:
        """The text in `language`, else in any language, else the slug: (language, text)."""
        for candidate in (*lookup(language), *self.texts):
            if candidate in self.texts:
                return candidate, self.texts[candidate]
        return language, ThemeText(self.slug)


@dataclass(frozen=True, slots=True)
class Principle:
    """One idea, with its text in each language. `notes` are for translators."""

    slug: str
    kind: Kind
    source: str
    themes: tuple[str, ...]
    original_language: str
    locator: str = ""
    status: Status = "draft"
    texts: Mapping[str, Text] = field(default_factory=dict)
    corrected: datetime | None = None
    notes: str = ""

    @property
    def is_public(self) -> bool:
        """Whether it has a public page: not a draft, and approved in its original language."""
        original = self.texts.get(self.original_language)
        return self.status != "draft" and original is not None and original.state in SHOWABLE

    @property
    def languages(self) -> set[str]:
        """The languages with a text of their own: the original's, and those that are approved."""
        approved = {code for code, text in self.texts.items() if text.state in SHOWABLE}
        return approved | {self.original_language}

    def text(self, language: str) -> Text:
        """The approved text in `language`, of a variant else in its language, else the original."""
        for candidate in lookup(language):
            wanted = self.texts.get(candidate)
            if wanted is not None and wanted.state in SHOWABLE:
                return wanted
        return self.texts[self.original_language]


@dataclass(frozen=True, slots=True)
class Edition:
    """The broadcast of one principle on one date; `number` counts the editions of that date."""

    date: date
    number: int
    principle: str
    cycle: int
    why: Why
    published: datetime
    withdrawn: datetime | None = None
    reason: str | None = None

    @property
    def key(self) -> str:
        """The date, with `.2` … for a replacement: the last part of the feed id."""
        return self.date.isoformat() + (f".{self.number}" if self.number > 1 else "")


@dataclass(frozen=True, slots=True)
class Showing:
    """An edition with its principle, source and themes: the input of every channel."""

    edition: Edition
    principle: Principle
    source: Source
    themes: tuple[Theme, ...]

    def text(self, language: str) -> Text:
        """The approved text in `language`, or what stands in for it."""
        return self.principle.text(language)

    def updated(self, language: str) -> datetime:
        """The time of the last change visible in `language`, never before `published`."""
        shown, texts = self.text(language), self.principle.texts
        missing = takewhile(lambda candidate: candidate != shown.language, lookup(language))
        changes = (
            self.edition.published,
            shown.corrected,
            # Also of what is not shown: its approval may have been revoked.
            *(texts[candidate].corrected for candidate in missing if candidate in texts),
            self.principle.corrected,
            self.source.corrected,
            *(theme.corrected for theme in self.themes),
        )
        return max(change for change in changes if change)


@dataclass(frozen=True, slots=True)
class Week:
    """A complete ISO week, with its standing editions, oldest first.

    `withdrawn` is when the last of its other editions was withdrawn.
    """

    year: int
    number: int
    showings: tuple[Showing, ...]
    withdrawn: datetime | None = None

    @property
    def key(self) -> str:
        """The last part of the feed id, such as `2026-W07`."""
        return f"{self.year}-W{self.number:02}"

    @property
    def monday(self) -> date:
        """The first day."""
        return date.fromisocalendar(self.year, self.number, 1)


# The placeholder of a subscriber's token in a rendered digest; as long as a token.
TOKEN = "x" * 42


@dataclass(frozen=True, slots=True)
class Digest:
    """A rendered e-mail, the same for all but for `TOKEN` in its links.

    Its principles are also in the languages `others`; everything else is in `language`.

    `kind` is `daily`, `weekly`, or the kind of a notice. Only digests have a `date` (of the
    edition, or the Monday after the week) and the URL of their archived page. `unsubscribe`: its
    headers let mail programs unsubscribe.
    """

    kind: str
    language: str
    subject: str
    text: str
    html: str
    date: Day | None = None
    archive_url: str | None = None
    unsubscribe: bool = False
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preferences:
    """A subscriber's cadence, hour and timezone; `workdays`: daily, Monday to Friday only.

    The principles come in the languages `others`, too.
    """

    language: str
    cadence: Cadence
    workdays: bool
    hour: int
    timezone: str
    others: tuple[str, ...] = ()

    @property
    def languages(self) -> str:
        """The languages as one key: `sv`, or `sv+en`."""
        return "+".join((self.language, *self.others))


SubscriberStatus = Literal["pending", "active", "suspended", "left"]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscriber, of any status.

    `since` is when the present status and preferences took effect. `new_address` is not yet
    confirmed. `epoch` is raised to void confirmation links, `moves` by each change of address.
    """

    id: int
    address: str
    preferences: Preferences
    status: SubscriberStatus
    asked: datetime
    confirmed: datetime | None
    since: datetime
    paused_until: date | None = None
    epoch: int = 0
    new_address: str | None = None
    old_address: str | None = None
    moves: int = 0
