"""Peers as systems: by themselves, and with our planner and mixer around them."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from baselines.external.peer import MissingPeerError
from experiments.comparison.systems import build_system
from lcr.registry import create

ROOT = Path(__file__).parents[3]
PEER = ROOT / "tests" / "baselines" / "external" / "misbehaving_peer.py"
ADAPTER = ROOT / "experiments" / "peers" / "asteroid_separator.py"
SOUND = (0.1 * np.random.default_rng(0).standard_normal((1, 8000))).astype(np.float32)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes are waited for by select")


@pytest.mark.slow
def test_a_peer_that_remixes_is_a_system_whose_versions_are_its_identity() -> None:
    options = {"system": "external", "command": f"{sys.executable} {PEER} well", "family": "joint"}
    system = build_system("mine", options, device="cpu")
    assert (system.card.name, system.card.family) == ("test peer", "joint")
    assert system.config["provenance"]["versions"] == {"peer": "1.0"}
    remix = system.remixer.remix(SOUND, 16_000, "Remove the dog.")  # type: ignore[union-attr]
    np.testing.assert_array_equal(remix.audio, SOUND * np.float32(0.5))


def test_a_peer_needs_a_command() -> None:
    with pytest.raises(MissingPeerError):
        create("external")


@pytest.mark.rehearsal
@pytest.mark.filterwarnings("ignore")
def test_the_worked_peer_separates_in_an_environment_of_its_own(tmp_path: Path) -> None:
    models = pytest.importorskip("asteroid.models", reason="asteroid is not installed")
    torch = pytest.importorskip("torch")
    sizes = {"n_filters": 16, "bn_chan": 8, "hid_chan": 16, "skip_chan": 8, "n_blocks": 2}
    model = models.ConvTasNet(n_src=4, n_repeats=1, sample_rate=8_000, **sizes)
    torch.save(model.serialize(), tmp_path / "model.pth")
    venv.create(tmp_path / "env", with_pip=False)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    there = [path for path in sys.path if path.endswith("site-packages")]
    (site / "borrowed.pth").write_text("\n".join(there) + "\n")
    python = tmp_path / "env" / "bin" / "python"
    remixer = create("external", command=f"{python} {ADAPTER} {tmp_path / 'model.pth'}")
    assert remixer.card.sample_rate == 8_000
    assert "model.pth" in remixer.card.weights
    remix = remixer.remix(SOUND, 16_000, "Remove the dog barking.")
    assert remix.audio.shape == SOUND.shape
    assert np.isfinite(remix.audio).all()
    assert [step.name for step in remix.trace][-1] == "match"
