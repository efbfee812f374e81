"""Figures 2, 5, 6 and 7: closed-form numbers, valid files, equal bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("jinja2", reason="the run's reader needs the extra report")
from PIL import Image

from experiments.comparison.errors import ConfigError
from experiments.comparison.report.run import read_run
from experiments.paper import attention, figure_2, figure_5, figure_6, figure_7
from experiments.paper.correlation import Correlation, correlate
from lcr.data.mixtures import MixtureConfig, MixtureSet
from lcr.instruction import Task
from tests.experiments.report_run import Contender, blend, build_run
from tests.lcr.data.test_mixtures import ToyBank
from tests.tiny_models import reader as tiny_reader
from tests.tiny_models import tiny_gpt2

pytestmark = pytest.mark.slow


def _record(task: str, before: float, after: float) -> dict[str, Any]:
    return {"task": task, "input_metrics": {"snr_db": before}, "metrics": {"snr_db": after}}


def test_quartiles_and_share_improved() -> None:
    rows = [_record("SE", b, a) for b, a in ((0, 4), (1, 3), (2, 2), (3, 1), (4, 10))]
    (found,) = figure_5.spreads(rows)
    assert found.before_db == (1, 2, 3)
    assert found.after_db == (2, 3, 4)
    assert found.gained_db == (0, 2, 4)
    assert (found.improved, found.n) == (0.6, 5)  # 3, 2 and 0 dB better; equal is not improved


def _pairs(x: Sequence[float], y: Sequence[float], *, copies: int = 1) -> list[dict[str, Any]]:
    """Records with these input SNRs and improvements; copies of one share its clip."""
    return [
        _record("SE", a, a + b) | {"index": i, "sources": [{"clip": f"clip{i // copies}"}]}
        for i, (a, b) in enumerate(zip(np.repeat(x, copies), np.repeat(y, copies), strict=True))
    ]


def _correlate(records: list[dict[str, Any]]) -> Correlation:
    before = [r["input_metrics"]["snr_db"] for r in records]
    gained = [r["metrics"]["snr_db"] - r["input_metrics"]["snr_db"] for r in records]
    return correlate(before, gained, records)


def test_correlation_and_its_interval() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(200)
    y = 0.5 * x + rng.standard_normal(200)
    found = _correlate(_pairs(x, y))
    assert found.r == pytest.approx(np.corrcoef(x, y)[0, 1])
    # Of independent normal pairs Fisher's z tells the interval.
    half = 1.959964 / np.sqrt(200 - 3)
    assert found.low == pytest.approx(np.tanh(np.arctanh(found.r) - half), abs=0.04)
    assert found.high == pytest.approx(np.tanh(np.arctanh(found.r) + half), abs=0.04)
    exact = _correlate(_pairs([1, 2, 3, 4], [2, 4, 6, 8]))
    assert (exact.low, exact.high) == pytest.approx((1, 1))
    assert _correlate(_pairs([1, 1, 1], [1, 2, 3])).reason == "all values alike"
    assert _correlate(_pairs([1], [1])).words == "r: 1 examples"


def test_mixtures_of_the_same_clips_are_no_new_witnesses() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 40))
    once, often = (_correlate(_pairs(x, y, copies=n)) for n in (1, 8))
    assert often.r == pytest.approx(once.r)
    assert often.high - often.low == pytest.approx(once.high - once.low, rel=0.1)


def test_six_tasks_of_one_mixture_above_their_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = MixtureSet(
        ToyBank(), split="train", config=MixtureConfig(duration_s=0.5), seed=0, name="toy"
    ).example(0)
    made = build_run(
        tmp_path / "run",
        [Contender(name="lcr", answer=blend(0.8))],
        tasks=[Task.SE],
        per_task=1,
        shown=(0,),
        seconds=0.1,
    )
    run = read_run(made)
    (row,) = run.summary["examples"]
    kinds = ("speech", "speech", "audio", "audio")
    row |= {"example_id": example.id, "sources": [{"kind": kind} for kind in kinds]}
    monkeypatch.setattr(figure_2, "Examples", lambda *_: {0: example})
    monkeypatch.setattr(figure_2, "build_bank", lambda _: None)
    _, asked = figure_2.choose(run)
    assert [one.instruction.task.value for one in asked] == ["S↑", "SR", "TAR", "ME", "MEVC", "TSE"]
    assert len({one.prompt for one in asked}) == 6
    for one in asked:
        gains = np.array(one.instruction.gains)[:, None]
        np.testing.assert_allclose(one.target[0], (gains * example.sources).sum(0), atol=1e-6)
    mixture = example.mixture[None]
    remixes = {one.prompt: (0.1 * one.target, one.target) for one in asked}
    figure_2.write(mixture, remixes, 16_000, "x", tmp_path / "out")
    text = (tmp_path / "out" / "figure_2.svg").read_text(encoding="utf-8")
    assert text.count("<image") >= 13  # the mixture and six pairs
    with Image.open(tmp_path / "out" / "figure_2.png") as image:
        grey = np.asarray(image.convert("L"), dtype=np.float64)
    height, width = grey.shape
    quiet, loud = (
        grey[int(a * height) : int(b * height), int(0.25 * width) : int(0.7 * width)].mean()
        for a, b in ((0.2, 0.45), (0.55, 0.85))
    )
    assert quiet < loud - 5  # what is quieter is darker: here 20 dB below the targets
    row["example_id"] = "another"
    with pytest.raises(ConfigError, match="other sources"):
        figure_2.choose(run)
    row["sources"] = []
    with pytest.raises(ConfigError, match="kept no mixture"):
        figure_2.choose(run)


@pytest.mark.parametrize("figure", [figure_5, figure_6], ids=["5", "6"])
def test_files_are_valid_and_repeat(figure: object, tmp_path: Path) -> None:
    name = figure.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
    run = build_run(
        tmp_path / "run",
        [Contender(name="lcr", answer=blend(0.8))],
        tasks=[Task.SE, Task.TS_UP, Task.MVC],
        per_task=4,
        seconds=0.1,
    )
    for out in ("a", "b"):
        assert figure.main(["--run", str(run), "--out", str(tmp_path / out)]) == 0  # type: ignore[attr-defined]
    for kind in ("png", "svg"):
        first, second = ((tmp_path / o / f"{name}.{kind}").read_bytes() for o in ("a", "b"))
        assert first == second
    with Image.open(tmp_path / "a" / f"{name}.png") as image:
        image.verify()
    assert ElementTree.parse(tmp_path / "a" / f"{name}.svg").getroot().tag.endswith("svg")


def test_two_systems_in_one_figure(tmp_path: Path) -> None:
    rows = {"desk-lcr-t": 0.6, "lcr": 0.5, "desk-lcr-m": 0.9}
    contenders = [Contender(name=name, answer=blend(b)) for name, b in rows.items()]
    run = build_run(tmp_path / "run", contenders, tasks=[Task.SE, Task.OVC], seconds=0.1)
    options = ["--run", str(run), "--out", str(tmp_path)]
    for words, two in (([], ("t", "m")), (["--system", "desk-lcr-m,lcr"], ("m",))):
        assert figure_5.main([*options, *words]) == 0
        text = (tmp_path / "figure_5.svg").read_text(encoding="utf-8")
        for name in two:
            assert f"<!-- after: desk-lcr-{name} -->" in text
            assert f"<!-- gained: desk-lcr-{name} -->" in text
        assert ("gained: lcr " in text) == bool(words)
    assert figure_5.main([*options, "--system", "lcr,desk-lcr-m,lcr"]) == 2


def test_unknown_system_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = build_run(
        tmp_path, [Contender(name="lcr", answer=blend(0.8))], tasks=[Task.SE], seconds=0.1
    )
    options = ["--run", str(run), "--out", str(tmp_path), "--system", "other"]
    assert figure_5.main(options) == 2
    assert "the run has no other; it has lcr" in capsys.readouterr().err


def test_attention_is_shared_among_words() -> None:
    readers = attention.readers_of()
    prompts = attention.own_prompts(4, seed=3)
    for prompt in prompts:
        for reader in readers:
            found = attention.attend(reader, prompt.text)
            assert found.words == tuple(prompt.text.split())
            assert sum(found.shares) == pytest.approx(1)
            assert min(found.shares) > 0
        named = attention.named_words(prompt)
        assert len(named) == len(found.words)
        assert 0 < sum(named) < len(named)
    shares = attention.compare(readers, prompts)
    assert shares.gain.mean == pytest.approx(shares.trained.mean - shares.frozen.mean)


def test_attention_is_that_of_the_final_token_of_a_decoder(tmp_path: Path) -> None:
    reader = tiny_reader(tiny_gpt2(tmp_path / "gpt2"))
    text = "Mute the dog."
    ids, mask = reader.tokens([text])
    reader.encoder.set_attn_implementation("eager")
    with torch.inference_mode():
        out = reader.encoder(input_ids=ids, attention_mask=mask, output_attentions=True)
    row = out.attentions[-1][0, :, -1, :-1].mean(0).double()  # bytes, without the end token
    found = attention.attend(reader, text)
    want = torch.stack([row[a:b].sum() for a, b in ((0, 4), (5, 8), (9, 13))])
    np.testing.assert_allclose(found.shares, want / want.sum(), atol=1e-9)
    assert found.words == ("Mute", "the", "dog.")


def test_masks_are_ratios_and_the_ideal_one_agrees_with_itself(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mixture = rng.uniform(1, 2, (8, 30))
    gains = rng.uniform(0, 1.5, (8, 30))
    found = figure_7.masks(mixture, gains**2 * mixture, gains**2 * mixture)
    np.testing.assert_allclose(found.ours, gains)
    assert found.correlation == pytest.approx(1)
    assert abs(figure_7.masks(mixture, rng.permutation(mixture), mixture * gains).correlation) < 0.3
    run = build_run(
        tmp_path / "run",
        [Contender(name="lcr", answer=blend(0.8))],
        tasks=[Task.SE],
        per_task=1,
        shown=(0,),
        seconds=0.4,
    )
    assert figure_7.main(["--run", str(run), "--out", str(tmp_path), "--prompts", "3"]) == 0
    told = json.loads((tmp_path / "figure_7.json").read_text())
    assert told["mask_correlation"] > 0.5
    assert sum(told["read"]["LoRA"]["shares"]) == pytest.approx(1)
    assert ElementTree.parse(tmp_path / "figure_7.svg").getroot().tag.endswith("svg")
    assert figure_7.main(["--run", str(run), "--out", str(tmp_path), "--system", "no"]) == 2
