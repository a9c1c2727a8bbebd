"""The short form of `make faults`."""

from pathlib import Path

from tests.faults import mail


def test_a_sender_that_is_killed_loses_nobody(tmp_path: Path) -> None:
    found = mail.run(tmp_path, letters=2000, kills=3, seed=7)
    assert found.kills == 3
    assert (found.missed, found.unsettled) == (0, 0)
    assert found.doubled <= found.kills * found.most
