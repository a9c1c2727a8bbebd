"""The short form of `make faults`."""

import random
from pathlib import Path

import pytest

from tests.faults import mail, site


def test_a_sender_that_is_killed_loses_nobody(tmp_path: Path) -> None:
    found = mail.run(tmp_path, letters=2000, kills=3, seed=7)
    assert found.kills == 3
    assert (found.missed, found.unsettled) == (0, 0)
    assert found.doubled <= found.kills * found.most


@pytest.mark.parametrize("fault", [site.killed_web, site.read_only, site.damaged])
def test_a_site_stands_what_machines_do(tmp_path: Path, fault: site.Fault) -> None:
    assert site.devis(tmp_path, "init").returncode == 0
    found = fault(tmp_path, 2, random.Random(7))
    assert found.rounds > 0
    assert found.lost == []


def test_a_clock_that_jumps_makes_no_edition_twice(tmp_path: Path) -> None:
    assert site.devis(tmp_path, "init", NOW="2026-10-20T12:00+02:00").returncode == 0
    found = site.jumping_clock(tmp_path, 5, random.Random(7))
    assert found.lost == []
