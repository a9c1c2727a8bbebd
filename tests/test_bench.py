"""What a page costs hangs on what it shows, not on the size of the library or its years."""

import re
import subprocess
import sys

import pytest

from tests.bench import PAGES
from tests.conftest import ROOT

pytestmark = pytest.mark.served


def test_an_old_installation_costs_less_than_twice_a_new_one() -> None:
    """The short form of the bench, as an operator runs it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ratios = dict(re.findall(r"^ +(/\S+) +[\d.]+ +[\d.]+ +([\d.]+)$", done.stdout, re.MULTILINE))
    rates = re.findall(r"^ +(/\S+) +([\d,]+) requests/s", done.stdout, re.MULTILINE)
    assert set(ratios) == {path for path, _ in rates} == set(PAGES)
    assert all(int(rate.replace(",", "")) > 0 for _, rate in rates)
    assert all(float(ratio) < 2 for ratio in ratios.values()), done.stdout


def test_reading_editing_and_sending_at_once_fail_nobody() -> None:
    """Four seconds of what `make endurance` does for ten minutes."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.endurance", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    asked = re.search(r"(?m)^  all +([\d,]+)  p50 ", done.stdout)
    assert asked is not None
    assert int(asked[1]) > 100
    assert "E-mails: 100, 0 missed, 0 doubled, 0 unsettled" in done.stdout
    assert re.search(r"(?m)^Saves: [1-9]\d* confirmed, 0 lost$", done.stdout), done.stdout
