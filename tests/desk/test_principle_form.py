"""The form of a principle, as people at the desk use it: nothing that they type is lost."""

import html
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from werkzeug.test import TestResponse

from feed import clock, editions
from feed.app import create_app
from feed.desk import session
from feed.library import editing, exchange, style_checks
from feed.library.workflow import Transition, WorkingCopy
from feed.publish import channel, digest
from feed.server import database_setup
from feed.store import connection, library, revisions
from tests.conftest import NOON, Installation, free_port, listening, settings
from tests.desk_client import Desk, DeskUser, prepared_session
from tests.library.test_editing import LIBRARY, SLUG, SWEDISH

Install = Callable[..., Installation]
PATH = f"/desk/principles/{SLUG}/"
NEW = "/desk/principles/new"
FIRST = {
    "kind": "principle",
    "source": "handbook",
    "original_language": "sv",
    "sv.title": "Håll ögonen öppna",
    "sv.statement": "Se dig om.",
}
SIGNS = [("\0", "U+0000"), ("\x1b", "U+001B"), ("\u202e", "U+202E")]
LOOKS = [("en", "light", 1280), ("sv", "dark", 320)]
HOSTILE = "<script>alert(1)</script> ”citat” & =HYPERLINK(1) 🙂 {{ 7*7 }}"


def desk_of(installation: Installation) -> Desk:
    installation.load({"a.json": json.dumps(LIBRARY)})
    installation.publish()
    return Desk(installation)


@pytest.fixture
def desk(install: Install) -> Desk:
    return desk_of(install())


def fields(page: TestResponse) -> dict[str, str]:
    """What a browser would send of the form on a page."""
    body = page.text.partition('id="sheet"')[2].partition("</form>")[0]
    found = {}
    for tag in re.findall(r"<input [^>]*>", body):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if given.get("type") in ("radio", "checkbox") and not tag.endswith("checked>"):
            continue
        found[given["name"]] = html.unescape(given.get("value", ""))
    for name, value in re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>\n([^<]*)</textarea>', body):
        found[name] = html.unescape(value)
    for name, options in re.findall(r'(?s)<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', body):
        chosen = re.search(r'<option value="([^"]*)"[^>]* selected>', options)
        found[name] = chosen[1] if chosen else ""
    found.pop("mark")
    return found


def remarks(page: TestResponse) -> dict[str, str]:
    """The remarks on a page, by field."""
    tree = html5lib.parse(page.text, namespaceHTMLElements=False)
    found = tree.iterfind(".//*[@data-remark]")
    return {each.get("id").removesuffix("-remark"): "".join(each.itertext()) for each in found}


def stored(desk: Desk, slug: str = SLUG) -> Any:
    with desk.installation.open() as db:
        return library.principle(db, slug)


def working(desk: Desk, slug: str = SLUG) -> WorkingCopy:
    with desk.installation.open() as db:
        return editing.working(db, slug)


def steps(desk: Desk, slug: str = SLUG) -> list[str]:
    with desk.installation.open() as db:
        return [step.action for step in revisions.history(db, slug)]


def send(user: DeskUser, path: str, given: dict[str, Any], **changes: Any) -> TestResponse:
    return user.post(path, {**given, **{name.replace("__", "."): v for name, v in changes.items()}})


def opened(user: DeskUser, path: str = PATH) -> dict[str, str]:
    page = user.get(path)
    assert page.status_code == 200
    return fields(page)


def test_a_draft_in_one_language_has_one_button_to_send_it(desk: Desk) -> None:
    user = desk.sign_in("curator")
    answer = send(user, NEW, {**opened(user, NEW), **FIRST})
    assert re.findall(r'value="(review[^"]*)"', user.get(answer.location).text) == ["review"]
    path = answer.location.partition("?")[0]
    both = {**opened(user, path), "en.title": "Keep your eyes open", "en.statement": "Look."}
    page = user.get(send(user, path, both).location)
    found = re.findall(r'value="(review[^"]*)"', page.text)
    assert sorted(found) == ["review", "review.en", "review.sv"]


def test_a_curator_adds_a_principle_in_two_languages(desk: Desk) -> None:
    user = desk.sign_in("curator")
    typed = {**opened(user, NEW), **FIRST, "en.title": "Open eyes", "en.statement": "Look around."}
    given = {**typed, "themes": ["trust", "change"]}
    answer = send(user, NEW, given)
    assert answer.location == "/desk/principles/hall-ogonen-oppna/?done=save"
    assert "Saved." in user.get(answer.location).text
    found = stored(desk, "hall-ogonen-oppna")
    assert (found.themes, set(found.texts)) == (("trust", "change"), {"sv", "en"})
    assert send(user, NEW, given).location == answer.location
    assert steps(desk, "hall-ogonen-oppna") == ["save"]


def test_what_the_form_shows_is_what_it_saves(desk: Desk) -> None:
    """Sent as it is, nothing changes: not the order of themes, not a line break."""
    user = desk.sign_in("editor")
    given = {**opened(user), "sv.commentary": "En rad.\r\n\r\nEn till.", "themes": "trust"}
    assert send(user, PATH, given).status_code == 303
    assert stored(desk).texts["sv"].commentary == "En rad.\n\nEn till."
    again = opened(user)
    assert again["sv.commentary"] == "En rad.\n\nEn till."
    send(user, PATH, again, themes="trust")
    assert steps(desk) == ["save", "import"]


def test_every_error_comes_with_every_field_as_it_was_typed(desk: Desk) -> None:
    user = desk.sign_in("curator")
    typed = {
        **opened(user, NEW),
        **FIRST,
        "source": "",
        "sv.title": "",
        "sv.practice": "x" * 100_000,
        "en.commentary": HOSTILE,
        "notes": "Anteckning",
        "source_url": "javascript:alert(1)",
        "source_year": "i fjol",
    }
    page = send(user, NEW, typed)
    assert page.status_code == 422
    assert "Not saved yet" in page.text
    assert fields(page) == {**typed, "written_in": "sv"}
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert "<script>alert" not in page.text
    for name in ("sv.title", "sv.practice", "source_url", "source_year", "source_title"):
        assert f'href="#{name}"' in page.text
        assert f'id="{name}-wrong"' in page.text
        assert re.search(rf'id="{re.escape(name)}"[^>]*aria-invalid="true"', page.text)
    assert "at most 2000 characters, not 100000" in page.text
    assert stored(desk, "hall-ogonen-oppna") is None


def test_five_pastes_of_a_hundred_kilobytes_are_refused_and_shown_again(desk: Desk) -> None:
    user = desk.sign_in("curator")
    paste = "å" * 100_000
    typed = {**opened(user), **{f"sv.{n}": paste for n in ("reflection", "practice", "commentary")}}
    page = send(user, PATH, typed, en__practice=paste, en__commentary=paste)
    assert page.status_code == 422
    assert page.text.count(paste) == 5


@pytest.mark.parametrize(("sign", "code"), SIGNS)
def test_control_characters_are_refused_and_can_be_removed(
    desk: Desk, sign: str, code: str
) -> None:
    user = desk.sign_in("curator")
    page = send(user, PATH, opened(user), sv__practice=f"Fråga{sign} en kollega.")
    assert page.status_code == 422
    assert code in page.text
    assert sign not in page.text
    again = fields(page)
    assert again["sv.practice"] == "Fråga en kollega."
    assert send(user, PATH, again, themes="trust").status_code == 303


def test_hostile_text_is_text_everywhere(desk: Desk) -> None:
    user = desk.sign_in("editor")
    given = {**opened(user), "themes": "trust", "locator": HOSTILE, "notes": HOSTILE}
    given |= {f"sv.{part}": HOSTILE for part in ("title", "statement", "reflection", "practice")}
    assert send(user, PATH, given).status_code == 303
    pages = [user.get(path).text for path in (PATH, f"{PATH}history/", f"/sv/principles/{SLUG}/")]
    for form in ("page", "feed", "widget", "letter"):
        pages.append(user.post(f"/desk/preview/{form}/sv", {"principle": SLUG}).text)
    for page in pages:
        assert "<script>alert" not in page
        assert "{{ 7*7 }}" in page
    assert fields(user.get(PATH))["sv.statement"] == HOSTILE


def test_a_change_of_what_is_public_waits_until_an_editor_approves(desk: Desk) -> None:
    before = desk.installation.client().get("/sv/").data
    curator, editor = desk.sign_in("curator"), desk.sign_in("editor")
    answer = send(curator, PATH, opened(curator), sv__statement="Lyssna länge.", themes="trust")
    assert "Until an editor approves" in curator.get(answer.location).text
    assert desk.installation.client().get("/sv/").data == before
    page = editor.get(PATH)
    assert "readers still see the old words" in page.text
    assert "Approve and publish" in page.text
    assert "Send back" in page.text.partition('class="acts"')[2]
    assert "Approve and publish" not in curator.get(PATH).text
    send(editor, PATH, fields(page), act="approve", themes="trust")
    assert "Lyssna länge." in desk.installation.client().get("/sv/").text
    assert working(desk).entry["texts"]["en"]["state"] == "outdated"


def test_pending_changes_of_shared_fields_are_shown_to_the_approver(desk: Desk) -> None:
    curator, editor = desk.sign_in("curator"), desk.sign_in("editor")
    assert 'id="held"' not in editor.get(PATH).text
    changes = {"source": "book", "kind": "quote", "locator": "s. 9", "themes": "change"}
    send(curator, PATH, opened(curator), **changes)
    for user in (editor, desk.sign_in("translator")):
        told = user.get(PATH).text.partition('id="held"')[2].partition("</ul>")[0]
        for name, old, new in (
            *(("Kind", "Principle", "Quote"), ("Source", "Handboken", "Boken")),
            *(("Place in the source", "", "s. 9"), ("Themes", "trust", "change")),
        ):
            assert f"<li>{name}: " in told
            assert not old or f"</span>{old}<span" in told
            assert f"</span>{new}<span" in told
    send(curator, PATH, opened(curator), en__title="Listen now", themes="change")
    answer = send(editor, PATH, fields(editor.get(PATH)), act="approve.en", themes="change")
    assert "readers see what they saw before (details)" in editor.get(answer.location).text
    assert (stored(desk).texts["en"].title, stored(desk).themes) == ("Listen now", ("trust",))
    send(editor, PATH, fields(editor.get(PATH)), act="approve", themes="change")
    assert stored(desk).themes == ("change",)
    assert 'id="held"' not in editor.get(PATH).text


def test_an_editor_sees_that_what_waits_is_marked_as_a_typo_and_decides(desk: Desk) -> None:
    curator, editor = desk.sign_in("curator"), desk.sign_in("editor")
    assert "typo_waits" not in opened(editor)
    send(curator, PATH, opened(curator), sv__statement="Lyssna länge.", typo="1", themes="trust")
    assert "typo_waits" not in curator.get(PATH).text
    given = opened(editor)
    assert (given["typo_waits"], "typo" in given) == ("1", False)
    del given["typo_waits"]
    refused = send(editor, PATH, given, act="approve", sv__title="", themes="trust")
    assert refused.status_code == 422
    again = fields(refused)
    assert "typo_waits" not in again
    send(editor, PATH, again, act="approve", sv__title=SWEDISH["title"], themes="trust")
    assert working(desk).entry["texts"]["en"]["state"] == "outdated"


def test_one_text_is_sent_or_approved_by_the_button_beside_it(desk: Desk) -> None:
    curator, editor = desk.sign_in("curator"), desk.sign_in("editor")
    given = {**opened(curator, NEW), **FIRST, "en.title": "Open", "en.statement": "Look."}
    path = send(curator, NEW, given).location.partition("?")[0]
    slug = path.split("/")[-2]
    send(curator, path, opened(curator, path), act="review.sv")
    states = {code: text.state for code, text in stored(desk, slug).texts.items()}
    assert states == {"sv": "review", "en": "draft"}
    send(editor, path, opened(editor, path), act="approve.sv")
    assert stored(desk, slug).texts["sv"].state == "approved"
    answer = send(editor, path, opened(editor, path), act="publish")
    assert "Published." in editor.get(answer.location).text
    assert stored(desk, slug).status == "published"


@pytest.mark.parametrize("act", ["approve", "publish", "approve.sv"])
def test_a_role_without_approval_has_no_button_and_is_refused(desk: Desk, act: str) -> None:
    for role in ("translator", "curator"):
        user = desk.sign_in(role)
        page = user.get(PATH)
        assert f'value="{act}"' not in page.text
        assert send(user, PATH, fields(page), act=act, themes="trust").status_code == 403
    assert steps(desk) == ["import"]


def test_a_decision_needs_an_editor_and_declining_a_reason(desk: Desk) -> None:
    curator, editor = desk.sign_in("curator"), desk.sign_in("editor")
    send(curator, PATH, opened(curator), sv__statement="Kort.", themes="trust")
    assert curator.post(f"{PATH}decline", {"reason": "x"}).status_code == 403
    page = editor.post(f"{PATH}decline", {"reason": ""})
    assert page.status_code == 422
    assert "Say why" in page.text
    assert editor.post(f"{PATH}decline", {"reason": "För <kort>"}).status_code == 303
    page = curator.get(PATH)
    assert "För &lt;kort&gt;" in page.text
    assert fields(page)["sv.statement"] == "Kort."
    assert editor.post(f"{PATH}retire").status_code == 303
    assert stored(desk).status == "retired"


def test_a_translator_reads_all_and_writes_their_own(desk: Desk) -> None:
    user = desk.sign_in("translator")
    page = user.get(PATH)
    assert set(fields(page)) >= {"sv.title"}
    assert not {"en.title", "source", "notes", "locator"} & set(fields(page))
    assert "Listen first" in page.text
    changes = {"en.title": "Mine now", "notes": "Mine", "kind": "quote", "sv.title": "Lyssna nu"}
    assert user.post(PATH, {**fields(page), **changes}).status_code == 303
    entry = working(desk).entry
    assert (entry["texts"]["sv"]["title"], entry["texts"]["en"]["title"]) == (
        "Lyssna nu",
        "Listen first",
    )
    assert (entry["kind"], entry["notes"]) == ("principle", "")
    assert user.get(NEW).status_code == 403


def test_a_translator_sees_how_the_original_has_changed(desk: Desk) -> None:
    editor = desk.sign_in("editor")
    send(
        editor,
        PATH,
        opened(editor),
        sv__statement="Den som frågar först får veta mer.",
        themes="trust",
    )
    page = editor.get(PATH).text
    assert "The original has changed since this was translated" in page
    assert re.search(r"<del>.*?lyssnar<.*?</del><ins>.*?frågar<", page)
    send(editor, PATH, opened(editor), en__statement="Who asks first …", themes="trust")
    assert "The original has changed" not in editor.get(PATH).text
    send(editor, PATH, opened(editor), sv__title="Lyssna  först", typo="1", themes="trust")
    assert "The original has changed" not in editor.get(PATH).text


def test_a_conflict_shows_both_versions_to_merge(desk: Desk) -> None:
    mine, theirs = desk.sign_in("curator"), desk.sign_in("editor")
    given = opened(mine)
    send(theirs, PATH, opened(theirs), sv__title="Deras", en__title="Theirs", themes="trust")
    page = send(mine, PATH, given, sv__title="Min", sv__practice="Öva.", themes="trust")
    assert page.status_code == 409
    assert "Editor Åström saved this principle after you had opened it" in page.text
    html5lib.HTMLParser(strict=True).parse(page.text)
    shown = fields(page)
    assert (shown["sv.title"], shown["sv.practice"], shown["en.title"]) == ("Min", "Öva.", "Theirs")
    assert re.search(r'id="sv.title-theirs">.*?<span class="theirs">Deras<', page.text, re.DOTALL)
    assert steps(desk) == ["save", "import"]
    assert send(mine, PATH, shown, themes="trust").status_code == 303
    entry = working(desk).entry
    assert (entry["texts"]["sv"]["title"], entry["texts"]["en"]["title"]) == ("Min", "Theirs")


def test_two_tabs_and_the_back_button_overwrite_nothing(desk: Desk) -> None:
    user = desk.sign_in("editor")
    one, other = opened(user), opened(user)
    send(user, PATH, one, sv__title="Ett", themes="trust")
    page = send(user, PATH, other, sv__title="Två", themes="trust")
    assert page.status_code == 409
    assert stored(desk).texts["sv"].title == "Ett"
    fresh = {**opened(user, NEW), **FIRST}
    path = send(user, NEW, fresh).location.partition("?")[0]
    assert send(user, NEW, fresh, sv__title="Igen").location.partition("?")[0] == path
    assert send(user, NEW, fresh, sv__title="Och igen").status_code == 409


def test_the_same_edit_sent_twice_is_one_step(desk: Desk) -> None:
    user = desk.sign_in("curator")
    given = {**opened(user), "sv.title": "Mitt", "themes": "trust"}
    assert [send(user, PATH, given).status_code for _ in range(2)] == [303, 303]
    assert steps(desk) == ["save", "import"]


def test_a_save_that_fails_keeps_what_was_typed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.1)
    user = desk.sign_in("curator")
    given, token = {**opened(user), "sv.title": "Mitt", "themes": "trust"}, user.csrf_token()
    with desk.installation.open() as other:
        other.execute("BEGIN IMMEDIATE")
        page = user.client.post(PATH, data={"mark": token, **given})
        other.rollback()
    assert page.status_code == 503
    assert "could not be saved right now" in page.text
    assert fields(page)["sv.title"] == "Mitt"
    assert send(user, PATH, fields(page), themes="trust").status_code == 303


def test_nothing_changes_without_the_mark_or_by_reading(desk: Desk) -> None:
    user = desk.sign_in("editor")
    for path in (PATH, NEW, f"{PATH}retire", f"{PATH}history/1/restore", "/desk/preview/page/sv"):
        assert user.client.post(path, data=FIRST).status_code == 403
    for path in (f"{PATH}retire", f"{PATH}history/1/restore", "/desk/preview/page/sv"):
        assert user.get(path).status_code == 405
    assert steps(desk) == ["import"]


def test_history_shows_who_did_what_and_restores_it(desk: Desk) -> None:
    editor = desk.sign_in("editor")
    send(editor, PATH, opened(editor), sv__statement="Den som frågar får veta.", themes="trust")
    page = editor.get(f"{PATH}history/")
    assert "<strong>Editor Åström</strong> saved" in page.text
    assert re.search(r"<del>.*?lyssnar", page.text)
    restore = re.findall(r'action="([^"]*restore)"', page.text)
    assert len(restore) == 1
    assert desk.sign_in("translator").post(restore[0]).status_code == 403
    assert editor.post(restore[0]).status_code == 303
    assert stored(desk).texts["sv"].statement == SWEDISH["statement"]
    assert steps(desk) == ["restore", "save", "import"]
    assert editor.post(f"{PATH}history/99/restore").status_code == 404


def test_a_quote_asks_for_its_credit_in_place(desk: Desk) -> None:
    user = desk.sign_in("curator")
    given = {**opened(user, NEW), **FIRST, "kind": "quote"}
    page = send(user, NEW, given, act="review")
    assert page.status_code == 422
    assert "A quote needs an author, a year" in page.text
    source = {"title": "Ny bok", "author": "Bo Ek", "year": "1999", "rights": "Citaträtt."}
    given |= {f"source_{name}": text for name, text in source.items()}
    answer = send(user, NEW, given, act="review")
    assert answer.status_code == 303
    with desk.installation.open() as db:
        found = library.sources(db)["ny-bok"]
    assert (found.author, found.year, found.language) == ("Bo Ek", 1999, "sv")


def test_hints_are_shown_and_do_not_prevent_saving(desk: Desk) -> None:
    user = desk.sign_in("curator")
    statement = '"Den som lyssnar först får veta  mer, se https://x.example ' + "x" * 300
    given = {**opened(user, NEW), **FIRST, "sv.title": "Lyssna först", "sv.statement": statement}
    page = send(user, NEW, given, act="check")
    assert page.status_code == 200
    said = remarks(page)
    for name, words in (
        ("sv.title", "Nearly the same as “Lyssna först” (100 %)"),
        ("sv.statement", "Curly quotation marks"),
        ("sv.statement", "one space too many"),
        ("sv.statement", "A bit long: 359 characters. At most 280 fit"),
        ("sv.statement", "looks like a link"),
        ("source", "has no author yet"),
        ("themes", "One or two themes"),
    ):
        assert words in said[name]
    page = send(user, NEW, given, act="check", kind="quote", source="handbook")
    assert "Handboken" in remarks(page)["source"].partition("who to thank.")[2]
    assert f'href="{PATH}"' in page.text
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert stored(desk, "lyssna-forst") is None
    assert send(user, NEW, given).status_code == 303


@pytest.mark.parametrize(
    ("statement", "score"),
    [("Den som lyssnar noga får veta mera.", 83), ("Den som väntar först får veta mer.", None)],
    ids=["alike-by-83-percent", "alike-by-78-percent"],
)
def test_a_statement_is_nearly_another_from_80_percent_on(
    desk: Desk, statement: str, score: int | None
) -> None:
    user = desk.sign_in("curator")
    given = {**opened(user, NEW), **FIRST, "sv.statement": statement}
    page = send(user, NEW, given, act="check").text
    found = re.findall(r"Nearly the same as “Lyssna först” \((\d+) %\)", page)
    assert found == ([str(score)] if score else [])


@pytest.mark.slow
def test_hints_are_fast_in_a_large_library(install: Install) -> None:
    """Ten thousand principles: looking for what says nearly the same takes no time one notices."""
    made = install()
    chance = random.Random(1)
    words = ["".join(chance.choices("adegiklmnorstv", k=chance.randint(2, 9))) for _ in range(3000)]
    said = [" ".join(chance.choices(words, k=chance.randint(14, 40))) for _ in range(10_000)]
    principles = [
        {"slug": f"p{n}", "source": "s", "texts": {"sv": {"title": f"Nr {n}", "statement": text}}}
        for n, text in enumerate(said)
    ]
    source = {"slug": "s", "title": "S", "language": "sv"}
    made.load({"a.json": json.dumps({"sources": [source], "principles": principles})})
    values = {"sv.title": "Nytt", "sv.statement": said[77] + "!", "slug": "", "themes": ""}
    with made.open() as db:
        style_checks.form_hints(db, values, {}, None)
        started = time.process_time()
        found = style_checks.form_hints(db, values, {}, None)
        took = time.process_time() - started
    assert "p77" in {hint.slug for hint in found}
    assert took < 0.5


def test_a_preview_is_what_the_publishers_give_after_publishing(desk: Desk) -> None:
    """The only principle is today's edition: every channel then says what the preview said."""
    user = desk.sign_in("editor")
    typed = {**opened(user), "sv.statement": "Frågor och svar & mer.", "themes": "trust"}
    kinds = ("page", "feed", "widget", "card", "letter")
    shown = {
        (form, code): user.post(f"/desk/preview/{form}/{code}", typed)
        for form in kinds
        for code in ("sv", "en")
    }
    assert stored(desk).texts["sv"].statement == SWEDISH["statement"]
    send(user, PATH, typed, typo="1")
    stranger, site, day = desk.installation.client(), desk.installation.site(), NOON.date()
    with desk.installation.open() as db:
        view = editions.today(db, site, NOON)
    assert view is not None
    for code in ("sv", "en"):
        assert shown["card", code].data == stranger.get(f"/{code}/card/{day}.png").data
        assert (
            shown["widget", code].text.partition("<main")[2].partition(">")[2]
            == (
                stranger.get(f"/{code}/widget/?show=title+statement+reflection+practice+credit")
                .text.partition("<main")[2]
                .partition(">")[2]
            )
        )
        assert shown["letter", code].text == digest.daily(site, code, view.showing).html
        (item,) = channel.daily(site, code, [view.showing], None).items
        assert item.html in shown["feed", code].text
        page = stranger.get(f"/{code}/{day}/").text
        article = re.search(r"(?s)<article.*?</article>", page)
        assert article
        assert article[0] in shown["page", code].text


def test_a_preview_can_be_framed_by_the_desk_alone_and_runs_nothing(desk: Desk) -> None:
    user = desk.sign_in("translator")
    for form in ("page", "feed", "widget", "card", "letter"):
        answer = user.post(f"/desk/preview/{form}/sv", {"principle": SLUG})
        policy = answer.headers["Content-Security-Policy"]
        assert answer.status_code == 200
        assert "frame-ancestors 'self';" in policy
        assert "default-src 'none'" in policy
        assert policy.endswith("sandbox")
        assert "script-src" not in policy
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in user.get(PATH).headers["Content-Security-Policy"]
    assert user.post("/desk/preview/page/xx", {}).status_code == 404
    assert user.post("/desk/preview/poster/sv", {}).status_code == 404
    empty = desk.sign_in("curator").post(
        "/desk/preview/card/sv", {"sv.title": "Bara\0 titel\u202e"}
    )
    assert "Write a title and a main text" in empty.text


@pytest.mark.parametrize("form", ["page", "feed", "widget", "card", "letter"])
def test_a_preview_refuses_what_saving_refuses_and_names_the_field(desk: Desk, form: str) -> None:
    user = desk.sign_in("curator")
    typed = {**opened(user), "sv.title": "ö" * 400_000, "sv.practice": "å" * 2001}
    started = time.process_time()
    answer = user.post(f"/desk/preview/{form}/sv", typed)
    assert time.process_time() - started < 2
    assert answer.status_code == 422
    assert "Title (Svenska): should have at most 200 characters, not 400000" in answer.text
    assert "To do today (Svenska): should have at most 2000 characters, not 2001" in answer.text
    typed = {**opened(user), "source_title": "T" * 301, "locator": "L" * 201}
    text = user.post(f"/desk/preview/{form}/sv", typed).text
    assert "Title of the source: should have at most 300 characters, not 301" in text
    assert "Place in the source: should have at most 200 characters, not 201" in text


@pytest.mark.slow
def test_previews_have_a_budget_for_each_person(desk: Desk) -> None:
    user, other = desk.sign_in("curator"), desk.sign_in("editor")
    codes = [
        user.post("/desk/preview/widget/sv", {"principle": SLUG}).status_code
        for _ in range(session.MAX_PREVIEWS + 1)
    ]
    assert codes[:-1] == [200] * session.MAX_PREVIEWS
    assert codes[-1] == 429
    assert other.post("/desk/preview/widget/sv", {"principle": SLUG}).status_code == 200


def test_any_number_of_languages_is_shown_side_by_side(install: Install) -> None:
    user = desk_of(install(LANGUAGES="en,sv,fi,de")).sign_in("curator")
    page = user.get(PATH)
    assert [name for name in fields(page) if name.endswith(".title")] == [
        *("sv.title", "en.title", "fi.title", "de.title")
    ]
    assert send(user, PATH, fields(page), fi__title="Kuuntele", themes="trust").status_code == 303
    assert fields(user.get(PATH))["fi.title"] == "Kuuntele"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, str]]:
    """A desk in a real server, with the shipped library."""
    port = free_port()
    installation = Installation(settings(tmp_path_factory.mktemp("form"), PORT=str(port)))
    ticking = clock.Clock(installation.now, time.monotonic())
    database_setup.create(installation.config, ticking)
    installation.load(exchange.shipped_files())
    installation.publish()
    with listening(create_app(installation.config, ticking), port) as address:
        yield Desk(installation), address


def signed_in(
    browser: Browser, served: tuple[Desk, str], role: str, **options: Any
) -> tuple[Page, list[str]]:
    """A page of a signed-in user, and the errors in its console."""
    desk, address = served
    with desk.installation.open() as db:
        token = prepared_session(db, desk.account(role), desk.installation.now)
    context = browser.new_context(base_url=address, **options)
    context.add_cookies([{"name": "devis-desk", "value": token, "url": address}])
    page, complaints = context.new_page(), []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_in_a_browser_with_and_without_script(
    browser: Browser, served: tuple[Desk, str], script: bool
) -> None:
    page, complaints = signed_in(browser, served, "curator", java_script_enabled=script)
    title = f"Öppna fönstret {'med' if script else 'utan'} skript"
    page.goto(NEW)
    count = (
        "all => all.filter(each => each.checkVisibility() && each.className !== 'unseen').length"
    )
    assert (
        page.locator("main :is(input:not([type=hidden]), select, textarea)").evaluate_all(count)
        <= 10
    )
    assert page.locator("button").evaluate_all(count) <= 4
    page.get_by_label("Language", exact=True).select_option("sv")
    if script:  # the page follows; without scripts, the text does when it is sent
        page.locator(".writing > #sv").wait_for()
    else:
        page.get_by_label("Title (English)").fill("Tidig")
        page.get_by_role("button", name="Check without saving").click()
        assert page.get_by_label("Title (Svenska)").input_value() == "Tidig"
    page.get_by_label("Title (Svenska)").fill(title)
    page.get_by_label("Main text (Svenska)").fill("Släpp in luft, så kommer det tankar med den.")
    page.get_by_label("Source", exact=False).first.select_option("fem-deviser")
    page.get_by_text("In other languages and formats").click()
    page.get_by_role("button", name="Card (Svenska)").click()
    frame = page.frame_locator("#preview")
    frame.locator("img").wait_for()
    page.get_by_role("button", name="Feed item (Svenska)").click()
    frame.get_by_role("heading", name=title).wait_for()
    if script:
        page.get_by_label("Title (Svenska)").fill(f"{title}!")
        frame.get_by_role("heading", name=f"{title}!").wait_for()
        assert page.locator('[data-count="sv.title"]').inner_text().startswith(str(len(title) + 1))
        page.locator('[id="sv.statement-remark"]', has_text="A bit short: 44 characters").wait_for()
        assert page.evaluate("history.length") <= 5
    page.locator("summary", has_text="English").click()
    page.get_by_label("To do today (English)").fill("x" * 5000)
    page.get_by_role("button", name="Save draft").click()
    page.get_by_text("at most 2000 characters, not 5000").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.get_by_label("To do today (English)").fill("")
    page.get_by_role("button", name="Save draft").click()
    page.get_by_text("Saved.").wait_for()
    assert page.get_by_role("heading", level=1).inner_text().startswith(title)
    assert [text for text in complaints if "422" not in text] == []
    page.context.close()


@pytest.mark.parametrize("role", ["editor", "translator"])
@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_everybody_can_use_the_form(
    browser: Browser, served: tuple[Desk, str], role: str, language: str, scheme: Any, width: int
) -> None:
    desk, _ = served
    slug = "let-them-influence-you"
    me, editor = desk.account("curator"), desk.account("editor")
    with desk.installation.open() as db:
        for who, part in ((editor, "statement"), (me, "title")):
            found = editing.working(db, slug)
            texts = dict(found.entry["texts"])
            texts["sv"] = {**texts["sv"], part: f"{texts['sv'][part]} {language}{role}"}
            now = desk.installation.now + timedelta(minutes=1)
            editing.save(db, Transition(who), {**found.entry, "texts": texts}, found, now)
        db.execute("UPDATE curators SET language = ?", [language])
        db.conn.commit()
    size = {"width": width, "height": 800}
    page, complaints = signed_in(browser, served, role, color_scheme=scheme, viewport=size)
    paths = [f"/desk/principles/{slug}/", f"/desk/principles/{slug}/history/"]
    for path in paths + ([NEW] if role == "editor" else []):
        page.goto(path)
        told = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in told] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    page.context.close()
    with desk.installation.open() as db:
        db.execute("UPDATE curators SET language = 'en'")
        db.conn.commit()
