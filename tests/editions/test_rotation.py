"""Rotation against its rules: whatever the library, the ledger and the pins, on every date."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feed.rotation import Candidate, Choice, Shown, plan
from tests.conftest import ROOT

FIRST = date(2026, 1, 1)
TEN_YEARS = [FIRST + timedelta(days=n) for n in range(3652)]
SOURCES, THEMES = "abcd", "tuvw"


def some(examples: int) -> settings:
    """So many examples, the same ones in every run."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@st.composite
def libraries(draw: st.DrawFn, least: int = 1, most: int = 40) -> list[Candidate]:
    """Principles of up to four sources, with up to two of four themes each."""
    size, salt = draw(st.integers(least, most)), draw(st.integers(0, 999))
    sources = draw(st.lists(st.sampled_from(SOURCES), min_size=size, max_size=size))
    themes = st.frozensets(st.sampled_from(THEMES), max_size=2)
    chosen = draw(st.lists(themes, min_size=size, max_size=size))
    about = zip(sources, chosen, strict=True)
    return [Candidate(f"p{salt}-{n}", *parts) for n, parts in enumerate(about)]


def entered(choice: Choice, library: Iterable[Candidate], standing: bool = True) -> Shown:
    """A choice as the ledger remembers it."""
    chosen = next(candidate for candidate in library if candidate.slug == choice.slug)
    return Shown(choice.date, choice.cycle, standing, chosen.slug, chosen.source, chosen.themes)


def cycles(choices: Iterable[Choice]) -> dict[int, list[str]]:
    """The slugs of each cycle, in their order."""
    found: dict[int, list[str]] = {}
    for choice in choices:
        found.setdefault(choice.cycle, []).append(choice.slug)
    return found


# What ten years of an unchanged library look like.


@some(12)
@given(libraries())
def test_in_ten_years_every_principle_is_shown_as_often_as_any_other(
    library: list[Candidate],
) -> None:
    choices = list(plan(library, [], {}, TEN_YEARS))
    assert [choice.date for choice in choices] == TEN_YEARS
    times = Counter(choice.slug for choice in choices)
    least = len(TEN_YEARS) // len(library)
    assert {times[candidate.slug] for candidate in library} <= {least, least + 1}


@pytest.mark.slow
@some(12)
@given(libraries())
def test_nothing_returns_within_half_the_length_of_the_library(library: list[Candidate]) -> None:
    last: dict[str, date] = {}
    for choice in plan(library, [], {}, TEN_YEARS):
        if choice.slug in last:
            assert (choice.date - last[choice.slug]).days > len(library) // 2
        last[choice.slug] = choice.date


@pytest.mark.slow
@some(12)
@given(libraries())
def test_a_cycle_shows_everything_once_and_then_the_next_begins(library: list[Candidate]) -> None:
    found = cycles(plan(library, [], {}, TEN_YEARS))
    assert list(found) == list(range(1, len(found) + 1))
    *whole, running = found.values()
    everything = sorted(candidate.slug for candidate in library)
    assert all(sorted(cycle) == everything for cycle in whole)
    assert len(set(running)) == len(running) <= len(everything)


@pytest.mark.slow
@some(12)
@given(libraries(least=12))
def test_each_cycle_has_an_order_of_its_own(library: list[Candidate]) -> None:
    orders = list(cycles(plan(library, [], {}, TEN_YEARS)).values())
    assert all(one != other for one, other in pairwise(orders))
    assert len({tuple(order) for order in orders}) > 0.9 * len(orders)


def test_the_second_cycle_has_another_order_than_the_first() -> None:
    library = [Candidate(f"p{n}", f"source-{n}", frozenset()) for n in range(12)]
    orders = cycles(plan(library, [], {}, TEN_YEARS[:24]))
    assert sorted(orders[1]) == sorted(orders[2])
    assert orders[1] != orders[2]


# The rules, as a model that says what is allowed on a date, against a library that changes.


def allowed(
    eligible: Sequence[Candidate], ledger: Sequence[Shown], pin: str | None, day: date
) -> tuple[str, int, set[str]]:
    """Why, in which cycle and from which slugs the rules let choose; no slugs: nothing is left."""
    today = {shown.slug for shown in ledger if shown.date == day}
    cycle = max((shown.cycle for shown in ledger), default=1)
    in_cycle = {shown.slug for shown in ledger if shown.cycle == cycle}
    pool = [c for c in eligible if c.slug not in in_cycle]
    if not pool:
        cycle, pool = cycle + 1, list(eligible)
    if pin in {c.slug for c in eligible} - today:
        return "pin", cycle, {str(pin)}
    pool = [c for c in pool if c.slug not in today]
    rest = {c.slug: _days_since(c.slug, ledger, day) for c in pool}
    enough = min(len(eligible) // 2 + 1, max(rest.values(), default=0))
    pool = [c for c in pool if rest[c.slug] >= enough]
    standing = [shown for shown in ledger if shown.standing]
    if standing:
        before = max(standing, key=lambda shown: shown.date)
        pool = [c for c in pool if c.source != before.source] or pool
        pool = [c for c in pool if c.themes.isdisjoint(before.themes)] or pool
    return "rotation", cycle, {c.slug for c in pool}


def _days_since(slug: str, ledger: Iterable[Shown], day: date) -> int:
    dates = [shown.date for shown in ledger if shown.slug == slug]
    return (day - max(dates)).days if dates else 10**6


@dataclass(frozen=True)
class Story:
    """Some weeks of a site: the eligible principles of each day, pins and withdrawals."""

    library: list[Candidate]
    eligible: list[list[Candidate]]
    pins: dict[date, str]
    withdrawals: dict[date, int]

    def days(self) -> list[date]:
        return [FIRST + timedelta(days=n) for n in range(len(self.eligible))]

    def tell(self, seen: Callable[[date, Choice | None, list[Shown]], None]) -> list[Shown]:
        """Run it day by day: `seen` gets every choice with the ledger before it."""
        ledger: list[Shown] = []
        for day, eligible in zip(self.days(), self.eligible, strict=True):
            for attempt in count():
                choice = next(plan(eligible, ledger, self.pins, [day]), None)
                seen(day, choice, list(ledger))
                if choice is None:
                    break
                stands = attempt >= self.withdrawals.get(day, 0)
                ledger.append(entered(choice, eligible, stands))
                if stands:
                    break
        return ledger


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Principles come and go and come back; some days are pinned, some editions withdrawn."""
    library = draw(libraries(most=14))
    some_of_it = st.lists(st.sampled_from(library), unique=True, max_size=len(library))
    periods = draw(st.lists(st.tuples(st.integers(1, 25), some_of_it), min_size=1, max_size=6))
    eligible = [chosen for length, chosen in periods for _ in range(length)]
    days = st.integers(0, len(eligible) - 1).map(lambda n: FIRST + timedelta(days=n))
    slugs = st.sampled_from([candidate.slug for candidate in library])
    pins = draw(st.dictionaries(days, slugs, max_size=8))
    withdrawals = draw(st.dictionaries(days, st.integers(1, 3), max_size=6))
    return Story(library, eligible, pins, withdrawals)


@pytest.mark.slow
@some(250)
@given(stories())
def test_every_choice_keeps_the_rules_whatever_happens_to_the_library(story: Story) -> None:
    """Pins, the running cycle, rest, another source and then other themes than the day before."""

    def seen(day: date, choice: Choice | None, ledger: list[Shown]) -> None:
        eligible = story.eligible[(day - FIRST).days]
        why, cycle, slugs = allowed(eligible, ledger, story.pins.get(day), day)
        if choice is None:
            assert not slugs
        else:
            assert (choice.date, choice.why, choice.cycle) == (day, why, cycle)
            assert choice.slug in slugs

    story.tell(seen)


@pytest.mark.slow
@some(60)
@given(stories(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(story: Story, random: Random) -> None:
    def seen(day: date, choice: Choice | None, ledger: list[Shown]) -> None:
        eligible = list(story.eligible[(day - FIRST).days])
        pins = list(story.pins.items())
        for values in (eligible, ledger, pins):
            random.shuffle(values)
        assert next(plan(eligible, ledger, dict(pins), [day]), None) == choice

    story.tell(seen)


@pytest.mark.slow
@some(60)
@given(stories(), st.integers(1, 60))
def test_a_plan_in_one_go_is_what_comes_day_by_day(story: Story, length: int) -> None:
    ledger = story.tell(lambda *_: None)
    begin = story.days()[-1] + timedelta(days=1)
    coming = [begin + timedelta(days=n) for n in range(length)]
    pins = {coming[n % length]: slug for n, slug in enumerate(story.pins.values())}
    in_one_go = list(plan(story.library, ledger, pins, coming))
    assert len(in_one_go) == length
    for choice in in_one_go:
        assert next(plan(story.library, ledger, pins, [choice.date])) == choice
        ledger.append(entered(choice, story.library))


# The same promises as a curator would put them.


def candidates(*slugs: str) -> list[Candidate]:
    """Principles of a source and a theme each."""
    return [Candidate(slug, slug, frozenset([slug])) for slug in slugs]


def days(number: int, first: date = FIRST) -> list[date]:
    return [first + timedelta(days=n) for n in range(number)]


def slugs(
    library: Iterable[Candidate],
    number: int,
    ledger: Iterable[Shown] = (),
    pins: Mapping[date, str] | None = None,
    first: date = FIRST,
) -> list[str]:
    return [choice.slug for choice in plan(library, ledger, pins or {}, days(number, first))]


def test_an_empty_library_shows_nothing() -> None:
    assert slugs([], 30) == []
    assert slugs([], 30, pins={FIRST: "a"}) == []


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_smallest_libraries_never_leave_a_day_empty(size: int) -> None:
    """One principle comes daily, two take turns, three never come two days running."""
    shown = slugs(candidates(*"abc"[:size]), 365)
    assert len(shown) == 365
    times = Counter(shown)
    assert len(times) == size
    assert max(times.values()) - min(times.values()) <= 1
    if size > 1:
        assert all(one != other for one, other in pairwise(shown))


@pytest.mark.parametrize("alike", ["source", "themes"])
def test_neighbours_differ_in_source_and_themes_where_they_can(alike: str) -> None:
    """Three of five are alike: the one way to part them is every other day."""
    library = [
        Candidate(
            slug,
            "same" if alike == "source" and slug in "abc" else slug,
            frozenset(["same"] if alike == "themes" and slug in "abc" else [slug]),
        )
        for slug in "abcdefgh"
    ]
    by_slug = {candidate.slug: candidate for candidate in library}
    meetings = 0
    for one, other in pairwise(by_slug[slug] for slug in slugs(library, 8 * 100)):
        meetings += one.source == other.source or bool(one.themes & other.themes)
    assert meetings < 0.06 * 8 * 100  # by chance it would be more than a tenth


def test_another_source_counts_for_more_than_other_themes() -> None:
    before = Shown(FIRST, 1, True, "before", "here", frozenset(["t"]))
    library = [
        Candidate("same-source", "here", frozenset(["other"])),
        Candidate("same-theme", "elsewhere", frozenset(["t"])),
    ]
    assert slugs(library, 1, [before], first=FIRST + timedelta(days=1)) == ["same-theme"]


def test_a_pin_wins_and_its_principle_does_not_come_again_in_the_cycle() -> None:
    library = candidates(*"abcdefgh")
    unpinned = slugs(library, 8)
    pinned = slugs(library, 8, pins={FIRST: unpinned[-1]})
    assert pinned[0] == unpinned[-1]
    assert sorted(pinned) == sorted(unpinned)


def test_a_pin_wins_over_rest_and_over_what_the_cycle_has_shown() -> None:
    library = candidates(*"abcdefgh")
    first = slugs(library, 1)[0]
    choices = list(plan(library, [], {FIRST + timedelta(days=1): first}, days(9)))
    assert [choice.slug for choice in choices[:2]] == [first, first]
    assert [choice.why for choice in choices[:3]] == ["rotation", "pin", "rotation"]
    assert {choice.cycle for choice in choices} == {1}
    assert {choice.slug for choice in choices} == set("abcdefgh")


def test_a_pin_on_what_is_not_eligible_changes_nothing() -> None:
    library = candidates(*"abcdefgh")
    pins = {FIRST: "draft", FIRST + timedelta(days=3): "retired"}
    assert list(plan(library, [], pins, days(20))) == list(plan(library, [], {}, days(20)))


def test_new_principles_join_the_running_cycle() -> None:
    old, new = candidates(*"abcdef"), candidates(*"uvw")
    ledger = [entered(choice, old) for choice in plan(old, [], {}, days(4))]
    coming = list(plan(old + new, ledger, {}, days(6, FIRST + timedelta(days=4))))
    running = {shown.slug for shown in ledger} | {c.slug for c in coming if c.cycle == 1}
    assert running == set("abcdefuvw")
    assert [choice.cycle for choice in coming] == [1] * 5 + [2]


def test_a_retired_principle_is_not_shown_again_and_one_that_returns_is() -> None:
    library = candidates(*"abcdef")
    ledger = [entered(choice, library) for choice in plan(library, [], {}, days(3))]
    later = FIRST + timedelta(days=3)
    left = [c for c in library if c.slug != "a"]
    assert "a" not in slugs(left, 100, ledger, first=later)
    assert "a" in slugs(library, 9, ledger, first=later)


def test_what_was_withdrawn_on_a_day_is_not_chosen_again_on_it() -> None:
    """Withdrawing again and again goes once through the whole library, wherever the cycle is."""
    library = candidates(*"abcdefg")
    for before in range(15):
        ledger = [entered(choice, library) for choice in plan(library, [], {}, days(before))]
        day = FIRST + timedelta(days=before)
        pins = {day: "c"}
        tried: list[str | None] = []
        for _ in range(8):
            choice = next(plan(library, ledger, pins, [day]), None)
            tried.append(choice.slug if choice else None)
            ledger += [entered(choice, library, standing=False)] if choice else []
        assert (tried[0], tried[-1]) == ("c", None)
        assert set(tried[:-1]) == set("abcdefg")
        assert [choice.date for choice in plan(library, ledger, {}, days(2, day))] == [
            day + timedelta(days=1)
        ]


def test_a_withdrawn_edition_does_not_count_as_the_day_before() -> None:
    """Its source and themes were not seen, but its principle has had its turn."""
    shown = Shown(FIRST, 1, True, "shown", "one", frozenset())
    withdrawn = Shown(FIRST + timedelta(days=1), 1, False, "gone", "two", frozenset())
    library = [
        Candidate("gone", "two", frozenset()),
        Candidate("of-one", "one", frozenset()),
        Candidate("of-two", "two", frozenset()),
    ]
    for same_day in (1, 2):
        first = FIRST + timedelta(days=same_day)
        assert slugs(library, 1, [shown, withdrawn], first=first) == ["of-two"]


SCRIPT = """
from datetime import date, timedelta
from feed.rotation import Candidate, plan
library = [Candidate(f"p{n}", "abc"[n % 3], frozenset("tuvw"[n % 4])) for n in range(40)]
days = [date(2026, 1, 1) + timedelta(days=n) for n in range(200)]
open(1, "w").write(" ".join(choice.slug for choice in plan(library, [], {}, days)))
"""


@pytest.mark.served
def test_two_machines_come_to_the_same_answer() -> None:
    """Python's own hashes differ from process to process: nothing may hang on them."""
    told = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1
    assert len(told.pop().split()) == 200
