"""`devis freeze`: the whole public site as files, whole at any moment."""

import functools
import json
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypedDict
from urllib.parse import urljoin, urlsplit

import pytest

from feed.web import frozen_site
from feed.web.context import FROZEN
from feed.web.middleware.headers import cacheable_endpoints
from tests.conftest import (
    NOON,
    Command,
    Installation,
    fetch,
    outside,
    settings,
    wait_until,
)

pytestmark = pytest.mark.slow

LINK = re.compile(r'(?:href|src|action)="([^"]+)"')


class Rehearsal(TypedDict):
    """The settings of an installation for the command line."""

    DATABASE: str
    BASE_URL: str
    NOW: str


def rehearsal(devis: Installation) -> Rehearsal:
    config = devis.config
    return {
        "DATABASE": str(config.database),
        "BASE_URL": config.base_url,
        "NOW": NOON.isoformat(),
    }


@pytest.fixture(scope="module")
def folder(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen site of the shipped library, to be looked at."""
    command = Command(tmp_path_factory.mktemp("frozen"), outside())
    command("freeze", "site", **rehearsal(Installation(settings(shipped))))
    return command.folder / "site"


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[str]:
    """The address of a static host that knows nothing but files."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_lists_of_the_api_are_whole(folder: Path) -> None:
    """A static host knows no parameters, and so no second page."""
    for name in ("editions", "principles", "changes"):
        page = json.loads((folder / f"api/v1/{name}/index.json").read_bytes())
        assert page["next"] is None
        assert len(page["items"]) == page.get("total", len(page["items"])) > 0
        assert name != "principles" or len(page["items"]) > 30


def test_every_link_leads_somewhere_and_the_files_are_what_the_server_says(
    folder: Path, host: str, devis: Installation
) -> None:
    waiting, seen = ["/"], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = fetch(host + path)
        assert answer.status == 200, path
        if path.endswith("/"):
            for link in LINK.findall(answer.body.decode()):
                target = urlsplit(urljoin(path, link.replace("&amp;", "&")))
                if not target.netloc and target.scheme != "mailto":
                    assert not target.query or target.path.startswith("/static/"), link
                    waiting.append(target.path)
    pages = {"/" + str(p.parent.relative_to(folder)) + "/" for p in folder.rglob("index.html")}
    assert pages - {"/./"} <= seen
    assert len(seen) > 300
    client = devis.client()
    for path in ("sv/feed.rss", "en/feed.json", "sv/card/2026-11-22.png", "sv/calendar.ics"):
        assert (folder / path).read_bytes() == client.get(f"/{path}").data
    frozen_page = client.get("/sv/", environ_overrides={FROZEN: True}).data
    assert (folder / "sv" / "index.html").read_bytes() == frozen_page
    assert 'content="0; url=/en/"' in (folder / "index.html").read_text()
    assert "/ /sv/ 302 Language=sv" in (folder / "_redirects").read_text()
    assert "application/rss+xml" in (folder / "_headers").read_text()
    assert "There is nothing here" in (folder / "404.html").read_text()


def test_a_frozen_site_offers_no_sign_up(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".xml"):
            assert "/subscribe/" not in path.read_text(), path


def test_a_second_run_writes_only_changes_and_removes_old_files(
    folder: Path, devis: Installation, command: Command, tmp_path: Path
) -> None:
    folder = shutil.copytree(folder, tmp_path / "site")
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.is_file()}
    again = command("freeze", "site", **rehearsal(devis)).stdout
    assert "\n0 files written" in f"\n{again.splitlines()[-1]}"
    assert all(path.stat().st_mtime_ns == when for path, when in times.items())
    command("withdraw", "2026-11-18", "--reason", "wrong", **rehearsal(devis))
    said = command("freeze", "site", **rehearsal(devis)).stdout.splitlines()[-1]
    assert not (folder / "sv" / "2026-11-18" / "index.html").exists()
    assert not (folder / "sv" / "card" / "2026-11-18.png").exists()
    assert "5 removed" in said
    assert 0 < int(said.split()[0]) < 60


def test_a_folder_with_other_files_is_left_alone(
    devis: Installation, command: Command, tmp_path: Path
) -> None:
    precious = tmp_path / "home" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    done = command("freeze", "home", code=1, DATABASE=str(devis.config.database))
    assert "holds other files" in done.stderr
    assert [path.name for path in precious.parent.iterdir()] == ["thesis.txt"]


@pytest.mark.served
def test_a_killed_run_leaves_no_half_file_and_the_next_one_ends_it(
    devis: Installation, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    process = command.start("freeze", "site", **rehearsal(devis))
    wait_until(lambda: len(list(folder.rglob("*.html"))) > 20)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    partial = list(folder.rglob("index.html"))
    assert all(path.read_text().rstrip().endswith("</html>") for path in partial)
    command("freeze", "site", **rehearsal(devis))
    assert len(list(folder.rglob("index.html"))) > len(partial)
    assert [path.name for path in (folder / ".devis").iterdir()] == ["files"]


def test_every_cacheable_view_is_frozen(devis: Installation, tmp_path: Path) -> None:
    client = devis.client()
    app = client.application
    site = frozen_site.FrozenSite(
        app, devis.config, app.extensions["devis"].clock, tmp_path / "site"
    )
    routes = app.url_map.bind("")
    reached = {
        routes.match(address)[0] for address in site.addresses if address != frozen_site.NOT_FOUND
    }
    assert reached == cacheable_endpoints(app) | {"static"}
