"""The shipped library: complete, clean, and covering every idea of its sources."""

import re
import tomllib
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import pytest

from feed import editions
from feed.library import exchange, style_checks, style_variety
from feed.model import Principle, Text
from feed.store import library
from tests.conftest import ROOT, Command, Installation

# How many ideas each source has: every one is the locator of at least one principle.
IDEAS = {
    "smallest-ways": (1, 12),
    "fem-deviser": (2, 14),
    "leaderful": (3, 18),
    "position-or-leader": (4, 10),
    "five-practices": (5, 26),
}
GOOD = (
    "Skriv upp vad du lovar och till vem. Det som står på papper är lättare att hålla än det som"
    " bara sades."
)


@pytest.fixture(scope="module")
def entries() -> list[dict[str, Any]]:
    files = sorted((ROOT / "data").glob("*.toml"))
    documents = [tomllib.loads(path.read_text(encoding="utf-8")) for path in files]
    return [entry for document in documents for entry in document.get("principles", [])]


def test_every_idea_of_the_five_texts_has_a_published_principle(
    entries: list[dict[str, Any]],
) -> None:
    covered = {
        row
        for entry in entries
        if entry["status"] == "published"
        for row in re.findall(r"\d+\.\d+", entry["locator"])
    }
    wanted = {f"{text}.{row}" for text, rows in IDEAS.values() for row in range(1, rows + 1)}
    assert covered == wanted
    assert len(wanted) == 80
    assert len(entries) >= 80


def test_a_locator_belongs_to_its_source(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        assert entry["locator"].startswith(f"{IDEAS[entry['source']][0]}."), entry["slug"]


def test_the_cornerstones_are_there(entries: list[dict[str, Any]]) -> None:
    places = {entry["slug"]: entry["locator"] for entry in entries}
    assert places["reach-down"] == "1.6"
    assert places["take-responsibility"] == "2.4"
    assert places["change-begins-with-me"] == "2.12"


def test_the_text_of_the_second_source_is_swedish_in_the_original(
    entries: list[dict[str, Any]],
) -> None:
    for entry in entries:
        expected = "sv" if entry["source"] == "fem-deviser" else "en"
        assert entry["original_language"] == expected


@pytest.mark.served
def test_check_library_finds_nothing_in_the_shipped_library(
    command: Command, entries: list[dict[str, Any]]
) -> None:
    command("init")
    said = command("check", "library").stdout
    assert said.splitlines()[-1] == f"{len(entries)} principles checked, 0 findings."


@pytest.mark.needs("hunspell")
def test_check_library_checks_the_spelling(command: Command) -> None:
    command("init")
    assert "Not checked" not in command("check", "library").stdout


def test_every_theme_carries_enough_principles(devis: Installation) -> None:
    with devis.open() as db:
        counts = library.theme_counts(db)
        assert set(counts) == set(library.themes(db))
    assert min(counts.values()) >= style_checks.FEWEST_OF_A_THEME


def test_the_shipped_texts_vary(devis: Installation) -> None:
    """Openings, sentences, credit and times; and no text is without its short form or its team."""
    with devis.open() as db:
        principles, sources = library.principles(db), library.sources(db)
    counts = list(style_variety.counts(principles.values(), sources, ["en", "sv"]))
    assert len(counts) > 20
    assert [count.line() for count in counts if not count.is_good] == []


def test_no_theme_comes_two_days_running_where_it_can_be_avoided(devis: Installation) -> None:
    site = devis.site()
    with devis.open() as db:
        planned = editions.plan(db, site, devis.config, devis.now, 365)
        known = library.principles(db)
    assert len(planned) == 365
    shared = sum(
        bool(set(known[one.principle].themes) & set(known[two.principle].themes))
        for one, two in pairwise(planned)
    )
    # At the end of a cycle there is little left to choose from.
    assert shared <= 365 * 0.04
    assert all(
        known[one.principle].source != known[two.principle].source
        for one, two in pairwise(planned[:40])
    )


def passage(**parts: str) -> Text:
    """A Swedish text without fault, but for the parts given."""
    whole = {
        "title": "Skriv upp det du lovar",
        "statement": GOOD,
        "reflection": "Vilket löfte glömde du förra veckan?",
        "practice": "Skriv upp ett löfte som du har gett i dag.",
        "commentary": GOOD + " " + GOOD,
    }
    given = {**whole, **parts}
    return Text(
        "sv",
        given["title"],
        given["statement"],
        given["reflection"],
        given["practice"],
        given["commentary"],
        state="approved",
    )


def test_a_text_without_fault_passes() -> None:
    assert list(style_checks.of_text(passage())) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("title", "Skriv upp det du lovar.", "full stop"),
        ("title", "Ord " * 20 + "ord", "characters"),
        ("statement", "För kort.", "characters"),
        ("statement", "", "missing"),
        ("statement", GOOD + " " + GOOD + " " + GOOD, "characters"),
        ("statement", GOOD + '"Citat."', "straight"),
        ("statement", GOOD + " It's.", "straight"),
        ("statement", GOOD + " ”Citat.", "unbalanced"),
        ("statement", GOOD + " “Citat.”", "unbalanced"),
        ("statement", GOOD + "  Två.", "space"),
        ("statement", GOOD + " Så , här.", "space"),
        ("statement", GOOD + " Så - här.", "dash"),
        ("statement", GOOD + "\nRad.", "line break"),
        ("reflection", "Det här är ingen fråga.", "question"),
        ("reflection", "Är det en? Är det två?", "question"),
        ("practice", "Gör " + "det " * 60 + "nu.", "characters"),
        ("commentary", "För kort.", "characters"),
    ],
)
def test_each_fault_of_a_text_is_found(name: str, value: str, message: str) -> None:
    found = list(style_checks.of_text(passage(**{name: value})))
    assert [(where, message in said) for where, said, _ in found] == [(name, True)]


def faults(
    devis: Installation, change: Callable[[dict[str, Principle]], None] = lambda _: None
) -> list[str]:
    with devis.open() as db:
        principles = library.principles(db)
        change(principles)
        found = style_checks.of_library(
            principles.values(), library.sources(db), library.themes(db), ("en", "sv")
        )
    return [f"{finding.entry} {finding.field} {finding.message}" for finding in found]


def test_near_duplicates_are_found(devis: Installation) -> None:
    assert faults(devis) == []

    def copy(principles: dict[str, Principle]) -> None:
        text = principles["reach-down"].texts["en"]
        other = principles["take-responsibility"].texts
        assert isinstance(other, dict)
        other["en"] = text

    assert any(
        "principle reach-down en.statement is nearly" in line for line in faults(devis, copy)
    )


def test_a_missing_language_locator_and_credit_are_found(devis: Installation) -> None:
    bare = (
        '{"sources": [{"slug": "bare", "title": "Bare", "language": "en"}], "principles":'
        ' [{"slug": "bare-one", "source": "bare", "themes": ["trust"], "status": "published",'
        ' "texts": {"en": {"title": "A bare one", "statement": "Too short.",'
        ' "state": "approved"}}}]}'
    )
    devis.load({"bare.json": bare})
    found = "\n".join(faults(devis))
    assert "principle bare-one sv has no approved text" in found
    assert "principle bare-one locator is missing" in found
    assert "principle bare-one source gives no credit" in found
    assert "source bare en.introduction is missing" in found


def test_no_two_principles_share_a_title(entries: list[dict[str, Any]]) -> None:
    for language in ("en", "sv"):
        titles = [entry["texts"][language]["title"].casefold() for entry in entries]
        assert [one for one, two in combinations(sorted(titles), 2) if one == two] == []


def test_accepted_words_are_still_in_use() -> None:
    for language in ("en", "sv"):
        files = sorted((ROOT / "data").glob("*.toml"))
        written = " ".join(path.read_text(encoding="utf-8") for path in files)
        for word in exchange.known_words(language):
            assert word in written, word
