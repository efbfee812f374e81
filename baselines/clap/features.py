"""Log-mel spectrograms as HTSAT takes them, of clips of any length and level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_FLOOR = 1e-10
"""Power below which a band is silence: -100 dB."""
_MOST_BANDS = 2**26
"""Bands times samples of a window: more would take gigabytes."""
_TOGETHER = 64
"""Windows whose spectra are held at once."""


@dataclass(frozen=True, kw_only=True)
class LogMelConfig:
    """What an encoder hears: `mels` Slaney bands from `low_hz` to `high_hz`, `window_s` at once.

    Clips are brought to an RMS of `level_db` re full scale first, so that what is heard does not
    depend on how loud it is; None leaves them as they are. The defaults give 256 frames a window.
    """

    sample_rate: int = 16_000
    n_fft: int = 1024
    hop: int = 320
    mels: int = 64
    low_hz: float = 50.0
    high_hz: float = 8000.0
    window_s: float = 5.1
    level_db: float | None = -20.0

    def __post_init__(self) -> None:
        if not 0 <= self.low_hz < self.high_hz <= self.sample_rate / 2:
            raise ValueError(
                f"bands must lie within 0 to {self.sample_rate / 2:g} Hz; got {self.low_hz:g} to "
                f"{self.high_hz:g}"
            )
        if not 0 < self.mels * self.n_fft <= _MOST_BANDS:
            raise ValueError(f"no {self.mels} bands are made of {self.n_fft} samples")
        if self.window <= self.n_fft // 2 or self.hop < 1:
            raise ValueError(
                f"window_s must be more than {self.n_fft / 2 / self.sample_rate:g} and hop at "
                f"least 1; got {self.window_s:g} and {self.hop}"
            )

    @property
    def window(self) -> int:
        """Samples of a window."""
        return round(self.window_s * self.sample_rate)

    @property
    def frames(self) -> int:
        """Frames of a window."""
        return self.window // self.hop + 1


LAION = LogMelConfig(
    sample_rate=48_000, n_fft=1024, hop=480, low_hz=50.0, high_hz=14_000.0, window_s=10.0
)
"""What laion-clap's models without fusion were trained on."""


class LogMel(nn.Module):
    """Clips (clips, samples) to log-mel windows (clips, windows, frames, mels) in dB.

    A shorter clip is repeated as often as it fits and padded with silence, as in laion-clap; of a
    longer one as many windows as cover it are taken, evenly spaced (laion-clap takes one at
    random, which no score could be repeated with).
    """

    window: Tensor
    bands: Tensor

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__()
        from transformers.audio_utils import mel_filter_bank

        self.config = config
        bands = mel_filter_bank(
            num_frequency_bins=config.n_fft // 2 + 1,
            num_mel_filters=config.mels,
            min_frequency=config.low_hz,
            max_frequency=config.high_hz,
            sampling_rate=config.sample_rate,
            norm="slaney",
            mel_scale="slaney",
        )
        # The config tells them all: checkpoints need not hold them.
        self.register_buffer("bands", torch.from_numpy(bands).float(), persistent=False)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    def forward(self, clips: Tensor) -> Tensor:
        windows = self.windows(clips)
        parts = torch.split(windows.flatten(0, 1), _TOGETHER)
        decibels = torch.cat([self._decibels(part) for part in parts])
        return decibels.view(*windows.shape[:2], *decibels.shape[1:])

    def _decibels(self, windows: Tensor) -> Tensor:
        """Log-mel spectrograms in dB: (windows, samples) to (windows, frames, mels)."""
        spectrum = torch.stft(
            windows, self.config.n_fft, self.config.hop, window=self.window, return_complex=True
        )
        power = torch.view_as_real(spectrum).square().sum(-1)
        return 10 * torch.log10((power.transpose(1, 2) @ self.bands).clamp_min(_FLOOR))

    def _levelled(self, clips: Tensor) -> Tensor:
        if self.config.level_db is None:
            return clips
        rms = clips.square().mean(-1, keepdim=True).sqrt()
        return clips * (10 ** (self.config.level_db / 20) / rms.clamp_min(1e-8))

    def windows(self, clips: Tensor) -> Tensor:
        """The clips at one level, as windows: (clips, windows, samples of a window)."""
        clips = self._levelled(clips)
        size, samples = self.config.window, clips.shape[-1]
        if samples <= size:
            repeated = clips.repeat(1, size // samples)
            return functional.pad(repeated, (0, size - repeated.shape[-1])).unsqueeze(1)
        count = -(-samples // size)
        starts = [round(i * (samples - size) / (count - 1)) for i in range(count)]
        return torch.stack([clips[:, start : start + size] for start in starts], 1)
