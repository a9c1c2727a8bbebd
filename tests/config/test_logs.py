"""The log: each event on a line that nobody can forge, and nobody's address or token in it."""

import json
import logging
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from feed.config import logs
from tests.conftest import Command, Installation, answers, fetch, free_port, wait_until
from tests.mail_harness import PREFERENCES

ADDRESS = "anna.andersson@example.org"
TOKEN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
FORGED = "nobody\n2026-11-22T11:00:00.000Z INFO desk: 1 signed in\r\x1b[2J\u2028\x85x"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ ")


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., list[str]]]:
    """Logs what a function does in a form, and returns the lines."""

    def write(act: Callable[[], object], form: logs.LogFormat = "text") -> list[str]:
        logs.configure(form)
        capsys.readouterr()
        act()
        return re.split("\n", capsys.readouterr().err.removesuffix("\n"))

    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield write
    root.handlers, root.level = before, level


def fail() -> None:
    try:
        raise RuntimeError(FORGED + ADDRESS)
    except RuntimeError:
        logging.getLogger("x").exception("it failed")


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_message_makes_a_second_line(
    written: Callable[..., list[str]], form: logs.LogFormat
) -> None:
    lines = written(lambda: logging.getLogger("x").warning("wrong for %s", FORGED), form)
    assert len(lines) == 1
    assert len(lines[0].splitlines()) == 1
    assert lines[0].isprintable()


def test_no_line_of_a_traceback_looks_like_another_event(
    written: Callable[..., list[str]],
) -> None:
    lines = written(fail)
    assert LINE.match(lines[0])
    assert len(lines) > 3
    assert all(line.startswith("    ") for line in lines[1:])
    assert all(line.isprintable() for line in lines)
    (line,) = written(fail, "json")
    told = json.loads(line)
    assert told["message"] == "it failed"
    assert "RuntimeError: nobody" in told["traceback"]
    assert ADDRESS not in line


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (f"550 <{ADDRESS}> unknown", "550 <{address}> unknown"),
        (f"/subscription/{TOKEN}/confirm?x=1", "/subscription/{token}/confirm?x=1"),
        (f"GET /desk/link/{TOKEN}: no", "GET /desk/link/{token} no"),
        ("smtp://user:pw@mail.example.org:25", "smtp://user:{address}:25"),
        ("published 2026-11-22: start-small (rotation)", None),
        ("backed up: /srv/devis/backups/devis-example.org-2026-11-22.tar.gz", None),
    ],
)
def test_addresses_and_tokens_are_hidden(message: str, expected: str | None) -> None:
    assert logs.redact(message) == (message if expected is None else expected)


# The id of a request


def broken(devis: Installation) -> FlaskClient:
    """A stranger before a library that cannot be read."""
    client = devis.client()
    with devis.open() as db:
        db.execute("DROP TABLE theme_texts")
    return client


def test_a_response_has_the_request_id_under_which_its_error_is_logged(
    devis: Installation, written: Callable[..., list[str]]
) -> None:
    client, ids = broken(devis), []

    def ask() -> None:
        for _ in range(2):
            answer = client.get("/en/themes/")
            assert answer.status_code == 503
            ids.append(answer.headers["X-Request-Id"])
        logging.getLogger("x").warning("afterwards")

    lines = [json.loads(line) for line in written(ask, "json")]
    assert [line.get("request") for line in lines] == [*ids, None]
    assert len(set(ids)) == 2


def test_a_text_line_has_the_request_id_too(
    devis: Installation, written: Callable[..., list[str]]
) -> None:
    client = broken(devis)
    line = written(lambda: client.get("/en/themes/"))[0]
    assert re.search(r"Z ERROR \[[0-9a-f]{16}\] GET /en/themes/: ", line)


@pytest.mark.parametrize(
    ("proxies", "given", "taken"),
    [
        ("127.0.0.1", "0123456789abcdef0123456789abcdef", True),
        ("", "0123456789abcdef0123456789abcdef", False),
        ("127.0.0.1", "two words and more", False),
        ("127.0.0.1", "x" * 65, False),
    ],
)
def test_only_a_trusted_proxy_brings_an_id_of_its_own(
    install: Callable[..., Installation], proxies: str, given: str, taken: bool
) -> None:
    client = install(TRUSTED_PROXIES=proxies).client()
    answer = client.get("/healthz", headers={"X-Request-Id": given})
    assert (answer.headers["X-Request-Id"] == given) == taken
    assert re.fullmatch(r"[A-Za-z0-9-]{8,64}", answer.headers["X-Request-Id"])


def test_a_cached_response_has_no_request_id(devis: Installation) -> None:
    assert "X-Request-Id" not in devis.client().get("/en/").headers


# A real site


@pytest.mark.served
def test_a_site_logs_lines_of_json_without_a_name(command: Command, tmp_path: Path) -> None:
    """A visitor signs up and tries links and codes, while the mail server is down."""
    port, away = free_port(), free_port()
    log = tmp_path / "log"
    environ = {
        **command.environ,
        "DEVIS_PORT": str(port),
        "DEVIS_LOG_FORMAT": "json",
        "DEVIS_SMTP_URL": f"smtp://anna:{TOKEN}@127.0.0.1:{away}",
        "DEVIS_MAIL_FROM": ADDRESS,
    }
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "feed", "serve"],
            cwd=command.folder,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(f"{url}/healthz"), 30)
        fetch(f"{url}/subscription/{TOKEN}/confirm")
        post(f"{url}/desk/sign-in", address=ADDRESS, code=TOKEN)
        page = fetch(f"{url}/en/subscribe/").body.decode()
        (stamp,) = re.findall(r'name="stamp" value="([^"]+)"', page)
        preferences = {**PREFERENCES, "comment": "", "address": ADDRESS, "stamp": stamp}
        assert post(f"{url}/en/subscribe/", **preferences) == 200
        post(f"{url}/subscription/{TOKEN}/unsubscribe", x=FORGED)
        wait_until(lambda: '"mail: ' in log.read_text(), 30)
    finally:
        process.terminate()
        process.wait(20)
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(each) for each in told)
    assert any(each.get("request") for each in told)
    for secret in (ADDRESS, "andersson", TOKEN):
        assert secret not in log.read_text()


def post(url: str, **fields: str) -> int:
    """Send a form; the status of the answer."""
    request = urllib.request.Request(url, urlencode(fields).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
