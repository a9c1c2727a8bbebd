"""What a page costs hangs on what it shows, not on the size of the library or its years."""

import re
import subprocess
import sys

from tests.bench import PAGES
from tests.conftest import ROOT


def test_an_old_house_costs_less_than_twice_a_young_one() -> None:
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
