"""A contrastive audio-text model (CLAP): an HTSAT and a MiniLM that meet in one space.

One class serves as the paper's speech CLAP (on speaking styles) and as its audio CLAP (on class
labels): section VI-A matches separated sources with descriptions by one of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.clap.features import LogMel, LogMelConfig
from lcr.base_weights import MINILM
from lcr.instruction import Kind
from lcr.nn.reader.config import LoraConfig
from lcr.nn.reader.prompt_reader import PromptReader, ReaderConfig

_LARGEST_SCALE = 100.0
"""As in CLIP: beyond it training is unstable."""
_WINDOWS = 16
"""That are encoded together."""


class TextAudioModel(Protocol):
    """A model that embeds sounds and texts in one space."""

    @property
    def sample_rate(self) -> int:
        """Hz of the clips that it takes."""
        ...

    @property
    def width(self) -> int:
        """Of its embeddings."""
        ...

    @property
    def scale(self) -> Tensor:
        """The learnt inverse temperature, a scalar: scale * similarity is a logit in nats."""
        ...

    def embed_audio(self, clips: Tensor) -> Tensor:
        """Clips (clips, samples) of any length and level to unit vectors (clips, width)."""
        ...

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Texts to unit vectors (texts, width). Raises ValueError without any text."""
        ...


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """Sizes of HTSAT (`ClapAudioConfig` of transformers) and of both projections.

    The spectrogram is folded into an image of `spec_size` squared and cut into patches of `patch`
    squared; each stage of `depths` halves what the one before has seen.
    """

    features: LogMelConfig = field(default_factory=LogMelConfig)
    spec_size: int = 128
    patch: int = 4
    window: int = 8
    channels: int = 48
    depths: tuple[int, ...] = (2, 2, 2)
    heads: tuple[int, ...] = (2, 4, 8)
    width: int = 256
    dropout: float = 0.1
    drop_path: float = 0.1

    def __post_init__(self) -> None:
        if self.spec_size % self.features.mels:
            raise ValueError(
                f"spec_size must be a multiple of mels = {self.features.mels}; got {self.spec_size}"
            )
        room = self.spec_size**2 // self.features.mels
        if self.features.frames > room:
            raise ValueError(
                f"a window has {self.features.frames} frames; an image of {self.spec_size} squared "
                f"holds {room} of {self.features.mels} bands"
            )
        unit = self.patch * 2 ** (len(self.depths) - 1) * self.window
        if self.spec_size % unit:
            raise ValueError(
                f"spec_size must be a multiple of {unit}: patch x window x 2 for each further "
                f"stage; got {self.spec_size}"
            )
        if len(self.heads) != len(self.depths):
            raise ValueError(f"{len(self.heads)} heads for {len(self.depths)} stages")

    @property
    def hidden(self) -> int:
        """Width of HTSAT's last stage."""
        return int(self.channels * 2 ** (len(self.depths) - 1))


class Towers(nn.Module):
    """The audio encoder, both projections and the temperature: all that is trained besides the text
    encoder, whose output is `text_width` wide."""

    def __init__(self, config: TowerConfig, text_width: int) -> None:
        super().__init__()
        # transformers takes seconds to import: only who listens pays for it.
        from transformers import ClapAudioConfig, ClapAudioModelWithProjection

        self.config = config
        self.features = LogMel(config.features)
        self.audio = ClapAudioModelWithProjection(
            ClapAudioConfig(
                window_size=config.window,
                num_mel_bins=config.features.mels,
                spec_size=config.spec_size,
                patch_size=config.patch,
                patch_stride=[config.patch, config.patch],
                patch_embeds_hidden_size=config.channels,
                hidden_size=config.hidden,
                projection_dim=config.width,
                depths=list(config.depths),
                num_attention_heads=list(config.heads),
                num_hidden_layers=len(config.depths),
                hidden_dropout_prob=config.dropout,
                drop_path_rate=config.drop_path,
            )
        )
        self.text = nn.Sequential(
            nn.Linear(text_width, config.width), nn.ReLU(), nn.Linear(config.width, config.width)
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def embed_audio(self, clips: Tensor) -> Tensor:
        """(clips, samples) to unit vectors (clips, width)."""
        return embed_windows(self.features(clips), lambda mel: self.audio(mel).audio_embeds)

    def embed_text(self, encoded: Tensor) -> Tensor:
        """(texts, text_width) to unit vectors (texts, width)."""
        return functional.normalize(self.text(encoded), dim=-1)


def embed_windows(windows: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
    """Log-mel windows (clips, windows, frames, mels) to a unit vector a clip, (clips, width): the
    mean direction of its windows under `encode`, (n, 1, frames, mels) to (n, width). Of those that
    nothing is learnt from, a few at a time: memory does not grow with the clips' length."""
    flat = windows.flatten(0, 1).unsqueeze(1)
    parts = torch.split(flat, max(1, len(flat)) if torch.is_grad_enabled() else _WINDOWS)
    each = functional.normalize(torch.cat([encode(part) for part in parts]), dim=-1)
    return functional.normalize(each.view(*windows.shape[:2], -1).mean(1), dim=-1)


@dataclass(frozen=True, kw_only=True)
class ClapConfig:
    """A CLAP for descriptions of one `kind`. `base` is the text encoder, as in ReaderConfig; by
    `mode` it is frozen (and what it makes of a text is remembered) or trained by LoRA."""

    kind: Kind
    towers: TowerConfig = field(default_factory=TowerConfig)
    base: str = MINILM
    mode: Literal["frozen", "lora"] = "frozen"
    max_tokens: int = 64

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> ClapConfig:
        """From what `dataclasses.asdict` gave, through JSON. Raises ValueError or TypeError."""
        if settings.get("kind") not in ("speech", "audio"):
            raise ValueError(f"kind must be 'speech' or 'audio'; got {settings.get('kind')!r}")
        towers = dict(settings["towers"])
        towers["features"] = LogMelConfig(**towers["features"])
        towers |= {name: tuple(towers[name]) for name in ("depths", "heads")}
        return cls(**{**settings, "towers": TowerConfig(**towers)})


class Clap(nn.Module):
    """The two towers and the text encoder before one of them; a `TextAudioModel`. `light` is as in
    `PromptReader`.

    Raises MissingWeightsError where the text encoder's weights are not on this machine.
    """

    def __init__(self, config: ClapConfig, *, light: bool = False) -> None:
        super().__init__()
        self.config = config
        self.reader = PromptReader(
            ReaderConfig(
                base=config.base,
                slots=0,
                mode=config.mode,
                lora=LoraConfig() if config.mode == "lora" else None,
                max_tokens=config.max_tokens,
            ),
            light=light,
        )
        self.towers = Towers(config.towers, self.reader.z_dim)

    @property
    def sample_rate(self) -> int:
        return self.config.towers.features.sample_rate

    @property
    def width(self) -> int:
        return self.config.towers.width

    @property
    def scale(self) -> Tensor:
        return self.towers.log_scale.exp().clamp_max(_LARGEST_SCALE)

    def embed_audio(self, clips: Tensor) -> Tensor:
        return self.towers.embed_audio(clips)

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        return self.towers.embed_text(self.reader(texts))
