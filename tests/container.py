"""Build the image and try it: `python -m tests.container BASE`, as root, with Debian's buildah.

BASE is an image, or a folder with the root of a Debian that has python3 and python3-venv. The file
system of the image runs in a chroot as its own user: a page, its data in the volume, and a stop.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import ROOT, answers, fetch, free_port, wait_until

BUILDAH = ("buildah", "--storage-driver", "vfs")
STOPS_WITHIN = 10  # seconds


def buildah(*arguments: str) -> str:
    """Run buildah; what it printed."""
    done = subprocess.run([*BUILDAH, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def base_image(base: str) -> str:
    """The image that a base names; of a folder it is made."""
    if not Path(base).is_dir():
        return base
    name = buildah("from", "scratch")
    buildah("add", "--quiet", name, base, "/")
    buildah("commit", "--quiet", name, "localhost/base")
    buildah("rm", name)
    return "localhost/base"


def build(base: str) -> str:
    """Build the image; its name."""
    isolated = ("--isolation", "chroot", "--format", "docker")
    buildah("bud", *isolated, "--build-arg", f"BASE={base}", "-t", "devis", str(ROOT))
    return "devis"


def configuration(image: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(buildah("inspect", "--type", "image", image))["Docker"]
    settings = found["config"]
    assert isinstance(settings, dict)
    return settings


def smoke(image: str) -> None:
    """Run what the image says, as the user that it says, and look at it from outside."""
    settings = configuration(image)
    assert settings["User"] == "devis"
    assert settings["Volumes"] == {"/data": {}}
    assert settings["StopSignal"] == "SIGTERM"
    assert settings["Healthcheck"]
    container = buildah("from", image)
    root = Path(buildah("mount", container))
    try:
        run(root, settings)
    finally:
        buildah("umount", container)
        buildah("rm", container)


def run(root: Path, settings: dict[str, object]) -> None:
    port = free_port()
    environ = dict(pair.split("=", 1) for pair in settings["Env"])  # type: ignore[attr-defined]
    environ |= {"DEVIS_PORT": str(port), "DEVIS_HOST": "127.0.0.1"}
    prefix = [
        "chroot",
        "--userspec=devis:devis",
        str(root),
        "sh",
        "-c",
        'cd /data && exec "$@"',
        "-",
    ]
    process = subprocess.Popen([*prefix, *settings["Cmd"]], env=environ)  # type: ignore[misc]
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 120)
        assert fetch(f"http://127.0.0.1:{port}/en/").status == 200
        health = settings["Healthcheck"]["Test"][1:]  # type: ignore[index]
        subprocess.run([*prefix, *health], env=environ, check=True)
        database = root / "data" / "devis.sqlite3"
        assert database.stat().st_uid == 10001
        assert database.stat().st_mode & 0o077 == 0
    finally:
        began = time.monotonic()
        process.send_signal(getattr(signal, str(settings["StopSignal"])))
        code = process.wait(60)
        took = time.monotonic() - began
    assert code == 0
    assert took <= STOPS_WITHIN, f"it took {took:.1f} s to stop"
    print(f"The image serves, keeps its data in /data, and stops in {took:.1f} s.")  # noqa: T201


if __name__ == "__main__":
    smoke(build(base_image(sys.argv[1])))
