"""Sources and themes at the desk: lists, forms, near-duplicates, retirement, merging, history."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from feed.app import create_app
from feed.errors import ExchangeError
from feed.store import ledger, library, revisions
from feed.store.connection import transaction
from feed.web.frozen_site import FrozenSite
from tests.conftest import NOON, Installation, Stopped
from tests.desk_client import Desk, DeskUser, field_errors

LATER = NOON + timedelta(hours=1)
TEXT = {"title": "Lyssna först", "statement": "Den som lyssnar först får veta mer."}


def principle(slug: str, **more: Any) -> dict[str, Any]:
    """A published principle, in Swedish."""
    text = {**TEXT, "title": slug.title(), "state": "approved"}
    usual = {"slug": slug, "source": "book", "status": "published", "themes": ["trust"]}
    return {**usual, "texts": {"sv": text}, **more}


LIBRARY = {
    "themes": [
        {"slug": slug, "texts": {"sv": {"name": sv}, "en": {"name": en, "description": "About."}}}
        for slug, sv, en in (
            ("trust", "Tillit", "Trust"),
            ("courage", "Mod", "Courage"),
            ("bravery", "Tapperhet", "Bravery"),
        )
    ],
    "sources": [
        {
            "slug": "book",
            "title": "Boken om mod",
            "author": "Ann Ek",
            "year": 2001,
            "language": "sv",
            "texts": {"sv": {"introduction": "En bok.", "rights": "Med tillstånd."}},
        },
        {"slug": "handbook", "title": "Handboken", "language": "sv"},
        {"slug": "other", "title": "Samtal på jobbet", "language": "sv", "author": "Bo Al"},
    ],
    "principles": [
        principle("listen", themes=["courage", "trust"]),
        principle("wait", source="handbook", themes=["courage"]),
        principle("quote", source="handbook", kind="quote", themes=["bravery"]),
        principle("ask", source="other", themes=["trust"]),
    ],
}


@pytest.fixture
def desk(install: Callable[..., Installation]) -> Desk:
    """A desk on a library of four principles, an hour after their editions were made."""
    made = install(LANGUAGES="sv,en")
    made.load({"library.json": json.dumps(LIBRARY)})
    made.publish()
    made.now = LATER
    return Desk(made)


def opened(user: DeskUser, path: str) -> dict[str, str]:
    """The values of the form as it is shown."""
    page = user.get(path).text
    form = page.partition('<form class="sheet vocabulary"')[2].partition("</form>")[0]
    values = dict(re.findall(r'<input [^>]*name="([^"]*)" value="([^"]*)"', form))
    values |= dict(re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>\n([^<]*)</textarea>', form))
    return {name: text for name, text in values.items() if name not in ("mark", "similar")}


def save(user: DeskUser, path: str, given: dict[str, str], **changes: str) -> TestResponse:
    """Send the form with changes; `en__name` stands for `en.name`."""
    typed = {name.replace("__", "."): text for name, text in changes.items()}
    return user.post(path, {**given, **typed})


def merge(user: DeskUser, path: str, into: str) -> TestResponse:
    """Merge as the page asks."""
    page = user.get(f"{path}merge?into={into}")
    seen = re.search(r'name="seen" value="([^"]*)"', page.text)
    assert seen, page.text
    return user.post(f"{path}merge", {"into": into, "seen": seen[1]})


def items(public: FlaskClient, path: str) -> list[dict[str, Any]]:
    """The items of the JSON feed of a theme or source."""
    found: list[dict[str, Any]] = json.loads(public.get(f"{path}feed.json").text)["items"]
    assert found
    return found


def plain(page: TestResponse) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.text).split())


def test_the_lists_count_principles_and_lead_to_them(desk: Desk) -> None:
    user = desk.sign_in("translator")
    page = user.get("/desk/sources/")
    assert "/desk/principles/?source=handbook" in page.text
    assert "2 principles" in page.text
    assert "Missing, and 1 quote needs it" in plain(page)
    assert "Med tillstånd." in page.text
    found = user.get("/desk/principles/?source=handbook").text
    assert ("/desk/principles/wait/" in found, "/desk/principles/listen/" in found) == (True, False)
    themes = plain(user.get("/desk/themes/"))
    assert re.search("Bravery .* 1 principle Courage .* 2 principles Trust", themes)


def test_an_edited_source_is_credited_anew_everywhere_and_the_feed_is_newer(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/sources/book/"
    given = opened(editor, path)
    assert given["sv.rights"] == "Med tillstånd."
    answer = save(editor, path, given, title="Boken om tillit", year="2002", en__rights="Granted.")
    assert answer.location == "/desk/sources/book/?done=save"
    public = desk.installation.client()
    for item in items(public, "/sv/sources/book/"):
        assert item["_devis"]["credit"] == "Efter Ann Ek, ”Boken om tillit”, 2002"
        assert item["date_modified"] == LATER.isoformat()
    assert "Granted." in public.get("/en/sources/book/").text
    page = editor.get(path)
    assert re.search(r"Editor Åström\s+saved Title of the source", plain(page))
    assert "Imported" in page.text


def test_a_cleared_field_and_a_cleared_language_are_gone(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/sources/book/"
    save(editor, path, opened(editor, path), author="", sv__rights="", sv__introduction="")
    with desk.installation.open() as db:
        found = library.sources(db)["book"]
    assert (found.author, found.texts) == (None, {})
    assert "A quote needs an author" not in editor.get(path).text
    assert "A quote needs an author" in plain(editor.get("/desk/sources/handbook/"))


def test_a_renamed_theme_is_newer_in_feeds_and_a_new_description_is_not(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/themes/bravery/"
    public = desk.installation.client()

    def item() -> tuple[Any, Any]:
        newest = items(public, "/en/themes/bravery/")[0]
        return newest["tags"], newest["date_modified"]

    tags, before = item()
    assert before < LATER.isoformat()
    save(editor, path, opened(editor, path), en__description="Something else.")
    assert item() == (tags, before)
    assert "Something else." in public.get("/en/themes/bravery/").text
    save(editor, path, opened(editor, path), en__name="Daring")
    assert item() == (["Daring"], LATER.isoformat())


def test_nothing_is_saved_before_the_form_is_right(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/sources/book/"
    given = {"title": "", "year": "soon", "url": "javascript:x"}
    page = save(editor, path, opened(editor, path), **given, en__rights="Words\0")
    assert page.status_code == 422
    assert len(field_errors(page)) == 4
    assert 'value="soon"' in page.text
    page = save(editor, "/desk/themes/new", {}, en__description="No name.")
    assert page.status_code == 422
    assert 'href="#en.name"' in page.text
    with desk.installation.open() as db:
        assert library.sources(db)["book"].title == "Boken om mod"
        assert len(library.themes(db)) == 3


def test_checking_shows_the_credit_of_principles_and_quotes_and_saves_nothing(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/sources/book/"
    given = opened(editor, path)
    page = save(editor, path, given, title="<b>Ny</b>", url="https://x.example/", act="preview")
    assert page.status_code == 200
    line = '<a href="https://x.example/"><cite lang="sv">&lt;b&gt;Ny&lt;/b&gt;</cite></a>'
    assert f"Efter Ann Ek, ”{line}”, 2001" in page.text
    assert f"After Ann Ek, “{line}”, 2001" in page.text
    assert f"</span> Ann Ek, “{line}”, 2001" in page.text
    assert "\0" not in save(editor, path, given, title="a\0b", act="preview").text
    with desk.installation.open() as db:
        assert library.sources(db)["book"].title == "Boken om mod"


@pytest.mark.parametrize("has_history", [True, False], ids=["imported", "from-an-old-database"])
def test_two_who_edit_the_same_source_lose_nothing(desk: Desk, has_history: bool) -> None:
    if not has_history:
        with desk.installation.open() as db, transaction(db):
            db.execute("DELETE FROM vocabulary_revisions")
    editor, other = desk.sign_in("editor"), desk.sign_in("administrator")
    path = "/desk/sources/book/"
    mine, theirs = opened(editor, path), opened(other, path)
    assert save(other, path, theirs, title="Deras titel", publisher="Förlaget").status_code == 303
    page = save(editor, path, mine, title="Min titel", year="1999")
    assert page.status_code == 409
    values = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    assert (values["title"], values["year"]) == ("Min titel", "1999")
    assert values["publisher"] == "Förlaget"
    assert "Deras titel" in page.text
    again = {**mine, **{name: values[name] for name in ("title", "year", "publisher", "base")}}
    assert save(editor, path, again).status_code == 303
    with desk.installation.open() as db:
        found = library.sources(db)["book"]
    assert (found.title, found.year, found.publisher) == ("Min titel", 1999, "Förlaget")


def test_saving_the_same_again_is_no_change_whatever_came_between(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/themes/trust/"
    given = opened(editor, path)
    for _ in range(2):
        assert save(editor, path, given, sv__name="Förtroende").status_code == 303
    assert editor.get(path).text.count("Editor Åström</strong> saved") == 1


def test_an_earlier_version_can_be_restored(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/sources/book/"
    save(editor, path, opened(editor, path), author="Anna Ek")
    (restore,) = re.findall(r'action="([^"]*restore)"', editor.get(path).text)
    assert editor.post(restore).status_code == 303
    with desk.installation.open() as db:
        found = library.sources(db)["book"]
    assert (found.author, found.texts["sv"].rights) == ("Ann Ek", "Med tillstånd.")
    assert "restored an earlier version" in editor.get(path).text
    assert editor.post(re.sub(r"\d+", "99", restore)).status_code == 404


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"title": "Boken om Mod!"}, "Boken om mod"),
        ({"title": "Boken om mod: den andra", "author": "Ann Ek"}, "Boken om mod"),
        ({"title": "Boken om mod: den andra", "author": "Cecilia Dal"}, None),
        ({"title": "Boken om mod", "author": "Cecilia Dal"}, "Boken om mod"),
        ({"title": "Boken om mat", "author": "Cecilia Dal"}, None),
        ({"title": "Handbok"}, "Handboken"),
        ({"title": "Något annat"}, None),
    ],
)
def test_a_near_duplicate_of_a_source_is_shown_before_it_is_made(
    desk: Desk, given: dict[str, str], shown: str | None
) -> None:
    editor, path = desk.sign_in("editor"), "/desk/sources/new"
    usual = {**opened(editor, path), **given}
    page = save(editor, path, usual)
    assert page.status_code == (422 if shown else 303)
    if shown:
        assert f"“{shown}” already exists." in page.text
        ((slug, _),) = re.findall(r'name="similar" value="([^"-]+)"( checked)?', page.text)
        assert save(editor, path, usual, similar=slug).location == f"/desk/sources/{slug}/"
        assert save(editor, path, usual, similar="-").status_code == 303
    with desk.installation.open() as db:
        assert len(library.sources(db)) == 4


def test_a_near_duplicate_of_a_theme_is_found_in_any_language(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/themes/new"
    page = save(editor, path, {}, en__name="courages", sv__name="Djärvhet")
    assert (page.status_code, 'value="courage"' in page.text) == (422, True)
    answer = save(editor, path, {}, en__name="Patience", sv__name="Tålamod")
    assert answer.location == "/desk/themes/talamod/?done=save"
    assert desk.installation.client().get("/en/themes/talamod/").status_code == 200


def test_a_curator_who_writes_is_offered_the_source_that_exists(desk: Desk) -> None:
    user, new = desk.sign_in("curator"), "/desk/principles/new"
    given = {"kind": "principle", "original_language": "sv", "source_title": "Boken om mod!"}
    given |= {"sv.title": "Våga", "sv.statement": "Den som vågar lär sig."}
    page = user.post(new, {**given, "form": "a"})
    assert page.status_code == 422
    assert "“Boken om mod” already exists." in page.text
    assert 'name="source_similar" value="book"' in page.text
    assert user.post(new, {**given, "form": "a", "source_similar": "book"}).status_code == 303
    given |= {"sv.title": "Tveka", "form": "b", "source_similar": "-"}
    assert user.post(new, given).status_code == 303
    with desk.installation.open() as db:
        found = library.principles(db, ["vaga", "tveka"])
        assert found["vaga"].source == "book"
        assert library.sources(db)[found["tveka"].source].title == "Boken om mod!"
    assert "Curator Åström" in user.get(f"/desk/sources/{found['tveka'].source}/").text


def test_what_retired_is_offered_to_nobody_and_stays_where_it_is(desk: Desk) -> None:
    editor = desk.sign_in("editor")
    for path in ("/desk/sources/book/", "/desk/themes/trust/"):
        assert editor.post(f"{path}retire").location == f"{path}?done=retire"
    assert "No longer offered" in editor.get("/desk/sources/").text
    new, old = editor.get("/desk/principles/new").text, editor.get("/desk/principles/listen/").text
    assert 'href="/desk/sources/book/"' in old
    for value in ('value="book"', 'value="trust"'):
        assert (value in new, value in old) == (False, True)
    given = {"kind": "principle", "original_language": "sv", "source": "book", "themes": "trust"}
    texts = {"sv.title": "Våga", "sv.statement": "Den som vågar lär sig."}
    page = editor.post("/desk/principles/new", {**given, **texts})
    assert [text.partition(" is ")[0] for text in field_errors(page)] == [
        "“Boken om mod”",
        "“Tillit”",
    ]
    public = desk.installation.client()
    for path in ("/sv/sources/book/", "/sv/themes/trust/", "/sv/themes/trust/feed.atom"):
        assert public.get(path).status_code == 200
    assert "/sv/themes/trust/" in public.get("/sv/themes/").text
    said = editor.get("/desk/themes/trust/?done=retire").text
    undo = re.search(r'action="([^"]*)"[^/]*?<input[^>]*><button class="link">Undo', said)
    assert undo
    editor.post(undo[1])
    assert 'value="trust"' in editor.get("/desk/principles/new").text
    assert "offered again" in editor.get("/desk/themes/trust/").text


def test_a_retired_theme_without_principles_leaves_the_public_lists(desk: Desk) -> None:
    editor, public = desk.sign_in("editor"), desk.installation.client()
    given = {"en.name": "Patience", "sv.name": "Tålamod"}
    editor.post("/desk/themes/new", given)
    lists = ("/en/themes/", "/feeds.opml", "/api/v1/themes", "/sitemap.xml")
    assert all("talamod" in public.get(path).text for path in lists)
    editor.post("/desk/themes/talamod/retire")
    assert not any("talamod" in public.get(path).text for path in lists)
    assert public.get("/en/themes/talamod/").status_code == 200


def test_a_merge_says_what_moves_and_then_moves_it(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/sources/handbook/"
    page = editor.get(f"{path}merge?into=book")
    assert "2 principles move to the one that stays. Their credit changes." in plain(page)
    assert "/desk/principles/wait/" in page.text
    assert merge(editor, path, "book").location == "/desk/sources/book/?done=merge"
    for item in items(desk.installation.client(), "/sv/sources/book/"):
        assert item["_devis"]["credit"].endswith("Ann Ek, ”Boken om mod”, 2001")
        if item["title"] != "Listen":
            assert item["date_modified"] == LATER.isoformat()
    with desk.installation.open() as db:
        assert "handbook" not in library.sources(db)
        assert {each.source for each in library.principles(db).values()} == {"book", "other"}
        newest = revisions.newest(db, "wait")
    assert newest is not None
    assert (newest.action, newest.by, newest.entry["source"]) == ("merge", "Editor Åström", "book")
    assert "merged a source or theme" in editor.get("/desk/principles/wait/history/").text
    page = editor.get("/desk/sources/book/")
    assert "merged a source or theme</p>" not in page.text
    assert "Handboken (handbook)" in page.text
    assert editor.get(path).location == "/desk/sources/book/"


def test_subscribers_of_what_was_merged_follow_without_seeing_a_day_twice(desk: Desk) -> None:
    public = desk.installation.client()
    old = items(public, "/sv/themes/courage/")
    merge(desk.sign_in("editor"), "/desk/themes/courage/", "trust")
    for rest in ("", "feed.rss", "feed.atom", "feed.json"):
        answer = public.get(f"/sv/themes/courage/{rest}")
        assert (answer.status_code, answer.location) == (301, f"/sv/themes/trust/{rest}")
    new = items(public, "/sv/themes/trust/")
    ids = [item["id"] for item in new]
    assert {item["id"] for item in old} <= set(ids)
    assert len(ids) == len(set(ids))
    moved = [item for item in new if item["id"] in {each["id"] for each in old}]
    assert {item["date_modified"] for item in moved} == {LATER.isoformat()}
    assert {tuple(item["tags"]) for item in moved} == {("Tillit",)}
    assert public.get("/sv/principles/?theme=courage").text.count("<article") == public.get(
        "/sv/principles/?theme=trust"
    ).text.count("<article")
    assert json.loads(public.get("/api/v1/principles?theme=courage").text)["total"] == 3
    assert "courage" not in public.get("/feeds.opml").text


def test_a_frozen_site_redirects_what_was_merged(desk: Desk, tmp_path: Path) -> None:
    merge(desk.sign_in("editor"), "/desk/themes/courage/", "trust")
    config, now = desk.installation.config, Stopped(LATER)
    FrozenSite(create_app(config, now, reading=True), config, now, tmp_path / "site").write([])
    lines = (tmp_path / "site" / "_redirects").read_text().splitlines()
    assert "/sv/themes/courage/* /sv/themes/trust/:splat 301" in lines


def test_a_merge_takes_changes_that_wait_along(desk: Desk) -> None:
    curator, editor = desk.sign_in("curator"), desk.sign_in("editor")
    form = curator.get("/desk/principles/ask/").text
    base = re.search(r'name="base" value="(\d+)"', form)
    assert base
    given = {"kind": "principle", "source": "handbook", "themes": ["trust", "courage"]}
    given |= {"sv.title": "Fråga nu", "sv.statement": TEXT["statement"], "base": base[1]}
    assert curator.post("/desk/principles/ask/", given).status_code == 303
    page = editor.get("/desk/sources/handbook/merge?into=book")
    assert "3 principles move" in plain(page)
    merge(editor, "/desk/sources/handbook/", "book")
    merge(editor, "/desk/themes/courage/", "trust")
    with desk.installation.open() as db:
        newest, live = revisions.newest(db, "ask"), library.principle(db, "ask")
    assert newest is not None
    assert live is not None
    assert (newest.entry["source"], newest.entry["themes"]) == ("book", ["trust"])
    assert (newest.is_applied, newest.entry["texts"]["sv"]["title"]) == (False, "Fråga nu")
    assert (live.source, live.text("sv").title) == ("other", "Ask")
    given |= {"base": str(newest.id)}  # an old form still names what was merged
    assert editor.post("/desk/principles/ask/", {**given, "act": "approve"}).status_code == 303
    with desk.installation.open() as db:
        live = library.principle(db, "ask")
    assert live is not None
    assert (live.source, live.themes, live.text("sv").title) == ("book", ("trust",), "Fråga nu")


def test_a_version_from_before_a_merge_is_restored_with_what_stayed(desk: Desk) -> None:
    editor = desk.sign_in("editor")
    merge(editor, "/desk/sources/handbook/", "book")
    (first, *_) = re.findall(
        r'action="([^"]*restore)"', editor.get("/desk/principles/wait/history/").text
    )
    assert editor.post(first).status_code == 303
    with desk.installation.open() as db:
        assert library.principles(db)["wait"].source == "book"


def test_a_merge_is_asked_again_where_something_has_changed_since(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/sources/handbook/"
    page = editor.get(f"{path}merge?into=book").text
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert seen
    save(editor, path, opened(editor, path), author="Någon")
    answer = editor.post(f"{path}merge", {"into": "book", "seen": seen[1]})
    assert (answer.status_code, "Check again" in answer.text) == (409, True)
    for into in ("handbook", "nothing", ""):
        assert editor.get(f"{path}merge?into={into}").status_code in (400, 404)
    editor.post("/desk/sources/book/retire")
    assert editor.get(f"{path}merge?into=book").status_code == 400
    with desk.installation.open() as db:
        assert "handbook" in library.sources(db)


def test_a_form_of_what_was_merged_meanwhile_is_refused_and_can_be_gone_back_to(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/themes/bravery/"
    given = opened(editor, path)
    merge(desk.sign_in("administrator"), path, "courage")
    page = save(editor, path, given, en__name="Daring")
    assert (page.status_code, "was merged into another one" in page.text) == (409, True)
    assert editor.post(f"{path}retire").status_code == 409


def test_a_chain_of_merges_leads_to_the_last_and_no_slug_is_used_again(desk: Desk) -> None:
    editor, public = desk.sign_in("editor"), desk.installation.client()
    merge(editor, "/desk/themes/bravery/", "courage")
    merge(editor, "/desk/themes/courage/", "trust")
    assert public.get("/en/themes/bravery/").location == "/en/themes/trust/"
    answer = editor.post("/desk/themes/new", {"sv.name": "Bravery"})
    assert answer.location == "/desk/themes/bravery-2/?done=save"


def test_an_import_knows_what_was_merged_and_leaves_what_was_edited(desk: Desk) -> None:
    editor, made = desk.sign_in("editor"), desk.installation
    merge(editor, "/desk/sources/handbook/", "book")
    merge(editor, "/desk/themes/courage/", "trust")
    save(editor, "/desk/sources/other/", opened(editor, "/desk/sources/other/"), author="Bo Alm")
    changed = json.loads(json.dumps(LIBRARY).replace("Handboken", "Handboken II"))
    changed["principles"] = [principle("new", source="handbook", themes=["courage", "trust"])]
    report = made.load({"library.json": json.dumps(changed)})
    assert report["sources"].left_alone == ["handbook", "other"]
    assert report["themes"].left_alone == ["courage"]
    with made.open() as db:
        assert (library.principles(db)["new"].source, library.principles(db)["new"].themes) == (
            "book",
            ("trust",),
        )
        assert library.sources(db)["other"].author == "Bo Alm"
    made.load({"library.json": json.dumps(changed)}, overwrite=True)
    with made.open() as db:
        assert library.sources(db)["other"].author == "Bo Al"
        assert "handbook" not in library.sources(db)
    assert "Imported" in editor.get("/desk/sources/other/").text


def test_the_ledger_is_the_same_after_a_merge(desk: Desk) -> None:
    def days() -> list[Any]:
        with desk.installation.open() as db, transaction(db):
            return list(db.execute("SELECT * FROM editions")), ledger.pins(db)  # type: ignore[return-value]

    before = days()
    merge(desk.sign_in("editor"), "/desk/sources/handbook/", "book")
    merge(desk.sign_in("editor"), "/desk/themes/courage/", "trust")
    assert days() == before
    assert desk.installation.publish() == []


def test_curators_and_translators_look_and_change_nothing(desk: Desk) -> None:
    for role in ("translator", "curator"):
        page = desk.sign_in(role).get("/desk/sources/book/")
        assert ("Med tillstånd." in page.text, "<textarea" in page.text) == (True, False)
        assert "Merge" not in page.text


def test_an_export_says_what_is_retired_and_an_import_takes_it_over(desk: Desk) -> None:
    editor, made = desk.sign_in("editor"), desk.installation
    editor.post("/desk/themes/trust/retire")
    found = json.loads(editor.get("/desk/exchange/export").text)
    retired = {each["slug"]: each.get("retired") for each in found["themes"]}
    assert retired == {"bravery": None, "courage": None, "trust": True}
    found["sources"][1]["retired"] = True
    found["themes"][2]["retired"] = False
    made.load({"a.json": json.dumps(found)}, overwrite=True)
    with made.open() as db:
        assert not library.themes(db)["trust"].retired
        handbook = library.sources(db)["handbook"]
    assert (handbook.slug, handbook.retired, handbook.corrected) == ("handbook", True, None)
    made.load({"library.json": json.dumps(LIBRARY)}, overwrite=True)  # says nothing about it
    with made.open() as db:
        assert library.sources(db)["handbook"].retired
    bad = {"themes": [{"slug": "trust", "retired": "yes"}]}
    with pytest.raises(ExchangeError, match="should be true or false, not “yes”"):
        made.load({"a.json": json.dumps(bad)})


def test_what_is_retired_stays_so_when_it_is_edited_or_restored(desk: Desk) -> None:
    editor, path = desk.sign_in("editor"), "/desk/sources/book/"
    save(editor, path, opened(editor, path), author="Anna Ek")
    editor.post(f"{path}retire")
    save(editor, path, opened(editor, path), year="2003")
    (*_, first) = re.findall(r'action="([^"]*restore)"', editor.get(path).text)
    assert editor.post(first).status_code == 303
    with desk.installation.open() as db:
        found = library.sources(db)["book"]
    assert (found.retired, found.author, found.year) == (True, "Ann Ek", 2001)


def test_a_quote_without_its_rights_is_marked_before_it_is_published(desk: Desk) -> None:
    user = desk.sign_in("editor")
    page = user.get("/desk/principles/quote/")
    assert "A quote needs an author, a year and a note on the right to use it" in page.text
    path = "/desk/sources/handbook/"
    save(user, path, opened(user, path), author="Ann Ek", year="1999", en__rights="Right to quote.")
    page = user.get("/desk/principles/quote/")
    assert "A quote needs an author" not in page.text
    assert "quote needs it" not in user.get("/desk/sources/").text
