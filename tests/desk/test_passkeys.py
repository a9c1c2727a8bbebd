"""Passkeys at the desk, with a software authenticator: what signs in, and each lie that fails."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug.test import TestResponse

from feed.accounts import links, ways_in
from feed.accounts import passkeys as ceremony
from feed.desk import session
from feed.model.people import Where
from feed.store import passkeys, sign_in_events
from feed.store.connection import transaction
from tests.authenticators import PRESENT, USUAL, VERIFIED, Authenticator, encode
from tests.conftest import Installation
from tests.desk_client import Desk, DeskUser

ORIGIN = "http://localhost:8000"
BEGIN, FINISH = "/desk/sign-in/passkey/begin", "/desk/sign-in/passkey/finish"
BEGIN_ADDING, ADD = "/desk/account/passkeys/begin", "/desk/account/passkeys/add"
REMOVE = "/desk/account/passkeys/remove"
HERE = Where("192.0.2.0/24", "Firefox, Linux", False)
Install = Callable[..., Installation]


@pytest.fixture
def desk(install: Install) -> Desk:
    """A desk that offers passkeys, on an empty library."""
    return Desk(install(BASE_URL=ORIGIN))


def later(desk: Desk, user: DeskUser, **time: float) -> tuple[Desk, DeskUser]:
    """The desk and a browser some time after."""
    moved = Desk(replace(desk.installation, now=desk.installation.now + timedelta(**time)))
    return moved, taken_along(user, moved)


def taken_along(user: DeskUser, desk: Desk) -> DeskUser:
    """The same browser at another desk."""
    other = desk.anonymous()
    cookie = user.client.get_cookie("devis-desk")
    assert cookie is not None
    other.client.set_cookie("devis-desk", cookie.value)
    return DeskUser(other.client, user.me)


def add(user: DeskUser, device: Authenticator | None = None) -> Authenticator:
    """Add a passkey to the account of somebody who has just signed in."""
    made = device or Authenticator(ORIGIN)
    answer = made.make(user.post(BEGIN_ADDING).text)
    assert user.post(ADD, {"credential": answer}).status_code == 303
    return made


def sign_in(user: DeskUser, device: Authenticator) -> TestResponse:
    return user.post(FINISH, {"credential": device.sign(user.post(BEGIN).text)})


def is_signed_in(user: DeskUser) -> bool:
    return user.get("/desk/").status_code == 200


def outcomes(desk: Desk) -> list[str]:
    """Why sign-ins by passkey were refused, oldest first."""
    with desk.installation.open() as db:
        return [
            outcome
            for (outcome,) in db.execute(
                "SELECT outcome FROM sign_in_events WHERE action = 'refused'"
                " AND method = 'passkey' ORDER BY id"
            )
        ]


def test_a_passkey_signs_its_person_in_whom_the_options_do_not_name(desk: Desk) -> None:
    device = add(desk.sign_in("editor"))
    browser = desk.anonymous()
    options = browser.post(BEGIN)
    assert options.content_type == "application/json"
    asked = options.get_json()
    assert asked["allowCredentials"] == []
    assert (asked["rpId"], asked["userVerification"]) == ("localhost", "required")
    for secret in ("editor", device.handle or "?", encode(device.credential)):
        assert secret not in options.text
    answer = browser.post(FINISH, {"credential": device.sign(options.text), "next": "/desk/x"})
    assert (answer.status_code, answer.location) == (303, "/desk/x")
    assert "Editor Åström" in browser.get("/desk/account/").text
    with desk.installation.open() as db:
        (found,) = passkeys.of(db, desk.account("editor").id)
    assert (found.used, found.synced) == (desk.installation.now, True)
    assert found.transports == ("internal",)


def test_the_options_for_a_new_passkey_ask_for_a_verified_user_and_name_known_ones(
    desk: Desk,
) -> None:
    user = desk.sign_in("editor")
    first = user.post(BEGIN_ADDING).get_json()
    chosen = first["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert first["attestation"] == "none"
    assert first["rp"] == {"id": "localhost", "name": "Devis"}
    device = add(user)
    second = user.post(BEGIN_ADDING).get_json()
    assert [each["id"] for each in second["excludeCredentials"]] == [encode(device.credential)]
    assert second["user"]["id"] == device.handle
    assert len(second["challenge"]) == len(encode(b"x" * 32))
    others = desk.sign_in("curator").post(BEGIN_ADDING).get_json()
    assert others["user"]["id"] != device.handle
    assert others["excludeCredentials"] == []


LIES: dict[str, tuple[str, dict[str, Any]]] = {
    "another site": ("origin", {"origin": "https://evil.example"}),
    "another port": ("origin", {"origin": "http://localhost:8001"}),
    "a frame": ("origin", {"client_data": {"crossOrigin": True}}),
    "another party": ("invalid", {"rp_id": "evil.example"}),
    "nobody verified": ("invalid", {"flags": PRESENT}),
    "nobody present": ("invalid", {"flags": VERIFIED}),
    "another ceremony": ("invalid", {"client_data": {"type": "payment.get"}}),
    "another challenge": ("expired", {"client_data": {"challenge": encode(b"c" * 32)}}),
    "no challenge": ("expired", {"client_data": {"challenge": None}}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_a_new_passkey_is_refused(desk: Desk, lie: str) -> None:
    user, (_, values) = desk.sign_in("editor"), LIES[lie]
    options = user.post(BEGIN_ADDING).text
    device = Authenticator(ORIGIN)
    answer = user.post(ADD, {"credential": replace(device, **values).make(options)})
    assert answer.status_code == 422
    assert "/desk/account/passkeys/begin" in answer.text
    honest = user.post(ADD, {"credential": device.make(options)})
    used_up = values.get("client_data", {}).keys() != {"challenge"}
    assert honest.status_code == (422 if used_up else 303)


@pytest.mark.parametrize("lie", [*LIES, "another key", "another person", "nobody"])
def test_a_lie_about_a_signature_is_refused(desk: Desk, lie: str) -> None:
    device, browser = add(desk.sign_in("editor")), desk.anonymous()
    more: dict[str, tuple[str, dict[str, Any]]] = {
        "another key": ("invalid", {"key": ec.generate_private_key(ec.SECP256R1())}),
        "another person": ("invalid", {"handle": encode(b"h" * 32)}),
        "nobody": ("invalid", {"handle": None}),
    }
    outcome, values = {**LIES, **more}[lie]
    answer = sign_in(browser, replace(device, **values))
    assert answer.status_code == 422
    assert "Editor Åström" not in answer.text
    assert not is_signed_in(browser)
    assert outcomes(desk) == [outcome]
    assert sign_in(browser, device).status_code == 303


def test_an_answer_works_once_and_in_its_own_browser(desk: Desk) -> None:
    device, browser, other = add(desk.sign_in("editor")), desk.anonymous(), desk.anonymous()
    other.csrf_token()
    answer = {"credential": device.sign(browser.post(BEGIN).text)}
    assert other.post(FINISH, answer).status_code == 422
    assert browser.post(FINISH, answer).status_code == 303
    for again in (browser, other, desk.anonymous()):
        assert again.post(FINISH, answer).status_code == 422
    assert outcomes(desk) == ["expired"] * 4


def test_a_challenge_is_good_for_one_purpose_and_one_person(desk: Desk) -> None:
    user = desk.sign_in("editor")
    device = add(user)
    options = json.loads(user.post(BEGIN_ADDING).text)
    signed = device.sign(json.dumps({**options, "rpId": "localhost"}))
    assert user.post(FINISH, {"credential": signed}).status_code == 422
    asked = json.loads(user.post(BEGIN).text)
    assert [each["id"] for each in asked["allowCredentials"]] == [encode(device.credential)]
    made = Authenticator(ORIGIN).make(json.dumps({**options, "challenge": asked["challenge"]}))
    assert user.post(ADD, {"credential": made}).status_code == 422
    others = add(desk.sign_in("curator"))
    signed = others.sign(user.post(BEGIN).text)
    assert user.post(FINISH, {"credential": signed}).status_code == 422
    assert outcomes(desk) == ["expired", "unknown"]
    signed = replace(device, handle=None).sign(user.post(BEGIN).text)
    assert user.post(FINISH, {"credential": signed}).status_code == 303


def test_a_challenge_expires_after_five_minutes(desk: Desk) -> None:
    device, user, browser = add(desk.sign_in("editor")), desk.sign_in("curator"), desk.anonymous()
    answer = {"credential": device.sign(browser.post(BEGIN).text)}
    made = {"credential": Authenticator(ORIGIN).make(user.post(BEGIN_ADDING).text)}
    _, early = later(desk, browser, seconds=299)
    late = later(desk, browser, seconds=301)[1]
    assert late.post(FINISH, answer).status_code == 422
    assert later(desk, user, seconds=301)[1].post(ADD, made).status_code == 422
    assert early.post(FINISH, answer).status_code == 303


def test_who_is_disabled_or_reset_is_not_signed_in_by_a_passkey(desk: Desk) -> None:
    device, browser = add(desk.sign_in("editor")), desk.anonymous()
    administrator = desk.sign_in("administrator")
    person = f"/desk/people/{desk.account('editor').id}"
    assert administrator.post(f"{person}/disable").status_code == 303
    assert sign_in(browser, device).status_code == 422
    assert administrator.post(f"{person}/enable").status_code == 303
    assert sign_in(desk.anonymous(), device).status_code == 303
    waiting = {"credential": device.sign(browser.post(BEGIN).text)}
    assert administrator.post(f"{person}/reset").status_code in (200, 303)
    assert browser.post(FINISH, waiting).status_code == 422
    assert sign_in(browser, device).status_code == 422
    assert not is_signed_in(browser)
    assert outcomes(desk) == ["disabled", "unknown", "unknown"]


def test_a_counter_that_does_not_grow_raises_an_alarm_and_signs_in(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    device = add(desk.sign_in("editor"), Authenticator(ORIGIN, counter=5))
    copied = replace(device)
    for _ in range(2):
        assert sign_in(desk.anonymous(), device).status_code == 303
    assert outcomes(desk) == []
    with desk.installation.open() as db:
        before = db.execute("SELECT count(*) FROM outbox WHERE kind = 'way-in'").fetchone()[0]
    browser = desk.anonymous()
    with caplog.at_level(logging.WARNING):
        assert sign_in(browser, copied).status_code == 303
    assert "a passkey that may have been copied" in browser.get("/desk/account/").text
    assert outcomes(desk) == ["counter"]
    assert "counter" in caplog.text
    with desk.installation.open() as db:
        (found,) = passkeys.of(db, desk.account("editor").id)
        (event, *_) = sign_in_events.of_curator(db, found.curator, 1)
        after = db.execute("SELECT count(*) FROM outbox WHERE kind = 'way-in'").fetchone()[0]
    assert found.counter == 7
    assert event.action == "proved"
    assert after > before + 1  # about the unknown device, and about the counter


@pytest.mark.parametrize(
    "garbage",
    [
        *("", "null", "[]", "{}", '"text"', "{", "\x00", "é" * 99, "[" * 16_000, "9" * 9000),
        '{"id": 1, "rawId": 2, "type": "public-key", "response": 3}',
        '{"id": "é", "rawId": "é", "type": "public-key", "response": {"clientDataJSON": "é",'
        ' "authenticatorData": "é", "signature": "é", "attestationObject": "é"}}',
        "{" + " " * 20_000 + "}",
    ],
)
def test_garbage_is_refused_clearly(desk: Desk, garbage: str) -> None:
    user = desk.sign_in("editor")
    for path in (ADD, FINISH):
        answer = user.post(path, {"credential": garbage})
        assert answer.status_code == 422
        assert answer.content_type == "text/html; charset=utf-8"
    long = Authenticator(ORIGIN).make(user.post(BEGIN_ADDING).text) + " " * 16_000
    assert user.post(ADD, {"credential": long}).status_code == 422
    huge = user.client.post(FINISH, data={"credential": "x" * 9_000_000})
    assert huge.status_code == 413


def test_a_name_of_a_passkey_that_is_no_text_is_refused(desk: Desk) -> None:
    user, device = desk.sign_in("editor"), Authenticator(ORIGIN)
    made = device.make(user.post(BEGIN_ADDING).text)
    signed = device.sign(user.post(BEGIN).text)
    for path, answer in ((ADD, made), (FINISH, signed)):
        half = json.dumps({**json.loads(answer), "id": "\ud800"})  # of a surrogate pair
        assert user.post(path, {"credential": half}).status_code == 422


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature"])
def test_a_truncated_signature_is_refused(desk: Desk, part: str) -> None:
    device, browser = add(desk.sign_in("editor")), desk.anonymous()
    for size in (0, 1, 30, 40):
        answer = json.loads(device.sign(browser.post(BEGIN).text))
        answer["response"][part] = answer["response"][part][:size]
        assert browser.post(FINISH, {"credential": json.dumps(answer)}).status_code == 422
    assert set(outcomes(desk)) == {"invalid"}


def test_a_truncated_new_passkey_is_refused(desk: Desk) -> None:
    user = desk.sign_in("editor")
    for size in (0, 1, 30, 60, 120, 180, 240):
        answer = json.loads(Authenticator(ORIGIN).make(user.post(BEGIN_ADDING).text))
        made = answer["response"]
        made["attestationObject"] = made["attestationObject"][:size]
        assert user.post(ADD, {"credential": json.dumps(answer)}).status_code == 422


def test_adding_and_removing_need_a_fresh_proof_which_a_passkey_gives(desk: Desk) -> None:
    user = desk.sign_in("editor")
    device = add(user)
    moved, stale = later(desk, user, minutes=11)
    for path in (BEGIN_ADDING, ADD, REMOVE):
        answer = stale.post(path, {"passkey": encode(device.credential)})
        assert answer.location == "/desk/sign-in/confirm?next=/desk/account/"
    assert sign_in(stale, device).location == "/desk/"
    add(stale, Authenticator(ORIGIN))
    with moved.installation.open() as db:
        assert len(passkeys.of(db, moved.account("editor").id)) == 2


def test_a_passkey_is_removed_by_its_own_person_who_gets_an_email(desk: Desk) -> None:
    user, other = desk.sign_in("editor"), desk.sign_in("curator")
    first, second = add(user), add(user)
    number = encode(first.credential)
    assert number in user.get("/desk/account/").text
    assert other.post(REMOVE, {"passkey": number}).status_code in (404, 422)
    assert user.post(REMOVE, {"passkey": number}).status_code == 303
    assert user.post(REMOVE, {"passkey": number}).status_code in (404, 422)
    assert sign_in(desk.anonymous(), first).status_code == 422
    assert sign_in(desk.anonymous(), second).status_code == 303
    with desk.installation.open() as db:
        kinds = db.execute(
            "SELECT action FROM sign_in_events e JOIN outbox o ON o.id = e.notice"
            " WHERE e.curator = ? AND method = 'passkey' AND action LIKE 'way-%' ORDER BY e.id",
            [desk.account("editor").id],
        ).fetchall()
    assert [kind for (kind,) in kinds] == ["way-added", "way-added", "way-removed"]


def test_who_needs_a_stronger_way_goes_on_after_adding_or_using_a_passkey(desk: Desk) -> None:
    first, second = (desk.sign_in("editor", method="link") for _ in range(2))
    with desk.installation.open() as db:
        ways_in.require_strong(db, True)
    assert first.get("/desk/").location == "/desk/account/"
    assert BEGIN not in first.get("/desk/account/").text
    device = add(first)
    assert is_signed_in(first)
    assert BEGIN not in first.get("/desk/account/").text
    assert second.get("/desk/").location == "/desk/account/"
    assert BEGIN in second.get("/desk/account/").text
    assert sign_in(second, device).status_code == 303
    assert is_signed_in(second)


def test_a_link_removes_nothing_where_a_stronger_way_is_required(desk: Desk) -> None:
    number = encode(add(owner := desk.sign_in("editor")).credential)
    add(owner)
    with desk.installation.open() as db:
        ways_in.require_strong(db, True)
    intruder = desk.sign_in("editor", method="link")
    assert "Remove the passkey" not in intruder.get("/desk/account/").text
    assert intruder.post(REMOVE, {"passkey": number}).location == "/desk/account/"
    page = owner.get("/desk/account/").text
    assert page.count("Remove the passkey") == 2
    assert owner.post(REMOVE, {"passkey": number}).status_code == 303
    assert owner.get("/desk/account/").text.count("Remove the passkey") == 1


def test_signing_in_by_a_passkey_voids_links(desk: Desk) -> None:
    user = desk.sign_in("editor")
    device = add(user)
    with desk.installation.open() as db:
        links.print_link(db, desk.account("editor"), desk.installation.now)
    assert sign_in(desk.anonymous(), device).status_code == 303
    link = desk.link(desk.account("editor"), "printed")
    assert desk.anonymous().post(link).status_code == 404


def test_adding_a_passkey_gives_the_session_a_new_token(desk: Desk) -> None:
    user = desk.sign_in("editor")
    before = taken_along(user, desk)
    add(user)
    assert is_signed_in(user)
    assert not is_signed_in(before)


def test_a_network_gets_few_challenges(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_PASSKEYS", 2)
    browser = desk.anonymous()
    assert [browser.post(BEGIN).status_code for _ in range(3)] == [200, 200, 429]


def test_the_last_way_in_stays(desk: Desk) -> None:
    user = desk.sign_in("editor")
    first, second = (encode(add(user).credential) for _ in range(2))
    with desk.installation.open() as db:
        ways_in.require_strong(db, True)
        assert user.post(REMOVE, {"passkey": first}).status_code == 303
        answer = user.post(REMOVE, {"passkey": second})
        assert answer.status_code == 422
        assert "only way to sign in" in answer.text
        ways_in.require_strong(db, False)  # an e-mailed link is enough then
        assert user.post(REMOVE, {"passkey": second}).status_code == 303
        assert passkeys.of(db, desk.account("editor").id) == []


def test_a_credential_has_one_account_and_an_account_twenty_passkeys(desk: Desk) -> None:
    user, other = desk.sign_in("editor"), desk.sign_in("curator")
    device = add(user)
    answer = {"credential": replace(device).make(other.post(BEGIN_ADDING).text)}
    assert other.post(ADD, answer).status_code == 422
    with desk.installation.open() as db, transaction(db):
        (one,) = passkeys.of(db, desk.account("editor").id)
        for number in range(ceremony.MOST - 1):
            passkeys.add(db, replace(one, id=str(number)))
    assert user.post(BEGIN_ADDING).status_code == 400


@pytest.mark.parametrize(
    ("url", "offered"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", False),
        ("https://devis.example:8443", True),
        ("https://192.0.2.1", False),
        ("http://devis.example", False),
    ],
)
def test_passkeys_are_offered_where_browsers_have_them(
    install: Install, url: str, offered: bool
) -> None:
    desk = Desk(install(BASE_URL=url))
    page = desk.anonymous().get("/desk/sign-in", base_url=url)
    assert (BEGIN in page.text) is offered


def test_the_origin_has_no_port_that_is_usual(install: Install) -> None:
    desk = Desk(install(BASE_URL="https://devis.example:443"))
    with desk.installation.open() as db:
        config, me = desk.installation.config, desk.account("editor")
        now = desk.installation.now
        asked = ceremony.adding_options(db, config, me, "browser", "Devis", now)
        device = Authenticator("https://devis.example", flags=USUAL)
        ceremony.add(db, config, me, device.make(asked), "browser", HERE, now)
        (found,) = passkeys.of(db, me.id)
    assert found.name == "Firefox, Linux"
