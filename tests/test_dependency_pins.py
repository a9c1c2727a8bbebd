"""The pinned requirements: one version and its hashes, for every Python that Devis runs on."""

import re
import tomllib
from importlib import metadata

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

SETS = ("core", "extras", "test")
PYTHONS = ("3.11.2", "3.12.1", "3.13.0")
PIN = re.compile(
    r"^(\S+==[^\\\n]+?) ?\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def pins(name: str, python: str) -> dict[str, str]:
    """Name to version of what a set installs on a Python; each name is pinned once."""
    environment = {
        **{key: str(value) for key, value in default_environment().items()},
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
    }
    found: dict[str, str] = {}
    for pinned, _ in PIN.findall(text(name)):
        requirement = Requirement(pinned)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            key = canonicalize_name(requirement.name)
            assert key not in found, f"{key} is pinned twice for Python {python}"
            found[key] = str(requirement.specifier).removeprefix("==")
    return found


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_all_pins_with_hashes_and_names_no_index(name: str) -> None:
    lines = [line for line in text(name).splitlines() if not line.startswith(("#", "    --hash"))]
    assert len(lines) == len(PIN.findall(text(name))) > 40
    assert "://" not in text(name)
    assert "--index" not in text(name)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", SETS)
def test_a_set_is_closed_on_every_python(name: str, python: str) -> None:
    """Whatever a pinned package asks for is pinned too, in a version that it takes."""
    found = pins(name, python)
    environment = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    for package in found:
        for asked in metadata.requires(package) or () if installed(package) else ():
            wanted = Requirement(asked)
            if wanted.marker and not wanted.marker.evaluate({"extra": "", **environment}):
                continue
            key = canonicalize_name(wanted.name)
            assert key in found, f"{package} needs {key}"
            assert wanted.specifier.contains(found[key], prereleases=True), f"{package}: {asked}"


@pytest.mark.parametrize("python", PYTHONS)
def test_no_pin_needs_a_newer_python(python: str) -> None:
    looked = 0
    for package, version in pins("test", python).items():
        if installed(package) == version:
            looked += 1
            needed = str(metadata.metadata(package).json.get("requires_python", ""))
            assert SpecifierSet(needed).contains(python), f"{package} {version} needs {needed}"
    assert looked > 80


def test_every_set_has_what_it_is_for_and_what_the_build_needs() -> None:
    project, build = PROJECT["project"], PROJECT["build-system"]["requires"]
    extras = project["optional-dependencies"]
    core = project["dependencies"] + build
    added = extras["workers"] + extras["chats"] + extras["sign-on"]
    for name, asked in (
        ("core", core),
        ("extras", core + added),
        ("test", core + added + extras["test"][1:]),
    ):
        found = pins(name, "3.11.2")
        for wanted in map(Requirement, asked):
            version = found[canonicalize_name(wanted.name)]
            assert wanted.specifier.contains(version, prereleases=True), str(wanted)
    assert {"celery", "redis", "apprise", "authlib"}.isdisjoint(pins("core", "3.11.2"))


@pytest.mark.parametrize("python", PYTHONS)
def test_the_sets_agree(python: str) -> None:
    assert pins("core", python).items() <= pins("extras", python).items()
    assert pins("extras", python).items() <= pins("test", python).items()


def test_the_core_is_small() -> None:
    """Sixty packages at most, pip and what builds Devis among them."""
    assert max(len(pins("core", python)) for python in PYTHONS) <= 60


def installed(package: str) -> str | None:
    """The version of a package here, None where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
