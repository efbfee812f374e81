"""Exported networks say what torch says, and are used only where they fit."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import lcr.runtime
from experiments.export import export, main
from lcr.checkpoints import Checkpoint, WeightsError, find_checkpoint, read_config
from lcr.joint import live, onnx_network, torch_network
from lcr.joint.live import LiveModel, StreamingRemixer
from lcr.joint.load import load_checkpoint
from lcr.nn.reader.onnx_tagger import read_tagger
from lcr.nn.reader.tagger import load_tagger
from lcr.prompts.reading import OpenReader
from lcr.prompts.reading.keywords import KeywordTagger
from lcr.runtime import (
    FOLDER,
    MADE_OF,
    VARIABLE,
    RuntimeChoiceError,
    exported,
    statements,
    torch_only,
)

NAMES = ("lcr-q", "open-reader", "lcr-live")
PROMPTS = (
    "remove the dog",
    "turn the young woman up by 6 dB and mute everything but her and the rain",
    "what time is it?",
    "keep only the second voice, please",
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Copies of the checkpoints, exported."""
    out = tmp_path_factory.mktemp("exported")
    for name in NAMES:
        ignored = shutil.ignore_patterns(FOLDER)
        shutil.copytree(find_checkpoint(name), out / name, ignore=ignored)
    assert main([str(out / name) for name in NAMES]) == 0
    return out


@pytest.mark.parametrize("samples", [1, 999, 16_000, 50_001])
def test_the_network_is_torchs_within_1e_4(folders, samples):
    folder = folders / "lcr-q"
    wave = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    theirs = torch_network.read_query_model(Checkpoint.read(folder))
    ours = onnx_network.read_query_model(folder, folder / FOLDER)
    names = ["dog barking", "rain", "helicopter"]
    found = []
    for model in (theirs, ours):
        vectors = [model.of_name(name) for name in names]
        encoding = model.encode(wave)
        answer = model.answer(encoding, vectors)
        items = [(0.0, False, vectors[0]), (2.0, True, vectors[1])]
        remixed = model.remix(encoding, 0.5, items).wave
        assert remixed.shape == wave.shape
        found.append((*vectors, model.of_sound(wave), answer.parts, answer.presence, remixed))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_reader_reads_as_torchs(folders):
    folder = folders / "open-reader"
    theirs, ours = load_tagger(folder).reader(), read_tagger(folder, folder / FOLDER)
    assert ours.tag(list(PROMPTS)) == theirs.tag(list(PROMPTS))
    words = ["a theremin", "squeaky hinge"]
    assert np.abs((ours.embed(words) * theirs.embed(words)).sum(-1) - 1).max() < 1e-3


def test_a_remix_is_torchs(folders, monkeypatch):
    """Stereo at another rate, longer than a chunk (made two seconds long)."""
    mixture = np.random.default_rng(1).normal(0, 0.1, (2, 22_050 * 3)).astype(np.float32)
    monkeypatch.setattr("lcr.joint.load.weights_of", dict)  # of the checkout's own export
    done = []
    for runtime in ("torch", "onnx"):
        monkeypatch.setenv(VARIABLE, runtime)
        remixer = load_checkpoint(folders / "lcr-q", name="x")
        remixer._adapter = replace(remixer._adapter, chunk_s=2.0, overlap_s=0.2)
        done.append(remixer.remix(mixture, 22_050, "turn the rain down and remove the dog"))
    np.testing.assert_allclose(done[0].audio, done[1].audio, atol=1e-4)
    for one, other in zip(done[0].understood, done[1].understood, strict=True):
        assert replace(one, reached_db=None) == replace(other, reached_db=None)
        assert one.reached_db == pytest.approx(other.reached_db, abs=1e-2)
    assert done[0].warnings == done[1].warnings


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2)])
def test_live_is_torchs(folders, monkeypatch, rate, channels):
    """With a prompt that changes, and one that asks nothing of the network."""
    sound = np.random.default_rng(2).normal(0, 0.1, (channels, rate // 2)).astype(np.float32)
    done = []
    for runtime in ("torch", "onnx"):
        monkeypatch.setenv(VARIABLE, runtime)
        model = LiveModel(
            live._network(folders / "lcr-live"),
            read_config(folders / "lcr-live"),
            OpenReader(KeywordTagger()),
        )
        remixer = StreamingRemixer(model, "halve all", sample_rate=rate, channels=channels)
        parts = [remixer.push(sound[:, : rate // 4])]
        remixer.ask("remove the dog and turn the woman up by 4 dB")
        chunks = np.split(sound[:, rate // 4 :], range(100, rate // 4, rate // 50), 1)
        parts += [*map(remixer.push, chunks), remixer.finish()]
        done.append(np.concatenate(parts, 1))
    np.testing.assert_allclose(*done, atol=1e-4)


def test_an_export_of_other_weights_is_not_used(folders, tmp_path, monkeypatch):
    folder = tmp_path / "lcr-q"
    shutil.copytree(folders / "lcr-q", folder)
    assert exported(folder) == folder / FOLDER
    monkeypatch.setenv(VARIABLE, "torch")
    assert exported(folder) is None
    monkeypatch.delenv(VARIABLE)
    told = json.loads((folder / FOLDER / MADE_OF).read_text())
    told["weights"]["lcr-q"] = "0" * 64
    (folder / FOLDER / MADE_OF).write_text(json.dumps(told))
    assert exported(folder) is None
    monkeypatch.setenv(VARIABLE, "onnx")
    with pytest.raises(RuntimeChoiceError):
        exported(folder)
    monkeypatch.setenv(VARIABLE, "abacus")
    with pytest.raises(RuntimeChoiceError):
        exported(folder)


def test_an_export_outlives_other_docstrings_and_comments_but_no_other_code():
    source = Path(lcr.runtime.__file__).read_text()
    code = statements(source)
    assert "class Graph" in code
    assert "One ONNX file" not in code
    assert "# Further" not in code
    reworded = source.replace("One ONNX file,", "A file\n\n    of ONNX,").replace(
        "# Further", "\n# "
    )
    assert reworded != source
    assert statements(reworded) == code
    assert statements(source.replace('= "LCR_RUNTIME"', '= "OTHER"')) != code


def test_a_damaged_export_is_said_to_be(folders, tmp_path):
    folder = tmp_path / "lcr-q"
    shutil.copytree(folders / "lcr-q", folder)
    (folder / FOLDER / "hear.onnx").write_bytes(b"no graph")
    model = onnx_network.read_query_model(folder, folder / FOLDER)
    with pytest.raises(WeightsError):
        model.encode(np.zeros(100, np.float32))
    (folder / FOLDER / onnx_network.TABLES).write_bytes(b"no tables")
    with pytest.raises(WeightsError):
        onnx_network.read_query_model(folder, folder / FOLDER)
    (folder / FOLDER / MADE_OF).write_text("{}")
    assert exported(folder) is None


def test_other_checkpoints_are_not_exported(tmp_path):
    with pytest.raises(WeightsError):
        export(find_checkpoint("lcr-t"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_shipped_reader_is_of_the_runtime_that_is_asked_for(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    before = OpenReader.load().tagger
    with torch_only():
        theirs = OpenReader.load().tagger
        assert OpenReader.load().tagger is theirs
    assert theirs is not before
    assert OpenReader.load().tagger is before
