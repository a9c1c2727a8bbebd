"""The planted faults can be planted: what they change is still there, once."""

from collections import Counter

import pytest

from tests.conftest import ROOT
from tests.mutants import Mutant, read


@pytest.mark.parametrize("mutant", read(), ids=lambda mutant: mutant.name)
def test_a_fault_can_be_planted_and_its_tests_are_there(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.planted(text) != text
    files = [part for part in mutant.tests.split() if part.endswith(".py")]
    assert files
    assert all((ROOT / "tests" / name).exists() for name in files)


def test_every_fault_has_a_name_of_its_own() -> None:
    assert max(Counter(mutant.name for mutant in read()).values()) == 1
