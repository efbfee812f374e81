"""Joint models go to folders and hubs and come back the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import lcr
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WEIGHTS, WeightsError
from lcr.errors import LcrError
from lcr.joint.hub import HubError, push_to_hub, save_pretrained
from lcr.joint.remixer import JointRemixer, load
from tests.hub_server import COMMIT, TOKEN, serving

pytestmark = pytest.mark.slow

PROMPT = "turn the dog down"
THERE_AND_BACK = """
import sys
import numpy as np
import lcr
model = lcr.load("lcr-live")
print(model.push_to_hub("someone/live", token=sys.argv[1]))
again = lcr.from_pretrained("someone/live", token=sys.argv[1])
sound = np.random.default_rng(0).standard_normal((1, 8_000)).astype(np.float32)
np.testing.assert_array_equal(
    model.remix(sound, 16_000, "turn the dog down").audio,
    again.remix(sound, 16_000, "turn the dog down").audio,
)
"""


SHIPPED = {"lcr": "lcr-q"}


def sound() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((1, 8_000)).astype(np.float32)


@pytest.mark.parametrize("name", ["lcr-live", "lcr-m", "lcr"])
def test_what_is_saved_is_the_same(name: str, tmp_path: Path) -> None:
    model = lcr.load(name)
    folder = model.save_pretrained(tmp_path / name)
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md", "config.json", "model.safetensors"
    ]  # fmt: skip
    again = lcr.from_pretrained(folder)
    first, second = (one.remix(sound(), 16_000, PROMPT).audio for one in (model, again))
    # Shipped weights may be run by onnxruntime, a folder of one's own is by torch.
    np.testing.assert_allclose(first, second, atol=1e-5)
    shipped_in = WEIGHTS / SHIPPED.get(name, name)
    kept, shipped = (load_file(p / "model.safetensors") for p in (folder, shipped_in))
    assert set(shipped) <= set(kept)
    for key, value in shipped.items():
        assert kept[key].dtype == value.dtype
        assert torch.equal(kept[key], value)
    assert (folder / "README.md").read_text() == (shipped_in / "README.md").read_text()
    assert "reader_from" not in json.loads((folder / "config.json").read_text())


def test_what_was_trained_further_is_kept_whole(tmp_path: Path) -> None:
    model = load(weights="lcr-live")
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.mul_(1.0 + 1e-5)
    save_pretrained(model, tmp_path)
    again = JointRemixer.from_checkpoint(tmp_path, name="again")
    assert all(torch.equal(again.state()[key], value) for key, value in model.state().items())


def test_a_card_that_is_there_stays_and_one_that_is_not_is_written(tmp_path: Path) -> None:
    model = load(weights="lcr-live")
    (tmp_path / "README.md").write_text("mine")
    save_pretrained(model, tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    model.model_card = ""
    card = (save_pretrained(model, tmp_path / "other") / "README.md").read_text()
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "2402.03710" in card


def test_what_cannot_be_saved_or_pushed_is_told(tmp_path: Path) -> None:
    with pytest.raises(LcrError, match="mixture is no joint model"):
        lcr.load("mixture").save_pretrained(tmp_path / "x")
    model = load(weights="lcr-live")
    (tmp_path / "file").write_text("")
    with pytest.raises(HubError, match="cannot be written"):
        save_pretrained(model, tmp_path / "file" / "x")
    with pytest.raises(HubError, match="named OWNER/NAME"):
        push_to_hub(model, "no name")
    model.config = None
    with pytest.raises(HubError, match="no checkpoint of lcr"):
        save_pretrained(model, tmp_path / "y")
    assert not (tmp_path / "y").exists()


def test_what_is_not_there_or_damaged_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match="no repository is named"):
        lcr.from_pretrained("nowhere")
    with pytest.raises(MissingWeightsError, match="hub did not give it"):
        lcr.from_pretrained("someone/nothing")  # tests are offline
    folder = lcr.load("lcr-live").save_pretrained(tmp_path / "live")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="is damaged"):
        lcr.from_pretrained(folder)


@pytest.mark.rehearsal
def test_a_hub_and_back(tmp_path: Path) -> None:
    """Over HTTP, by huggingface_hub, in a process that may ask a hub; afterwards without one."""
    with serving() as hub:
        env = {
            **os.environ,
            "HF_ENDPOINT": hub.address,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
            "HF_HOME": str(tmp_path),
        }
        command = [sys.executable, "-c", THERE_AND_BACK]
        done = subprocess.run([*command, TOKEN], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == f"{hub.address}/someone/live/commit/{COMMIT}"
        assert set(hub.files["someone/live"]) == {"README.md", "config.json", "model.safetensors"}
        refused = subprocess.run([*command, "hf_wrong"], env=env, capture_output=True, text=True)
        assert "HubError: someone/live was not uploaded: " in refused.stderr
    fetch = 'import lcr; lcr.from_pretrained("someone/live")'
    offline = {**env, "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", fetch], env=offline, check=True, capture_output=True)
