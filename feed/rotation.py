"""Rotation: chooses the principle of a date, as a pure function of library, ledger and pins.

A *cycle* shows every eligible principle once, in an order of its own. Equal input gives equal
output on any machine. With n eligible principles, one shown within ⌊n/2⌋ publication days is held
back.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256

from feed.model import Why


@dataclass(frozen=True, slots=True)
class Candidate:
    """An eligible principle: the fields that the rotation depends on."""

    slug: str
    source: str
    themes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shown:
    """An edition of the ledger, standing or withdrawn: the fields that the rotation depends on."""

    date: date
    cycle: int
    standing: bool
    slug: str
    source: str
    themes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """The principle chosen for a date, and why."""

    date: date
    cycle: int
    slug: str
    why: Why


def calendar_days_before(day: date, number: int) -> date:
    """The date `number` days before a date, where every date is a publication day."""
    return day - timedelta(days=number)


def plan(
    eligible: Iterable[Candidate],
    ledger: Iterable[Shown],
    pins: Mapping[date, str],
    days: Iterable[date],
    days_before: Callable[[date, int], date] = calendar_days_before,
) -> Iterator[Choice]:
    """Choose a principle for each of `days` (ascending, none before the ledger's last date).

    Yields nothing for a day without an eligible principle. A principle withdrawn on a day is not
    chosen again for that day. `days_before` counts publication days back from one.
    """
    candidates = {candidate.slug: candidate for candidate in eligible}
    history = _History()
    for shown in sorted(ledger, key=lambda entry: (entry.date, entry.standing)):
        history.add(shown)
    queue = _Queue(candidates, history)
    for day in days:
        border = days_before(day, len(candidates) // 2)
        choice = _choose(candidates, queue, history, pins.get(day), day, border)
        if choice is None:
            continue
        chosen = candidates[choice.slug]
        queue.take(choice.slug)
        history.add(Shown(day, choice.cycle, True, chosen.slug, chosen.source, chosen.themes))
        yield choice


class _History:
    """The state of the ledger that the next choice depends on."""

    def __init__(self) -> None:
        self.cycle = 1
        self.in_cycle: set[str] = set()
        self.last: dict[str, date] = {}
        self.standing: Shown | None = None

    def add(self, shown: Shown) -> None:
        if shown.cycle > self.cycle:
            self.cycle, self.in_cycle = shown.cycle, set()
        if shown.cycle == self.cycle:
            self.in_cycle.add(shown.slug)
        self.last[shown.slug] = shown.date
        if shown.standing:
            self.standing = shown


class _Queue:
    """What the running cycle has yet to show, in its order: sorted once in a cycle, not daily."""

    def __init__(self, candidates: Mapping[str, Candidate], history: _History) -> None:
        self._candidates = candidates
        self._fill(history.cycle, history.in_cycle)

    def take(self, slug: str) -> None:
        """Take out what was chosen."""
        self.left.pop(slug, None)
        if not self.left:
            self._fill(self.cycle + 1, ())

    def _fill(self, cycle: int, shown: Collection[str]) -> None:
        slugs = [slug for slug in self._candidates if slug not in shown]
        if not slugs:
            cycle, slugs = cycle + 1, list(self._candidates)
        self.cycle = cycle
        self.left = {
            slug: self._candidates[slug] for slug in sorted(slugs, key=lambda s: _rank(s, cycle))
        }


def _choose(
    candidates: Mapping[str, Candidate],
    queue: _Queue,
    history: _History,
    pin: str | None,
    day: date,
    border: date,
) -> Choice | None:
    if pin is not None and pin in candidates and history.last.get(pin) != day:
        return Choice(day, queue.cycle, pin, "pin")
    left, last = queue.left.values(), history.last
    rested = (c for c in left if last.get(c.slug, date.min) < border)
    best = _most_unlike(rested, history.standing) or _most_unlike(
        _longest_ago(left, last, day), history.standing
    )
    return Choice(day, queue.cycle, best.slug, "rotation") if best else None


def _longest_ago(
    candidates: Iterable[Candidate], last: Mapping[str, date], day: date
) -> list[Candidate]:
    """Those shown longest ago, all on the same date; not on `day`."""
    known = [(last[c.slug], c) for c in candidates if last[c.slug] != day]
    longest = min((shown for shown, _ in known), default=None)
    return [c for shown, c in known if shown == longest]


def _most_unlike(candidates: Iterable[Candidate], before: Shown | None) -> Candidate | None:
    """The first whose source and themes differ from the last edition's.

    Without any, the first whose source differs, else the first whose themes do, else the first.
    """
    best, least = None, 4
    for candidate in candidates:
        likeness = _likeness(candidate, before)
        if likeness < least:
            best, least = candidate, likeness
        if not least:
            break
    return best


def _likeness(candidate: Candidate, before: Shown | None) -> int:
    if before is None:
        return 0
    shares_themes = not candidate.themes.isdisjoint(before.themes)
    return 2 * (candidate.source == before.source) + shares_themes


@lru_cache(maxsize=20_000)  # every plan asks for each of the library
def _rank(slug: str, cycle: int) -> bytes:
    """A sort key that gives a stable order of slugs, different in each cycle."""
    return sha256(f"{cycle}:{slug}".encode()).digest()
