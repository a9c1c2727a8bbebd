"""The short form of `make faults`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faults import abuse, mail, site, workers

pytestmark = pytest.mark.served


def test_killing_the_sender_loses_no_digest(tmp_path: Path) -> None:
    found = mail.run(tmp_path, emails=2000, kills=3, seed=7)
    assert found.kills == 3
    assert (found.missed, found.unsettled) == (0, 0)
    assert found.doubled <= found.kills * found.most


@pytest.mark.needs("redis")
def test_killing_mail_workers_loses_no_digest(tmp_path: Path) -> None:
    names = [workers.WORKER, "kill -9 of the producer", workers.WORKER]
    found, done, bound = workers.run(tmp_path, 1500, names, every=0.5, rate=300, seed=7)
    assert {*done} == {*names}
    assert (found.missed, found.unsettled) == (0, 0)
    assert found.doubled <= bound


@pytest.mark.parametrize("name", [name for name in site.FAULTS if name not in site.DISKS])
def test_a_fault_of_the_machine_loses_nothing(name: str) -> None:
    assert site.run(name, rounds=1, seed=7) == []


@pytest.mark.needs("mount")
def test_a_full_disk_loses_nothing() -> None:
    own = ["unshare", "-rm", sys.executable, "-m", "tests.faults.site"]
    options = ["--fault", "disk full", "--rounds", "1", "--seed", "7"]
    done = subprocess.run([*own, *options], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| disk full | 1 | none |" in done.stdout


def test_readers_and_sign_ups_get_through_stalled_sockets_and_floods() -> None:
    with abuse.served() as installation:
        for kind in ("slow bodies", "slow readers", "flood of searches", "flood of sign-ups"):
            found = abuse.run(installation, kind, 0.4, whole=False)
            assert found.failures == []
            assert set(found.answers) <= {200, 303, 429}
            assert len(found.times) >= 3
    assert 0 < found.answers[303] <= 30
