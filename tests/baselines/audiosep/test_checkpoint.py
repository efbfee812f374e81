"""AudioSep's public layout loads strictly from a small file; all others are refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from baselines.audiosep.checkpoint import (
    PREFIX,
    QUERY,
    fourier_tables,
    load_audiosep,
    save_audiosep,
)
from baselines.audiosep.network import ResUNetConfig
from baselines.audiosep.remixer import VARIABLE, audiosep, audiosep_desk
from baselines.lass.query import load_encoder
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from tests.baselines.audiosep.test_network import TINY, tiny_network
from tests.baselines.clap.test_public import TEXTS, laion_state, save_tokenizer, tiny_model
from tests.tiny_bert import tiny_bert

Content = dict[str, Any]


def clap_state() -> dict[str, Tensor]:
    return {name.removeprefix("module."): v for name, v in laion_state(tiny_model()).items()}


@pytest.fixture(scope="module")
def content() -> Content:
    """What Lightning writes: tensors by name under `state_dict`, and the state of the training."""
    state = {
        f"{PREFIX}{name}": value
        for name, value in (tiny_network().state_dict() | fourier_tables(TINY.n_fft)).items()
    }
    state |= {f"{QUERY}{name}": value for name, value in clap_state().items()}
    return {
        "epoch": 391,
        "global_step": 3_920_000,
        "pytorch-lightning_version": "2.0.0",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 1}}}},
        "callbacks": {},
        "optimizer_states": [
            {
                "state": {0: {"step": torch.tensor(1.0), "exp_avg": torch.zeros(4)}},
                "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "amsgrad": True}],
            }
        ],
        "lr_schedulers": [{"base_lrs": [1e-3], "last_epoch": 3_920_000}],
    }


@pytest.fixture
def written(content: Content, tmp_path: Path) -> Callable[..., Path]:
    """The file, changed, beside a tokeniser."""

    def write(change: Callable[[dict[str, Tensor]], object] = len, *, name: str = "x.ckpt") -> Path:
        state = dict(content["state_dict"])
        change(state)
        path = tmp_path / name
        if path.suffix == ".safetensors":
            save_file({k: v.contiguous().clone() for k, v in state.items()}, path)
        else:
            torch.save({**content, "state_dict": state}, path)
        save_tokenizer(tmp_path)
        return path

    return write


@torch.no_grad()
@pytest.mark.parametrize("name", ["x.ckpt", "x.safetensors"])
def test_the_public_layout_comes_back_whole(written: Callable[..., Path], name: str) -> None:
    loaded = load_audiosep(written(name=name))
    network = tiny_network()
    assert loaded.network.config == TINY
    found = loaded.network.state_dict()
    assert found.keys() == network.state_dict().keys()
    for key, value in network.state_dict().items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0)
    mixture = 0.1 * torch.randn(1, 700)
    z = loaded.encoder.embed_text(TEXTS)
    torch.testing.assert_close(loaded.network(mixture, z[:1]), network(mixture, z[:1]))
    assert set(loaded.weights) == {name}


@torch.no_grad()
def test_its_queries_are_claps_text_side(written: Callable[..., Path], tmp_path: Path) -> None:
    transformers: Any = pytest.importorskip("transformers")
    path = written()
    model = tiny_model()
    tokens = transformers.AutoTokenizer.from_pretrained(tmp_path)(
        TEXTS, padding="max_length", max_length=60, truncation=True, return_tensors="pt"
    )
    pooled = model.text_model(tokens["input_ids"], tokens["attention_mask"]).pooler_output
    expected = torch.nn.functional.normalize(model.text_projection(pooled), dim=-1)
    assert (expected[0] - expected[1]).abs().max() > 1e-3
    torch.testing.assert_close(
        load_audiosep(path).encoder.embed_text(TEXTS), expected, atol=1e-5, rtol=0
    )
    with pytest.raises(ValueError, match="no text"):
        load_audiosep(path).encoder.embed_text([])


def test_what_is_left_out_is_named(written: Callable[..., Path], content: Content) -> None:
    loaded = load_audiosep(written())
    text = tuple(f"{QUERY}text_{part}." for part in ("branch", "projection"))
    tables = tuple(f"{PREFIX}base.{side}." for side in ("stft", "istft"))
    expected = {
        name
        for name in content["state_dict"]
        if name.startswith(tables) or (name.startswith(QUERY) and not name.startswith(text))
    }
    assert set(loaded.left_out) == expected
    assert f"{QUERY}logit_scale_a" in expected
    assert f"{PREFIX}base.istft.ola_window" in expected


def test_the_tables_may_be_left_away(written: Callable[..., Path]) -> None:
    def without(state: dict[str, Tensor]) -> None:
        for name in [n for n in state if "stft." in n]:
            del state[name]

    assert load_audiosep(written(without)).network.config == TINY


def no_clap(state: dict[str, Tensor]) -> None:
    for name in [n for n in state if n.startswith(QUERY)]:
        del state[name]


def test_a_separator_alone_takes_a_clap_beside_it(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    path, clap = written(no_clap), tmp_path / "clap.pt"
    with pytest.raises(MissingWeightsError, match=r"no CLAP, and clap=music_speech_audioset"):
        load_audiosep(path)
    torch.save({"epoch": 15, "state_dict": laion_state(tiny_model())}, clap)
    loaded = load_audiosep(path, clap=clap)
    assert set(loaded.weights) == {"x.ckpt", "clap.pt"}
    assert loaded.encoder.width == TINY.z_dim


BLOCK = f"{PREFIX}base.encoder_block2.conv_block1."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop(f"{BLOCK}conv1.weight"), "encoder_block2.conv_block1.conv1.weight"),
        (lambda s: s.pop(f"{BLOCK}bn2.running_var"), "bn2.running_var"),
        (lambda s: s.pop(f"{PREFIX}base.bn0.weight"), "base.bn0.weight"),
        (lambda s: s.update({f"{PREFIX}base.bn9.weight": torch.zeros(1)}), "base.bn9.weight"),
        (lambda s: s.update({f"{BLOCK}bn1.bias": torch.zeros(9)}), "size mismatch"),
        (lambda s: s.update({f"{PREFIX}base.bn0.weight": torch.zeros(60)}), "n_fft"),
        (
            lambda s: s.update({f"{PREFIX}base.stft.conv_real.weight": torch.ones(65, 1, 128)}),
            "Fourier matrix",
        ),
        (lambda s: s.update({f"{PREFIX}base.stft.window": torch.ones(1)}), "Fourier matrix"),
        (lambda s: s.update({"head.weight": torch.ones(1)}), "no AudioSep: it holds head.weight"),
        (lambda s: s.update({f"{QUERY}visual.x": torch.ones(1)}), "unknown tensors, such as vis"),
        (lambda s: s.pop(f"{QUERY}text_projection.2.bias"), "no text_projection.2.bias"),
        (lambda s: s.pop(f"{QUERY}text_projection.0.bias"), "linear1.bias"),
        (lambda s: s.pop(f"{QUERY}text_branch.pooler.dense.bias"), "pooler.dense.bias"),
    ],
)
def test_what_does_not_fit_is_refused(
    written: Callable[..., Path], change: Callable[[dict[str, Tensor]], object], words: str
) -> None:
    with pytest.raises(WeightsError, match=words):
        load_audiosep(written(change))


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("this was run",))


@pytest.mark.parametrize("kind", ["code", "plain pickle", "cut short", "cut safetensors", "list"])
def test_damaged_files_and_code_are_refused(
    written: Callable[..., Path], content: Content, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(name="x.safetensors" if kind == "cut safetensors" else "x.ckpt")
    if kind == "code":
        torch.save({**content, "callbacks": _Code()}, path)
    elif kind == "plain pickle":
        path.write_bytes(pickle.dumps(_Code()))
    elif kind == "list":
        torch.save([1, 2], path)
    else:
        path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(WeightsError):
        load_audiosep(path)
    assert "this was run" not in capsys.readouterr().out


def test_absent_weights_say_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(MissingWeightsError, match=r"not on this machine; .*audiosep_base_4M_steps"):
        audiosep()
    with pytest.raises(MissingWeightsError, match=r"no .*nowhere.ckpt; .*--repo-type space"):
        audiosep(weights=str(tmp_path / "nowhere.ckpt"))
    with pytest.raises(MissingWeightsError, match="audiosep-of-nobody"):
        audiosep_desk(weights="audiosep-of-nobody")


def test_the_environment_names_the_checkpoint(
    written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(written()))
    card = audiosep().card
    assert (card.name, card.sample_rate, set(card.weights)) == ("audiosep", 2000, {"x.ckpt"})
    assert card.licence == "MIT"


def test_without_a_tokeniser_its_files_are_named(
    written: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("LCR_MODELS", str(tmp_path / "models"))
    path = written()
    other = tmp_path / "words"
    save_tokenizer(other)
    for name in ("tokenizer.json", "vocab.json"):
        (tmp_path / name).unlink(missing_ok=True)
    assert load_audiosep(path, tokenizer=other).encoder.width == TINY.z_dim
    with pytest.raises(
        MissingWeightsError, match=r"no tokeniser: put roberta-base's tokenizer.json beside it"
    ):
        load_audiosep(path)


def test_a_folder_of_our_own_comes_back_whole(tmp_path: Path) -> None:
    query = load_encoder({"kind": "sentence", "base": str(tiny_bert(tmp_path / "bert"))})
    config = ResUNetConfig(n_fft=128, widths=TINY.widths, z_dim=query.encoder.width)
    network = tiny_network(config)
    save_audiosep(network, query, tmp_path / "desk", about="a test")
    system = audiosep_desk(weights=str(tmp_path / "desk"))
    assert set(system.card.weights) == {"desk", "bert"}
    loaded = load_audiosep(tmp_path / "desk")
    assert loaded.network.config == config
    for key, value in network.state_dict().items():
        torch.testing.assert_close(loaded.network.state_dict()[key], value, rtol=0, atol=0)
    (tmp_path / "desk" / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="names no encoder"):
        load_audiosep(tmp_path / "desk")
