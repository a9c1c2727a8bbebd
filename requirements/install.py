"""Install Devis into .venv: `python3 requirements/install.py core`, or `extras`, or `test`.

It needs the standard library alone, says how far it is, and explains what went wrong in one line.
What pip printed is in .venv/install.log.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "install.log"
OLDEST = (3, 11, 2)
PIP = (str(PYTHON), "-m", "pip", "--disable-pip-version-check")
STEP = 10  # packages between two lines of progress
REASONS = (
    ("No space left on device", "The disk is full."),
    ("Disk quota exceeded", "The disk quota is used up."),
    ("DO NOT MATCH THE HASHES", "A package is not the one that was pinned: its hash differs."),
    (
        "Retrying|Temporary failure in name resolution|Failed to establish a new connection",
        "The package index cannot be reached: is this machine offline, or behind a proxy"
        " (HTTPS_PROXY), or does it have an index of its own (PIP_INDEX_URL)?",
    ),
)


class InstallError(Exception):
    """What stopped the installation, in one line."""


def main(name: str) -> None:
    """Make .venv if there is none that works, and install one set of requirements and Devis."""
    if sys.version_info < OLDEST:
        raise InstallError(
            "Devis needs Python 3.11.2 or newer, and this is {}.{}.{}. Name another one, such as:"
            " make PYTHON=python3.12".format(*sys.version_info)
        )
    make_venv()
    LOG.write_text("")
    pins = ROOT / "requirements" / (name + ".txt")
    total = len(re.findall("^[a-z].*==", pins.read_text(), re.MULTILINE))
    print(f"Installing {total} packages into .venv", flush=True)
    pip("install", "--require-hashes", "-r", str(pins))
    print("Installing Devis", flush=True)
    pip("install", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    # Python 3.11 puts setuptools into every virtual environment; the fonts are made by now.
    pip("uninstall", "--yes", "setuptools", *(["fonttools"] if name != "test" else []))


def make_venv() -> None:
    """Make .venv, unless it has a Python and a pip that start."""
    try:
        if subprocess.run([*PIP, "--version"], capture_output=True).returncode == 0:
            return
    except OSError:
        pass
    print("Making a virtual environment in .venv", flush=True)
    try:
        shutil.rmtree(VENV, ignore_errors=True)
        VENV.mkdir()
    except OSError as error:
        raise InstallError(f"{VENV} cannot be written: {error.strerror}.") from None
    done = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        printed = done.stdout + done.stderr
        if "ensurepip" in printed or "No module named venv" in printed:
            raise InstallError(
                "Python’s venv module is missing (Debian: apt install python3-venv)."
            )
        raise InstallError(reason(printed))


def pip(*arguments: str) -> None:
    """Run pip, keep what it prints in the log, and show every tenth package that it fetches."""
    command = [*PIP, *arguments]
    fetched = 0
    with (
        LOG.open("a") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=str(ROOT)
        ) as process,
    ):
        for line in process.stdout:
            log.write(line)
            if line.startswith(("Collecting ", "Processing ")):
                fetched += 1
                if fetched % STEP == 0:
                    print(f"  {fetched} fetched", flush=True)
            elif line.startswith("Installing collected packages") and fetched > 1:
                print(f"  {fetched} fetched; unpacking them", flush=True)
    if process.returncode:
        raise InstallError(reason(LOG.read_text()))


def reason(printed: str) -> str:
    """What failed, in one line, from all that pip printed."""
    for pattern, words in REASONS:
        if re.search(pattern, printed):
            return words
    errors = re.findall(r"^\s*(?:ERROR|error): *(.+)", printed, re.MULTILINE)
    last = printed.strip().rpartition("\n")[2]
    return errors[0] if errors else last or "pip failed without a word."


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (InstallError, OSError) as error:
        log = f" All that pip printed: {LOG}" if LOG.exists() else ""
        sys.exit(f"Devis is not installed. {error}{log}")
    except KeyboardInterrupt:
        sys.exit("Devis is not installed: interrupted.")
