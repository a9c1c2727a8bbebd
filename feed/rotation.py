"""Rotation: chooses the principle of a date, as a pure function of library, ledger and pins.

A *cycle* shows every eligible principle once, in an order of its own. Equal input gives equal
output on any machine. With n eligible principles, one shown within ⌊n/2⌋ days is held back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def plan(
    eligible: Iterable[Candidate],
    ledger: Iterable[Shown],
    pins: Mapping[date, str],
    days: Iterable[date],
) -> Iterator[Choice]:
    """Choose a principle for each of `days` (ascending, none before the ledger's last date).

    Yields nothing for a day without an eligible principle. A principle withdrawn on a day is not
    chosen again for that day.
    """
    candidates = {candidate.slug: candidate for candidate in eligible}
    history = _History()
    for shown in sorted(ledger, key=lambda entry: (entry.date, entry.standing)):
        history.add(shown)
    for day in days:
        choice = _choose(candidates, history, pins.get(day), day)
        if choice is None:
            continue
        chosen = candidates[choice.slug]
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


def _choose(
    candidates: Mapping[str, Candidate], history: _History, pin: str | None, day: date
) -> Choice | None:
    left = [c for slug, c in candidates.items() if slug not in history.in_cycle]
    cycle = history.cycle if left else history.cycle + 1
    if pin is not None and pin in candidates and history.last.get(pin) != day:
        return Choice(day, cycle, pin, "pin")
    rested = _rested(left or list(candidates.values()), history, len(candidates), day)
    if not rested:
        return None
    best = min(_unlike(rested, history.standing), key=lambda c: _rank(c.slug, cycle))
    return Choice(day, cycle, best.slug, "rotation")


def _rested(
    candidates: Sequence[Candidate], history: _History, size: int, day: date
) -> list[Candidate]:
    """Candidates not shown within ⌊size/2⌋ days; without any, those shown longest ago."""
    border, last = day - timedelta(days=size // 2), history.last
    rested = [c for c in candidates if last.get(c.slug, date.min) < border]
    known = [] if rested else [(last[c.slug], c) for c in candidates if last[c.slug] != day]
    if not known:
        return rested
    longest = min(shown for shown, _ in known)
    return [c for shown, c in known if shown == longest]


def _unlike(candidates: Sequence[Candidate], before: Shown | None) -> Sequence[Candidate]:
    """Candidates whose source, then themes differ from the last edition's, where possible."""
    if before is None:
        return candidates
    elsewhere = [c for c in candidates if c.source != before.source] or candidates
    return [c for c in elsewhere if c.themes.isdisjoint(before.themes)] or elsewhere


@lru_cache(maxsize=20_000)  # a plan asks for each of a large library every day
def _rank(slug: str, cycle: int) -> bytes:
    """A sort key that gives a stable order of slugs, different in each cycle."""
    return sha256(f"{cycle}:{slug}".encode()).digest()
