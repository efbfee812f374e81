"""The registry, on throw-away distributions made of nothing but metadata and a module."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from baselines.mixture import MixtureRemixer
from lcr.errors import LcrError
from lcr.registry import (
    BrokenSystemError,
    DuplicateSystemError,
    RegisteredSystem,
    SystemOptionError,
    UnknownSystemError,
    available,
    card_of,
    create,
    find,
    with_card,
)

_MODULE = """
from lcr.errors import LcrError
from baselines.mixture import MixtureRemixer
def works(*, loud: bool = False): return MixtureRemixer()
def no_remixer(): return 3
def fails(): raise RuntimeError("weights are missing")
def exits(): raise SystemExit(0)
class Mute(Exception):
    def __str__(self): raise RuntimeError("no words")
def mumbles(): raise Mute
def refuses(): raise LcrError("plain words")
number = 7
refuses.card = MixtureRemixer.card
"""


def distribution(folder: Path, name: str, points: dict[str, str]) -> Path:
    """A path entry holding one installed distribution with these entry points."""
    path = folder / name
    info = path / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{key} = {value}" for key, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[lcr.remixers]", *lines, ""]))
    return path


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an importable module on a path whose distribution registers its objects."""
    module = "lcr_registry_test_plugin"
    targets = ("works", "no_remixer", "fails", "refuses", "number", "absent", "exits", "mumbles")
    points = {f"zz-{t.replace('_', '-')}": f"{module}:{t}" for t in targets}
    path = distribution(tmp_path, "Plug_In.One", points | {"zz-no-module": "not_there_at_all:x"})
    (path / f"{module}.py").write_text(_MODULE)
    monkeypatch.syspath_prepend(str(path))
    monkeypatch.delitem(sys.modules, module, raising=False)
    return module


def test_listing_names_package_and_target_and_imports_nothing(plugin: str) -> None:
    system = find("zz-works")
    assert system == RegisteredSystem(
        name="zz-works", distribution="plug-in-one", target=f"{plugin}:works"
    )
    names = [s.name for s in available()]
    assert names == sorted(names)
    assert plugin not in sys.modules


def test_create_builds_with_options(plugin: str) -> None:
    assert create("zz-works", loud=True).card.name == "mixture"


def test_unknown_name_gets_suggestions(plugin: str) -> None:
    with pytest.raises(UnknownSystemError, match="did you mean zz-works") as caught:
        create("zz-wroks")
    assert caught.value.suggestions[0] == "zz-works"
    assert isinstance(caught.value, LcrError)
    # Errors cross process borders.
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_unknown_name_like_no_other_lists_what_there_is(plugin: str) -> None:
    with pytest.raises(UnknownSystemError, match=r"there are .*zz-works"):
        create("##########")


def test_nothing_registered_says_how_to_install() -> None:
    assert "pip install -e ." in str(UnknownSystemError("mixture", ()))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("zz-no-module", "is not installed"),
        ("zz-absent", "cannot be loaded: AttributeError"),
        ("zz-number", "not callable"),
        ("zz-fails", "cannot be built: RuntimeError: weights are missing"),
        ("zz-no-remixer", "built int"),
        ("zz-exits", "cannot be built: SystemExit: 0"),
        ("zz-mumbles", "cannot be built: Mute: "),
    ],
)
def test_a_broken_system_is_named_when_asked_for(plugin: str, name: str, words: str) -> None:
    assert name in [s.name for s in available()]
    with pytest.raises(BrokenSystemError, match=words) as caught:
        create(name)
    assert "plug-in-one" in str(caught.value)
    assert find(name).target in str(caught.value)


def test_a_systems_own_refusal_passes_unchanged(plugin: str) -> None:
    with pytest.raises(LcrError, match=r"^plain words$"):
        create("zz-refuses")


def test_an_unknown_option_names_those_taken(plugin: str) -> None:
    with pytest.raises(SystemOptionError, match="'volume'; it takes loud"):
        create("zz-works", volume=3)


def test_one_name_from_two_packages_is_an_error(
    plugin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = distribution(tmp_path, "plugin-two", {"zz-works": "elsewhere:Thing"})
    monkeypatch.syspath_prepend(str(other))
    with pytest.raises(DuplicateSystemError, match=r"plug-in-one.*plugin-two|plugin-two.*plug-in"):
        available()
    with pytest.raises(DuplicateSystemError):
        create("zz-fails")


def test_one_package_seen_twice_is_one(
    plugin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = distribution(tmp_path / "copy", "plug-in-one", {"zz-works": f"{plugin}:works"})
    monkeypatch.syspath_prepend(str(copy))
    assert [s.name for s in available()].count("zz-works") == 1


def test_a_factory_may_tell_what_it_makes(plugin: str) -> None:
    assert card_of("zz-refuses") == MixtureRemixer.card
    assert card_of("mixture") == MixtureRemixer.card  # a class with its own is a factory too
    assert card_of("zz-works") is None
    with pytest.raises(BrokenSystemError, match="cannot be loaded"):
        card_of("zz-no-module")

    @with_card(MixtureRemixer.card)
    def factory(*, loud: bool = False) -> MixtureRemixer:
        return MixtureRemixer()

    assert factory(loud=True).card == factory.card  # type: ignore[attr-defined]
