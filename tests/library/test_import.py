"""Importing into a library that lives: what changes, what stays, and what the ledger keeps."""

import itertools
import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from feed import files as exchange_files
from feed.errors import ExchangeError, NotFoundError
from feed.library import exchange
from feed.model import Principle
from feed.store import library, meta
from tests.conftest import NOON, Installation
from tests.golden import FOLDER
from tests.test_exchange import ODD, contents, exported

Install = Callable[..., Installation]
LATER = NOON + timedelta(hours=1)
SLUG = "listen-first"


def entry(**fields: Any) -> dict[str, str]:
    """A file that says something of the principle `listen-first`, and nothing else."""
    return {"a.json": json.dumps({"principles": [{"slug": SLUG, **fields}]})}


def stored(installation: Installation, slug: str = SLUG) -> Principle:
    """The principle as the library has it."""
    with installation.open() as db:
        found = library.principle(db, slug)
    assert found is not None
    return found


def version(installation: Installation) -> int:
    """The version of everything public."""
    with installation.open() as db:
        return meta.content_version(db)


def origins(installation: Installation, slug: str = SLUG) -> list[str]:
    """Where each revision of a principle came from, oldest first."""
    with installation.open() as db:
        rows = db.execute("SELECT origin FROM revisions WHERE principle = ? ORDER BY id", [slug])
        return [origin for (origin,) in rows]


def revise(installation: Installation, *, minor: bool = False, **fields: Any) -> None:
    """What a curator does at the desk, an hour later."""
    with installation.open() as db:
        changes = {"slug": SLUG, **fields}
        exchange.revise(db, changes, LATER, minor=minor)


@pytest.fixture
def house(install: Install) -> Installation:
    """An installation whose principle `listen-first` is approved in Swedish and in English."""
    made = install()
    made.load({"odd.json": json.dumps(ODD)})
    made.load(entry(texts={"en": {"statement": "Hear them out.", "state": "approved"}}))
    made.now = LATER
    return made


@pytest.mark.parametrize("form", exchange_files.FORMATS)
def test_importing_an_export_again_changes_nothing(house: Installation, form: str) -> None:
    before = contents(house)
    report = house.load({f"library.{form}": exported(house, form)})
    assert contents(house) == before
    assert report["principles"].unchanged == ["007", SLUG]


def test_importing_the_shipped_library_again_changes_nothing(devis: Installation) -> None:
    before, devis.now = contents(devis), LATER
    report = devis.load(exchange.shipped_files())
    assert contents(devis) == before
    assert not any(kind.new or kind.changed or kind.left_alone for kind in report.values())


@pytest.mark.parametrize(
    "changes",
    [
        {"sources": [{"slug": "nameless", "year": 0}]},
        {"principles": [{"slug": SLUG, "texts": {"sv": {"state": "outdated"}}}]},
    ],
    ids=["year 0", "outdated original"],
)
def test_a_file_imported_twice_changes_nothing_the_second_time(
    house: Installation, changes: dict[str, Any]
) -> None:
    """Or it is refused the first time."""
    file = {"a.json": json.dumps(changes)}
    try:
        house.load(file)
    except ExchangeError:
        return
    before = contents(house)
    house.load(file)
    assert contents(house) == before


def test_each_change_is_one_revision_and_is_seen(house: Installation) -> None:
    before, seen = origins(house), version(house)
    report = house.load(entry(locator="5"))
    assert report["principles"].changed == [SLUG]
    assert origins(house) == [*before, "import"]
    assert version(house) > seen


def test_files_are_taken_in_any_order(install: Install) -> None:
    """Principles may come before their themes and sources, in files of their own."""
    files = {f"{kind}.json": json.dumps({kind: ODD[kind]}) for kind in ODD}
    libraries = set()
    for number, order in enumerate(itertools.permutations(files)):
        made = install(str(number))
        made.load({name: files[name] for name in order})
        libraries.add(exported(made))
    assert len(libraries) == 1
    assert len(json.loads(libraries.pop())["principles"]) == 2


def test_one_bad_file_keeps_the_good_ones_out(house: Installation) -> None:
    """The reason may be one that only the library knows."""
    before = contents(house)
    with pytest.raises(ExchangeError) as refused:
        house.load({**entry(locator="5"), "b.json": '{"principles": [{"slug": "new-one"}]}'})
    assert {problem.file for problem in refused.value.problems} == {"b.json"}
    assert contents(house) == before


def test_what_was_edited_at_the_desk_is_left_alone_and_reported(house: Installation) -> None:
    revise(house, texts={"en": {"title": "From the desk"}})
    before = contents(house)
    report = house.load(entry(texts={"en": {"title": "From a file"}}))["principles"]
    assert (report.left_alone, report.changed) == ([SLUG], [])
    assert contents(house) == before


def test_what_was_edited_at_the_desk_is_replaced_only_when_told_to(house: Installation) -> None:
    revise(house, locator="9", texts={"en": {"title": "From the desk"}})
    report = house.load(entry(texts={"en": {"title": "From a file"}}), overwrite=True)
    assert report["principles"].changed == [SLUG]
    assert stored(house).texts["en"].title == "From a file"
    assert stored(house).locator == "9"
    house.load(entry(texts={"en": {"title": "From a file again"}}))
    assert stored(house).texts["en"].title == "From a file again"


def test_the_others_come_in_beside_one_that_is_left_alone(house: Installation) -> None:
    revise(house, locator="9")
    principles = [{"slug": SLUG, "locator": "1"}, {"slug": "007", "locator": "2"}]
    report = house.load({"a.json": json.dumps({"principles": principles})})["principles"]
    assert (report.left_alone, report.changed) == ([SLUG], ["007"])
    assert (stored(house).locator, stored(house, "007").locator) == ("9", "2")


def test_a_file_that_agrees_with_the_desk_is_no_quarrel(house: Installation) -> None:
    revise(house, locator="9")
    report = house.load(entry(locator="9"))["principles"]
    assert (report.unchanged, report.left_alone) == ([SLUG], [])


def test_the_desk_cannot_revise_what_does_not_exist(house: Installation) -> None:
    with house.open() as db, pytest.raises(NotFoundError, match="nobody"):
        exchange.revise(db, {"slug": "nobody"}, LATER)


def test_what_a_file_leaves_out_stays(house: Installation) -> None:
    """Of a principle, of its texts, of sources and of themes; null is left out, too."""
    before = json.loads(exported(house))
    change = {
        "principles": [
            {
                "slug": SLUG,
                "kind": None,
                "locator": "5",
                "texts": {"en": {"practice": "Ask one question."}},
            }
        ],
        "sources": [
            {"slug": "handbook", "year": 1999, "texts": {"en": {"rights": "Some"}}},
        ],
        "themes": [{"slug": "trust", "texts": {"en": {"description": "More"}}}],
    }
    house.load({"a.json": json.dumps(change)})
    _, listen = before["principles"]
    listen["locator"] = "5"
    listen["texts"]["en"]["practice"] = "Ask one question."
    before["sources"][0]["year"] = 1999
    before["sources"][0]["texts"]["en"]["rights"] = "Some"
    before["themes"][1]["texts"]["en"]["description"] = "More"
    assert json.loads(exported(house)) == before


def test_an_empty_value_empties(house: Installation) -> None:
    house.load(entry(locator="", themes=[], texts={"sv": {"commentary": ""}}))
    after = stored(house)
    assert (after.locator, after.themes, after.texts["sv"].commentary) == ("", (), "")


def test_an_export_of_one_language_can_be_edited_and_comes_back(house: Installation) -> None:
    """What translators get holds their language only, and the others stay."""
    before, swedish = contents(house), stored(house).texts["sv"]
    text = exported(house, "json", "en")
    house.load({"en.json": text})
    assert contents(house) == before
    house.load({"en.json": text.replace("Hear them out.", "Hear everyone out.")})
    assert stored(house).texts["en"].statement == "Hear everyone out."
    assert stored(house).texts["sv"] == swedish


def test_a_changed_original_makes_its_translations_outdated_and_still_shown(
    house: Installation,
) -> None:
    house.load(entry(texts={"sv": {"statement": "Lyssna längre."}}))
    after = stored(house)
    assert (after.texts["sv"].state, after.texts["en"].state) == ("approved", "outdated")
    assert after.text("en").statement == "Hear them out."
    page = house.client().get(f"/en/principles/{SLUG}/").text
    assert "Hear them out." in page


def test_a_translation_made_anew_is_no_longer_outdated(house: Installation) -> None:
    house.load(entry(texts={"sv": {"statement": "Lyssna längre."}}))
    before = contents(house)
    house.load(entry(texts={"en": {"state": "approved"}}))
    assert contents(house) == before
    assert stored(house).texts["en"].state == "outdated"
    house.load(entry(texts={"en": {"statement": "Listen longer.", "state": "approved"}}))
    assert stored(house).texts["en"].state == "approved"


def test_original_and_translation_changed_together_agree(house: Installation) -> None:
    texts = {"en": {"statement": "Listen longer."}, "sv": {"statement": "Lyssna längre."}}
    house.load(entry(texts=texts))
    assert stored(house).texts["en"].state == "approved"


def test_another_translation_makes_no_text_outdated(house: Installation) -> None:
    house.load(entry(texts={"en": {"statement": "Listen longer."}}))
    assert stored(house).texts["sv"].state == "approved"


def test_a_typo_put_right_makes_nothing_outdated_and_corrects_nothing(house: Installation) -> None:
    texts = {"sv": {"statement": "Lyssna länge."}}
    revise(house, minor=True, texts=texts, themes=["trust"], kind="principle")
    after = stored(house)
    assert after.texts["sv"].statement == "Lyssna länge."
    assert after.texts["en"].state == "approved"
    assert (after.corrected, after.texts["sv"].corrected) == (None, None)
    assert origins(house)[-1] == "desk"


@pytest.mark.parametrize("form", exchange_files.FORMATS)
def test_outdated_is_still_outdated_elsewhere(
    house: Installation, install: Install, form: str
) -> None:
    house.load(entry(texts={"sv": {"statement": "Lyssna längre."}}))
    other = install("other")
    other.load({"odd.json": json.dumps({**ODD, "principles": []})})
    for _ in range(2):
        other.load({f"library.{form}": exported(house, form)})
        assert stored(other).texts["en"].state == "outdated"
    other.load(entry(texts={"en": {"title": "Anew", "state": "approved"}}))
    assert stored(other).texts["en"].state == "approved"


def test_a_translation_can_be_called_outdated_by_a_file(house: Installation) -> None:
    house.load(entry(texts={"en": {"state": "outdated"}}))
    assert stored(house).texts["en"].state == "outdated"
    assert stored(house).text("en").language == "en"


@pytest.mark.parametrize("field", ["title", "statement", "reflection", "practice", "commentary"])
def test_a_text_that_changes_is_corrected_then(house: Installation, field: str) -> None:
    """Only the text that changed; a principle's first version was never corrected."""
    assert stored(house, "007").texts["en"].corrected is None
    house.load(entry(texts={"sv": {field: "Ändrat"}}))
    after = stored(house)
    assert after.texts["sv"].corrected == LATER
    assert after.texts["en"].corrected != LATER
    assert after.texts["pt-BR"].corrected is None
    assert after.corrected is None


def test_a_text_that_is_added_counts_as_corrected(house: Installation) -> None:
    house.load(entry(texts={"de": {"title": "T", "statement": "S", "state": "approved"}}))
    assert stored(house).texts["de"].corrected == LATER


@pytest.mark.parametrize(
    ("change", "corrected"),
    [
        ({"kind": "principle"}, LATER),
        ({"source": "nameless"}, LATER),
        ({"themes": ["trust"]}, LATER),
        ({"themes": ["change", "trust"]}, LATER),
        ({"locator": "5"}, None),
        ({"status": "retired"}, None),
        ({"texts": {"en": {"state": "review"}}}, None),
    ],
)
def test_a_principle_is_corrected_when_a_reader_can_see_it(
    house: Installation, change: dict[str, Any], corrected: object
) -> None:
    house.load(entry(**change))
    assert stored(house).corrected == corrected


def test_a_source_is_corrected_when_anything_of_it_changes(house: Installation) -> None:
    def corrected() -> object:
        with house.open() as db:
            return library.sources(db)["handbook"].corrected

    assert corrected() is None
    change = {"sources": [{"slug": "handbook", "texts": {"en": {"rights": "Some"}}}]}
    house.load({"a.json": json.dumps(change)})
    assert corrected() == LATER


def test_an_import_never_touches_the_ledger(house: Installation) -> None:
    """Not even when what was shown is retired, or comes from elsewhere now."""

    def ledger() -> list[Any]:
        with house.open() as db:
            return [*db.query("SELECT * FROM editions"), *db.query("SELECT * FROM pins")]

    house.publish()
    before = ledger()
    assert before
    house.load(entry(status="retired", source="nameless", themes=[]), overwrite=True)
    assert ledger() == before


DAY = "/sv/2026-11-20/"
PAST = (DAY, "/en/2026-11-20/", "/sv/feed.json", "/sv/archive/2026/11/", "/api/v1/editions?lang=sv")


def seen(house: Installation) -> str:
    """What a stranger sees of past days."""
    client = house.client()
    pages = [client.get(path) for path in PAST]
    assert {page.status_code for page in pages} == {200}
    return "".join(page.text for page in pages)


def test_a_past_day_keeps_the_last_words_that_were_approved(house: Installation) -> None:
    draft = {"title": "Utkast", "statement": "Inte klart.", "state": "draft"}
    house.publish()
    house.load(entry(texts={"sv": {"title": "Lyssna nu", "state": "approved"}}))
    house.load(entry(texts={"sv": draft, "en": {"state": "review"}}))
    assert stored(house).texts["sv"].title == "Utkast"
    assert "Lyssna nu" in seen(house)
    assert "Utkast" not in seen(house)
    assert "Inte klart" not in seen(house)
    house.load(entry(original_language="en"))
    page = house.client().get("/en/2026-11-20/").text
    assert '<h1 itemprop="name" lang="sv">Lyssna nu' in page
    house.load(entry(original_language="sv", texts={"sv": {**draft, "state": "approved"}}))
    assert "Utkast" in seen(house)


def test_a_past_day_leads_to_the_page_of_its_principle_while_there_is_one(
    house: Installation,
) -> None:
    house.publish()
    link = f'href="/sv/principles/{SLUG}/"'
    for fields, is_there in (
        ({"status": "retired"}, True),
        ({"status": "draft"}, False),
        ({"status": "published", "texts": {"sv": {"state": "draft"}}}, False),
    ):
        house.load(entry(**fields))
        page = house.client().get(f"/sv/principles/{SLUG}/")
        assert (page.status_code == 200) is is_there
        assert (link in house.client().get(DAY).text) is is_there


@pytest.mark.parametrize("code", ["grc", "fit", "xx"])
def test_a_language_of_a_text_is_refused_or_is_shown(install: Install, code: str) -> None:
    """Ancient Greek and Meänkieli are languages, though no calendar is known for them."""
    made = install()
    sources = [{"slug": "s", "title": "S", "language": code}]
    texts = {code: {"title": "T", "statement": "S", "state": "approved"}}
    principles = [{"slug": "p", "source": "s", "status": "published", "texts": texts}]
    try:
        made.load({"a.json": json.dumps({"sources": sources, "principles": principles})})
    except ExchangeError:
        return
    made.publish()

    for path in ("/en/", "/en/principles/p/", "/en/feed.rss", "/en/sources/s/"):
        assert made.client().get(path).status_code == 200


def test_an_import_that_fails_in_the_middle_changes_nothing(install: Install) -> None:
    made = install()
    with made.open() as db:
        db.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON principles WHEN NEW.slug = 'both'"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    files = {"library.toml": (FOLDER / "library.toml").read_bytes()}
    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        made.load(files)
    for name in ("themes", "sources", "principles"):
        assert made.client().get(f"/api/v1/{name}").get_json()["total"] == 0
    with made.open() as db:
        db.execute("DROP TRIGGER fails")
    made.load(files)
    assert made.client().get("/api/v1/principles").get_json()["total"] == 3
