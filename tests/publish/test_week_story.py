"""The story of a week: its sentence is grammatical, and its lead the same for every reader."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from feed.i18n import translator
from feed.model import Edition, Principle, Showing, Source, Text, Theme, ThemeText, Week
from feed.publish import week_story

MONDAY = date(2026, 11, 9)
SOURCE = Source("book", "Book", "en")
NAMES = {
    "trust": ("Trust", "Tillit"),
    "change": ("Change", "Förändring"),
    "lifting": ("Reaching down", "Lyfta andra"),
    "gdpr": ("GDPR", "GDPR"),
    "openness": ("Openness", "Öppenhet"),
}


def themed(slug: str) -> Theme:
    english, swedish = NAMES[slug]
    return Theme(slug, {"en": ThemeText(english), "sv": ThemeText(swedish)})


def showing(number: int, slugs: str, *, full: bool = True) -> Showing:
    """The edition of a day of the week, with the themes named in `slugs`."""
    day, themes = MONDAY + timedelta(days=number), tuple(slugs.split())
    text = Text("en", f"Title {number}", "Statement.", *(("Q?", "Act.") if full else ()))
    text = replace(text, state="approved")
    principle = Principle(f"p{number}", "principle", "book", themes, "en", texts={"en": text})
    edition = Edition(day, 1, principle.slug, 1, "rotation", datetime(2026, 11, 9, tzinfo=UTC))
    return Showing(edition, principle, SOURCE, tuple(map(themed, themes)))


def week(*days: str) -> Week:
    return Week(2026, 46, tuple(showing(number, slugs) for number, slugs in enumerate(days)))


@pytest.mark.parametrize(
    ("days", "english", "swedish"),
    [
        (
            ("trust",),
            "Last week had one principle, on the theme of trust.",
            "Förra veckan kom en princip, på temat tillit.",
        ),
        (
            ("lifting gdpr",),
            "Last week had one principle, on the themes of reaching down and GDPR.",
            "Förra veckan kom en princip, på temana lyfta andra och GDPR.",
        ),
        (
            ("trust", "trust"),
            "One theme ran through all of last week: trust.",
            "Ett tema gick igen hela förra veckan: tillit.",
        ),
        (
            ("trust", "lifting"),
            "Two themes met last week: trust and reaching down.",
            "Två teman möttes förra veckan: tillit och lyfta andra.",
        ),
        (
            ("trust", "gdpr", "change"),
            "Three themes met last week: trust, GDPR and change.",
            "Tre teman möttes förra veckan: tillit, GDPR och förändring.",
        ),
        (
            ("trust", "gdpr", "change", "lifting"),
            "Many themes met last week, among them trust, GDPR and change.",
            "Många teman möttes förra veckan, bland dem tillit, GDPR och förändring.",
        ),
        (
            ("change", "trust", "trust"),
            "Last week kept coming back to trust, by way of change.",
            "Förra veckan återkom temat tillit flera gånger, vid sidan av temat förändring.",
        ),
        (
            ("trust change", "trust lifting", "gdpr", "openness"),
            "Last week kept coming back to trust, by way of change, reaching down and GDPR.",
            "Förra veckan återkom temat tillit flera gånger, vid sidan av temana förändring,"
            " lyfta andra och GDPR.",
        ),
        (("",), "Here is last week’s principle.", "Här är förra veckans princip."),
        (("", ""), "Here are last week’s principles.", "Här är förra veckans principer."),
    ],
)
def test_a_sentence_ties_the_week_together(
    days: tuple[str, ...], english: str, swedish: str
) -> None:
    assert week_story.compose(translator("en"), week(*days)).sentence == english
    assert week_story.compose(translator("sv"), week(*days)).sentence == swedish


def test_a_theme_without_a_name_in_the_language_is_left_out() -> None:
    only = Theme("trust", {"en": ThemeText("Trust")})
    days = tuple(replace(each, themes=(only,)) for each in week("trust", "trust").showings)
    made = replace(week("trust"), showings=days)
    assert week_story.compose(translator("sv"), made).sentence == "Här är förra veckans principer."
    assert "trust" in week_story.compose(translator("en"), made).sentence


@pytest.mark.parametrize(
    ("days", "lead"),
    [
        (("trust", "change", "trust", "lifting"), 2),  # the newest with the most frequent theme
        (("trust", "change"), 0),  # of two as frequent, the theme that came first
        (("", "", ""), 2),
        (("trust",), 0),
    ],
)
def test_the_lead_stands_for_the_theme_of_the_week(days: tuple[str, ...], lead: int) -> None:
    made = week(*days)
    for language in ("en", "sv", "fi"):
        story = week_story.compose(translator(language), made)
        assert story.lead is made.showings[lead]
        assert story.others == tuple(each for each in made.showings if each is not story.lead)


def test_a_lead_has_a_question_and_an_act_if_any_has() -> None:
    bare = showing(2, "trust", full=False)
    made = replace(week("trust", "trust"), showings=(*week("trust", "trust").showings, bare))
    assert week_story.compose(translator("en"), made).lead is made.showings[1]
