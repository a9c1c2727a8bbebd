"""The files in docs/deploy: systemd accepts the units, and nginx serves during downtime."""

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.conftest import ROOT, Answer, Command, answers, fetch, free_port, outside, wait_until
from tests.required_programs import program

DEPLOY = ROOT / "docs" / "deploy"
UNITS = [
    "devis.service",
    "devis-mail-worker.service",
    "devis-check.service",
    "devis-check.timer",
]
SETTING = re.compile(r"(?:^|Environment=)DEVIS_([A-Z_]+)=(.*)$", re.MULTILINE)
NGINX = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
worker_processes 1;
events {{}}
http {{
access_log off;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;
{site}
}}
"""


@pytest.mark.needs("systemd")
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    assert sorted((path.name for path in DEPLOY.glob("*.[st]*e*")), key=UNITS.index) == UNITS
    for name in UNITS:
        text = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/devis/.venv/bin/devis", sys.executable))
    done = subprocess.run(
        [
            program("systemd-analyze") or "systemd-analyze",
            "verify",
            *(str(tmp_path / name) for name in UNITS),
        ],
        capture_output=True,
        text=True,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "devis" in line]


@pytest.mark.needs("systemd")
@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_unit_is_exposed_no_more_than_it_must_be(name: str) -> None:
    analyze = program("systemd-analyze") or "systemd-analyze"
    command = [analyze, "security", "--offline=true", "--threshold=25", str(DEPLOY / name)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_the_settings_of_the_examples_are_well_formed(command: Command) -> None:
    given: dict[str, str] = {}
    for name in ("devis.service", "devis.env"):
        given |= dict(SETTING.findall((DEPLOY / name).read_text()))
    given["DATABASE"] = "instance/devis.sqlite3"
    assert {"BASE_URL", "TRUSTED_PROXIES", "BACKUP_HOUR"} <= given.keys()
    said = command("check", code=1, **given).stdout
    assert "good  settings: All settings are valid." in said
    assert "good  address: " in said


@dataclass
class Front:
    """An nginx with our configuration before a real Devis that lets an address ask twice."""

    command: Command
    origin: int
    front: int
    process: subprocess.Popen[str] | None = None

    def get(self, path: str, **headers: str) -> Answer:
        """Ask through nginx, over TLS."""
        trusting = ssl.create_default_context(cafile=str(self.command.folder / "authority.pem"))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"https://127.0.0.1:{self.front}{path}", headers=named)
        try:
            with urllib.request.urlopen(request, timeout=10, context=trusting) as answer:
                return Answer(
                    answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
                )
        except urllib.error.HTTPError as error:
            with error:
                return Answer(
                    error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()
                )

    def start(self, **values: str) -> None:
        given = {
            "PORT": str(self.origin),
            "WEB_WORKERS": "1",
            "API_RATE": "6",
            "BASE_URL": "https://devis.example.org",
            "TRUSTED_PROXIES": "127.0.0.1",
            "OPERATOR_TOKEN": "a token that nobody can guess",
        }
        self.process = self.command.start("serve", **given, **values)
        wait_until(lambda: answers(f"http://127.0.0.1:{self.origin}/healthz"), 30)

    def kill(self) -> None:
        """As a machine that loses its power."""
        assert self.process
        self.process.kill()
        self.process.communicate(timeout=60)
        wait_until(lambda: not answers(f"http://127.0.0.1:{self.origin}/healthz"), 15)


def configured(folder: Path, front: int, origin: int, second: int | None = None) -> Path:
    """Our configuration, with this machine's ports and certificates."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    site = (DEPLOY / "nginx.conf").read_text()
    for written, meant in {
        r"/var/cache/nginx/devis": f"{folder}/cache",
        r"/etc/ssl/devis/\w+\.pem": f"{folder}/both.pem",
        r"127\.0\.0\.1:8000": f"127.0.0.1:{origin}",
        r"# (server 127\.0\.0\.1):8001": rf"\1:{second}" if second else r"# \1:8001",
        r"listen 80;": f"listen 127.0.0.1:{free_port()};",
        r"listen 443 ssl;": f"listen 127.0.0.1:{front} ssl;",
        r".*listen \[::\].*\n": "",
    }.items():
        site, number = re.subn(written, meant, site)
        assert number, written
    user = "" if os.geteuid() else "user root;"  # else it cannot read the folder
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, site=site, user=user))
    return path


@contextmanager
def nginx(path: Path) -> Iterator[None]:
    """A real one, which finds no fault in the configuration, while the block runs."""
    call = [program("nginx") or "nginx", "-p", str(path.parent), "-c", str(path)]
    tested = subprocess.run([*call, "-t"], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    assert "[warn]" not in tested.stderr
    server = subprocess.Popen(call, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, processes: None) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("deploy")
    origin, front = free_port(), free_port()
    found = Front(Command(folder, outside()), origin, front)
    try:
        found.start()
        with nginx(configured(folder, front, origin)):
            wait_until(lambda: listens(front))
            yield found
    finally:
        if found.process:
            found.process.terminate()
            found.process.communicate(timeout=60)


@pytest.mark.needs("nginx")
def test_nginx_gives_devis_own_answers_in_each_coding(site: Front) -> None:
    for path in ("/en/feed.atom", "/sv/", "/en/widget/"):
        for coding in ("identity", "gzip", "br", "gzip, br;q=0", "deflate, gzip;q=0.5"):
            own = fetch(f"http://127.0.0.1:{site.origin}{path}", Accept_Encoding=coding)
            for _ in range(2):  # from Devis, and from nginx's cache
                through = site.get(path, Accept_Encoding=coding)
                assert through.status == 200
                assert through.body == own.body
                for name in ("etag", "vary", "content-type", "content-security-policy"):
                    assert through.headers[name] == own.headers[name], name
                assert through.headers.get("content-encoding") == own.headers.get(
                    "content-encoding"
                )
                assert "nginx/" not in through.headers["server"]


@pytest.mark.needs("nginx")
def test_nginx_answers_304_with_what_a_reader_needs(site: Front) -> None:
    first = site.get("/en/feed.rss", Accept_Encoding="gzip")
    for _ in range(2):
        again = site.get(
            "/en/feed.rss",
            Accept_Encoding="gzip",
            If_None_Match=first.headers["etag"],
            If_Modified_Since=first.headers["last-modified"],
        )
        assert (again.status, again.body) == (304, b"")
        for name in ("etag", "vary", "cache-control"):
            assert again.headers.get(name) == first.headers[name], name
    other = site.get("/en/feed.rss", If_None_Match='"another"')
    assert other.status == 200


@pytest.mark.needs("nginx")
def test_responses_that_depend_on_the_visitor_are_not_cached(site: Front) -> None:
    asked = {tag: site.get("/nothing/", Accept_Language=tag).body for tag in ("en", "sv")}
    assert b'lang="en"' in asked["en"]
    assert b'lang="sv"' in asked["sv"]
    for path in ("/desk/sign-in", "/subscription/nothing/"):
        assert site.get(path).headers["cache-control"] == "no-store"
    assert site.get("/metrics").status == 401  # allowed from here, but without a token


@pytest.mark.needs("nginx")
def test_without_its_origin_readers_keep_reading_and_then_get_what_is_new(site: Front) -> None:
    paths = ("/en/", "/sv/feed.rss", "/en/feed.json", "/sv/widget/", "/api/v1/today?lang=sv")
    before = {path: site.get(path) for path in paths}
    assert {answer.status for answer in before.values()} == {200}
    site.kill()
    for _ in range(3):
        for path, answer in before.items():
            after = site.get(path)
            assert after.status == 200, path
            assert after.body == answer.body, path
            assert after.headers["etag"] == answer.headers["etag"]
    assert site.get("/en/principles/").status == 502  # nobody has read it yet
    site.start()
    wait_until(lambda: site.get("/en/principles/").status == 200)


@pytest.mark.needs("nginx")
def test_each_visitor_has_a_rate_and_cannot_have_more_by_forging(site: Front) -> None:
    asked = [site.get("/api/v1/today?lang=!", X_Forwarded_For=f"192.0.2.{n}") for n in range(12)]
    assert asked[0].status == 400
    assert {answer.status for answer in asked[6:]} == {429}


@pytest.mark.needs("nginx")
def test_the_first_reader_of_a_day_gets_that_day_from_nginx(command: Command) -> None:
    front = Front(command, free_port(), free_port())
    front.start(NOW="2026-11-22T23:59:40+01:00")
    try:
        with nginx(configured(command.folder, front.front, front.origin)):
            wait_until(lambda: listens(front.front))
            before = front.get("/en/feed.json").body
            assert b"/2026-11-22/" in before
            assert front.get("/en/feed.json").body == before
            own = f"http://127.0.0.1:{front.origin}/en/feed.json"
            wait_until(lambda: b"/2026-11-23/" in fetch(own).body, 40)
            assert b"/2026-11-23/" in front.get("/en/feed.json").body
    finally:
        front.kill()


@pytest.mark.needs("nginx")
def test_two_web_processes_can_be_restarted_in_turn_and_no_request_is_lost(
    command: Command,
) -> None:
    command("init")
    front, ports = free_port(), (free_port(), free_port())
    found = Front(command, ports[0], front)
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            statuses.append(found.get("/healthz").status)

    def start(port: int) -> subprocess.Popen[str]:
        process = command.start("web", PORT=str(port), WEB_WORKERS="1")
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 30)
        return process

    webs = [start(port) for port in ports]
    try:
        with nginx(configured(command.folder, front, *ports)):
            wait_until(lambda: listens(front))
            asking = threading.Thread(target=ask)
            asking.start()
            for at, port in enumerate(ports):
                webs[at].terminate()
                webs[at].communicate(timeout=60)
                webs[at] = start(port)
            over.set()
            asking.join()
    finally:
        for process in webs:
            process.terminate()
            process.communicate(timeout=60)
    assert len(statuses) > 20
    assert set(statuses) == {200}


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
