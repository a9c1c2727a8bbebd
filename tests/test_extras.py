"""Without an extra, everything works but what needs it, which says how to install it."""

import subprocess
import sys

import pytest

from tests.cli.test_cli import failed, stop
from tests.conftest import ROOT, Command, answers, fetch, free_port, wait_until

pytestmark = pytest.mark.served

EXTRAS = {
    "workers": ("celery", "kombu", "redis", "amqp", "billiard", "vine"),
    "chats": ("apprise", "requests", "yaml", "markdown"),
    "sign-on": ("authlib", "joserfc"),
}
BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


@pytest.fixture
def core(command: Command) -> Command:
    """The command line of an installation in which no extra can be imported."""
    folder = command.folder / "blocking"
    folder.mkdir()
    names = [name for packages in EXTRAS.values() for name in packages]
    (folder / "sitecustomize.py").write_text(BLOCK.format(names=names))
    command.environ["PYTHONPATH"] = f"{folder}:{ROOT}"
    return command


@pytest.mark.parametrize(
    ("setting", "value", "extra"),
    [
        ("BROKER_URL", "redis://127.0.0.1:6379/0", "workers"),
        ("BROKER_URL", "amqp://user:hunter2@127.0.0.1:5672", "workers"),
        ("REPORTS_URL", "redis://:hunter2@127.0.0.1:6379/0", "workers"),
        ("WEBHOOKS", "en=json://hooks.example.org/hunter2", "chats"),
        ("OIDC_ISSUER", "https://id.example.org", "sign-on"),
    ],
)
@pytest.mark.parametrize("call", ["serve", "publish"])
def test_a_setting_that_needs_an_extra_stops_the_start_and_says_how_to_install_it(
    core: Command, setting: str, value: str, extra: str, call: str
) -> None:
    said = failed(core.run(call, code=1, **{setting: value}))
    assert said == (
        f"Error: DEVIS_{setting} needs “devis[{extra}]”, which is not installed. Install it with:"
        f" pip install 'devis[{extra}]' (in a checkout: make extras).\n"
    )


def test_a_mail_worker_without_its_extra_says_how_to_install_it(core: Command) -> None:
    said = failed(core.run("mail-worker", code=1))
    assert said.startswith("Error: devis mail-worker needs “devis[workers]”")
    assert "pip install 'devis[workers]'" in said


def test_the_check_names_a_setting_that_needs_an_extra(core: Command) -> None:
    said = core.run("check", code=1, WEBHOOKS="en=json://hooks.example.org/hunter2").stdout
    assert "bad   settings: DEVIS_WEBHOOKS needs “devis[chats]”" in said
    assert "hunter2" not in said


def test_a_core_installation_serves_and_sends(core: Command) -> None:
    port = free_port()
    serving = core.start("serve", PORT=str(port), WEB_WORKERS="1")
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 30)
        assert fetch(f"http://127.0.0.1:{port}/sv/").status == 200
        assert core.run("digest", "send").stdout.endswith("Nothing.\n")
        assert core.run("hub", "status").stdout == "There were no notifications.\n"
    finally:
        said = stop(serving)
    assert "Traceback" not in said


def test_nothing_of_an_extra_is_loaded_before_it_is_used() -> None:
    """With the extras installed, a process that does not use them does not import them."""
    code = "import feed.app, feed.worker, feed.cli.site, feed.cli.digest, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "feed" in loaded
    assert not loaded & {name for packages in EXTRAS.values() for name in packages}
