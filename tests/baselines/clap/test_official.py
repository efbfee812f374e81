"""laion-clap's own code in an environment of its own, for it wants another numpy than ours."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from baselines.clap.checkpoint import load_clap
from lcr.nn.reader.text_encoder import MissingPackageError
from tests.baselines.clap.test_public import laion_file
from tests.environments import make_environment

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(
    importlib.util.find_spec("laion_clap") is not None, reason="laion-clap is installed"
)
def test_without_laion_clap_it_says_what_is_needed(tmp_path: Path) -> None:
    path = laion_file(tmp_path, lambda content: content["state_dict"].update(wide(content)))
    with pytest.raises(MissingPackageError):
        load_clap(path, encoder="laion-clap")


def wide(content: dict[str, dict[str, object]]) -> dict[str, object]:
    """The one tensor by whose shape laion-clap's models are told apart, of HTSAT-tiny."""
    import torch

    return {"module.audio_branch.patch_embed.proj.weight": torch.zeros(96, 1, 4, 4)}


@pytest.mark.rehearsal
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="numpy 1 has no wheel for Python 3.13")
def test_the_official_clap_is_ours_in_an_environment_of_its_own(tmp_path: Path) -> None:
    home = tmp_path / "environment"
    python = make_environment(home, "laion-clap==1.1.7", "numpy<2", "scipy<1.16", "pandas<3")
    # In the project's folder, so that its own packages are found; nothing reaches the hub.
    quiet = {**os.environ, "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path), "WANDB_MODE": "disabled"}
    told = subprocess.run(
        [python, "-m", "tests.baselines.clap.official_parity", str(tmp_path)],
        cwd=ROOT,
        env=quiet,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    assert told.stdout.count("largest difference") == 3
    shutil.rmtree(home)
