"""The package as a user installs it: names, entry points, the lock, and a core without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
POINTS: dict[str, str] = PROJECT["entry-points"]["lcr.remixers"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
PLATFORMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "darwin": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}
UNLOCKED = {"laion-clap", "ray"}  # not in `all`: who wants them installs them beside the lock
EXTRAS = tuple(e for e in PROJECT["optional-dependencies"] if e not in UNLOCKED)


def locked_for(python: str, platform: str) -> dict[str, str]:
    """Package -> version that the lock installs on one Python and platform."""
    environment = {"python_version": python, "python_full_version": f"{python}.5"}
    found: dict[str, str] = {}
    for line in LOCK.splitlines():
        requirement = Requirement(line)
        if _applies(requirement.marker, environment | PLATFORMS[platform]):
            name = canonicalize_name(requirement.name)
            assert name not in found, f"{name} is locked twice on {python}, {platform}"
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            found[name] = pin.version
    return found


def _applies(marker: Marker | None, environment: dict[str, str]) -> bool:
    return marker is None or marker.evaluate(environment | {"extra": ""})


def wanted(extra: str | None) -> list[Requirement]:
    """The direct requirements of the core (None) or an extra, extras of this project opened."""
    lines = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    found: list[Requirement] = []
    for requirement in map(Requirement, lines):
        if requirement.name == PROJECT["name"]:
            found += [r for inner in sorted(requirement.extras) for r in wanted(inner)]
        else:
            found.append(requirement)
    return found


def test_version_is_said_once_and_means_this() -> None:
    assert version("lcr") == PROJECT["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changelog, flags=re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"]


PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_a_pages_links_and_paths_lead_somewhere(page: str) -> None:
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    links = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if not t.startswith("http")]
    assert [t for t in links if not (path.parent / t).exists()] == []
    named = re.findall(r"`((?:lcr|baselines|agents|experiments|tests)/[\w./-]+)`", text)
    assert [t for t in named if "NAME" not in t and not (ROOT / t).exists()] == []


def test_installed_entry_points_are_those_of_the_project() -> None:
    installed = {
        point.name: point.value
        for point in entry_points(group="lcr.remixers")
        if point.dist is not None and point.dist.name == "lcr"
    }
    assert installed == POINTS, "run `make setup` again: the installed metadata is out of date"


@pytest.mark.parametrize("name", POINTS)
def test_entry_point_names_something_callable(name: str) -> None:
    target = EntryPoint(name=name, value=POINTS[name], group="lcr.remixers").load()
    assert callable(target)


def test_lock_names_no_place() -> None:
    for line in LOCK.splitlines():
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.]+( ; [\w.'=<>!*() -]+)?", line), line


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_lock_satisfies_every_extra(python: str, platform: str) -> None:
    locked = locked_for(python, platform)
    environment = {"python_version": python, "python_full_version": f"{python}.5"}
    for extra in (None, *EXTRAS):
        for requirement in wanted(extra):
            if not _applies(requirement.marker, environment | PLATFORMS[platform]):
                continue
            pinned = locked.get(canonicalize_name(requirement.name))
            assert pinned is not None, f"{requirement} of {extra} is not in requirements.lock"
            assert requirement.specifier.contains(pinned, prereleases=True), (
                f"{requirement} of {extra} is locked at {pinned}; run `make lock`"
            )


def test_all_holds_every_extra_a_user_runs() -> None:
    names = {r.name for r in wanted("all")}
    for extra in ("model", "studio", "train", "report", "baselines", "agents"):
        assert {r.name for r in wanted(extra)} <= names


def test_every_python_is_declared() -> None:
    declared = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: 3." in c]
    assert tuple(declared) == PYTHONS


def test_core_imports_no_deep_learning() -> None:
    (contract,) = (c for c in PYPROJECT["tool"]["importlinter"]["contracts"] if "core" in c["name"])
    folders = [ROOT / name.replace(".", "/") for name in contract["source_modules"]]
    files = [folder.with_suffix(".py") for folder in folders if not folder.is_dir()]
    files += [file for folder in folders for file in folder.rglob("*.py")]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    modules = ", ".join(["lcr", *(name for name in names if not name.endswith("__main__"))])
    heavy = {"torch", "transformers", "peft", "speechbrain", "asteroid", "langchain", "jinja2"}
    code = f"import sys, {modules}; print(' '.join(sorted({heavy!r} & set(sys.modules))))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []
