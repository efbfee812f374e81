"""LCR as a Remixer: the joint model, prompt -> z -> one mask, no separation (section IV)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lcr.audio.core import check_audio
from lcr.checkpoints import (
    CARD_FILE,
    WEIGHTS,
    Checkpoint,
    below,
    find_checkpoint,
    load_tensors,
    must_be,
    must_fit,
    no_larger_than,
    states_of,
    text_of,
)
from lcr.nn.grounded.causal import CausalConfig, CausalRemixer
from lcr.nn.grounded.remixer import GroundedConfig, GroundedRemixer
from lcr.nn.paper.sound_remixer import SoundRemixer, SoundRemixerConfig
from lcr.nn.reader.prompt_reader import PromptReader, ReaderConfig
from lcr.nn.reader.slots import SlotVocabulary, in_words
from lcr.remixer import Audio, Oracle, Remix, RemixRequest, Step, SystemCard
from lcr.running.chunked import AdapterConfig, Prepared, run_core

DEFAULT_WEIGHTS = "lcr-g"
SAMPLE_RATE = 16_000
_TOLD = 0.5
"""A slot above this probability is told in the trace."""


class JointRemixer:
    """LCR with any SoundRemixer: reads the prompt once, remixes each channel in one pass.

    `remixer` maps mixtures (rows, samples) and filters (rows, 1, z_dim) to (rows, 1, samples).
    Takes any rate, channel count and length through the adapters; needs no oracle.
    """

    def __init__(
        self,
        reader: PromptReader,
        remixer: torch.nn.Module,
        card: SystemCard,
        *,
        slot_names: tuple[str, ...] = (),
        config: dict[str, Any] | None = None,
        model_card: str = "",
        device: str = "cpu",
    ) -> None:
        self._reader = reader.to(device).eval()
        self._remixer = remixer.to(device).eval()
        self._card = card
        self._device = device
        self._adapter = AdapterConfig(native_rate=SAMPLE_RATE, chunk_s=20.0, overlap_s=2.0)
        self.slot_names = slot_names
        self.config = config
        """The config.json that describes it; None where it is no checkpoint of lcr."""
        self.model_card = model_card
        """The README.md beside its weights, "" for none."""

    @classmethod
    def from_checkpoint(cls, folder: Path, *, name: str, device: str = "cpu") -> JointRemixer:
        """Load a checkpoint folder. Raises MissingWeightsError or WeightsError."""
        checkpoint = Checkpoint.read(folder)
        with must_fit(folder, "does not fit this version of lcr"):
            vocabulary = SlotVocabulary(tuple(checkpoint.config["labels"]))
            shared = _reader_of(checkpoint)
            reading = ReaderConfig.from_dict(shared.config["reader"])
            with no_larger_than(shared.tensors, reading.base):
                reader = PromptReader(reading, light=True)
            with no_larger_than(below(checkpoint.tensors, "remixer.")):
                remixer = build_network(checkpoint.config["remixer"])
            load_tensors(reader, shared.tensors, "reader.")
            load_tensors(remixer, checkpoint.tensors, "remixer.")
            _check_filter(reader, remixer, vocabulary)
        card = SystemCard(
            name=name,
            family="joint",
            sample_rate=SAMPLE_RATE,
            causal=_is_causal(remixer),
            reference="Jiang et al., Listen, Chat, and Remix, arXiv 2402.03710; "
            + "; ".join((_read_by(reader.config), _remixed_by(remixer), checkpoint.made)),
            licence="Apache-2.0",
            weights={**checkpoint.weights(), **shared.weights(reader.config.base)},
            trained_on=checkpoint.trained_on,
        )
        names = vocabulary.names if reader.config.slots else ()
        about = {k: v for k, v in checkpoint.config.items() if k != "reader_from"}
        return cls(
            reader,
            remixer,
            card,
            slot_names=names,
            config={**about, "reader": shared.config["reader"]},
            model_card=text_of(folder / CARD_FILE),
            device=device,
        )

    @property
    def card(self) -> SystemCard:
        return self._card

    @property
    def network(self) -> torch.nn.Module:
        """The remixer, without the reader."""
        return self._remixer

    def state(self) -> dict[str, torch.Tensor]:
        """Its weights as a checkpoint names them: the remixer's, and of the reader what training
        changes."""
        return states_of(reader=self._reader, remixer=self._remixer)

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """Remix (channels, samples) as `prompt` asks. Raises ValueError for unusable audio."""
        request = RemixRequest(mixture=mixture, sample_rate=sample_rate, prompt=prompt)
        return self.remix_many([request])[0]

    def remix_many(self, requests: Sequence[RemixRequest]) -> list[Remix]:
        """Prompts are read in one batch, and mixtures of one shape and rate remixed in one."""
        if not requests:
            return []
        for request in requests:
            check_audio(request.mixture, request.sample_rate)
        start = time.perf_counter()
        z = self.read([request.prompt for request in requests])
        reading = (time.perf_counter() - start) / len(requests)
        shapes = {(r.mixture.shape, r.sample_rate) for r in requests}
        if len(shapes) > 1:
            audio = [self.remix_by([r], z[i : i + 1])[0] for i, r in enumerate(requests)]
        else:
            audio = self.remix_by(requests, z)
        remixing = (time.perf_counter() - start) / len(requests) - reading
        return [
            Remix(
                audio=each,
                trace=(self._describe_reading(row, reading), Step(name="remix", seconds=remixing)),
            )
            for each, row in zip(audio, z, strict=True)
        ]

    def prepare(self, prompt: str) -> Prepared:
        """Read `prompt` once, for audio of any length; see
        `lcr.running.chunked.PreparedRemixer`."""
        start = time.perf_counter()
        z = self.read([prompt])
        told = self._describe_reading(z[0], time.perf_counter() - start)

        def core(audio: Audio) -> Audio:
            # One after another, so that memory does not grow with the number of channels.
            return np.concatenate([self._core(channel[None], z) for channel in audio])

        return Prepared(core=core, config=self._adapter, trace=[told])

    def remix_by(self, requests: Sequence[RemixRequest], z: torch.Tensor) -> list[Audio]:
        """Remix mixtures of one shape and rate by filters (requests, z_dim), whatever their
        prompts say."""
        # To the adapter a batch is one recording of many channels.
        stacked = np.concatenate([r.mixture for r in requests])
        channels = requests[0].mixture.shape[0]
        rows = z.repeat_interleave(channels, 0)
        out = run_core(
            lambda audio: self._core(audio, rows), stacked, requests[0].sample_rate, self._adapter
        )
        return list(out.reshape(len(requests), channels, -1))

    @torch.inference_mode()
    def read(self, prompts: Sequence[str]) -> torch.Tensor:
        """Semantic filters z (prompts, z_dim); the first values are those of `slot_names`."""
        z: torch.Tensor = self._reader(prompts)
        return z

    @torch.inference_mode()
    def _core(self, audio: Audio, z: torch.Tensor) -> Audio:
        """(rows, samples) at 16 kHz, one filter a row."""
        waves = torch.from_numpy(np.ascontiguousarray(audio)).to(self._device)
        out: Audio = self._remixer(waves, z.unsqueeze(1)).squeeze(1).cpu().numpy()
        return out

    def _describe_reading(self, z: torch.Tensor, seconds: float) -> Step:
        if not self.slot_names:
            return Step(name="read prompt", detail=f"{z.shape[-1]} values of z", seconds=seconds)
        probabilities = z[: len(self.slot_names)].tolist()
        told = {
            name: round(p, 3)
            for name, p in zip(self.slot_names, probabilities, strict=True)
            if p > _TOLD
        }
        return Step(
            name="read prompt", detail=in_words(told), seconds=seconds, data={"slots": told}
        )


def build_network(settings: dict[str, Any]) -> GroundedRemixer | SoundRemixer:
    """The untrained remixer of a checkpoint whose filter comes from a prompt reader, from its
    config.json. Raises KeyError, TypeError or ValueError where it describes none."""
    if "block" in settings:
        return SoundRemixer(SoundRemixerConfig.from_dict(settings))
    kind = settings.get("kind")
    if kind == "query":
        raise ValueError("it is a query remixer: load it as the system lcr")
    if kind not in ("grounded", "causal"):
        raise ValueError("its remixer has no `block` and is not of the kind 'grounded' or 'causal'")
    sizes = {key: value for key, value in settings.items() if key != "kind"}
    sizes["band_bins"] = tuple(sizes["band_bins"])
    if kind == "causal":
        return CausalRemixer(CausalConfig(**sizes))
    return GroundedRemixer(GroundedConfig(**sizes))


def _reader_of(checkpoint: Checkpoint) -> Checkpoint:
    """Where the reader is: in the checkpoint, or with `reader_from` in one that ships. Raises
    WeightsError where that one is of another digest than stated."""
    shared = checkpoint.config.get("reader_from")
    if shared is None:
        return checkpoint
    found = Checkpoint.read(WEIGHTS / shared["weights"])
    must_be(
        found.sha256,
        shared["sha256"],
        f"{checkpoint.folder} was made for another reader {shared['weights']}; ship it again",
    )
    return found


def _is_causal(remixer: GroundedRemixer | SoundRemixer) -> bool:
    if isinstance(remixer, SoundRemixer):
        return remixer.config.is_causal
    return isinstance(remixer, CausalRemixer)


def _read_by(reader: ReaderConfig) -> str:
    how = {"frozen": "frozen", "lora": "LoRA", "all": "tuned whole"}[reader.trains]
    z = "its embedding and slots" if reader.slots else "its embedding alone"
    return f"reader {Path(reader.base).name} ({how}), z {z}"


def _remixed_by(remixer: GroundedRemixer | SoundRemixer) -> str:
    if not isinstance(remixer, SoundRemixer):
        return "grounded mask"
    config, size = remixer.config, sum(p.numel() for p in remixer.parameters())
    return f"LCR-{config.block} of {size / 1e6:.2f} M, kernel {config.kernel}"


def _check_filter(
    reader: PromptReader, remixer: GroundedRemixer | SoundRemixer, vocabulary: SlotVocabulary
) -> None:
    """Raises ValueError where the remixer expects another z than the reader gives."""
    slots_only = isinstance(remixer, CausalRemixer) and reader.config.slots
    if (slots_only or reader.z_dim) != remixer.config.z_dim:
        raise ValueError(
            f"z is {reader.z_dim} wide, and its remixer expects {remixer.config.z_dim}"
        )
    columns = len(vocabulary.columns)
    if isinstance(remixer, GroundedRemixer) and remixer.config.columns != columns:
        raise ValueError(f"{columns} columns of slots, and its remixer expects others")


def load(
    *, weights: str = DEFAULT_WEIGHTS, device: str = "cpu", name: str = "lcr-g"
) -> JointRemixer:
    """The system `lcr-g`: the shipped checkpoint, or any folder given as `weights`."""
    return JointRemixer.from_checkpoint(find_checkpoint(weights), name=name, device=device)


# The remix blocks under one small budget of training, LCR-G's among them.
load_lcr_c = partial(load, weights="lcr-c", name="lcr-c")
load_lcr_t = partial(load, weights="lcr-t", name="lcr-t")
load_lcr_m = partial(load, weights="lcr-m", name="lcr-m")
load_lcr_live = partial(load, weights="lcr-live", name="lcr-live")
load_lcr_g_small_budget = partial(load, weights="lcr-g-small-budget", name="lcr-g-small-budget")
