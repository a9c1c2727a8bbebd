"""What check library hears in the words: phrases, yes/no questions, borrowed runs, variety."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from feed.library import style_checks, style_variety, wording
from feed.model import Principle
from feed.store import library
from tests.conftest import Command, Installation
from tests.library.test_style_guide import passage

Install = Callable[..., Installation]


@pytest.mark.parametrize(
    ("language", "value", "found"),
    [
        ("en-GB", "Leverage it, going forward.", ["Leverage", "going forward"]),
        ("en", "Leveraged with learning.", []),
        ("sv", "Vi ses på daglig basis.", ["på daglig basis"]),
        ("sv", "Skriv t.ex. idag, eller på idagsidan.", ["t.ex.", "idag"]),
        ("sv", "Leverage är inte svenska.", []),
        ("fi", "Leverage.", []),
    ],
)
def test_the_phrases_of_the_style_guide_are_found_as_whole_words_in_their_language(
    language: str, value: str, found: list[str]
) -> None:
    assert [values["phrase"] for _, values in wording.remarks(value, language)] == found


def test_every_phrase_of_the_table_says_what_to_write_instead() -> None:
    for language in ("en", "sv"):
        phrases = wording.phrases_to_leave_out(language)
        assert len(phrases) > 10
        assert all(phrases.values())


@pytest.mark.parametrize(
    ("language", "question", "expected"),
    [
        ("en", "Did you follow any routine without knowing why?", True),
        ("en", "Didn’t you?", True),
        ("en", "Are you a good listener?", True),
        ("en", "Did some small thing get better, and who noticed?", False),
        ("en", "Do you speak first or last?", False),
        ("en", "When did you last ask?", False),
        ("en", "Island life: what is it like?", False),
        ("sv-simple", "Lät du någon tala till punkt?", True),
        ("sv", "Var du med i dag?", True),
        ("sv", "Var hörde du det senast?", False),
        ("sv", "Harar, vad vet du om dem?", False),
        ("sv", "Blev någon liten sak bättre, och vem märkte det?", False),
        ("fi", "Onko?", False),
    ],
)
def test_questions_for_yes_or_no_are_told_from_those_that_ask_for_more(
    language: str, question: str, expected: bool
) -> None:
    assert wording.is_yes_or_no(question, language) is expected


def test_a_run_of_eight_words_from_a_source_is_found_whole() -> None:
    source = "One two three four five six seven eight nine ten."
    assert list(wording.runs("Zero one two, three four five six seven.", source)) == []
    assert list(wording.runs("So: two three four five six seven eight nine – and ten", source)) == [
        "two three four five six seven eight nine"
    ]
    assert list(wording.runs(f"{source} And {source}", source)) == [source.casefold()[:-1]] * 2
    assert list(wording.runs("", source)) == list(wording.runs(source, "")) == []


def test_of_text_has_the_findings_for_the_desk_as_well() -> None:
    text = passage(title="Skriv upp idag", reflection="Har du skrivit?")
    assert [(name, message[:6]) for name, message, _ in style_checks.of_text(text)] == [
        ("title", "has “%"),
        ("reflection", "can be"),
    ]


def varied(principles: dict[str, Principle], installation: Installation) -> dict[str, int]:
    with installation.open() as db:
        sources = library.sources(db)
    found = style_variety.counts(principles.values(), sources, ["en", "sv"])
    return {f"{each.language} {each.about}": each.count for each in found}


def test_counts_follow_the_texts(devis: Installation) -> None:
    with devis.open() as db:
        principles = library.principles(db)
    before = varied(principles, devis)
    item = principles["reach-down"]
    text = replace(
        item.texts["en"],
        statement="One. Two! Three?",
        reflection="What did you do last week?",
        commentary="Julian Stodd says so. It is a long way.",
        short="",
        team="",
    )
    principles["reach-down"] = replace(item, texts={**item.texts, "en": text})
    after = varied(principles, devis)
    old = item.texts["en"]
    assert {name for name in after if after[name] != before.get(name)}
    name = "en statements of three sentences"
    assert after[name] - before[name] == (style_variety.sentences(old.statement) != 3)
    name = "en questions with “last week”"
    assert after[name] - before[name] == ("last week" not in old.reflection)
    for part in ("short", "team"):
        name = f"en without {part}"
        assert after[name] - before[name] == bool(getattr(old, part))
    assert {name: n for name, n in after.items() if name.startswith("sv")} == {
        name: n for name, n in before.items() if name.startswith("sv")
    }


@pytest.mark.served
def test_check_library_prints_the_counts_and_what_is_from_a_source(
    command: Command, tmp_path: Path
) -> None:
    command("init")
    assert "at most" not in command("check", "library").stdout
    database = Path(command.folder / "instance" / "devis.sqlite3")
    assert database.exists()
    said = command("check", "library", "--numbers").stdout
    assert "sv: questions with “förra veckan”: " in said
    exported = command("export", "--format", "csv", "--lang", "sv").stdout
    (tmp_path / "source.txt").write_text(exported, encoding="utf-8")
    said = command("check", "library", "--against", str(tmp_path / "source.txt"), code=1).stdout
    assert "principle reach-down: sv.statement: has words from " in said
