"""AudioSep's checkpoints: the public one as Lightning wrote it, and folders of our own.

What the public file holds (besides the optimiser's state, which is not looked at):

- `ss_model.base.*`, `ss_model.film.*`: ResUNet30. All of it must fit, nothing may be missing.
- `ss_model.base.stft.*`, `ss_model.base.istft.*`: Fourier matrices times a window, stored as
  weights of convolutions. They are computed here by FFT; where present they must be those.
- `query_encoder.model.*`: a whole CLAP. Its text side must fit (`baselines.audiosep.query`); the
  rest is left out by name (`IGNORED`). Any other name is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from baselines.audiosep.network import ResUNet30, ResUNetConfig
from baselines.audiosep.query import IGNORED, PARTS, build_query
from baselines.lass.query import LoadedEncoder, QueryEncoder, load_encoder
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import (
    CONFIG_FILE,
    Checkpoint,
    WeightsError,
    below,
    must_fit,
    no_larger_than,
    read_state,
    states_of,
    write_checkpoint,
)
from lcr.files import sha256_of

PREFIX = "ss_model."
QUERY = "query_encoder.model."
_TABLES = ("base.stft.", "base.istft.")
CLAP_FILE = "music_speech_audioset_epoch_15_esc_89.98.pt"
PUBLIC_FILE = "audiosep_base_4M_steps.ckpt"
PUBLIC_SHA256 = "f8cda01bfd0ebd141eef45d41db7a3ada23a56568465840d3cff04b8010ce82c"
HOW = (
    f"the public one is checkpoint/{PUBLIC_FILE} (1.26 GB, sha256 {PUBLIC_SHA256}) of the hub "
    f"Space Audio-AGI/AudioSep: `hf download Audio-AGI/AudioSep checkpoint/{PUBLIC_FILE} "
    "--repo-type space --local-dir DIR`, then weights=DIR/checkpoint/... or LCR_AUDIOSEP_CHECKPOINT"
)


@dataclass(frozen=True)
class LoadedAudioSep:
    """A separator in eval mode, what its queries are embedded by, names and sha256 of all weights,
    which parts of the file were left out, and of our own how they were trained."""

    network: ResUNet30
    encoder: QueryEncoder
    weights: Mapping[str, str]
    left_out: tuple[str, ...] = ()
    made: str = ""
    trained_on: frozenset[str] = frozenset()


def load_audiosep(
    path: Path, *, clap: Path | None = None, tokenizer: Path | None = None
) -> LoadedAudioSep:
    """A file in the public layout (.ckpt of Lightning, .safetensors), or a folder of our own.

    `clap` is a file of laion-clap, for conversions of the public file that hold the separator
    alone. Raises MissingWeightsError that says what is missing, WeightsError for files that are
    damaged, hold code, or do not fit in any name or shape.
    """
    if path.is_dir():
        return _load_folder(path)
    if not path.is_file():
        raise MissingWeightsError(f"no {path}; {HOW}")
    state = read_state(path)
    unknown = [name for name in state if not name.startswith((PREFIX, QUERY))]
    if unknown:
        raise WeightsError(
            f"{path} is no AudioSep: it holds {unknown[0]}, where all names begin with {PREFIX} or "
            f"{QUERY}"
        )
    network = build_network(below(state, PREFIX), path)
    text = _text_of(below(state, QUERY), path)
    weights = {path.name: sha256_of(path)}
    held = path
    if not text:
        if clap is None or not clap.is_file():
            raise MissingWeightsError(
                f"{path} holds no CLAP, and {clap or f'clap={CLAP_FILE}'} is not there"
            )
        held = clap
        whole = read_state(clap)
        text = _text_of({k.removeprefix("module."): v for k, v in whole.items()}, clap)
        weights[clap.name] = sha256_of(clap)
    encoder = build_query(text, held, tokenizer)
    if encoder.width != network.config.z_dim:
        raise WeightsError(
            f"{held} embeds queries in {encoder.width} numbers, and {path} expects "
            f"{network.config.z_dim}"
        )
    left_out = {n for n in below(state, QUERY) if not n.startswith(PARTS)}
    tables = {n for n in below(state, PREFIX) if n.startswith(_TABLES)}
    named = (*(f"{QUERY}{n}" for n in left_out), *(f"{PREFIX}{n}" for n in tables))
    return LoadedAudioSep(network, encoder, weights, tuple(sorted(named)))


def build_network(state: Mapping[str, Tensor], path: Path) -> ResUNet30:
    """The ResUNet30 whose tensors `state` holds, from `path`; sizes are read off their shapes.

    Raises WeightsError for what is missing, unknown, of another shape, or no Fourier matrix.
    """
    with must_fit(path, "does not fit AudioSep's ResUNet30"):
        config = ResUNetConfig(
            n_fft=2 * (len(state["base.bn0.weight"]) - 1),
            widths=tuple(
                len(state[f"base.encoder_block{i + 1}.conv_block1.conv2.weight"]) for i in range(6)
            ),
            z_dim=state["film.encoder_block1->conv_block1->beta1.weight"].shape[1],
        )
        with no_larger_than(state):
            network = ResUNet30(config)
        learnt = {k: v for k, v in state.items() if not k.startswith(_TABLES)}
        network.load_state_dict(learnt, strict=True)
    found = {k: v for k, v in state.items() if k.startswith(_TABLES)}
    expected = fourier_tables(config.n_fft) if found else {}
    for name, value in found.items():
        table = expected.get(name)
        if table is None or table.shape != value.shape or not _same(table, value):
            raise WeightsError(
                f"{path}: {PREFIX}{name} is not the Fourier matrix of a Hann window of "
                f"{config.n_fft} samples, which is all that is computed here"
            )
    return network.eval()


def fourier_tables(n_fft: int) -> dict[str, Tensor]:
    """What torchlibrosa's STFT and ISTFT with a periodic Hann window store, by name."""
    n = torch.arange(n_fft)
    circle = n.double() * (2 * math.pi / n_fft)
    turns = torch.outer(n, n) % n_fft  # (bins, samples)
    window = torch.hann_window(n_fft, dtype=torch.float64)
    real, imag = circle.cos()[turns] * window, circle.sin()[turns] * window
    bins = n_fft // 2 + 1
    return {
        "base.stft.conv_real.weight": real[:bins, None].float(),
        "base.stft.conv_imag.weight": -imag[:bins, None].float(),
        "base.istft.ola_window": window.square().float(),
        "base.istft.conv_real.weight": (real.T[..., None] / n_fft).float(),
        "base.istft.conv_imag.weight": (imag.T[..., None] / n_fft).float(),
    }


def save_audiosep(network: ResUNet30, query: LoadedEncoder, folder: Path, **about: object) -> None:
    """Write a folder that `load_audiosep` reads: the separator under the public names, and which
    encoder it was trained with. `about` goes into config.json. Raises OSError."""
    config = {"schema": 1, **about, "audiosep": {"encoder": dict(query.settings)}}
    write_checkpoint(folder, states_of(ss_model=network), config)


def _load_folder(folder: Path) -> LoadedAudioSep:
    checkpoint = Checkpoint.read(folder)
    settings = checkpoint.config.get("audiosep")
    if not isinstance(settings, dict) or not isinstance(settings.get("encoder"), dict):
        raise WeightsError(f"{folder} is no AudioSep: its {CONFIG_FILE} names no encoder")
    network = build_network(below(checkpoint.tensors, PREFIX), folder)
    query = load_encoder(settings["encoder"])
    if query.encoder.width != network.config.z_dim:
        raise WeightsError(f"{folder} does not fit its encoder {settings['encoder']}")
    weights = {**checkpoint.weights(), **query.weights}
    size = sum(p.numel() for p in network.parameters()) / 1e6
    told = query.settings.get("weights", query.settings.get("base"))
    made = f"reader {told}; ResUNet30 of {size:.2f} M, {checkpoint.made}"
    return LoadedAudioSep(
        network, query.encoder, weights, made=made, trained_on=checkpoint.trained_on
    )


def _text_of(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The text side of a CLAP. Raises WeightsError for names that no CLAP has."""
    unknown = [name for name in state if not name.startswith((*PARTS, *IGNORED))]
    if unknown:
        raise WeightsError(f"{path} holds {len(unknown)} unknown tensors, such as {unknown[0]}")
    return {name: value for name, value in state.items() if name.startswith(PARTS)}


def _same(expected: Tensor, found: Tensor) -> bool:
    """Whether two tensors are equal up to rounding."""
    return bool((expected - found).abs().max() <= 1e-4 * expected.abs().max())
