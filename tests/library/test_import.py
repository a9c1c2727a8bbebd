"""Importing into a library that lives: what changes, what stays, and what the ledger keeps."""

import itertools
import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from feed import files as exchange_files
from feed.errors import ExchangeError
from feed.library import exchange
from feed.model import Principle
from feed.store import library, meta
from tests import library_changes
from tests.conftest import NOON, Installation
from tests.files.test_exchange import ODD, contents, exported
from tests.golden import FOLDER

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
        library_changes.revise(db, changes, LATER, minor=minor)


@pytest.fixture
def installation(install: Install) -> Installation:
    """An installation whose principle `listen-first` is approved in Swedish and in English."""
    made = install()
    made.load({"odd.json": json.dumps(ODD)})
    made.load(entry(texts={"en": {"statement": "Hear them out.", "state": "approved"}}))
    made.now = LATER
    return made


@pytest.mark.parametrize("form", exchange_files.FORMATS)
def test_importing_an_export_again_changes_nothing(installation: Installation, form: str) -> None:
    before = contents(installation)
    report = installation.load({f"library.{form}": exported(installation, form)})
    assert contents(installation) == before
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
    installation: Installation, changes: dict[str, Any]
) -> None:
    """Or it is refused the first time."""
    file = {"a.json": json.dumps(changes)}
    try:
        installation.load(file)
    except ExchangeError:
        return
    before = contents(installation)
    installation.load(file)
    assert contents(installation) == before


def test_each_change_is_one_revision_and_is_seen(installation: Installation) -> None:
    before, seen = origins(installation), version(installation)
    report = installation.load(entry(locator="5"))
    assert report["principles"].changed == [SLUG]
    assert origins(installation) == [*before, "import"]
    assert version(installation) > seen


def test_files_are_imported_in_any_order(install: Install) -> None:
    """Principles may come before their themes and sources, in files of their own."""
    files = {f"{kind}.json": json.dumps({kind: ODD[kind]}) for kind in ODD}
    libraries = set()
    for number, order in enumerate(itertools.permutations(files)):
        made = install(str(number))
        made.load({name: files[name] for name in order})
        libraries.add(exported(made))
    assert len(libraries) == 1
    assert len(json.loads(libraries.pop())["principles"]) == 2


def test_one_bad_file_keeps_the_good_ones_out(installation: Installation) -> None:
    """The reason may be one that only the library knows."""
    before = contents(installation)
    with pytest.raises(ExchangeError) as refused:
        installation.load({**entry(locator="5"), "b.json": '{"principles": [{"slug": "new-one"}]}'})
    assert {problem.file for problem in refused.value.problems} == {"b.json"}
    assert contents(installation) == before


def test_what_was_edited_at_the_desk_is_left_alone_and_reported(installation: Installation) -> None:
    revise(installation, texts={"en": {"title": "From the desk"}})
    before = contents(installation)
    report = installation.load(entry(texts={"en": {"title": "From a file"}}))["principles"]
    assert (report.left_alone, report.changed) == ([SLUG], [])
    assert contents(installation) == before


def test_entries_edited_at_the_desk_are_replaced_only_with_overwrite(
    installation: Installation,
) -> None:
    revise(installation, locator="9", texts={"en": {"title": "From the desk"}})
    report = installation.load(entry(texts={"en": {"title": "From a file"}}), overwrite=True)
    assert report["principles"].changed == [SLUG]
    assert stored(installation).texts["en"].title == "From a file"
    assert stored(installation).locator == "9"
    installation.load(entry(texts={"en": {"title": "From a file again"}}))
    assert stored(installation).texts["en"].title == "From a file again"


def test_the_others_come_in_beside_one_that_is_left_alone(installation: Installation) -> None:
    revise(installation, locator="9")
    principles = [{"slug": SLUG, "locator": "1"}, {"slug": "007", "locator": "2"}]
    report = installation.load({"a.json": json.dumps({"principles": principles})})["principles"]
    assert (report.left_alone, report.changed) == ([SLUG], ["007"])
    assert (stored(installation).locator, stored(installation, "007").locator) == ("9", "2")


def test_a_file_that_agrees_with_the_desk_is_no_quarrel(installation: Installation) -> None:
    revise(installation, locator="9")
    report = installation.load(entry(locator="9"))["principles"]
    assert (report.unchanged, report.left_alone) == ([SLUG], [])


def test_what_a_file_leaves_out_stays(installation: Installation) -> None:
    """Of a principle, of its texts, of sources and of themes; null is left out, too."""
    before = json.loads(exported(installation))
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
    installation.load({"a.json": json.dumps(change)})
    _, listen = before["principles"]
    listen["locator"] = "5"
    listen["texts"]["en"]["practice"] = "Ask one question."
    before["sources"][0]["year"] = 1999
    before["sources"][0]["texts"]["en"]["rights"] = "Some"
    before["themes"][1]["texts"]["en"]["description"] = "More"
    assert json.loads(exported(installation)) == before


def test_an_empty_value_empties(installation: Installation) -> None:
    installation.load(entry(locator="", themes=[], texts={"sv": {"commentary": ""}}))
    after = stored(installation)
    assert (after.locator, after.themes, after.texts["sv"].commentary) == ("", (), "")


def test_an_export_of_one_language_can_be_edited_and_comes_back(installation: Installation) -> None:
    """What translators get holds their language only, and the others stay."""
    before, swedish = contents(installation), stored(installation).texts["sv"]
    text = exported(installation, "json", "en")
    installation.load({"en.json": text})
    assert contents(installation) == before
    installation.load({"en.json": text.replace("Hear them out.", "Hear everyone out.")})
    assert stored(installation).texts["en"].statement == "Hear everyone out."
    assert stored(installation).texts["sv"] == swedish


def test_a_changed_original_makes_its_translations_outdated_and_still_shown(
    installation: Installation,
) -> None:
    installation.load(entry(texts={"sv": {"statement": "Lyssna längre."}}))
    after = stored(installation)
    assert (after.texts["sv"].state, after.texts["en"].state) == ("approved", "outdated")
    assert after.text("en").statement == "Hear them out."
    page = installation.client().get(f"/en/principles/{SLUG}/").text
    assert "Hear them out." in page


def test_a_translation_made_anew_is_no_longer_outdated(installation: Installation) -> None:
    installation.load(entry(texts={"sv": {"statement": "Lyssna längre."}}))
    before = contents(installation)
    installation.load(entry(texts={"en": {"state": "approved"}}))
    assert contents(installation) == before
    assert stored(installation).texts["en"].state == "outdated"
    installation.load(entry(texts={"en": {"statement": "Listen longer.", "state": "approved"}}))
    assert stored(installation).texts["en"].state == "approved"


def test_original_and_translation_changed_together_agree(installation: Installation) -> None:
    texts = {"en": {"statement": "Listen longer."}, "sv": {"statement": "Lyssna längre."}}
    installation.load(entry(texts=texts))
    assert stored(installation).texts["en"].state == "approved"


def test_another_translation_makes_no_text_outdated(installation: Installation) -> None:
    installation.load(entry(texts={"en": {"statement": "Listen longer."}}))
    assert stored(installation).texts["sv"].state == "approved"


def test_a_typo_put_right_makes_nothing_outdated_and_corrects_nothing(
    installation: Installation,
) -> None:
    texts = {"sv": {"statement": "Lyssna länge."}}
    revise(installation, minor=True, texts=texts, themes=["trust"], kind="principle")
    after = stored(installation)
    assert after.texts["sv"].statement == "Lyssna länge."
    assert after.texts["en"].state == "approved"
    assert (after.corrected, after.texts["sv"].corrected) == (None, None)
    assert origins(installation)[-1] == "desk"


@pytest.mark.parametrize("form", exchange_files.FORMATS)
def test_outdated_is_still_outdated_elsewhere(
    installation: Installation, install: Install, form: str
) -> None:
    installation.load(entry(texts={"sv": {"statement": "Lyssna längre."}}))
    other = install("other")
    other.load({"odd.json": json.dumps({**ODD, "principles": []})})
    for _ in range(2):
        other.load({f"library.{form}": exported(installation, form)})
        assert stored(other).texts["en"].state == "outdated"
    other.load(entry(texts={"en": {"title": "Anew", "state": "approved"}}))
    assert stored(other).texts["en"].state == "approved"


def test_a_translation_can_be_called_outdated_by_a_file(installation: Installation) -> None:
    installation.load(entry(texts={"en": {"state": "outdated"}}))
    assert stored(installation).texts["en"].state == "outdated"
    assert stored(installation).text("en").language == "en"


@pytest.mark.parametrize("field", ["title", "statement", "reflection", "practice", "commentary"])
def test_a_text_that_changes_is_corrected_then(installation: Installation, field: str) -> None:
    """Only the text that changed; a principle's first version was never corrected."""
    assert stored(installation, "007").texts["en"].corrected is None
    installation.load(entry(texts={"sv": {field: "Ändrat"}}))
    after = stored(installation)
    assert after.texts["sv"].corrected == LATER
    assert after.texts["en"].corrected != LATER
    assert after.texts["pt-BR"].corrected is None
    assert after.corrected is None


def test_a_text_that_is_added_counts_as_corrected(installation: Installation) -> None:
    installation.load(entry(texts={"de": {"title": "T", "statement": "S", "state": "approved"}}))
    assert stored(installation).texts["de"].corrected == LATER


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
    installation: Installation, change: dict[str, Any], corrected: object
) -> None:
    installation.load(entry(**change))
    assert stored(installation).corrected == corrected


def test_a_source_is_corrected_when_anything_of_it_changes(installation: Installation) -> None:
    def corrected() -> object:
        with installation.open() as db:
            return library.sources(db)["handbook"].corrected

    assert corrected() is None
    change = {"sources": [{"slug": "handbook", "texts": {"en": {"rights": "Some"}}}]}
    installation.load({"a.json": json.dumps(change)})
    assert corrected() == LATER


def test_an_import_never_touches_the_ledger(installation: Installation) -> None:
    """Not even when what was shown is retired, or comes from elsewhere now."""

    def ledger() -> list[Any]:
        with installation.open() as db:
            return [*db.query("SELECT * FROM editions"), *db.query("SELECT * FROM pins")]

    installation.publish()
    before = ledger()
    assert before
    installation.load(entry(status="retired", source="nameless", themes=[]), overwrite=True)
    assert ledger() == before


DAY = "/sv/2026-11-20/"
PAST = (DAY, "/en/2026-11-20/", "/sv/feed.json", "/sv/archive/2026/11/", "/api/v1/editions?lang=sv")


def seen(installation: Installation) -> str:
    """What a stranger sees of past days."""
    client = installation.client()
    pages = [client.get(path) for path in PAST]
    assert {page.status_code for page in pages} == {200}
    return "".join(page.text for page in pages)


def test_a_past_day_keeps_the_last_words_that_were_approved(installation: Installation) -> None:
    draft = {"title": "Utkast", "statement": "Inte klart.", "state": "draft"}
    installation.publish()
    installation.load(entry(texts={"sv": {"title": "Lyssna nu", "state": "approved"}}))
    installation.load(entry(texts={"sv": draft, "en": {"state": "review"}}))
    assert stored(installation).texts["sv"].title == "Utkast"
    assert "Lyssna nu" in seen(installation)
    assert "Utkast" not in seen(installation)
    assert "Inte klart" not in seen(installation)
    installation.load(entry(original_language="en"))
    page = installation.client().get("/en/2026-11-20/").text
    assert '<h1 itemprop="name" lang="sv">Lyssna nu' in page
    installation.load(entry(original_language="sv", texts={"sv": {**draft, "state": "approved"}}))
    assert "Utkast" in seen(installation)


def test_a_past_day_leads_to_the_page_of_its_principle_while_there_is_one(
    installation: Installation,
) -> None:
    installation.publish()
    link = f'href="/sv/principles/{SLUG}/"'
    for fields, is_there in (
        ({"status": "retired"}, True),
        ({"status": "draft"}, False),
        ({"status": "published", "texts": {"sv": {"state": "draft"}}}, False),
    ):
        installation.load(entry(**fields))
        page = installation.client().get(f"/sv/principles/{SLUG}/")
        assert (page.status_code == 200) is is_there
        assert (link in installation.client().get(DAY).text) is is_there


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
