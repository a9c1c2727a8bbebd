"""The files of docs/deploy: a real nginx before a real site that is killed, and systemd."""

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.conftest import ROOT, Answer, Command, answers, free_port, wait_until

DEPLOY = ROOT / "docs" / "deploy"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
AROUND = """
{user}
daemon off;
pid {folder}/pid;
error_log stderr warn;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/site.conf;
}}
"""
READ = (
    *("/en/", "/sv/", "/sv/feed.rss", "/en/feed.atom", "/en/feed.json", "/sv/weekly.rss"),
    *("/api/v1/today?lang=sv", "/widget.js", "/sv/widget/", "/sv/archive/", "/en/calendar.ics"),
    *("/static/style.css", "/feeds.opml", "/sv/today.txt"),
)
OWN = ("/desk/sign-in", "/sv/subscribe/", "/subscription/ABCDEFGH/confirm", "/healthz?full")
KEPT_SECONDS = 1.0  # by nginx, before it asks again


@dataclass
class Front:
    """nginx before a site; `origin` is the process of the site."""

    url: str
    plain: str
    trust: ssl.SSLContext
    origin: subprocess.Popen[str]
    folder: Path

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *arguments: object) -> None:
                return None

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, method=method, headers=named)
        https = urllib.request.HTTPSHandler(context=self.trust)
        try:
            with urllib.request.build_opener(https, Stay).open(request, timeout=10) as answer:
                fields = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status, fields, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                fields = {name.lower(): value for name, value in error.headers.items()}
                return Answer(error.code, fields, error.read())

    def kill(self) -> None:
        """The site, its web processes and its worker, all at once."""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "cwd").readlink() == self.folder:
                    os.kill(int(entry.name), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                continue
        self.origin.wait(10)


@pytest.fixture
def front(tmp_path: Path, command: Command) -> Iterator[Front]:
    """nginx with the very file that is in docs/deploy, but for its ports and places."""
    origin, plain, port = free_port(), free_port(), free_port()
    url = f"https://127.0.0.1:{port}"
    settings = {"PORT": str(origin), "BASE_URL": url, "TRUSTED_PROXIES": "127.0.0.1"}
    process = command.start("serve", **settings)
    authority, folder = trustme.CA(), tmp_path / "nginx"
    folder.mkdir()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    site = (DEPLOY / "nginx.conf").read_text()
    for old, new in {
        "/var/cache/nginx/devis": f"{folder}/cache",
        "127.0.0.1:8000": f"127.0.0.1:{origin}",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "/etc/letsencrypt/live/devis.example.org/fullchain.pem": f"{folder}/cert.pem",
        "/etc/letsencrypt/live/devis.example.org/privkey.pem": f"{folder}/key.pem",
    }.items():
        assert old in site
        site = site.replace(old, new)
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.getuid() == 0 else ""  # or it may not look into our folder
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user))
    arguments = [NGINX, "-c", f"{folder}/nginx.conf", "-p", str(folder)]
    subprocess.run([*arguments, "-t"], check=True, capture_output=True)
    nginx = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    made = Front(url, f"http://127.0.0.1:{plain}", trust, process, command.folder)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{origin}/healthz"), 30)
        wait_until(lambda: answers(made.plain))
        yield made
    finally:
        made.kill()
        process.communicate(timeout=10)
        nginx.terminate()
        nginx.wait(10)


def test_readers_keep_reading_while_the_site_is_away(front: Front) -> None:
    before = {
        (path, coding): front.get(path, Accept_Encoding=coding)
        for path in READ
        for coding in ("gzip", "identity")
    }
    assert {answer.status for answer in before.values()} == {200}
    own = [front.get(path).status for path in OWN]
    assert own == [200, 200, 404, 200]
    front.kill()
    time.sleep(KEPT_SECONDS + 0.5)
    for (path, coding), answer in before.items():
        after = front.get(path, Accept_Encoding=coding)
        assert (after.status, after.body) == (200, answer.body), path
        same = ("etag", "content-type", "content-security-policy", "vary", "cache-control")
        for name in (*same, "content-encoding", "access-control-allow-origin"):
            assert after.headers.get(name) == answer.headers.get(name), (path, name)
        again = front.get(path, Accept_Encoding=coding, If_None_Match=answer.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert again.headers["vary"] == "Accept-Encoding"
    assert front.get("/sv/feed.rss", "HEAD").status == 200
    assert front.get("/").headers["location"].endswith("/en/")
    assert [front.get(path).status for path in OWN] == [502] * len(OWN)  # nobody's but their own
    assert front.get("/en/principles/").status == 502  # not read before


def test_what_is_new_shows_within_the_second(front: Front, command: Command) -> None:
    def today() -> str:
        found = re.search(rb'"slug":\s*"([^"]+)"', front.get("/api/v1/today").body)
        assert found is not None
        return found[1].decode()

    first = today()
    day = re.search(r'"date":\s*"([^"]+)"', front.get("/api/v1/today").body.decode())
    assert day is not None
    command("withdraw", day[1], "--reason", "A mistake")
    wait_until(lambda: today() != first, KEPT_SECONDS + 2)


def test_the_site_sees_who_asks_and_one_id_for_both_logs(front: Front) -> None:
    """A visitor who writes an address of their own is not believed, and an id is nginx's."""
    answer = front.get("/nothing/", X_Forwarded_For="192.0.2.1", X_Request_Id="a" * 16)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_a_visitor_without_tls_is_sent_on(front: Front) -> None:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments: object) -> None:
            return None

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(Stay).open(front.plain + "/sv/", timeout=10)
    with caught.value as answer:
        assert answer.code == 301
        assert answer.headers["Location"] == "https://devis.example.org/sv/"


def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("devis")
    units = [path for path in DEPLOY.iterdir() if path.suffix in (".service", ".timer")]
    for unit in units:
        text = unit.read_text().replace("/opt/devis/bin/devis", str(program))
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in units)],
        capture_output=True,
        text=True,
    )
    assert len(units) == 3
    assert (done.returncode, done.stderr) == (0, "")
