"""Every message is translated into every language, with the same placeholders."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from feed.i18n import catalogue_folder, match, negotiate, own_name, translator
from translations.update import extract

FILES = sorted(catalogue_folder().glob("*/LC_MESSAGES/messages.po"))
PLACEHOLDER = re.compile(r"%\(\w+\)s|%[^(% ]")


def read(path: Path, language: str | None = None) -> Catalog:
    with path.open("rb") as source:
        return read_po(source, locale=language)


def forms(message: Message) -> tuple[str, ...]:
    """The translations of a message: one string, or one for each plural form."""
    translated = message.string
    return tuple(translated) if isinstance(translated, list | tuple) else (str(translated or ""),)


@pytest.mark.served
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_a_language_has_every_message_of_the_code_and_no_other(path: Path, tmp_path: Path) -> None:
    template = tmp_path / "messages.pot"
    extract(template)
    wanted = {message.id for message in read(template) if message.id}
    catalogue = read(path, path.parts[-3])
    assert {message.id for message in catalogue if message.id} == wanted
    assert [m.id for m in catalogue if m.id and (m.fuzzy or not all(forms(m)))] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_a_translation_keeps_the_placeholders(path: Path) -> None:
    for message in read(path, path.parts[-3]):
        if not message.id:
            continue
        original = message.id if isinstance(message.id, str) else message.id[-1]
        for translated in forms(message):
            assert sorted(PLACEHOLDER.findall(translated)) == sorted(
                PLACEHOLDER.findall(original)
            ), message.id


def test_swedish_is_typeset_as_swedish() -> None:
    for message in read(catalogue_folder() / "sv" / "LC_MESSAGES" / "messages.po", "sv"):
        if message.id:
            for translated in forms(message):
                assert not re.search("[“\"']", translated), translated


def test_swedish_says_mejl_and_tells_people_what_to_write() -> None:
    unwanted = r"\b(e-post|brev(?!låd)|förvänta|vänlig|ej\b|sajt|blanksteg)"
    for message in read(catalogue_folder() / "sv" / "LC_MESSAGES" / "messages.po", "sv"):
        if message.id:
            for translated in forms(message):
                assert not re.search(unwanted, translated, re.IGNORECASE), translated


def test_dates_and_plurals_are_written_as_each_language_writes_them() -> None:
    day = date(2026, 11, 22)
    assert translator("en").day(day) == "Sunday 22 November 2026"
    assert translator("sv").day(day) == "söndag 22 november 2026"
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert translator("en").moment(noon) == "22 Nov 2026, 12:00"
    assert translator("sv").moment(noon) == "22 nov. 2026 kl. 12:00"
    assert (
        translator("sv").ngettext("%(num)s principle", "%(num)s principles", 1) % {"num": 1}
        == "1 princip"
    )
    assert translator("sv").language_name("en") == "engelska"
    assert own_name("sv") == "Svenska"


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["sv-FI", "en"], "sv"),
        (["en_GB"], "en"),
        (["de", "sv"], "sv"),
        (["de"], "en"),
        (["*"], "en"),
        ([], "en"),
    ],
)
def test_the_first_wanted_language_that_is_there_is_chosen(wanted: list[str], chosen: str) -> None:
    assert negotiate(wanted, ("en", "sv")) == chosen


def test_english_is_the_language_of_the_code_and_has_no_catalogue() -> None:
    assert [path.parts[-3] for path in FILES] == ["sv"]
    english = translator("en")
    assert english.gettext("%(count)s is 100 %%", count=2) == "2 is 100 %"
    assert english.ngettext("%(num)s principle", "%(num)s principles", 1) == "%(num)s principle"
    assert english.ngettext("%(num)s principle", "%(num)s principles", 2) == "%(num)s principles"


def test_a_language_without_a_catalogue_falls_back_to_english() -> None:
    assert translator("fi").gettext("Archive") == "Archive"
    assert match("se", ("en", "sv")) is None
