"""LLM-TSE: target speaker extraction by a typed prompt, a recording of the speaker, or both (Hao et
al., "Typing to Listen at the Cocktail Party", arXiv 2310.07284; Table V).

A re-implementation of the idea, for its authors released neither code nor weights: a language model
reads the prompt (theirs is LLaMA 2) and is trained together with the extractor (section II), on the
text clue alone or with an audio clue beside it (Table V). How it is done here is our own choice,
not theirs: the reader's embedding (MiniLM at desk scale) and that of a band-split encoder of the
enrolment are projected and fused, a learnt vector standing for a clue that is not given, and the
fused clue steers a band-split extractor by FiLM. Both listen with the ears of LCR-G where a recipe
says so: they are borrowed, as the paper fine-tunes LCR itself for Table V.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from baselines.composite.stem import SharedStem, borrow_stem, is_in_stem, read_stem
from baselines.lass.network import SAMPLE_RATE, Extractor, build_extractor
from baselines.lass.remixer import CHUNK_S, OVERLAP_S, run_extractor
from baselines.shipped import find_weights
from lcr.audio.core import check_audio, read_audio, resample
from lcr.checkpoints import (
    DESK_CORPORA,
    Checkpoint,
    load_tensors,
    must_fit,
    no_larger_than,
    states_of,
    write_checkpoint,
)
from lcr.instruction import Task
from lcr.nn.grounded.bands import BandBlock, BandConfig, BandFeatures, BandTransform
from lcr.nn.reader.config import ReaderConfig
from lcr.nn.reader.prompt_reader import PromptReader
from lcr.registry import with_card
from lcr.remixer import Audio, Oracle, Remix, Step, SystemCard
from lcr.running.chunked import AdapterConfig, run_core

MODULES = ("reader", "clues", "extractor")
"""What training exports, each under its name; of the reader, what training changes."""


@dataclass(frozen=True, kw_only=True)
class CluesConfig(BandConfig):
    """`text_dim` is the reader's width, `dim` the extractor's z_dim; the rest are the sizes of the
    enrolment's encoder, whose blocks are LCR-G's."""

    text_dim: int
    dim: int = 256
    channels: int = 64
    blocks: int = 1


class Clues(nn.Module):
    """Text and audio clues to one vector: each is projected, and a perceptron fuses the two."""

    def __init__(self, config: CluesConfig) -> None:
        super().__init__()
        self.config = config
        c, dim = config.channels, config.dim
        self.text = nn.Sequential(nn.LayerNorm(config.text_dim), nn.Linear(config.text_dim, dim))
        self.transform = BandTransform(config.n_fft, config.hop, config.band_bins)
        self.features = BandFeatures(config.band_bins, c)
        self.blocks = nn.ModuleList(BandBlock(c) for _ in range(config.blocks))
        self.audio = nn.Sequential(nn.LayerNorm(c), nn.Linear(c, dim))
        self.no_text = nn.Parameter(torch.zeros(dim))
        self.no_audio = nn.Parameter(torch.zeros(dim))
        self.fuse = nn.Sequential(nn.Linear(2 * dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, text: Tensor | None, enrolment: Tensor | None) -> Tensor:
        """`text` (batch, text_dim) and `enrolment` (batch, samples) at 16 kHz, one of which may be
        None -> (batch, dim). Raises ValueError without any clue, or for batches of two sizes."""
        rows = {len(clue) for clue in (text, enrolment) if clue is not None}
        if len(rows) != 1:
            raise ValueError(
                f"a text clue, an audio clue or both are needed, one a mixture; got {sorted(rows)}"
            )
        absent = (rows.pop(), -1)
        read = self.no_text.expand(absent) if text is None else self.text(text)
        heard = self.no_audio.expand(absent) if enrolment is None else self._hear(enrolment)
        fused: Tensor = self.fuse(torch.cat([read, heard], -1))
        return fused

    def _hear(self, enrolment: Tensor) -> Tensor:
        """Embed the voice of an enrolment, as a mean over bands and frames: (batch, dim)."""
        level = enrolment.square().mean(-1, keepdim=True).add(1e-12).sqrt()
        h = self.features(self.transform(enrolment / level))
        for block in self.blocks:
            h = block(h)
        heard: Tensor = self.audio(h.mean((1, 2)))
        return heard


class LlmTse:
    """LLM-TSE as a Remixer for target speech extraction (TSE), the only task it does.

    `remix` reads the prompt itself: no oracle. Where an `enrolment` (samples,) at 16 kHz is given,
    it is the second clue to every mixture; `extract` takes the clues call by call. Each channel is
    extracted from on its own, at any rate and length through the adapters.
    """

    def __init__(
        self,
        reader: PromptReader,
        clues: Clues,
        extractor: Extractor,
        card: SystemCard,
        *,
        enrolment: Tensor | None = None,
        device: str = "cpu",
    ) -> None:
        """Raises ValueError where the parts do not fit each other."""
        check_parts(reader, clues, extractor)
        self._reader = reader.to(device).eval()
        self._clues = clues.to(device).eval()
        self._extractor = extractor.to(device).eval()
        self.card, self._device, self._enrolment = card, device, enrolment
        self._adapter = AdapterConfig(native_rate=SAMPLE_RATE, chunk_s=CHUNK_S, overlap_s=OVERLAP_S)

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """Extract whom `prompt` asks for. Raises ValueError for unusable audio, or an empty prompt
        where there is no enrolment."""
        return self.extract(mixture, sample_rate, prompt=prompt, enrolment=self._enrolment)

    def extract(
        self, mixture: Audio, sample_rate: int, *, prompt: str = "", enrolment: Tensor | None = None
    ) -> Remix:
        """Extract one speaker from (channels, samples) by a prompt, an `enrolment` (samples,) at 16
        kHz or both. Raises ValueError for neither, or unusable audio."""
        check_audio(mixture, sample_rate)
        if not prompt.strip() and enrolment is None:
            raise ValueError("nobody is asked for: a prompt, an enrolment or both are needed")
        began = time.perf_counter()
        z = self._clue(prompt, enrolment)
        read = time.perf_counter()
        audio = run_core(
            lambda part: run_extractor(self._extractor, part, z),
            mixture,
            sample_rate,
            self._adapter,
        )
        names = [
            name
            for name, given in (("text", prompt.strip()), ("audio", enrolment is not None))
            if given
        ]
        steps = (
            Step(name="read clues", detail=" and ".join(names), seconds=read - began),
            Step(name="extract", seconds=time.perf_counter() - read),
        )
        return Remix(audio=audio, trace=steps)

    @torch.inference_mode()
    def _clue(self, prompt: str, enrolment: Tensor | None) -> Tensor:
        """Read the clues of one call: (1, dim)."""
        text = self._reader([prompt]) if prompt.strip() else None
        audio = None if enrolment is None else enrolment.to(self._device).unsqueeze(0)
        fused: Tensor = self._clues(text, audio)
        return fused


def check_parts(reader: PromptReader, clues: Clues, extractor: Extractor) -> None:
    """Raises ValueError unless the reader's width and the extractor's are those of the clues."""
    if reader.z_dim != clues.config.text_dim or extractor.z_dim != clues.config.dim:
        raise ValueError(
            f"the reader is {reader.z_dim} wide and the extractor {extractor.z_dim}; the clues "
            f"expect {clues.config.text_dim} and {clues.config.dim}"
        )


@dataclass(frozen=True)
class LoadedLlmTse:
    """The parts of a checkpoint in eval mode, and names with sha256 of all weights in use;
    `made` says how they were trained."""

    reader: PromptReader
    clues: Clues
    extractor: Extractor
    weights: Mapping[str, str]
    made: str
    trained_on: frozenset[str]


def borrow(clues: Clues, extractor: Extractor, ears: SharedStem) -> None:
    """Let both listen with `ears`, which training leaves alone. Raises ValueError, RuntimeError for
    networks of other sizes."""
    for module in (clues, extractor):
        borrow_stem(module, ears)


def load_llm_tse(folder: Path) -> LoadedLlmTse:
    """Raises MissingWeightsError where files, ears or the language model are absent, WeightsError
    where they are damaged or do not fit each other."""
    checkpoint = Checkpoint.read(folder)
    settings = checkpoint.section("llm-tse", "LLM-TSE")
    with must_fit(folder):
        reading = ReaderConfig.from_dict(settings["reader"])
        bands = tuple(settings["clues"]["band_bins"])
        ears = read_stem(settings["ears"]) if settings.get("ears") else None
        lent = {} if ears is None else ears.tensors
        with no_larger_than({**checkpoint.tensors, **lent}, reading.base):
            reader = PromptReader(reading)
            clues = Clues(CluesConfig(**{**settings["clues"], "band_bins": bands}))
            extractor = build_extractor(settings["extractor"])
        check_parts(reader, clues, extractor)
        if ears is not None:
            borrow(clues, extractor, ears)
        modules = dict(zip(MODULES, (reader, clues, extractor), strict=True))
        for name, module in modules.items():
            tensors = {**checkpoint.tensors, **_borrowed(module, f"{name}.", ears)}
            load_tensors(module, tensors, f"{name}.")
    weights = checkpoint.weights(reader.config.base)
    if ears is not None:
        weights[ears.name] = ears.sha256
    heard = "" if ears is None else f"on the ears of {ears.name}, "
    made = f"reader {reader.config.base}, {heard}{checkpoint.made}"
    parts = (reader.eval(), clues.eval(), extractor.eval())
    return LoadedLlmTse(*parts, weights, made, checkpoint.trained_on)


def _borrowed(module: nn.Module, prefix: str, ears: SharedStem | None) -> dict[str, Tensor]:
    """What a checkpoint leaves out of a module's state."""
    if ears is None or isinstance(module, PromptReader):
        return {}
    return {prefix + key: value for key, value in module.state_dict().items() if is_in_stem(key)}


def save_llm_tse(
    reader: PromptReader,
    clues: Clues,
    extractor: Extractor,
    folder: Path,
    *,
    ears: SharedStem | None = None,
    **about: object,
) -> None:
    """Write what `load_llm_tse` reads, without the `ears` that are borrowed; `about` goes into
    config.json. Raises OSError."""
    settings = {
        "reader": asdict(reader.config),
        "clues": asdict(clues.config),
        "extractor": extractor.settings(),
        **({"ears": ears.settings} if ears is not None else {}),
    }
    states = states_of(reader=reader)
    for key, value in states_of(clues=clues, extractor=extractor).items():
        if ears is None or not is_in_stem(key.partition(".")[2]):
            states[key] = value
    write_checkpoint(folder, states, {"schema": 1, **about, "llm-tse": settings})


CARD = SystemCard(
    name="llm-tse",
    family="composite",
    sample_rate=SAMPLE_RATE,
    reference="after Hao et al., arXiv 2310.07284 (no code or weights were released)",
    tasks=frozenset({Task.TSE}),
    licence="Apache-2.0",
    trained_on=DESK_CORPORA,
)


@with_card(CARD)
def llm_tse(
    *, weights: str = "llm-tse", enrolment: str | None = None, device: str = "cpu"
) -> LlmTse:
    """The system `llm-tse`; `weights` names one that ships, or is the path of another, and
    `enrolment` is the path of a recording of the speaker. Raises AudioFileError for that."""
    loaded = load_llm_tse(find_weights(weights))
    return LlmTse(
        loaded.reader,
        loaded.clues,
        loaded.extractor,
        replace(
            CARD,
            weights=loaded.weights,
            reference=f"{CARD.reference}; {loaded.made}",
            trained_on=loaded.trained_on,
        ),
        enrolment=None if enrolment is None else read_enrolment(Path(enrolment)),
        device=device,
    )


def read_enrolment(path: Path) -> Tensor:
    """A recording of one speaker, (samples,) at 16 kHz, channels averaged.

    Raises AudioFileError.
    """
    clip = read_audio(path)
    return torch.from_numpy(resample(clip.audio, clip.sample_rate, SAMPLE_RATE).mean(0))
